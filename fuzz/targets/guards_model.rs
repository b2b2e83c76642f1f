//! Looks for bytes that break what `src/guards_model.rs` holds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| helm_fuzz::run("guards_model", data));
