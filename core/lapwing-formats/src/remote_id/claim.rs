//! Messages to a [`Claim`]: everything one transmission says, in the words of the model.

use super::auth::Assembly;
use super::carrier::Carrier;
use super::fields::{HeightType, IdType, StatusCode, UaType, hex};
use super::message::{BasicId, Body, Location, Message, System};
use lapwing_model::{
    Authentication, Claim, ClaimedOperator, Class, Classification, Name, NameKind, OperationalStatus, Personal, Time,
    Transmitter,
};

/// Builds the claim of one transmission, message by message.
#[derive(Debug)]
pub(crate) struct ClaimBuilder {
    claim: Claim,
    /// Types seen, by bit: each may stand once, but for ids and authentication pages.
    seen: u8,
}

impl ClaimBuilder {
    /// Begins with what the radio says.
    pub(crate) fn new(carrier: &Carrier, counter: Option<u8>) -> Self {
        let mut claim = Claim::new(carrier.protocol);
        claim.transmitter = carrier.mac.map(|mac| Transmitter::Mac(mac.to_string().into()));
        claim.rssi_db = carrier.rssi_dbm;
        claim.channel = carrier.channel;
        claim.counter = counter;
        Self { claim, seen: 0 }
    }

    /// Whether the claim can take this message too; a second position, say, makes another claim.
    pub(crate) fn takes(&self, message: &Message) -> bool {
        match &message.body {
            Body::BasicId(_) | Body::Authentication(_) => true,
            body => self.seen & (1 << body.message_type()) == 0,
        }
    }

    /// Whether nothing has been added.
    pub(crate) fn is_empty(&self) -> bool {
        self.seen == 0
    }

    /// Adds a message; `assembly` is what the authentication page led to.
    pub(crate) fn add(&mut self, received_at: Time, message: &Message, assembly: Option<&Assembly>) {
        self.seen |= 1 << message.body.message_type();
        let claim = &mut self.claim;
        match &message.body {
            Body::BasicId(m) => add_basic_id(claim, m),
            Body::Location(m) => add_location(claim, received_at, m),
            Body::Authentication(_) => claim.authentication = assembly.map(authentication),
            Body::SelfId(m) => claim.text = m.description.text(),
            Body::System(m) => add_system(claim, m),
            Body::OperatorId(m) => {
                if let Some(id) = m.operator_id.text() {
                    claim.operator.get_or_insert_with(ClaimedOperator::default).id = Some(Personal::new(id));
                }
            }
        }
    }

    /// The claim.
    pub(crate) fn finish(self) -> Claim {
        self.claim
    }
}

fn add_basic_id(claim: &mut Claim, m: &BasicId) {
    let kind = match m.id_type {
        IdType::SERIAL => Some(NameKind::Serial),
        IdType::REGISTRATION => Some(NameKind::Registration),
        IdType::UTM => Some(NameKind::UtmId),
        IdType::SESSION => Some(NameKind::SessionId),
        _ => None,
    };
    if let (Some(kind), Some(value)) = (kind, m.id_text()) {
        let name = Name { kind, value };
        if !claim.names.contains(&name) {
            claim.names.push(name);
        }
    }
    if let Some(class) = class(m.ua_type) {
        claim.classification = Some(Classification::single(class, 1.0));
    }
}

fn class(ua_type: UaType) -> Option<Class> {
    Some(match ua_type {
        UaType::MULTIROTOR => Class::Multirotor,
        UaType::AEROPLANE | UaType::HYBRID | UaType::GLIDER => Class::FixedWing,
        UaType::KITE | UaType::FREE_BALLOON | UaType::CAPTIVE_BALLOON | UaType::AIRSHIP | UaType::PARACHUTE => {
            Class::Balloon
        }
        UaType::OBSTACLE => Class::Ground,
        UaType::GYROPLANE | UaType::ORNITHOPTER | UaType::ROCKET | UaType::TETHERED | UaType::OTHER => Class::Drone,
        _ => return None,
    })
}

fn add_location(claim: &mut Claim, received_at: Time, m: &Location) {
    claim.measured_at = m.time.near(received_at);
    claim.timestamp_raw_s = m.time.s();
    claim.timestamp_accuracy_s = m.time_accuracy.s();
    claim.place = m.place.place();
    claim.horizontal_accuracy_m = m.horizontal_accuracy.m();
    claim.heights.height_ellipsoid_m = m.altitude_geodetic.m();
    claim.heights.altitude_pressure_m = m.altitude_pressure.m();
    claim.heights.vertical_accuracy_m = m.vertical_accuracy.m();
    claim.heights.pressure_accuracy_m = m.pressure_accuracy.m();
    if m.height_type == HeightType::ABOVE_GROUND {
        claim.heights.height_above_ground_m = m.height.m();
    } else {
        claim.heights.height_above_takeoff_m = m.height.m();
    }
    claim.course_rad = m.direction.deg().map(f64::to_radians);
    claim.speed_mps = m.speed.mps();
    claim.vertical_speed_mps = m.vertical_speed.mps();
    claim.speed_accuracy_mps = m.speed_accuracy.mps();
    claim.status = match m.status {
        StatusCode::GROUND => Some(OperationalStatus::Ground),
        StatusCode::AIRBORNE => Some(OperationalStatus::Airborne),
        StatusCode::EMERGENCY => Some(OperationalStatus::Emergency),
        StatusCode::REMOTE_ID_FAILURE => Some(OperationalStatus::RemoteIdFailure),
        _ => None,
    };
}

fn add_system(claim: &mut Claim, m: &System) {
    let place = m.operator.place();
    let height_ellipsoid_m = m.operator_altitude.m();
    if place.is_none() && height_ellipsoid_m.is_none() {
        return;
    }
    let operator = claim.operator.get_or_insert_with(ClaimedOperator::default);
    operator.place = place.map(Personal::new);
    operator.height_ellipsoid_m = height_ellipsoid_m;
    operator.place_source = m.operator_place_type.name().filter(|_| place.is_some()).map(Into::into);
}

fn authentication(a: &Assembly) -> Authentication {
    Authentication {
        signature_type: a.auth_type.0,
        pages_received: a.pages_received,
        pages_announced: a.pages_needed,
        signed_at: a.signed_at,
        data_hex: a.data.as_deref().map(hex),
        problem: match (a.problem, a.pages_missing.as_slice()) {
            (Some(problem), _) => Some(problem.into()),
            (None, []) => None,
            (None, missing) => {
                let list: Vec<String> = missing.iter().map(u8::to_string).collect();
                Some(format!("pages missing: {}", list.join(", ")).into())
            }
        },
    }
}
