#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdb_fuzz::split::split(data));
