//! What every backend does to preferences.

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::preference::{PreferenceChange, Preferences};

/// Applies `changes` and raises the revision. Nothing is changed when one does not fit.
pub(crate) fn apply_preferences(
    backend: &'static str,
    before: &Preferences,
    changes: &[PreferenceChange],
) -> Result<Preferences> {
    let mut after = before.clone();
    for change in changes {
        match change {
            PreferenceChange::Set { name, value } => {
                after.values.insert(checked(backend, name)?, value.clone());
            }
            PreferenceChange::Remove { name } => {
                after.values.remove(name);
            }
            PreferenceChange::Increment { name, by } => {
                let count = after.values.get(name).map_or(Some(0), Value::as_i64);
                let count = count.and_then(|count| count.checked_add(*by)).ok_or_else(|| {
                    let message =
                        format!("the preference {name:?} is not an integer that {by} can be added to");
                    Error::new(ErrorKind::Invalid, backend, "apply_preferences", message)
                })?;
                after.values.insert(checked(backend, name)?, count.into());
            }
        }
    }
    after.revision += 1;
    Ok(after)
}

fn checked(backend: &'static str, name: &str) -> Result<String> {
    if !name.is_empty() && name.len() <= 128 && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    let message = "a preference's name has 1 to 128 bytes and no control characters";
    Err(Error::new(ErrorKind::Invalid, backend, "apply_preferences", message))
}
