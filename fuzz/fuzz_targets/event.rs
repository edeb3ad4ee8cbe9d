//! Whatever bytes arrive as an event: what is no JSON never comes to the function, and for all else `one_answer` says
//! what has to hold.

#![no_main]

#[path = "../../tests/it/cloud.rs"]
#[expect(dead_code, reason = "the stories need more of it")]
mod cloud;
#[path = "../../tests/it/one_answer.rs"]
mod one_answer;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(raw) = serde_json::from_slice(bytes) {
        one_answer::check(|_| raw);
    }
});
