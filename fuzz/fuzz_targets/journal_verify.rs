#![no_main]
use lapwing_journal::evidence::note::{Signer, Verifier};
use lapwing_journal::verify::Verification;

// A segment of hostile bytes: the verdict is found without a panic, and bytes nobody signed are never verified.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let key: Option<Verifier> = Signer::new("fuzz", &[1; 32]).ok().map(|signer| signer.verifier());
    let mut verification = Verification::new(key.into_iter().collect());
    verification.segment("fuzz", data);
    verification.segment("fuzz again", data);
    assert_eq!(verification.finish().records.verified, 0);
});
