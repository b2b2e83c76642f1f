/// Why the models could not be trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A file of texts cannot be read.
    #[error("cannot read {path}: give the directory that holds it with --data")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A line is not a row.
    #[error("{path}, line {line}: a row needs a text, its label, and spans that lie in the text")]
    BadLine {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
    },
}
