//! libFuzzer's program for `safekit_fuzz::connection`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| safekit_fuzz::connection(bytes));
