//! Sends arbitrary bytes as an event. Input that is not JSON never reaches the function; for everything else,
//! `one_answer` checks the required properties.

#![no_main]

#[path = "../../tests/it/cloud.rs"]
#[expect(dead_code, reason = "the fuzz target uses only part of it")]
mod cloud;
#[path = "../../tests/it/one_answer.rs"]
mod one_answer;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(raw) = serde_json::from_slice(bytes) {
        one_answer::check(|_| raw);
    }
});
