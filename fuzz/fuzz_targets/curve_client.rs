#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::curve::curve_client(octets));
