#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
//! The nouns of an air picture, and nothing else: no I/O, no clock, no policy.
//!
//! Every type here is a closed vocabulary word (see ARCHITECTURE.md). Units and datum stand in field names; a value
//! that is not known is `None`, never zero and never a sentinel. Angles in fields named `_rad` are radians, in fields
//! named `_deg` degrees; azimuths and courses are clockwise from true north.

pub mod alert;
pub mod classification;
pub mod command;
pub mod event;
pub mod fault;
pub mod geo;
pub mod height;
pub mod id;
pub mod identity;
pub mod ledger;
pub mod limits;
pub mod math;
pub mod personal;
pub mod reception;
pub mod report;
pub mod sensor;
pub mod site;
pub mod snapshot;
mod tagged;
pub mod text;
pub mod time;
pub mod track;
pub mod zone;

pub use alert::{Alert, AlertReason, AlertState, Severity};
pub use classification::{Class, Classification};
pub use command::{Command, Order};
pub use event::{Event, EventBody};
pub use fault::{Fault, FaultKind};
pub use geo::{Ecef, Enu, Geodetic, LocalFrame, Place};
pub use height::{Datum, Height, Heights};
pub use id::{AlertId, InputId, Position, SensorId, TrackId, ZoneId};
pub use identity::{Evidence, EvidenceKind, Identity, IdentityStatus, Name, NameKind};
pub use ledger::Ledger;
pub use personal::Personal;
pub use reception::{Envelope, Reception};
pub use report::{
    Authentication, Claim, ClaimedOperator, Measurement, OperationalStatus, Plot, Protocol, Report, SensorHealth,
    SensorStatus, SensorTrack, Sighting, Transmitter,
};
pub use sensor::{BiasModel, Coverage, ErrorModel, RcsModel, Resolution, Sensor, SensorKind};
pub use site::{AuthorisedFlight, Rule, Site};
pub use snapshot::{InputState, Link, SensorState, Snapshot};
pub use text::AirText;
pub use time::{Span, Time};
pub use track::{Kinematics, Phase, Track};
pub use zone::{Shape, Zone, ZoneHeight, ZoneKind};
