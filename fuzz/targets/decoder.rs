//! Looks for bytes that break what `src/decoder.rs` holds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| helm_fuzz::run("decoder", data));
