//! libFuzzer's program for `safekit_fuzz::cluster`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| safekit_fuzz::cluster(bytes));
