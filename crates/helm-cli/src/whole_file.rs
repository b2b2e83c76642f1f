use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Failure, Result};

/// A file that appears under its name when it is whole, and not before; until then it is beside it, hidden.
pub(crate) struct WholeFile {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    kept: bool,
}

impl WholeFile {
    /// Begins a file that will have this name. What has it now stays until the end.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let failed = |error: &io::Error| Failure::wrong(format!("cannot write {}: {error}", path.display()));
        if path.exists() && !path.is_file() {
            return Err(Failure::wrong(format!("{} is no file; name one", path.display())));
        }
        let Some(name) = path.file_name() else {
            return Err(Failure::wrong(format!("{} is no file; name one", path.display())));
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.partial", std::process::id()));
        let partial = path.with_file_name(hidden);
        let file = File::create(&partial).map_err(|error| failed(&error))?;
        Ok(Self { path: path.to_owned(), partial, file, kept: false })
    }

    /// A handle to write with.
    pub(crate) fn handle(&self) -> Result<File> {
        Ok(self.file.try_clone()?)
    }

    /// Gives the file its name, once it is on the disk.
    pub(crate) fn keep(mut self) -> Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.partial, &self.path)
            .map_err(|error| Failure::wrong(format!("cannot write {}: {error}", self.path.display())))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.kept {
            // There is nothing else to be done about it.
            drop(fs::remove_file(&self.partial));
        }
    }
}
