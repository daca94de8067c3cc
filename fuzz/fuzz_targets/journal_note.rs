#![no_main]
use lapwing_journal::evidence::checkpoint::Checkpoint;
use lapwing_journal::evidence::note::{Note, Verifier};
use lapwing_journal::evidence::{key, seal};

// What is read is written again as it was.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(note) = Note::parse(data)
        && let Some(checkpoint) = Checkpoint::parse(note.text)
    {
        assert_eq!(checkpoint.text(), note.text);
    }
    if let Some(items) = seal::decode(data) {
        let again: Vec<u8> = items.iter().flat_map(|item| item.encode()).collect();
        assert_eq!(again, data);
    }
    let _ = key::read_announced(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Verifier::parse(text);
    }
});
