//! Weights in the safetensors format: a JSON head that says where each tensor lies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::error::{LocalModelError, read};

/// A file of tensors.
pub(super) struct Weights {
    path: PathBuf,
    tensors: BTreeMap<String, Place>,
    bytes: Vec<u8>,
    /// Where the tensors begin.
    start: usize,
}

#[derive(Deserialize)]
struct Place {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl Weights {
    pub(super) fn read(path: &Path) -> Result<Self, LocalModelError> {
        let bytes = read(path)?;
        let (tensors, start) = head(&bytes).map_err(|why| LocalModelError::unfit(path, why))?;
        Ok(Self { path: path.to_owned(), tensors, bytes, start })
    }

    /// A digest of all of them: models of two digests have two names.
    pub(super) fn digest(&self) -> u64 {
        let (words, rest) = self.bytes.as_chunks::<8>();
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        let rest = rest.iter().map(|byte| u64::from(*byte));
        let mixed = words.chain(rest).fold(0xcbf2_9ce4_8422_2325_u64, |hash, word| {
            (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
        });
        mixed ^ (mixed >> 32)
    }

    /// The numbers of a tensor of this shape.
    pub(super) fn take(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LocalModelError> {
        self.numbers(name, shape).map_err(|why| LocalModelError::unfit(&self.path, format!("{name}: {why}")))
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let place = self.tensors.get(name).or_else(|| self.tensors.get(&format!("bert.{name}")));
        let place = place.ok_or("there is no such tensor")?;
        if place.shape != shape {
            return Err(format!("expected the shape {shape:?}, found {:?}", place.shape));
        }
        let (from, to) = place.data_offsets;
        let data = self.bytes.get(self.start..).and_then(|data| data.get(from..to));
        let data = data.ok_or("it lies outside of the file")?;
        let numbers: Vec<f32> = match place.dtype.as_str() {
            "F32" => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            "BF16" => data.as_chunks().0.iter().map(|bytes| from_bf16(u16::from_le_bytes(*bytes))).collect(),
            "F16" => data.as_chunks().0.iter().map(|bytes| from_f16(u16::from_le_bytes(*bytes))).collect(),
            other => return Err(format!("numbers of the type {other} are not known")),
        };
        if numbers.len() != shape.iter().product::<usize>()
            || numbers.iter().any(|number| !number.is_finite())
        {
            return Err("its numbers are not as many as its shape says, or no numbers".to_owned());
        }
        Ok(numbers)
    }
}

fn head(bytes: &[u8]) -> Result<(BTreeMap<String, Place>, usize), String> {
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or("it is too short")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|error| error.to_string())?;
    let head = rest.get(..length).ok_or("its head is longer than the file")?;
    let mut head: BTreeMap<String, Value> =
        serde_json::from_slice(head).map_err(|error| error.to_string())?;
    head.remove("__metadata__");
    let place = |(name, value)| Ok((name, serde_json::from_value(value)?));
    let tensors = head.into_iter().map(place).collect::<Result<_, serde_json::Error>>();
    Ok((tensors.map_err(|error| error.to_string())?, 8 + length))
}

fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

fn from_f16(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    match exponent {
        0 => sign * fraction * 2.0_f32.powi(-24),
        0x1f => f32::NAN,
        _ => sign * (1.0 + fraction / 1024.0) * 2.0_f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_numbers_are_read() {
        for (bits, number) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x3555, 0.333_251_95), (0x0001, 5.960_464_5e-8)]
        {
            assert_eq!(from_f16(bits), number);
        }
        assert_eq!(from_bf16(0x3f80), 1.0);
    }

    #[test]
    fn a_broken_head_is_refused() {
        for bytes in [&b""[..], b"\xff\xff\xff\xff\xff\xff\xff\xff{}", b"\x02\0\0\0\0\0\0\0[]"] {
            assert!(head(bytes).is_err(), "{bytes:?}");
        }
    }
}
