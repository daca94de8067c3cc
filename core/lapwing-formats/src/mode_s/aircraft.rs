//! What is remembered of each aircraft: that its address is real, the halves of its position, its place, and its quality codes.
//!
//! Bounded and deterministic: a set-associative table of [`AIRCRAFT_MAX`] entries. When a set is full, an entry without a place gives
//! way before one with a place, the longest unheard first; so a flood of invented addresses cannot push out the aircraft that are
//! being followed, and costs the same time per message as an empty sky.

use super::cpr::{self, Cpr, LatLon, Surface};
use super::message::{AddressCheck, AddressKind, AllCall, Body, Message, SquitterSource};
use super::quality::{self, Supplements};
use super::squitter::Squitter;
use crate::BadState;
use lapwing_model::{Span, Time, math};
use serde::Serialize;

/// Aircraft remembered at a time.
pub const AIRCRAFT_MAX: usize = SETS * WAYS;
const SETS: usize = 1024;
const WAYS: usize = 8;

/// How long an address that was heard under its whole parity confirms replies under an overlaid one.
pub const ADDRESS_KNOWN_FOR: Span = Span::from_seconds(300);
/// Two all-call replies with an interrogator code confirm an address when they come within this time.
pub const ADDRESS_TWICE_WITHIN: Span = Span::from_seconds(60);
/// The most time between the halves of an airborne pair (DO-260B A.1.7): at 1000 kt an aircraft moves less than half of what a
/// wrong pairing would need to give a wrong zone.
pub const PAIR_AIRBORNE: Span = Span::from_seconds(10);
/// The same on the surface, up to 25 kt.
pub const PAIR_SURFACE: Span = Span::from_seconds(50);
/// The same on the surface, when either half says more than 25 kt or no speed.
pub const PAIR_SURFACE_FAST: Span = Span::from_seconds(25);
/// 25 kt, metres per second.
const FAST_MPS: f64 = 25.0 * super::fields::KNOT_MPS;
/// How long a place serves as the reference of local decoding: 300 s at 515 m/s are 155 km, half a zone is 333 km.
pub const PLACE_USED_FOR: Span = Span::from_seconds(300);
/// Speed no airborne aircraft of this system exceeds (1000 kt), metres per second.
pub const SPEED_MAX_AIRBORNE_MPS: f64 = 515.0;
/// Speed nothing exceeds on the ground (250 kt), metres per second.
pub const SPEED_MAX_SURFACE_MPS: f64 = 129.0;
/// Implausible places in a row after which the remembered place is doubted and forgotten.
pub const DOUBTS_MAX: u8 = 4;
/// How long a difference of GNSS height and pressure altitude is added to later pressure altitudes.
pub const HEIGHT_DIFFERENCE_USED_FOR: Span = Span::from_seconds(10);

/// Where the receiver is and how far it hears.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Site {
    /// The receiver. Needed for positions on the surface.
    pub receiver: Option<LatLon>,
    /// Places farther from the receiver are refused, metres.
    pub range_max_m: f64,
    /// Places on the surface from a single message are refused farther from the receiver than this, metres.
    pub surface_range_max_m: f64,
}

/// How a place was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceMethod {
    /// From an even and an odd half.
    Pair,
    /// From one half, near the aircraft's earlier place.
    NearEarlierPlace,
    /// From one half, near the receiver (surface only): not yet confirmed by a pair.
    NearReceiver,
}

/// Why a position gave no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoPlace {
    /// The other half, or an earlier place, is missing.
    NeedsPair,
    /// A position on the surface needs to know roughly where: configure the receiver's place.
    NeedsReference,
    /// Farther from the receiver than it hears.
    OutOfRange,
    /// The aircraft cannot have moved so far.
    ImplausibleSpeed,
}

/// What the table adds to one message.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Context {
    /// How far the address can be trusted.
    pub address_check: AddressCheck,
    /// What became of the position, in a position message.
    pub position: Option<Placing>,
}

/// What became of a position.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Placing {
    /// The place.
    pub place: Option<LatLon>,
    /// How it was found.
    pub place_method: Option<PlaceMethod>,
    /// Why it was not.
    pub no_place_reason: Option<NoPlace>,
    /// Version of ADS-B the aircraft has announced.
    pub version: Option<u8>,
    /// Navigation integrity category; `None` for version 0, which has none, or where nothing is promised.
    pub nic: Option<u8>,
    /// Radius of containment, metres.
    pub containment_radius_m: Option<f64>,
    /// The aircraft's latest NACp.
    pub nac_p: Option<u8>,
    /// 95 % bound of the place, metres, from that NACp.
    pub horizontal_accuracy_m: Option<f64>,
    /// 95 % bound of heights by GNSS, metres, from its latest GVA.
    pub vertical_accuracy_m: Option<f64>,
    /// Pressure altitude plus its latest difference of GNSS height and pressure altitude: metres above the ellipsoid.
    pub height_ellipsoid_derived_m: Option<f64>,
}

#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Half {
    cpr: Cpr,
    surface: Surface,
    /// On the surface above 25 kt.
    fast: bool,
    at: Time,
}

#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Known {
    place: LatLon,
    at: Time,
    /// A pair was its source, directly or through the chain of local decoding.
    confirmed: bool,
}

#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Aircraft {
    key: u32,
    heard_at: Time,
    sure_at: Option<Time>,
    all_call_at: Option<Time>,
    even: Option<Half>,
    odd: Option<Half>,
    known: Option<Known>,
    doubts: u8,
    version: Option<u8>,
    supplement_a: bool,
    supplement_c: bool,
    nac_p: Option<u8>,
    gva: Option<u8>,
    height_difference: Option<(f64, Time)>,
}

impl Aircraft {
    fn new(key: u32, at: Time) -> Self {
        Self {
            key,
            heard_at: at,
            sure_at: None,
            all_call_at: None,
            even: None,
            odd: None,
            known: None,
            doubts: 0,
            version: None,
            supplement_a: false,
            supplement_c: false,
            nac_p: None,
            gva: None,
            height_difference: None,
        }
    }
}

/// Whether `earlier` is at most `span` before (or, where clocks step back, after) `now`.
fn within(earlier: Time, now: Time, span: Span) -> bool {
    now.since(earlier).abs() <= span
}

/// The table.
#[derive(Debug)]
pub struct Table {
    slots: Vec<Option<Aircraft>>,
    site: Site,
}

/// Reports of one aircraft by itself, by a radar on the ground and by a repeater are kept apart: their positions have other delays.
fn key(message: &Message) -> u32 {
    let source = match &message.body {
        Body::ExtendedSquitter(squitter) => match squitter.source {
            SquitterSource::Transponder | SquitterSource::NonTransponder => 0,
            SquitterSource::Tisb => 2,
            SquitterSource::Adsr => 4,
        },
        _ => 0,
    };
    let kind = u32::from(message.address_kind == AddressKind::NonIcao);
    message.icao_address.0 | (source | kind) << 24
}

impl Table {
    /// An empty table.
    pub fn new(site: Site) -> Self {
        Self { slots: vec![None; AIRCRAFT_MAX], site }
    }

    /// Its aircraft with their slots, as bytes.
    pub(crate) fn save(&self) -> Vec<u8> {
        let used = |(slot, aircraft): (usize, &Option<Aircraft>)| aircraft.map(|a| (slot as u32, a));
        crate::state::save(&self.slots.iter().enumerate().filter_map(used).collect::<Vec<_>>())
    }

    /// A table of the same site with the aircraft that were saved.
    pub(crate) fn restored(&self, state: &[u8]) -> Result<Self, BadState> {
        let saved: Vec<(u32, Aircraft)> = crate::state::restore(state, |_| true)?;
        let mut table = Self::new(self.site);
        for (slot, aircraft) in saved {
            *table.slots.get_mut(slot as usize).ok_or(BadState)? = Some(aircraft);
        }
        Ok(table)
    }

    fn set_of(key: u32) -> std::ops::Range<usize> {
        // Multiplicative hashing spreads the blocks of addresses that countries hand out.
        let set = key.wrapping_mul(0x9E37_79B1) as usize >> 8 & (SETS - 1);
        set * WAYS..(set + 1) * WAYS
    }

    fn find(&mut self, key: u32) -> Option<&mut Aircraft> {
        self.slots.get_mut(Self::set_of(key))?.iter_mut().flatten().find(|a| a.key == key)
    }

    /// The entry of this aircraft, made when missing.
    fn entry(&mut self, key: u32, at: Time) -> Option<&mut Aircraft> {
        let set = self.slots.get_mut(Self::set_of(key))?;
        let slot = match set.iter().position(|slot| slot.is_some_and(|a| a.key == key)) {
            Some(index) => set.get_mut(index)?,
            None => {
                let slot = set.iter_mut().min_by_key(|slot| match slot {
                    None => (0, Time::MIN),
                    Some(a) => (1 + u8::from(a.known.is_some_and(|k| within(k.at, at, PLACE_USED_FOR))), a.heard_at),
                })?;
                *slot = Some(Aircraft::new(key, at));
                slot
            }
        };
        let aircraft = slot.as_mut()?;
        aircraft.heard_at = at;
        Some(aircraft)
    }

    /// Takes in one message heard at `at` and says what is known with it.
    pub fn take(&mut self, message: &Message, at: Time) -> Context {
        let key = key(message);
        let site = self.site;
        if !message.address_is_sure() {
            return Context { address_check: self.check_overlaid(message, key, at), position: None };
        }
        let mut context = Context { address_check: AddressCheck::Parity, position: None };
        let Some(aircraft) = self.entry(key, at) else { return context };
        aircraft.sure_at = Some(at);
        let Body::ExtendedSquitter(squitter) = &message.body else { return context };
        match &squitter.squitter {
            Squitter::AirbornePosition(p) => {
                let half = Half { cpr: p.cpr, surface: Surface::No, fast: true, at };
                let mut placing = aircraft.position(&site, half, p.type_code, p.nic_supplement_b);
                let difference =
                    aircraft.height_difference.filter(|(_, then)| within(*then, at, HEIGHT_DIFFERENCE_USED_FOR));
                placing.height_ellipsoid_derived_m =
                    p.altitude_pressure_m.zip(difference).map(|(altitude, (d, _))| altitude + d);
                context.position = Some(placing);
            }
            Squitter::SurfacePosition(p) => {
                let fast = p.ground_speed_mps.is_none_or(|speed| speed > FAST_MPS);
                let half = Half { cpr: p.cpr, surface: Surface::Yes, fast, at };
                context.position = Some(aircraft.position(&site, half, p.type_code, false));
            }
            Squitter::Velocity(v) => aircraft.height_difference = v.gnss_minus_pressure_m.map(|d| (d, at)),
            Squitter::OperationalStatus(status) => {
                aircraft.version = Some(status.version);
                if status.version > 0 {
                    aircraft.supplement_a = status.nic_supplement_a;
                    aircraft.supplement_c = status.nic_supplement_c.unwrap_or(aircraft.supplement_c);
                    aircraft.nac_p = Some(status.nac_p);
                    aircraft.gva = status.gva.or(aircraft.gva);
                }
            }
            Squitter::TargetState(target) => aircraft.nac_p = Some(target.nac_p),
            _ => {}
        }
        context
    }

    /// An address under an overlaid parity. Makes an entry only for all-call replies, which name their address in clear: noise must not
    /// fill the table.
    fn check_overlaid(&mut self, message: &Message, key: u32, at: Time) -> AddressCheck {
        let all_call = match &message.body {
            // No valid interrogator code: bits are damaged, and they may be those of the address.
            Body::AllCall(AllCall { interrogator_code: None, .. }) => return AddressCheck::Unconfirmed,
            Body::AllCall(_) => true,
            _ => false,
        };
        let aircraft = if all_call { self.entry(key, at) } else { self.find(key) };
        let Some(aircraft) = aircraft else { return AddressCheck::Unconfirmed };
        let known = aircraft.sure_at.is_some_and(|then| within(then, at, ADDRESS_KNOWN_FOR));
        if all_call {
            if aircraft.all_call_at.is_some_and(|then| within(then, at, ADDRESS_TWICE_WITHIN)) {
                aircraft.sure_at = Some(at);
            }
            aircraft.all_call_at = Some(at);
        }
        if known {
            aircraft.heard_at = at;
            AddressCheck::Known
        } else {
            AddressCheck::Unconfirmed
        }
    }
}

impl Aircraft {
    fn position(&mut self, site: &Site, half: Half, type_code: u8, supplement_b: bool) -> Placing {
        let supplements = Supplements { a: self.supplement_a, b: supplement_b, c: self.supplement_c };
        let (nic, containment_radius_m) = quality::integrity(type_code, self.version, supplements);
        let mut placing = Placing {
            version: self.version,
            nic,
            containment_radius_m,
            nac_p: self.nac_p,
            horizontal_accuracy_m: self.nac_p.and_then(quality::position_accuracy_m),
            vertical_accuracy_m: self.gva.and_then(quality::vertical_accuracy_m),
            ..Placing::default()
        };
        let other = if half.cpr.odd { self.even } else { self.odd };
        if half.cpr.odd {
            self.odd = Some(half);
        } else {
            self.even = Some(half);
        }
        match self.find_place(site, half, other) {
            Ok((place, method)) => {
                self.known = Some(Known { place, at: half.at, confirmed: method != PlaceMethod::NearReceiver });
                self.doubts = 0;
                placing.place = Some(place);
                placing.place_method = Some(method);
            }
            Err(reason) => {
                if reason == NoPlace::ImplausibleSpeed {
                    self.doubts += 1;
                    if self.doubts >= DOUBTS_MAX {
                        // The remembered place may be the wrong one: start again from the next pair.
                        self.known = None;
                        self.doubts = 0;
                    }
                }
                placing.no_place_reason = Some(reason);
            }
        }
        placing
    }

    /// The order is DO-260B's: a pair decides the zone; between pairs the earlier place does; the receiver's place only for the surface.
    fn find_place(&self, site: &Site, half: Half, other: Option<Half>) -> Result<(LatLon, PlaceMethod), NoPlace> {
        let earlier = self.known.filter(|k| k.confirmed && within(k.at, half.at, PLACE_USED_FOR));
        let other = other.filter(|o| {
            let span = match half.surface {
                Surface::No => PAIR_AIRBORNE,
                Surface::Yes if half.fast || o.fast => PAIR_SURFACE_FAST,
                Surface::Yes => PAIR_SURFACE,
            };
            o.surface == half.surface && within(o.at, half.at, span)
        });
        let near = earlier.map(|k| k.place).or(site.receiver);
        let by_pair =
            || other.and_then(|o| cpr::global(half.cpr, o.cpr, half.surface, near)).map(|p| (p, PlaceMethod::Pair));
        let by_earlier = || {
            earlier
                .and_then(|k| cpr::local(half.cpr, half.surface, k.place))
                .map(|p| (p, PlaceMethod::NearEarlierPlace))
        };
        let (place, method) = match half.surface {
            Surface::No => by_pair().or_else(by_earlier).ok_or(NoPlace::NeedsPair)?,
            // A taxiing aircraft turns and stops within 50 s, which may spoil a pair: its earlier place is the better guide.
            Surface::Yes => match by_earlier().or_else(by_pair) {
                Some(found) => found,
                None => (near_receiver(site, half)?, PlaceMethod::NearReceiver),
            },
        };
        if site.receiver.is_some_and(|receiver| distance_m(receiver, place) > site.range_max_m) {
            return Err(NoPlace::OutOfRange);
        }
        if let Some(k) = earlier {
            let speed_max = if half.surface == Surface::Yes { SPEED_MAX_SURFACE_MPS } else { SPEED_MAX_AIRBORNE_MPS };
            // One second for what positions are behind their messages, and for the steps they come in.
            let seconds = half.at.since(k.at).abs().as_seconds_f64() + 1.0;
            if distance_m(k.place, place) > speed_max * seconds {
                return Err(NoPlace::ImplausibleSpeed);
            }
        }
        Ok((place, method))
    }
}

fn near_receiver(site: &Site, half: Half) -> Result<LatLon, NoPlace> {
    let receiver = site.receiver.ok_or(NoPlace::NeedsReference)?;
    let place = cpr::local(half.cpr, half.surface, receiver).ok_or(NoPlace::NeedsPair)?;
    // The nearest of places 90 NM apart always lies within 64 NM: one that is far away is more likely another one in truth.
    if distance_m(receiver, place) > site.surface_range_max_m { Err(NoPlace::NeedsPair) } else { Ok(place) }
}

/// Great-circle distance on a sphere of mean radius, metres: 0.5 % are enough for limits.
fn distance_m(a: LatLon, b: LatLon) -> f64 {
    let (lat_a, lat_b) = (math::rad(a.latitude_deg), math::rad(b.latitude_deg));
    let (s_lat, s_lon) =
        (math::sin((lat_b - lat_a) / 2.0), math::sin(math::rad(b.longitude_deg - a.longitude_deg) / 2.0));
    let h = s_lat * s_lat + math::cos(lat_a) * math::cos(lat_b) * s_lon * s_lon;
    2.0 * 6_371_008.8 * math::asin(math::sqrt(h.min(1.0)))
}
