//! libFuzzer's program for `safekit_fuzz::package`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| safekit_fuzz::package(bytes));
