//! Looks for bytes that break what `src/reward.rs` holds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| helm_fuzz::run("reward", data));
