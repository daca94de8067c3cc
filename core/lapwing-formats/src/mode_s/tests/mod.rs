mod hostile;
mod long_flight;
mod round_trip;
mod vectors;

use super::frame::{Frame, Receipt};
use super::{ModeS, ModeSConfig, ReceiverPlace, Wire, message::Refusal};
use lapwing_model::{Span, Time};

/// Toulouse-Blagnac, where the long flight starts.
pub(super) const TOULOUSE: ReceiverPlace = ReceiverPlace { latitude_deg: 43.62, longitude_deg: 1.37 };

pub(super) fn start() -> Time {
    Time::from_seconds(1_700_000_000)
}

pub(super) fn at(seconds: f64) -> Time {
    start() + Span::from_seconds_f64(seconds)
}

pub(super) const NO_RECEIPT: Receipt = Receipt { timestamp_raw: None, signal_level: None };

/// A decoder that goes by the time of reception, with a receiver at `receiver`.
pub(super) fn decoder(receiver: Option<ReceiverPlace>) -> ModeS {
    ModeS::new(ModeSConfig { clock: super::clock::ClockKind::Reception, receiver, ..ModeSConfig::default() })
}

pub(super) fn hear(decoder: &mut ModeS, seconds: f64, hex: &str) -> Result<Wire, Refusal> {
    decoder.message(&Frame::from_hex(hex).expect("hexadecimal"), NO_RECEIPT, at(seconds))
}
