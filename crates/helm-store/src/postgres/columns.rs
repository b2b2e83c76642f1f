//! Values as PostgreSQL's own types, without the driver's optional ones.

use helm_core::{DecisionId, Timestamp};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef, Postgres};
use sqlx::{Decode, Encode, Type};
use uuid::Uuid;

/// Microseconds from the Unix epoch to PostgreSQL's, the year 2000.
const YEAR_2000: i64 = 946_684_800_000_000;

/// A moment as TIMESTAMPTZ. The earliest and latest ones there are become PostgreSQL's infinities.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl Moment {
    /// Before all others.
    pub(super) const FIRST: Self = Self(Timestamp::from_micros(i64::MIN));
    /// After all others.
    pub(super) const LAST: Self = Self(Timestamp::from_micros(i64::MAX));

    fn to_postgres(self) -> i64 {
        match self.0.as_micros() {
            i64::MAX => i64::MAX,
            micros => micros.saturating_sub(YEAR_2000),
        }
    }

    fn from_postgres(micros: i64) -> Self {
        Self(Timestamp::from_micros(match micros {
            i64::MIN => i64::MIN,
            micros => micros.saturating_add(YEAR_2000),
        }))
    }
}

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1184))
    }
}

impl PgHasArrayType for Moment {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1185))
    }
}

impl Encode<'_, Postgres> for Moment {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend(self.to_postgres().to_be_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Moment {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => {
                Ok(Self::from_postgres(i64::from_be_bytes(value.as_bytes()?.try_into()?)))
            }
            PgValueFormat::Text => Err("a moment came as text".into()),
        }
    }
}

/// An id as UUID.
pub(super) fn uuid(id: DecisionId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// An id from UUID.
pub(super) fn id(uuid: Uuid) -> DecisionId {
    DecisionId::from_bytes(*uuid.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back() {
        for micros in [i64::MIN, -1, 0, 1, 1_764_000_000_000_000, i64::MAX] {
            let moment = Moment(Timestamp::from_micros(micros));
            assert_eq!(Moment::from_postgres(moment.to_postgres()), moment);
        }
    }
}
