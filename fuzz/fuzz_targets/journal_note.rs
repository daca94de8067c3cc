#![no_main]
use lapwing_journal::evidence::checkpoint::Checkpoint;
use lapwing_journal::evidence::note::{Note, Verifier};
use lapwing_journal::evidence::seal;

// What is read is written again as it was.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(note) = Note::parse(data)
        && let Some(checkpoint) = Checkpoint::parse(note.text)
    {
        assert_eq!(checkpoint.text(), note.text);
    }
    if let Some(items) = seal::decode(data) {
        assert_eq!(seal::encode(&items), data);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Verifier::parse(text);
    }
});
