//! libFuzzer's program for `safekit_fuzz::datagram`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| safekit_fuzz::datagram(bytes));
