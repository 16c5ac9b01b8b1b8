//! libFuzzer's program for `safekit_fuzz::module`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| safekit_fuzz::module(bytes));
