#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::conversation::conversations(octets));
