//! From Mode S messages to the words of the model. What an aircraft sends is a claim, never a fact.

use super::aircraft::{Context, Placing};
use super::fields::{Callsign, Squawk};
use super::frame::Icao;
use super::message::{AddressCheck, AddressKind, Body, ExtendedSquitter, Message, SquitterSource};
use super::squitter::{Category, Emergency, Squitter};
use super::velocity::Velocity;
use lapwing_model::math::rad;
use lapwing_model::{
    AirText, Claim, Class, Classification, Name, NameKind, OperationalStatus, Place, Protocol, Time, Transmitter,
};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Six hexadecimal digits without the formatting machinery: this runs for every message.
fn hex(address: Icao) -> AirText {
    let digit = |shift: u32| HEX.get((address.0 >> shift & 0xF) as usize).copied().unwrap_or(b'0');
    let digits = [digit(20), digit(16), digit(12), digit(8), digit(4), digit(0)];
    AirText::new(std::str::from_utf8(&digits).unwrap_or_default())
}

/// The claim of one message. An address that is not confirmed names nobody: such a claim has no transmitter and no name, only what
/// somebody unknown said.
pub(super) fn claim(
    message: &Message,
    context: &Context,
    measured_at: Option<Time>,
    rssi_db: Option<f64>,
    multilateration: bool,
) -> Claim {
    let mut claim = Claim::new(if multilateration { Protocol::Multilateration } else { protocol(message) });
    claim.measured_at = measured_at;
    claim.rssi_db = rssi_db;
    if context.address_check != AddressCheck::Unconfirmed {
        let address = hex(message.icao_address);
        match message.address_kind {
            AddressKind::Icao => {
                claim.names.push(Name { kind: NameKind::IcaoAddress, value: address.clone() });
                claim.transmitter = Some(Transmitter::Icao(address));
            }
            AddressKind::NonIcao => claim.transmitter = Some(Transmitter::NonIcao(address)),
        }
    }
    match &message.body {
        Body::AirAir(reply) => {
            claim.heights.altitude_pressure_m = reply.altitude_pressure_m;
            claim.status = ground(Some(reply.on_ground));
        }
        Body::AltitudeReply(reply) => {
            claim.heights.altitude_pressure_m = reply.altitude_pressure_m;
            claim.status = ground(reply.status.on_ground);
            reply.comm_b.iter().for_each(|b| callsign(&mut claim, b.callsign_inferred));
        }
        Body::IdentityReply(reply) => {
            claim.status = ground(reply.status.on_ground);
            squawk(&mut claim, Some(reply.squawk));
            reply.comm_b.iter().for_each(|b| callsign(&mut claim, b.callsign_inferred));
        }
        Body::AllCall(reply) => claim.status = ground(reply.on_ground),
        Body::ExtendedSquitter(squitter) => {
            let others = context.position.as_ref().filter(|_| multilateration).map(found_by_others);
            extended_squitter(&mut claim, squitter, others.as_ref().or(context.position.as_ref()));
        }
    }
    claim
}

/// What the aircraft has said of its own accuracy and height is not of a place that others found.
fn found_by_others(placing: &Placing) -> Placing {
    Placing { horizontal_accuracy_m: None, vertical_accuracy_m: None, height_ellipsoid_derived_m: None, ..*placing }
}

fn protocol(message: &Message) -> Protocol {
    match &message.body {
        Body::ExtendedSquitter(squitter) => match squitter.source {
            SquitterSource::Transponder => Protocol::Adsb,
            SquitterSource::NonTransponder => Protocol::AdsbNonTransponder,
            SquitterSource::Tisb => Protocol::Tisb,
            SquitterSource::Adsr => Protocol::Adsr,
        },
        _ => Protocol::ModeS,
    }
}

fn ground(on_ground: Option<bool>) -> Option<OperationalStatus> {
    on_ground.map(|ground| if ground { OperationalStatus::Ground } else { OperationalStatus::Airborne })
}

/// An inferred callsign only joins a confirmed address: alone it could be noise.
fn callsign(claim: &mut Claim, callsign: Option<Callsign>) {
    if let Some(callsign) = callsign.filter(|_| claim.transmitter.is_some()) {
        claim.names.push(Name { kind: NameKind::Callsign, value: AirText::new(callsign.as_str()) });
    }
}

fn squawk(claim: &mut Claim, squawk: Option<Squawk>) {
    let Some(squawk) = squawk else { return };
    claim.squawk = Some(AirText::from(squawk.to_string()));
    if is_emergency(squawk) {
        claim.status = Some(OperationalStatus::Emergency);
    }
}

/// 7500 unlawful interference, 7600 no communication, 7700 emergency (ICAO Annex 10 Volume IV, 2.1.4.1).
pub(crate) fn is_emergency(squawk: Squawk) -> bool {
    matches!(squawk.0, 0o7500 | 0o7600 | 0o7700)
}

fn extended_squitter(claim: &mut Claim, squitter: &ExtendedSquitter, placing: Option<&Placing>) {
    if let Some(placing) = placing {
        place(claim, placing);
    }
    match &squitter.squitter {
        Squitter::Identification(i) => {
            callsign(claim, i.callsign);
            claim.classification = i.category.and_then(class_of).map(|class| Classification::single(class, 1.0));
        }
        Squitter::AirbornePosition(p) => {
            claim.heights.altitude_pressure_m = p.altitude_pressure_m;
            claim.heights.height_ellipsoid_m =
                p.height_ellipsoid_m.or(placing.and_then(|p| p.height_ellipsoid_derived_m));
            claim.status = Some(if p.surveillance_status == 1 {
                OperationalStatus::Emergency
            } else {
                OperationalStatus::Airborne
            });
        }
        Squitter::SurfacePosition(p) => {
            claim.speed_mps = p.ground_speed_mps;
            claim.course_rad = p.track_deg.map(rad);
            claim.status = Some(OperationalStatus::Ground);
        }
        Squitter::Velocity(v) => velocity(claim, v),
        Squitter::AircraftStatus(status) => {
            squawk(claim, status.squawk);
            if status.emergency.is_some_and(|e| !matches!(e, Emergency::None | Emergency::Reserved)) {
                claim.status = Some(OperationalStatus::Emergency);
            }
        }
        Squitter::NoPosition(p) => claim.heights.altitude_pressure_m = p.altitude_pressure_m,
        Squitter::TargetState(_) | Squitter::OperationalStatus(_) | Squitter::Other(_) => {}
    }
}

fn place(claim: &mut Claim, placing: &Placing) {
    claim.place = placing.place.map(|p| Place { latitude_deg: p.latitude_deg, longitude_deg: p.longitude_deg });
    // Without a NACp the radius of containment stands in: a wider bound at a higher probability.
    claim.horizontal_accuracy_m = placing.horizontal_accuracy_m.or(placing.containment_radius_m);
    claim.heights.vertical_accuracy_m = placing.vertical_accuracy_m;
}

fn velocity(claim: &mut Claim, v: &Velocity) {
    claim.speed_mps = v.ground_speed_mps;
    claim.course_rad = v.course_deg.map(rad);
    claim.vertical_speed_mps = v.vertical_rate_mps;
    claim.speed_accuracy_mps = v.horizontal_velocity_accuracy_mps;
}

/// What the emitter category says the aircraft is (DO-260B 2.2.3.2.5.2).
pub(crate) fn class_of(category: Category) -> Option<Class> {
    match (category.set, category.number) {
        (b'A', 1..=6) | (b'B', 1 | 4) => Some(Class::Aeroplane),
        (b'A', 7) => Some(Class::Helicopter),
        (b'B', 2 | 3) => Some(Class::Balloon),
        (b'B', 6) => Some(Class::Drone),
        (b'C', 1..=5) => Some(Class::Ground),
        _ => None,
    }
}
