//! Whatever is sent to `/v1/messages`: an answer or a refusal in that API's words, and never a failure inside.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| helm_fuzz::ask("/v1/messages", data));
