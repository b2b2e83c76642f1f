use tokio::process::Command;

use crate::outside::{made, tests};

/// The interpreter of the Python environment of `tests/NAME`.
pub(crate) async fn python(name: &str, test: &str) -> Option<String> {
    let mut script = Command::new(tests().join("venv"));
    script.arg(name);
    made(script, test, "python3 with venv, and PyPI").await
}
