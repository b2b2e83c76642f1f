//! Settings read one by one, so that what is wrong with one hides nothing of another.

use std::cell::RefCell;
use std::str::FromStr;

use helm_core::Timestamp;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::SpecProblem;

/// The text, and what has been found wrong with it.
pub(super) struct Reader<'t> {
    text: &'t str,
    problems: RefCell<Vec<SpecProblem>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, problems: RefCell::default() }
    }

    pub(super) fn problem(&self, byte: usize, path: &str, message: impl Into<String>) {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let problem = SpecProblem { line, column, path: path.to_owned(), message: message.into() };
        self.problems.borrow_mut().push(problem);
    }

    /// What was found, by line, each once.
    pub(super) fn into_problems(self) -> Vec<SpecProblem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems.dedup();
        problems
    }
}

/// A table of settings.
pub(super) struct Section<'r, 't> {
    reader: &'r Reader<'t>,
    path: String,
    at: usize,
    table: &'r DeTable<'t>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'r, 't> Section<'r, 't> {
    pub(super) fn root(reader: &'r Reader<'t>, table: &'r DeTable<'t>) -> Self {
        Self::new(reader, String::new(), 0, table)
    }

    fn new(reader: &'r Reader<'t>, path: String, at: usize, table: &'r DeTable<'t>) -> Self {
        Self { reader, path, at, table, asked: RefCell::default() }
    }

    fn place(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Says that something is wrong with a setting, at its value or, where it is missing, at the table.
    pub(super) fn problem(&self, key: &str, message: impl Into<String>) {
        let at = self.table.get(key).map_or(self.at, |value| value.span().start);
        self.reader.problem(at, &self.place(key), message);
    }

    /// Says that something is wrong with the table as a whole.
    pub(super) fn problem_here(&self, message: impl Into<String>) {
        self.reader.problem(self.at, &self.path, message);
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    fn raw(&self, key: &'static str) -> Option<&'r Spanned<DeValue<'t>>> {
        self.asked.borrow_mut().push(key);
        self.table.get(key)
    }

    /// A setting of some kind; another kind is a problem.
    fn of_kind<T>(
        &self,
        key: &'static str,
        wanted: &str,
        read: impl FnOnce(&'r DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        let value = self.raw(key)?.get_ref();
        let found = read(value);
        if found.is_none() {
            self.problem(key, format!("write {wanted}, not {}", described(value)));
        }
        found
    }

    pub(super) fn text(&self, key: &'static str) -> Option<&'r str> {
        self.of_kind(key, "a text in quotes", |value| value.as_str())
    }

    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        self.of_kind(key, "true or false", DeValue::as_bool)
    }

    pub(super) fn number(&self, key: &'static str) -> Option<f64> {
        self.of_kind(key, "a number", number)
    }

    /// A whole number of at least 1.
    pub(super) fn count(&self, key: &'static str) -> Option<u64> {
        self.of_kind(key, "a whole number of at least 1", |value| {
            let value = value.as_integer()?;
            u64::from_str_radix(value.as_str(), value.radix()).ok().filter(|count| *count > 0)
        })
    }

    /// A number that a condition holds for.
    pub(super) fn number_where(
        &self,
        key: &'static str,
        wanted: &str,
        accepted: impl FnOnce(f64) -> bool,
    ) -> Option<f64> {
        let value = self.number(key)?;
        if accepted(value) {
            return Some(value);
        }
        self.problem(key, format!("write {wanted}, not {value}"));
        None
    }

    pub(super) fn numbers(&self, key: &'static str) -> Option<Vec<f64>> {
        self.of_kind(key, "a list of numbers", |value| {
            value.as_array()?.iter().map(|item| number(item.get_ref())).collect()
        })
    }

    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<&'r str>> {
        self.of_kind(key, "a list of texts", |value| {
            value.as_array()?.iter().map(|item| item.get_ref().as_str()).collect()
        })
    }

    /// A text that has a meaning of its own, such as a name.
    pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, key: &'static str) -> Option<T> {
        match self.text(key)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(key, error.to_string());
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let given = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == given).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            self.problem(key, format!("there is no {given:?}; write one of: {known}"));
        }
        found
    }

    /// A moment, with or without quotes.
    pub(super) fn moment(&self, key: &'static str) -> Option<Timestamp> {
        let wanted = "a moment such as \"2026-12-01T00:00:00Z\", with its offset from UTC";
        self.of_kind(key, wanted, |value| match value {
            DeValue::String(text) => text.parse().ok(),
            DeValue::Datetime(moment) => moment.to_string().parse().ok(),
            _ => None,
        })
    }

    pub(super) fn section(&self, key: &'static str) -> Option<Section<'r, 't>> {
        let at = self.raw(key)?.span().start;
        let table = self.of_kind(key, "a table", DeValue::as_table)?;
        Some(Section::new(self.reader, self.place(key), at, table))
    }

    /// A list of tables, or nothing.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'r, 't>> {
        let wanted = format!("tables, each headed [[{key}]]");
        let tables = self.of_kind(key, &wanted, |value| {
            let items = value.as_array()?.iter();
            items
                .map(|item| Some((item.span().start, item.get_ref().as_table()?)))
                .collect::<Option<Vec<_>>>()
        });
        let sections = tables.into_iter().flatten().enumerate().map(|(index, (at, table))| {
            Section::new(self.reader, format!("{}[{index}]", self.place(key)), at, table)
        });
        sections.collect()
    }

    /// All settings of a table whose names are the writer's own, as texts.
    pub(super) fn entries(&self) -> Vec<(&'r str, Option<&'r str>)> {
        self.table.iter().map(|(key, value)| (&**key.get_ref(), value.get_ref().as_str())).collect()
    }

    /// The table as it was written.
    pub(super) fn as_json(&self) -> serde_json::Value {
        serde_json::Value::Object(
            self.table
                .iter()
                .map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())))
                .collect(),
        )
    }

    /// Says which settings there are none of, after all have been asked for.
    pub(super) fn finish(&self) {
        let known = self.asked.borrow();
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let mut known = known.clone();
                known.sort_unstable();
                known.dedup();
                let message = format!("there is no such setting; there are: {}", known.join(", "));
                self.reader.problem(key.span().start, &self.place(name), message);
            }
        }
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    let number: f64 = match value {
        DeValue::Float(value) => value.as_str().parse().ok()?,
        DeValue::Integer(value) => i64::from_str_radix(value.as_str(), value.radix()).ok()? as f64,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// A value as its writer sees it, if it is short.
fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() <= 40 => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        other => format!("a value of the kind {}", other.type_str()),
    }
}

fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::String(text) => text.to_string().into(),
        // What no number holds stays a text, which whoever reads it refuses.
        DeValue::Integer(whole) => match i64::from_str_radix(whole.as_str(), whole.radix()) {
            Ok(whole) => whole.into(),
            Err(_) => whole.to_string().into(),
        },
        DeValue::Float(_) => number(value).into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(moment) => moment.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => serde_json::Value::Object(
            table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect(),
        ),
    }
}
