#![no_main]
//! Any bytes, delivered every way a transport delivers them.

libfuzzer_sys::fuzz_target!(|data: &[u8]| lapwing_formats::harness::fuzz("json", data));
