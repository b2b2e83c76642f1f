use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::Path;

use crate::error::{Failure, Result};

/// Opens a text file to go on with, or begins it, and reads it. Nobody else can open it so before it is dropped.
pub(crate) fn open(path: &Path) -> Result<(File, String)> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::wrong(format!("cannot use {}: {error}", path.display()));
    let options = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
    let mut file = options.map_err(|error| wrong(&error))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => wrong(&"another run writes to it"),
        TryLockError::Error(error) => wrong(&error),
    })?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| wrong(&error))?;
    Ok((file, text))
}
