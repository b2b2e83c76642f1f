//! Bytes that say what they are: a version, a checksum, and postcard, which itself says nothing.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// The version byte and the checksum.
const HEADER: usize = 1 + CHECK;
const CHECK: usize = 8;

/// `value` as bytes, or `None` when its `Serialize` refuses.
pub(crate) fn encode<T: Serialize>(version: u8, value: &T) -> Option<Bytes> {
    let mut bytes = vec![0; HEADER];
    bytes = postcard::to_extend(value, bytes).ok()?;
    let (header, body) = bytes.split_at_mut_checked(HEADER)?;
    let (first, check) = header.split_first_mut()?;
    *first = version;
    check.copy_from_slice(&checksum(version, body));
    Some(bytes.into())
}

/// What [`encode`] made bytes of; `None` for bytes of another version, damaged bytes, and anything else.
pub(crate) fn decode<T: DeserializeOwned>(version: u8, bytes: &[u8]) -> Option<T> {
    let (header, body) = bytes.split_at_checked(HEADER)?;
    let (first, check) = header.split_first()?;
    if *first != version || check != checksum(version, body) {
        return None;
    }
    let (value, rest) = postcard::take_from_bytes(body).ok()?;
    rest.is_empty().then_some(value)
}

fn checksum(version: u8, body: &[u8]) -> [u8; CHECK] {
    let digest = Sha256::new().chain_update([version]).chain_update(body).finalize();
    let mut check = [0; CHECK];
    check.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    check
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Value = (String, Option<u64>, Vec<f64>);

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(value: (String, Option<u64>, Vec<u8>), version: u8) {
            let bytes = encode(version, &value).unwrap();
            prop_assert_eq!(decode(version, &bytes), Some(value));
        }

        #[test]
        fn anything_else_is_refused(bytes: Vec<u8>, version: u8) {
            prop_assert_eq!(decode::<Value>(version, &bytes), None);
        }

        #[test]
        fn one_flipped_bit_is_noticed(value: (String, Option<u64>), bit: prop::sample::Index) {
            let mut bytes = encode(1, &value).unwrap().to_vec();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode::<(String, Option<u64>)>(1, &bytes), None);
        }
    }

    #[test]
    fn another_version_and_a_longer_value_are_refused() {
        let bytes = encode(1, &7_u64).unwrap();
        assert_eq!(decode::<u64>(2, &bytes), None);
        assert_eq!(decode::<u64>(1, &[&bytes[..], &[0]].concat()), None);
        assert_eq!(decode::<()>(1, &bytes), None, "bytes are left over");
    }
}
