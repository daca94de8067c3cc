//! Measurements and transmissions to the bytes sensors send, through the encoders of `lapwing-formats`.

use crate::scenario::{Adsb, Object};
use crate::truth::State;
use lapwing_formats::dronescout::{Heard, encode_data};
use lapwing_formats::mode_s::beast;
use lapwing_formats::mode_s::cpr::LatLon;
use lapwing_formats::mode_s::encode::{
    SentHeight, SentVelocity, airborne_position, identification, operational_status, velocity,
};
use lapwing_formats::mode_s::fields::Callsign;
use lapwing_formats::mode_s::frame::{Frame, Icao, Receipt};
use lapwing_formats::mode_s::velocity::VerticalSource;
use lapwing_formats::remote_id::Mac;
use lapwing_formats::remote_id::fields::{
    AltitudeCode, DirectionCode, HorizontalAccuracyCode, HourTimeCode, IdType, OperatorIdType, OperatorPlaceType,
    PlaceCode, SpeedAccuracyCode, SpeedCode, StatusCode, TextCode, Time2019Code, TimeAccuracyCode, UaType,
    VerticalAccuracyCode, VerticalSpeedCode,
};
use lapwing_formats::remote_id::message::{BasicId, Body, Location, Message, OperatorId, SelfId, System};
use lapwing_formats::{json, remote_id};
use lapwing_model::{Class, Geodetic, Heights, Place, Plot, Protocol, Report, SensorHealth, SensorStatus, Time, math};

/// One radar scan: a line a plot, and a line that says it is complete.
pub(crate) fn radar_scan(plots: Vec<Plot>, at: Time, scan: u64) -> Vec<u8> {
    let count = plots.len();
    let status = SensorStatus {
        sensor: None,
        measured_at: Some(at),
        health: Some(SensorHealth::Ok),
        place: None,
        heights: Heights::UNKNOWN,
        scan: Some(scan),
        scan_plots: u32::try_from(count).ok(),
        text: None,
    };
    let mut bytes = Vec::new();
    for report in plots.into_iter().map(Report::Plot).chain([Report::SensorStatus(status)]) {
        json::encode_report(&report, &mut bytes);
    }
    bytes
}

/// What a Remote ID drone sends in one transmission: all its messages.
pub(crate) fn remote_id_messages(
    object: &Object,
    claimed: State,
    place: Geodetic,
    operator: Option<Place>,
    at: Time,
) -> Option<Vec<Message>> {
    let said = object.remote_id.as_ref()?;
    let version = 2;
    let message = |body| Message { protocol_version: version, body };
    let v = claimed.velocity;
    let course = (v.horizontal_m() > 0.2).then(|| math::deg(v.azimuth_rad()));
    let mut messages = vec![
        message(Body::BasicId(BasicId {
            id_type: IdType::SERIAL,
            ua_type: ua_type(object.class),
            id: TextCode::from_text(&said.serial),
            reserved: Default::default(),
        })),
        message(Body::Location(Location {
            status: StatusCode::AIRBORNE,
            height_type: Default::default(),
            direction: DirectionCode::from_deg(course),
            speed: SpeedCode::from_mps(Some(v.horizontal_m())),
            vertical_speed: VerticalSpeedCode::from_mps(Some(v.up_m)),
            place: PlaceCode::from_place(Some(place.place())),
            altitude_pressure: AltitudeCode::from_m(None),
            altitude_geodetic: AltitudeCode::from_m(Some(place.height_ellipsoid_m)),
            height: AltitudeCode::from_m(None),
            horizontal_accuracy: HorizontalAccuracyCode::from_bound(Some(3.0)),
            vertical_accuracy: VerticalAccuracyCode::from_bound(Some(10.0)),
            pressure_accuracy: VerticalAccuracyCode::from_bound(None),
            speed_accuracy: SpeedAccuracyCode::from_bound(Some(1.0)),
            time: HourTimeCode::from_time(Some(at)),
            time_accuracy: TimeAccuracyCode::from_bound(Some(0.1)),
            reserved_flag: false,
            reserved_nibble: 0,
            reserved_byte: 0,
        })),
        message(Body::System(System {
            operator_place_type: OperatorPlaceType::LIVE,
            classification_type: Default::default(),
            operator: PlaceCode::from_place(operator),
            area_count: 1,
            area_radius_10m: Default::default(),
            area_ceiling: AltitudeCode::from_m(None),
            area_floor: AltitudeCode::from_m(None),
            eu_category: Default::default(),
            eu_class: Default::default(),
            operator_altitude: AltitudeCode::from_m(None),
            time: Time2019Code::from_time(Some(at)),
            reserved_bits: 0,
            reserved_byte: 0,
        })),
    ];
    if let Some(id) = &said.operator_id {
        messages.push(message(Body::OperatorId(OperatorId {
            operator_id_type: OperatorIdType::default(),
            operator_id: TextCode::from_text(id),
            reserved: Default::default(),
        })));
    }
    if let Some(text) = &said.text {
        messages.push(message(Body::SelfId(SelfId {
            description_type: Default::default(),
            description: TextCode::from_text(text),
        })));
    }
    Some(messages)
}

fn ua_type(class: Class) -> UaType {
    match class {
        Class::FixedWing => UaType::AEROPLANE,
        Class::Balloon => UaType::FREE_BALLOON,
        _ => UaType::MULTIROTOR,
    }
}

/// The transmitter address of an object; zeros when its text is none.
pub(crate) fn mac(text: &str) -> Mac {
    let mut bytes = [0_u8; 6];
    for (byte, part) in bytes.iter_mut().zip(text.split(':')) {
        *byte = u8::from_str_radix(part, 16).unwrap_or(0);
    }
    Mac(bytes)
}

/// What a DroneScout receiver publishes of one transmission.
pub(crate) fn dronescout(sensor: &str, at: Time, transmitter: &str, rssi_dbm: f64, messages: &[Message]) -> Vec<u8> {
    let heard = Heard {
        at,
        mac: mac(transmitter),
        protocol: Protocol::RemoteIdWifiBeacon,
        // `as` saturates.
        rssi_dbm: math::round(rssi_dbm) as i8,
        channel: 6,
    };
    encode_data(sensor, heard, messages)
}

/// The same transmission as the frame a Wi-Fi sniffer captures: 802.11 beacon with a radiotap header.
pub(crate) fn beacon(
    transmitter: &str,
    counter: u8,
    rssi_dbm: f64,
    receiver_clock_us: u64,
    messages: &[Message],
) -> Vec<u8> {
    let payload = remote_id::encode_pack(messages);
    let radio = remote_id::WifiRadio { channel: 6, rssi_dbm: rssi_dbm as i8, receiver_clock_us };
    remote_id::encode_beacon(radio, mac(transmitter), "lapwing-sim", counter, &payload)
}

/// What an aircraft squitters at one half second: position always, velocity each second, name and quality each five.
pub(crate) fn squitters(
    adsb: &Adsb,
    place: Geodetic,
    v: lapwing_model::Enu,
    half_seconds: u64,
    ticks_12mhz: u64,
) -> Vec<u8> {
    let address = Icao(adsb.icao_address);
    let at = LatLon { latitude_deg: place.latitude_deg, longitude_deg: place.longitude_deg };
    let mut frames: Vec<Frame> = vec![airborne_position(
        address,
        at,
        SentHeight::Pressure(place.height_ellipsoid_m),
        !half_seconds.is_multiple_of(2),
    )];
    if half_seconds.is_multiple_of(2) {
        let sent = SentVelocity {
            east_mps: v.east_m,
            north_mps: v.north_m,
            up: Some((v.up_m, VerticalSource::Gnss)),
            gnss_minus_pressure_m: None,
            nac_v: 2,
        };
        frames.push(velocity(address, &sent));
    }
    if half_seconds.is_multiple_of(10) {
        frames.extend(Callsign::from_text(&adsb.callsign).map(|name| identification(address, None, name)));
        frames.push(operational_status(address, 9, 2, 3));
    }
    let mut bytes = Vec::new();
    for frame in frames {
        let receipt = Receipt { timestamp_raw: Some(ticks_12mhz & 0xFFFF_FFFF_FFFF), signal_level: Some(120) };
        beast::encode(&frame, receipt, &mut bytes);
    }
    bytes
}
