#![no_main]
//! Remote ID: any bytes as any kind of frame, several in a row through one decoder.

use lapwing_formats::remote_id::{RemoteId, RemoteIdConfig};
use lapwing_formats::{Decoded, Decoder};
use lapwing_model::{Envelope, Time};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut decoder = RemoteId::new(RemoteIdConfig::default());
    let mut out = Decoded::with_details();
    // Each piece is led by its kind and its length.
    let mut rest = data;
    let mut millis = 0;
    while let Some((&[kind, length], after)) = rest.split_first_chunk::<2>() {
        let (bytes, behind) = after.split_at(after.len().min(length.into()));
        rest = behind;
        millis += 700;
        let envelope = match kind % 7 {
            0 => Envelope::Frame { link_type: 105 },
            1 => Envelope::Frame { link_type: 127 },
            2 => Envelope::Frame { link_type: 251 },
            3 => Envelope::Frame { link_type: 256 },
            4 => Envelope::Frame { link_type: 272 },
            5 => Envelope::Frame { link_type: kind.into() },
            _ => Envelope::Datagram,
        };
        out.clear();
        decoder.decode(Time::from_millis(millis), &envelope, bytes, &mut out);
        assert!(out.account.balances());
        assert!(out.account.units_received > 0);
        assert_eq!(out.account.bytes_used + out.account.bytes_rejected, bytes.len() as u64);
    }
});
