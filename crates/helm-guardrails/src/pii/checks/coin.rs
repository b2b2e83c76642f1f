//! Addresses of Bitcoin and Ethereum.

use sha2::{Digest as _, Sha256};

/// Bitcoin addresses: Base58Check of a version byte, twenty bytes and the first four of a double SHA-256, or
/// Bech32 (BIP 173) and Bech32m (BIP 350).
pub(in crate::pii) fn btc_address(address: &[u8]) -> bool {
    match address.first() {
        Some(b'1' | b'3') => base58check(address).is_some_and(|version| matches!(version, 0 | 5)),
        Some(b'b' | b'B') => bech32(address),
        _ => false,
    }
}

/// The version byte of a 25-byte payload whose checksum holds.
fn base58check(address: &[u8]) -> Option<u8> {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    if !(26..=35).contains(&address.len()) {
        return None;
    }
    let mut bytes = [0_u8; 25];
    for byte in address {
        let mut carry = ALPHABET.iter().position(|known| known == byte)?;
        for place in bytes.iter_mut().rev() {
            carry += usize::from(*place) * 58;
            *place = (carry & 0xff) as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    let (payload, check) = bytes.split_at_checked(21)?;
    let twice = Sha256::digest(Sha256::digest(payload));
    (twice.get(..4) == Some(check)).then(|| payload.first().copied()).flatten()
}

/// A native SegWit address of the main network, `bc1…`, all of one case.
fn bech32(address: &[u8]) -> bool {
    const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let one_case =
        !(address.iter().any(u8::is_ascii_lowercase) && address.iter().any(u8::is_ascii_uppercase));
    let data = address.get(3..).filter(|_| (14..=74).contains(&address.len()) && one_case);
    let prefix = address.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"bc1"));
    let Some(data) = data.filter(|_| prefix) else {
        return false;
    };
    // The expansion of the prefix `bc`: high bits, zero, low bits.
    let mut state = [3, 3, 0, 2, 3].iter().fold(1_u32, |state, value| polymod(state) ^ value);
    for byte in data {
        let Some(value) = ALPHABET.iter().position(|known| *known == byte.to_ascii_lowercase()) else {
            return false;
        };
        state = polymod(state) ^ value as u32;
    }
    matches!(state, 1 | 0x2bc8_30a3)
}

fn polymod(state: u32) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let shifted = (state & 0x01ff_ffff) << 5;
    let top = state >> 25;
    (0..5).filter(|bit| top >> bit & 1 == 1).filter_map(|bit| GENERATOR.get(bit)).fold(shifted, |s, g| s ^ g)
}

/// Ethereum addresses: `0x` and forty hex digits; where they are of mixed case, the case is the checksum of
/// EIP-55.
pub(in crate::pii) fn eth_address(address: &[u8]) -> bool {
    let Some(hex) = address.get(2..).filter(|hex| hex.len() == 40 && hex.iter().all(u8::is_ascii_hexdigit))
    else {
        return false;
    };
    let mixed = hex.iter().any(u8::is_ascii_lowercase) && hex.iter().any(u8::is_ascii_uppercase);
    !mixed || eip55(hex)
}

/// Each letter is a capital where the digit of the Keccak-256 of the small letters is 8 or more.
fn eip55(hex: &[u8]) -> bool {
    let hash = keccak256(&hex.to_ascii_lowercase());
    let high = |place: usize| {
        let byte = hash.get(place / 2).copied().unwrap_or(0);
        (if place.is_multiple_of(2) { byte >> 4 } else { byte & 15 }) >= 8
    };
    hex.iter()
        .enumerate()
        .all(|(place, byte)| byte.is_ascii_digit() || byte.is_ascii_uppercase() == high(place))
}

/// Keccak-256 of at most 135 bytes: the submission to SHA-3 (Bertoni, Daemen, Peeters, Van Assche 2011), whose
/// padding FIPS 202 changed.
fn keccak256(message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 136];
    for (place, byte) in block.iter_mut().zip(message.iter().take(135).chain([&1])) {
        *place = *byte;
    }
    if let Some(last) = block.last_mut() {
        *last |= 0x80;
    }
    let mut state = [0_u64; 25];
    for (lane, bytes) in state.iter_mut().zip(block.chunks_exact(8)) {
        *lane = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
    }
    keccak_f(&mut state);
    let mut hash = [0; 32];
    for (bytes, lane) in hash.chunks_exact_mut(8).zip(state) {
        bytes.copy_from_slice(&lane.to_le_bytes());
    }
    hash
}

/// The permutation of 24 rounds: θ, ρ, π, χ and ι.
fn keccak_f(state: &mut [u64; 25]) {
    let at = |lanes: &[u64; 25], x: usize, y: usize| lanes.get(x % 5 + 5 * (y % 5)).copied().unwrap_or(0);
    let mut shift_register = 1_u8;
    for _ in 0..24 {
        let parity = |x: usize| (0..5).fold(0, |sum, y| sum ^ at(state, x, y));
        let sums = [parity(0), parity(1), parity(2), parity(3), parity(4)];
        let sum = |x: usize| sums.get(x % 5).copied().unwrap_or(0);
        let mixed: [u64; 25] = std::array::from_fn(|lane| {
            at(state, lane, lane / 5) ^ sum(lane + 4) ^ sum(lane + 1).rotate_left(1)
        });
        let mut moved = [0_u64; 25];
        if let (Some(to), Some(from)) = (moved.first_mut(), mixed.first()) {
            *to = *from;
        }
        let (mut x, mut y) = (1, 0);
        for step in 0..24_u32 {
            let offset = (step + 1) * (step + 2) / 2 % 64;
            let lane = at(&mixed, x, y).rotate_left(offset);
            (x, y) = (y, (2 * x + 3 * y) % 5);
            if let Some(to) = moved.get_mut(x + 5 * y) {
                *to = lane;
            }
        }
        *state = std::array::from_fn(|lane| {
            at(&moved, lane, lane / 5) ^ (!at(&moved, lane + 1, lane / 5) & at(&moved, lane + 2, lane / 5))
        });
        let mut constant = 0;
        for power in 0..7 {
            constant |= u64::from(shift_register & 1) << ((1_u32 << power) - 1);
            shift_register = shift_register << 1 ^ if shift_register >> 7 == 1 { 0x71 } else { 0 };
        }
        if let Some(first) = state.first_mut() {
            *first ^= constant;
        }
    }
}
