//! Mutated payloads: no panic, and the books balance to the byte.

use super::{CASES, REAL, message};
use crate::dronescout::{Dronescout, DronescoutConfig};
use crate::remote_id::Random;
use crate::{Decoded, Decoder};
use lapwing_model::{Envelope, Time};

#[test]
fn mutated_payloads_never_panic_and_every_unit_is_accounted_for() {
    let small = |b: &&[u8]| b.len() < 10_000;
    let seeds: Vec<&[u8]> = CASES.iter().map(|(_, b)| *b).chain(REAL.iter().map(|(b, ..)| *b)).filter(small).collect();
    let mut random = Random(11);
    let mut decoder = Dronescout::new(DronescoutConfig::default());
    let mut out = Decoded::with_details();
    let (mut used, mut rejected) = (0, 0);
    for round in 0..30_000_u64 {
        let mut bytes = seeds[random.below(seeds.len())].to_vec();
        random.mutate(&mut bytes);
        out.clear();
        if round % 4 == 0 {
            let cut = random.below(bytes.len());
            let (first, second) = bytes.split_at(cut);
            decoder.decode(Time::default(), &Envelope::Stream { connection: round, offset: 0 }, first, &mut out);
            decoder.decode(
                Time::default(),
                &Envelope::Stream { connection: round, offset: cut as u64 },
                second,
                &mut out,
            );
            decoder.decode(Time::default(), &Envelope::StreamEnd { connection: round }, &[], &mut out);
        } else {
            decoder.decode(Time::default(), &message(), &bytes, &mut out);
            assert!(out.account.units_received > 0);
        }
        assert!(out.account.balances(), "{:?} {bytes:?}", out.account);
        assert_eq!(out.account.bytes_used + out.account.bytes_rejected, bytes.len() as u64, "{bytes:?}");
        assert_eq!(decoder.pending_bytes(), 0);
        used += out.account.units_used;
        rejected += out.account.rejected_total();
    }
    assert!(used > 5_000 && rejected > 5_000, "{used} used, {rejected} rejected");
}
