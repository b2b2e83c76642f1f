//! Looks for bytes that break what `src/chat_completions.rs` holds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| helm_fuzz::run("chat_completions", data));
