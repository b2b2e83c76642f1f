use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use sqlx::{Arguments, AssertSqlSafe, Encode, Type};

use super::super::BACKEND;
use crate::error::{Error, ErrorKind, Result};

/// A statement that is being put together. Its text comes from constants and numbers alone; whatever a caller gave
/// is bound.
#[derive(Default)]
pub(super) struct Sql {
    text: String,
    arguments: PgArguments,
    bound: usize,
}

impl Sql {
    /// Goes on with this text.
    pub(super) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Goes on with a number.
    pub(super) fn number(&mut self, number: usize) -> &mut Self {
        self.text.push_str(&number.to_string());
        self
    }

    /// Goes on with the place of a value.
    pub(super) fn bind<'t, T>(&mut self, value: T) -> Result<&mut Self>
    where
        T: Encode<'t, Postgres> + Type<Postgres>,
    {
        self.arguments.add(value).map_err(|error| {
            Error::new(ErrorKind::Invalid, BACKEND, "search", "a value cannot be sent").with_source(error)
        })?;
        self.bound += 1;
        self.text.push('$');
        let place = self.bound;
        Ok(self.number(place))
    }

    /// The statement.
    pub(super) fn query(self) -> Query<'static, Postgres, PgArguments> {
        sqlx::query_with(AssertSqlSafe(self.text), self.arguments)
    }
}
