//! The values of a column until there are enough for a row group.

use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedColumnWriter;

use super::columns::{Cell, Kind};

/// The values that are there, and for each row whether one is (for lists: where each begins).
pub(super) struct Held {
    values: Values,
    /// 1 for a value, 0 for none.
    present: Vec<i16>,
    /// For lists: 0 for the first element of a row, 1 for the others.
    repeated: Vec<i16>,
}

enum Values {
    Text(Vec<ByteArray>),
    Integer(Vec<i64>),
    Double(Vec<f64>),
    Flag(Vec<bool>),
    Doubles(Vec<f64>),
}

impl Held {
    pub(super) fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Text => Values::Text(Vec::new()),
            Kind::Integer | Kind::Moment => Values::Integer(Vec::new()),
            Kind::Double => Values::Double(Vec::new()),
            Kind::Flag => Values::Flag(Vec::new()),
            Kind::Doubles => Values::Doubles(Vec::new()),
        };
        Self { values, present: Vec::new(), repeated: Vec::new() }
    }

    /// Takes the next row's value; answers about how many bytes it holds. A value of another kind counts as none.
    pub(super) fn push(&mut self, cell: Cell<'_>) -> usize {
        let bytes = match (&mut self.values, cell) {
            (Values::Text(values), Cell::Text(text)) => {
                let bytes = text.len() + size_of::<ByteArray>();
                values.push(ByteArray::from(text.into_owned().into_bytes()));
                bytes
            }
            (Values::Integer(values), Cell::Integer(value)) => {
                values.push(value);
                8
            }
            (Values::Double(values), Cell::Double(value)) => {
                values.push(value);
                8
            }
            (Values::Flag(values), Cell::Flag(value)) => {
                values.push(value);
                1
            }
            (Values::Doubles(values), Cell::Doubles(list)) if !list.is_empty() => {
                values.extend_from_slice(list);
                self.present.extend(list.iter().map(|_| 1));
                self.repeated.extend((0..list.len()).map(|index| i16::from(index > 0)));
                return 12 * list.len();
            }
            _ => {
                self.present.push(0);
                self.repeated.push(0);
                return 2;
            }
        };
        self.present.push(1);
        bytes + 2
    }

    /// Writes all, and forgets it.
    pub(super) fn write(
        &mut self,
        writer: &mut SerializedColumnWriter<'_>,
        required: bool,
    ) -> Result<(), ParquetError> {
        let present = (!required).then_some(self.present.as_slice());
        match &mut self.values {
            Values::Text(values) => {
                writer.typed::<ByteArrayType>().write_batch(values, present, None)?;
                values.clear();
            }
            Values::Integer(values) => {
                writer.typed::<Int64Type>().write_batch(values, present, None)?;
                values.clear();
            }
            Values::Double(values) => {
                writer.typed::<DoubleType>().write_batch(values, present, None)?;
                values.clear();
            }
            Values::Flag(values) => {
                writer.typed::<BoolType>().write_batch(values, present, None)?;
                values.clear();
            }
            Values::Doubles(values) => {
                let (present, repeated) = (self.present.as_slice(), self.repeated.as_slice());
                writer.typed::<DoubleType>().write_batch(values, Some(present), Some(repeated))?;
                values.clear();
            }
        }
        self.present.clear();
        self.repeated.clear();
        Ok(())
    }
}
