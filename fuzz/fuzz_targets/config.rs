#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| crosscheck_fuzz::config(input));
