#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| lapwing_formats::harness::fuzz("sbs", data));
