use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::origin::Origin;

/// Where the parts of a configuration stand in its file: lines by dotted path.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    file: String,
    is_built_in: bool,
    lines: BTreeMap<String, usize>,
}

impl Places {
    /// The places of a text that has been parsed before.
    pub(super) fn of(text: &str, path: &Path) -> Self {
        let mut places = Self { file: path.display().to_string(), ..Self::default() };
        if let Ok(table) = DeTable::parse(text) {
            places.add(text, "", table.get_ref());
        }
        places
    }

    fn add(&mut self, text: &str, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = match prefix {
                "" => key.get_ref().to_string(),
                prefix => format!("{prefix}.{}", key.get_ref()),
            };
            let line = position(text, key.span().start).0;
            match value.get_ref() {
                DeValue::Table(inner) => self.add(text, &path, inner),
                // A rule may be written as its action alone.
                DeValue::String(_) if path.starts_with("guardrails.") => {
                    self.lines.insert(format!("{path}.action"), line);
                }
                _ => {}
            }
            self.lines.insert(path, line);
        }
    }

    /// The places of what is built in: nobody wrote it.
    pub(super) fn built_in(self) -> Self {
        Self { is_built_in: true, ..self }
    }

    /// Where exactly this was written.
    pub(super) fn origin(&self, key: &str) -> Option<Origin> {
        let line = *self.lines.get(key).filter(|_| !self.is_built_in)?;
        Some(Origin::File { file: self.file.clone(), line })
    }

    /// The place with its file and line, as near to it as something was written.
    pub(super) fn locate(&self, place: &str) -> String {
        let mut path = place;
        if self.is_built_in {
            return place.to_owned();
        }
        loop {
            if let Some(line) = self.lines.get(path) {
                return format!("{}, line {line}: {place}", self.file);
            }
            match path.rsplit_once('.') {
                Some((parent, _)) => path = parent,
                None => return place.to_owned(),
            }
        }
    }
}

/// Line and column of a byte, both counted from 1.
pub(super) fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
