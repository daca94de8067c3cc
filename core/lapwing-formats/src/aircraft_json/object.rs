//! One aircraft object (readsb, README-json.md), its units turned, and the claim it makes.

use crate::mode_s::fields::{Callsign, FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS, Squawk};
use crate::mode_s::quality::{position_accuracy_m, vertical_accuracy_m};
use crate::mode_s::squitter::Category;
use crate::mode_s::velocity::velocity_accuracy_mps;
use crate::mode_s::{class_of, is_emergency};
use lapwing_model::math::rad;
use lapwing_model::{
    AirText, Claim, Classification, Name, NameKind, OperationalStatus, Place, Protocol, Span, Time, Transmitter,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Field names kept of `mlat` and `tisb`; readsb knows about 30.
const FIELD_NAMES_MAX: usize = 64;

/// The object as it stands on the wire. Keys not named here (weather, navigation, database) are skipped.
#[derive(Deserialize)]
pub(super) struct Aircraft<'a> {
    #[serde(borrow)]
    hex: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    flight: Option<Cow<'a, str>>,
    #[serde(borrow)]
    r: Option<Cow<'a, str>>,
    #[serde(borrow)]
    t: Option<Cow<'a, str>>,
    #[serde(borrow)]
    alt_baro: Option<AltBaro<'a>>,
    alt_geom: Option<f64>,
    gs: Option<f64>,
    track: Option<f64>,
    baro_rate: Option<f64>,
    geom_rate: Option<f64>,
    #[serde(borrow)]
    squawk: Option<Cow<'a, str>>,
    #[serde(borrow)]
    emergency: Option<Cow<'a, str>>,
    #[serde(borrow)]
    category: Option<Cow<'a, str>>,
    lat: Option<f64>,
    lon: Option<f64>,
    nic: Option<u8>,
    rc: Option<f64>,
    seen_pos: Option<f64>,
    seen: Option<f64>,
    rssi: Option<f64>,
    version: Option<u8>,
    nac_p: Option<u8>,
    nac_v: Option<u8>,
    sil: Option<u8>,
    gva: Option<u8>,
    #[serde(borrow, default)]
    mlat: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    tisb: Vec<Cow<'a, str>>,
    #[serde(rename = "lastPosition")]
    last_position: Option<RawLastPosition>,
}

/// Feet, or the word `ground`.
#[derive(Deserialize)]
#[serde(untagged)]
enum AltBaro<'a> {
    Feet(f64),
    #[serde(borrow)]
    Word(Cow<'a, str>),
}

#[derive(Deserialize)]
struct RawLastPosition {
    lat: f64,
    lon: f64,
    nic: Option<u8>,
    rc: Option<f64>,
    seen_pos: Option<f64>,
}

/// A position that readsb no longer trusts as the present one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LastPosition {
    /// Where.
    pub place: Place,
    /// Navigation integrity category.
    pub nic: Option<u8>,
    /// Radius of containment, metres.
    pub containment_radius_m: Option<f64>,
    /// Its age, seconds.
    pub position_age_s: Option<f64>,
}

/// One aircraft in the terms of the wire, units turned.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wire {
    /// 24-bit address, six lower-case digits.
    pub address: AirText,
    /// It is not an ICAO address (`~` before it, or of the block `ff` that Remote ID bridges make up).
    pub address_is_not_icao: bool,
    /// Where most of it comes from, in readsb's words (`adsb_icao`, `mlat`, ...).
    pub source: Option<AirText>,
    /// Callsign as sent.
    pub callsign: Option<AirText>,
    /// Registration, from the receiver's database.
    pub registration: Option<AirText>,
    /// ICAO type designator, from the receiver's database.
    pub type_designator: Option<AirText>,
    /// On the ground; `None` where nothing says so or the contrary.
    pub on_ground: Option<bool>,
    /// Pressure altitude, metres.
    pub altitude_pressure_m: Option<f64>,
    /// Height above the WGS-84 ellipsoid, metres.
    pub height_ellipsoid_m: Option<f64>,
    /// Speed over ground, metres per second.
    pub ground_speed_mps: Option<f64>,
    /// Course over ground, degrees.
    pub course_deg: Option<f64>,
    /// Vertical rate by pressure, metres per second, up positive.
    pub vertical_rate_pressure_mps: Option<f64>,
    /// Vertical rate by GNSS, metres per second, up positive.
    pub vertical_rate_gnss_mps: Option<f64>,
    /// Mode A code.
    pub squawk: Option<Squawk>,
    /// Emergency in readsb's words, `none` for none.
    pub emergency: Option<AirText>,
    /// Emitter category.
    pub category: Option<AirText>,
    /// Where.
    pub place: Option<Place>,
    /// Age of the position, seconds.
    pub position_age_s: Option<f64>,
    /// Age of the last message, seconds.
    pub seen_s: Option<f64>,
    /// Version of ADS-B.
    pub version: Option<u8>,
    /// Navigation integrity category.
    pub nic: Option<u8>,
    /// Radius of containment, metres.
    pub containment_radius_m: Option<f64>,
    /// Navigation accuracy category for position.
    pub nac_p: Option<u8>,
    /// 95 % bound of the position, metres, from `nac_p`.
    pub horizontal_accuracy_m: Option<f64>,
    /// Navigation accuracy category for velocity.
    pub nac_v: Option<u8>,
    /// Source integrity level.
    pub sil: Option<u8>,
    /// Geometric vertical accuracy.
    pub gva: Option<u8>,
    /// 95 % bound of the height by GNSS, metres, from `gva`.
    pub vertical_accuracy_m: Option<f64>,
    /// Signal level, decibels of full scale.
    pub signal_dbfs: Option<f64>,
    /// Fields found by multilateration.
    pub multilateration_fields: Vec<AirText>,
    /// Fields from TIS-B.
    pub tisb_fields: Vec<AirText>,
    /// An older position.
    pub last_position: Option<LastPosition>,
}

fn text(value: Option<&str>) -> Option<AirText> {
    value.and_then(|text| AirText::from_padded(text.as_bytes()))
}

/// A value within what an aircraft can have; the bound also keeps infinities out.
fn within(value: Option<f64>, max: f64, why: &'static str) -> Result<Option<f64>, &'static str> {
    match value {
        Some(value) if value.abs() > max || value.is_nan() => Err(why),
        value => Ok(value),
    }
}

fn age(value: Option<f64>, why: &'static str) -> Result<Option<f64>, &'static str> {
    within(value, 1e9, why).map(|age| age.map(|age| age.max(0.0)))
}

impl Aircraft<'_> {
    /// Turns the units and checks the values.
    pub(super) fn wire(&self) -> Result<Wire, &'static str> {
        let digits = self.hex.strip_prefix('~').unwrap_or(&self.hex);
        if digits.len() != 6 || !digits.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err("`hex` is not six hexadecimal digits");
        }
        let address = digits.to_ascii_lowercase();
        let (altitude_ft, on_ground) = match &self.alt_baro {
            Some(AltBaro::Feet(feet)) => (Some(*feet), Some(false)),
            Some(AltBaro::Word(word)) if word == "ground" => (None, Some(true)),
            Some(AltBaro::Word(_)) => return Err("`alt_baro` is neither a number nor \"ground\""),
            None => (None, None),
        };
        let place = match (self.lat, self.lon) {
            (Some(lat), Some(lon)) => Some(Place::new(lat, lon).ok_or("`lat`, `lon` is no place")?),
            _ => None,
        };
        let last_position = match &self.last_position {
            Some(last) => Some(LastPosition {
                place: Place::new(last.lat, last.lon).ok_or("`lastPosition` is no place")?,
                nic: last.nic,
                containment_radius_m: radius(last.rc)?,
                position_age_s: age(last.seen_pos, "`lastPosition.seen_pos` is no age")?,
            }),
            None => None,
        };
        let squawk = self.squawk.as_deref().map(|s| Squawk::from_digits(s).ok_or("`squawk` is not four octal digits"));
        let names = |list: &[Cow<'_, str>]| list.iter().take(FIELD_NAMES_MAX).map(|name| AirText::new(name)).collect();
        Ok(Wire {
            address_is_not_icao: self.hex.starts_with('~') || address.starts_with("ff"),
            address: AirText::from(address),
            source: text(self.kind.as_deref()),
            callsign: text(self.flight.as_deref()),
            registration: text(self.r.as_deref()),
            type_designator: text(self.t.as_deref()),
            on_ground,
            altitude_pressure_m: within(altitude_ft, 200_000.0, "`alt_baro` is out of range")?.map(|ft| ft * FOOT_M),
            height_ellipsoid_m: within(self.alt_geom, 200_000.0, "`alt_geom` is out of range")?.map(|ft| ft * FOOT_M),
            ground_speed_mps: within(self.gs, 10_000.0, "`gs` is out of range")?
                .filter(|kt| *kt >= 0.0)
                .map(|kt| kt * KNOT_MPS),
            course_deg: within(self.track, 360.0, "`track` is out of range")?.map(|deg| deg.rem_euclid(360.0)),
            vertical_rate_pressure_mps: rate(self.baro_rate)?,
            vertical_rate_gnss_mps: rate(self.geom_rate)?,
            squawk: squawk.transpose()?,
            emergency: text(self.emergency.as_deref()),
            category: text(self.category.as_deref()),
            place,
            position_age_s: age(self.seen_pos, "`seen_pos` is no age")?,
            seen_s: age(self.seen, "`seen` is no age")?,
            version: self.version,
            nic: self.nic,
            containment_radius_m: radius(self.rc)?,
            nac_p: self.nac_p,
            horizontal_accuracy_m: self.nac_p.and_then(position_accuracy_m),
            nac_v: self.nac_v,
            sil: self.sil,
            gva: self.gva,
            vertical_accuracy_m: self.gva.and_then(vertical_accuracy_m),
            signal_dbfs: within(self.rssi, 1_000.0, "`rssi` is out of range")?,
            multilateration_fields: names(&self.mlat),
            tisb_fields: names(&self.tisb),
            last_position,
        })
    }
}

fn names(fields: &[AirText], field: &str) -> bool {
    fields.iter().any(|name| name.as_str() == field)
}

fn rate(feet_per_minute: Option<f64>) -> Result<Option<f64>, &'static str> {
    Ok(within(feet_per_minute, 100_000.0, "a vertical rate is out of range")?.map(|fpm| fpm * FOOT_PER_MINUTE_MPS))
}

/// 0 means that no radius is promised.
fn radius(metres: Option<f64>) -> Result<Option<f64>, &'static str> {
    Ok(within(metres, 1e7, "`rc` is out of range")?.filter(|m| *m > 0.0))
}

impl Wire {
    /// The claim of this object at the receiver's time `now`. A position older than `age_max_s` is left out.
    pub(super) fn claim(&self, now: Time, age_max_s: f64) -> Claim {
        let last = self.last_position.filter(|_| self.place.is_none());
        let position_age_s =
            if self.place.is_some() { self.position_age_s } else { last.and_then(|l| l.position_age_s) };
        let place = self.place.or(last.map(|l| l.place)).filter(|_| position_age_s.is_none_or(|age| age <= age_max_s));
        let mut claim = Claim::new(self.protocol());
        // The time of the position where there is one, else of the last message.
        let age_s = if place.is_some() { position_age_s } else { self.seen_s };
        claim.measured_at = Some(now - Span::from_seconds_f64(age_s.unwrap_or(0.0)));
        claim.place = place;
        let radius_m = if self.place.is_some() {
            self.containment_radius_m.filter(|_| self.is_of_place("rc"))
        } else {
            last.and_then(|l| l.containment_radius_m)
        };
        let accuracy_m = self.horizontal_accuracy_m.filter(|_| self.is_of_place("nac_p"));
        claim.horizontal_accuracy_m = place.and(accuracy_m.or(radius_m));
        if self.address_is_not_icao {
            claim.transmitter = Some(Transmitter::NonIcao(self.address.clone()));
        } else {
            claim.transmitter = Some(Transmitter::Icao(self.address.clone()));
            claim.names.push(Name { kind: NameKind::IcaoAddress, value: self.address.clone() });
        }
        let callsign = self.callsign.as_ref().and_then(|text| Callsign::from_text(text.as_str()));
        claim.names.extend(callsign.map(|c| Name { kind: NameKind::Callsign, value: AirText::new(c.as_str()) }));
        claim.heights.altitude_pressure_m = self.altitude_pressure_m;
        claim.heights.height_ellipsoid_m = self.height_ellipsoid_m.filter(|_| self.is_of_place("alt_geom"));
        claim.heights.vertical_accuracy_m =
            claim.heights.height_ellipsoid_m.and(self.vertical_accuracy_m).filter(|_| self.is_of_place("gva"));
        claim.speed_mps = self.ground_speed_mps.filter(|_| self.is_of_place("gs"));
        claim.course_rad = self.course_deg.filter(|_| self.is_of_place("track")).map(rad);
        let by_gnss = self.vertical_rate_gnss_mps.filter(|_| self.is_of_place("geom_rate"));
        claim.vertical_speed_mps =
            by_gnss.or(self.vertical_rate_pressure_mps.filter(|_| self.is_of_place("baro_rate")));
        let speed_accuracy_mps = self.nac_v.filter(|_| self.is_of_place("nac_v")).and_then(velocity_accuracy_mps);
        claim.speed_accuracy_mps = claim.speed_mps.and(speed_accuracy_mps);
        claim.squawk = self.squawk.map(|s| AirText::from(s.to_string()));
        claim.classification = self.category().and_then(class_of).map(|class| Classification::single(class, 1.0));
        claim.rssi_db = self.signal_dbfs;
        let emergency =
            self.emergency.as_ref().is_some_and(|e| e.as_str() != "none") || self.squawk.is_some_and(is_emergency);
        claim.status = if emergency {
            Some(OperationalStatus::Emergency)
        } else {
            self.on_ground.map(|ground| if ground { OperationalStatus::Ground } else { OperationalStatus::Airborne })
        };
        claim
    }

    /// Whether a field is by whom the position is. What the aircraft says of itself beside a position that others measured is not
    /// theirs: it would pass for measured. Where readsb does not list what is whose, all of an object is of one source.
    fn is_of_place(&self, field: &str) -> bool {
        self.position_fields().is_none_or(|(_, fields)| names(fields, field))
    }

    /// Who but the aircraft found its position, with the fields that are by them.
    fn position_fields(&self) -> Option<(Protocol, &[AirText])> {
        let by = [(Protocol::Multilateration, &self.multilateration_fields), (Protocol::Tisb, &self.tisb_fields)];
        by.into_iter().map(|(protocol, fields)| (protocol, fields.as_slice())).find(|(_, fields)| names(fields, "lat"))
    }

    /// Who found the position decides; without one, readsb's own word on the source.
    fn protocol(&self) -> Protocol {
        if let Some((protocol, _)) = self.position_fields() {
            return protocol;
        }
        match self.source.as_ref().map(AirText::as_str) {
            Some("adsb_icao") => Protocol::Adsb,
            Some("adsb_icao_nt" | "adsb_other") => Protocol::AdsbNonTransponder,
            Some("adsr_icao" | "adsr_other") => Protocol::Adsr,
            Some("tisb_icao" | "tisb_trackfile" | "tisb_other") => Protocol::Tisb,
            Some("mlat") => Protocol::Multilateration,
            Some("mode_s" | "mode_ac") => Protocol::ModeS,
            _ => Protocol::Other,
        }
    }

    fn category(&self) -> Option<Category> {
        match self.category.as_ref()?.as_str().as_bytes() {
            [set @ b'A'..=b'D', number @ b'1'..=b'7'] => Some(Category { set: *set, number: number - b'0' }),
            _ => None,
        }
    }
}
