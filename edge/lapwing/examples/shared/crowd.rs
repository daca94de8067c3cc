//! A busy site, datagram by datagram: radars that turn, a multilateration system, and Remote ID receivers that all hear the
//! same drones. What each sends is known for every millisecond of a second, again and again.

use lapwing_model::{Enu, Geodetic, LocalFrame, Time, math};
use lapwing_sim::Random;
use std::cmp::Ordering;
use std::fmt::Write;

/// Where it is.
const ORIGIN: Geodetic = Geodetic { latitude_deg: 53.0, longitude_deg: 5.5, height_ellipsoid_m: 42.0 };
/// Remote ID over Bluetooth sends one of its messages at a time, about so often: F3411 asks for one of each a second at
/// least, senders repeat them.
const FRAMES_PER_S: u64 = 8;
/// Milliseconds of the cycle in which everything is sent once.
const CYCLE_MS: usize = 1_000;
/// Share of the second in which a radar's scan sees everything.
const SCAN_SHARE: f64 = 0.25;
/// Each aircraft flies a circle, and enters each of two zones on it once a turn, metres.
const CIRCLE_RADIUS_M: f64 = 100.0;
const ZONE_RADIUS_M: f64 = 40.0;

fn speed_mps(aircraft: usize) -> f64 {
    10.0 + (aircraft % 5) as f64
}

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Low aircraft, each seen by one radar once a second, and with two zones in its way.
    pub(crate) aircraft: usize,
    /// How many of them a multilateration system places once a second, one plot at a time.
    pub(crate) placed: usize,
    /// How many of them broadcast Remote ID.
    pub(crate) broadcasting: usize,
    /// Radars, each looking at its own part of the circle and scanning it once a second.
    pub(crate) radars: usize,
    /// One Remote ID frame in so many tells a place; the others names, operator, text.
    pub(crate) place_every: u64,
    /// Receptions a second in all. What plots leave is Remote ID frames.
    pub(crate) rate: usize,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Radar { aircraft: usize },
    ScanEnd { radar: usize },
    Multilateration { aircraft: usize },
    RemoteId { receiver: usize, aircraft: usize, frame: u64 },
}

/// The site and its traffic.
pub(crate) struct Crowd {
    size: Size,
    /// Remote ID receivers.
    pub(crate) receivers: usize,
    frame: LocalFrame,
    radar: LocalFrame,
    /// Plots of the scan that each radar is in.
    scan_plots: Vec<u32>,
    slots: Vec<Vec<Source>>,
    random: Random,
}

impl Crowd {
    pub(crate) fn new(size: Size) -> Self {
        let frame = LocalFrame::new(ORIGIN);
        // As the configuration has them: in one place, at 47 m.
        let radar = LocalFrame::new(Geodetic { height_ellipsoid_m: 47.0, ..ORIGIN });
        let frames = size.rate.saturating_sub(size.aircraft + size.placed + size.radars);
        let receivers = frames.div_ceil(size.broadcasting.max(1) * FRAMES_PER_S as usize);
        let scan_plots = vec![0; size.radars];
        let mut crowd = Self {
            size,
            receivers,
            frame,
            radar,
            scan_plots,
            slots: vec![Vec::new(); CYCLE_MS],
            random: Random::new(7),
        };
        crowd.fill(frames);
        crowd
    }

    fn fill(&mut self, frames: usize) {
        let slot_of = |share: f64| ((share * CYCLE_MS as f64) as usize).min(CYCLE_MS - 1);
        for aircraft in 0..self.size.aircraft {
            let (radar, within) = self.sector(self.place(aircraft, 0.0));
            let slot = slot_of(self.scan_from(radar) + within * SCAN_SHARE);
            self.slots[slot].push(Source::Radar { aircraft });
        }
        for radar in 0..self.size.radars {
            let slot = slot_of(self.scan_from(radar) + SCAN_SHARE);
            self.slots[slot].push(Source::ScanEnd { radar });
        }
        for aircraft in 0..self.size.placed {
            let share = aircraft as f64 / self.size.placed as f64;
            self.slots[slot_of(share)].push(Source::Multilateration { aircraft });
        }
        // Receivers that hear one transmission hear it at the same time.
        let transmissions = self.size.broadcasting * FRAMES_PER_S as usize;
        for i in 0..frames {
            let (transmission, receiver) = (i % transmissions, i / transmissions);
            let (aircraft, frame) = (transmission % self.size.broadcasting, transmission / self.size.broadcasting);
            let share = transmission as f64 * 0.618_034 % 1.0;
            let source = Source::RemoteId { receiver, aircraft, frame: frame as u64 };
            self.slots[slot_of(share)].push(source);
        }
    }

    /// The inputs by their numbers: the radars, the multilateration system, the Remote ID receivers.
    pub(crate) fn inputs(&self) -> Vec<String> {
        let radars = (0..self.size.radars).map(|r| format!("radar-{r}"));
        let receivers = (0..self.receivers).map(|r| format!("rid-{r}"));
        radars.chain(["mlat".to_owned()]).chain(receivers).collect()
    }

    /// The radar that looks at a place, and how far along its scan that is, 0 to 1.
    fn sector(&self, place: Enu) -> (usize, f64) {
        let at = math::wrap_tau(place.azimuth_rad()) / math::TAU * self.size.radars as f64;
        ((at as usize).min(self.size.radars - 1), at.fract())
    }

    /// When in the second a radar begins its scan: they do not scan in step.
    fn scan_from(&self, radar: usize) -> f64 {
        radar as f64 / self.size.radars as f64 * (1.0 - SCAN_SHARE)
    }

    /// Receptions, plots, and Remote ID frames with a place in a second.
    pub(crate) fn per_second(&self) -> (usize, usize, u64) {
        let all = self.slots.iter().map(Vec::len).sum();
        let plots = self.size.aircraft + self.size.placed;
        (all, plots, (all - plots - self.size.radars) as u64 / self.size.place_every)
    }

    fn place(&self, aircraft: usize, t: f64) -> Enu {
        let (i, n) = (aircraft as f64, self.size.aircraft as f64);
        let angle = i * 2.399_963;
        let distance = 800.0 + 7_000.0 * (i / n).sqrt();
        let turn = speed_mps(aircraft) / CIRCLE_RADIUS_M * t + i;
        Enu::new(
            distance * angle.sin() + CIRCLE_RADIUS_M * turn.cos(),
            distance * angle.cos() + CIRCLE_RADIUS_M * turn.sin(),
            120.0 + (aircraft % 7) as f64 * 20.0,
        )
    }

    /// The configuration of the site; `transport` writes that of input number `i`.
    pub(crate) fn site(&self, transport: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        for (i, name) in self.inputs().iter().enumerate() {
            let kind = match i.cmp(&self.size.radars) {
                Ordering::Less => {
                    let edge = |r: usize| 360.0 * r as f64 / self.size.radars as f64;
                    format!(
                        "kind = \"radar\"\ncoverage = {{ range_max_m = 12000.0, azimuth_from_deg = {:.3}, azimuth_to_deg = {:.3}, detection_probability = 0.95 }}",
                        edge(i),
                        edge(i + 1)
                    )
                }
                Ordering::Equal => "kind = \"multilateration\"\nerror = { horizontal_sd_m = 8.0 }".to_owned(),
                Ordering::Greater => "kind = \"remote_id\"".to_owned(),
            };
            let _ = write!(
                text,
                "[[sensor]]\nid = \"{name}\"\n{kind}\nlatitude_deg = 53.0\nlongitude_deg = 5.5\nheight_ellipsoid_m = 47.0\ninterval_s = 5.0\n\
                 [[input]]\nname = \"{name}\"\nsensor = \"{name}\"\nformat = \"json\"\n{}\n",
                transport(i)
            );
        }
        for zone in 0..2 * self.size.aircraft {
            let (aircraft, half) = (zone / 2, (zone % 2) as f64);
            let turn_s = math::TAU * CIRCLE_RADIUS_M / speed_mps(aircraft);
            let at = self.frame.to_geodetic(self.place(aircraft, (0.2 + half / 2.0) * turn_s));
            let _ = write!(
                text,
                "[[zone]]\nid = \"yard-{zone}\"\nlatitude_deg = {:.7}\nlongitude_deg = {:.7}\nradius_m = {ZONE_RADIUS_M:.1}\n",
                at.latitude_deg, at.longitude_deg
            );
        }
        text.push_str("[[rule]]\nname = \"entry\"\nlead_s = 5.0\nexcept_classes = []\n");
        text
    }

    /// What is sent in millisecond `ms` since the beginning, at `at`: the number of the input, and the datagram.
    pub(crate) fn send(&mut self, ms: u64, at: Time, each: &mut impl FnMut(usize, &[u8])) {
        let (cycle, slot) = (ms / CYCLE_MS as u64, (ms % CYCLE_MS as u64) as usize);
        let t = ms as f64 / 1e3;
        let time = at.as_nanos() as f64 / 1e9;
        let mut text = String::with_capacity(512);
        for i in 0..self.slots[slot].len() {
            text.clear();
            let input = self.datagram(self.slots[slot][i], cycle, t, time, &mut text);
            each(input, text.as_bytes());
        }
    }

    fn datagram(&mut self, source: Source, cycle: u64, t: f64, time: f64, out: &mut String) -> usize {
        match source {
            Source::Radar { aircraft } => {
                let place = self.place(aircraft, t);
                let seen = self.radar.to_enu(self.frame.to_geodetic(place));
                let (radar, _) = self.sector(place);
                self.scan_plots[radar] += 1;
                let _ = writeln!(
                    out,
                    "{{\"type\":\"range_azimuth\",\"time\":{time:.4},\"scan\":{cycle},\"range_m\":{:.1},\"azimuth_deg\":{:.3},\"elevation_deg\":{:.3},\"range_sd_m\":8,\"azimuth_sd_deg\":0.2,\"elevation_sd_deg\":0.3,\"rcs_dbsm\":-15}}",
                    seen.length_m() + 8.0 * self.random.normal(),
                    math::deg(math::wrap_tau(seen.azimuth_rad())) + 0.2 * self.random.normal(),
                    math::deg(seen.elevation_rad()) + 0.3 * self.random.normal(),
                );
                radar
            }
            Source::ScanEnd { radar } => {
                let _ = writeln!(
                    out,
                    "{{\"type\":\"status\",\"time\":{time:.4},\"scan\":{cycle},\"scan_plots\":{},\"health\":\"ok\"}}",
                    std::mem::take(&mut self.scan_plots[radar])
                );
                radar
            }
            Source::Multilateration { aircraft } => {
                let noise =
                    Enu::new(8.0 * self.random.normal(), 8.0 * self.random.normal(), 10.0 * self.random.normal());
                let place = self.place(aircraft, t);
                let at = self.frame.to_geodetic(Enu::new(
                    place.east_m + noise.east_m,
                    place.north_m + noise.north_m,
                    place.up_m + noise.up_m,
                ));
                let _ = writeln!(
                    out,
                    "{{\"type\":\"position\",\"time\":{time:.4},\"latitude_deg\":{:.7},\"longitude_deg\":{:.7},\"height_ellipsoid_m\":{:.1},\"horizontal_sd_m\":8,\"vertical_sd_m\":10}}",
                    at.latitude_deg, at.longitude_deg, at.height_ellipsoid_m
                );
                self.size.radars
            }
            Source::RemoteId { receiver, aircraft, frame } => {
                self.remote_id(aircraft, cycle * FRAMES_PER_S + frame, t, time, out);
                self.size.radars + 1 + receiver
            }
        }
    }

    /// One message of Remote ID, as every receiver hears it.
    fn remote_id(&self, aircraft: usize, number: u64, t: f64, time: f64, out: &mut String) {
        let _ = write!(
            out,
            "{{\"type\":\"claim\",\"protocol\":\"remote_id_bluetooth_legacy\",\"transmitter_mac\":\"02:00:00:00:{:02x}:{:02x}\",\"rssi_db\":-70,",
            aircraft >> 8,
            aircraft & 255
        );
        // Each drone begins its cycle elsewhere.
        if (number + aircraft as u64).is_multiple_of(self.size.place_every) {
            let at = self.frame.to_geodetic(self.place(aircraft, t));
            let _ = writeln!(
                out,
                "\"time\":{time:.3},\"latitude_deg\":{:.7},\"longitude_deg\":{:.7},\"height_ellipsoid_m\":{:.1},\"horizontal_accuracy_m\":10,\"speed_mps\":{:.2}}}",
                at.latitude_deg,
                at.longitude_deg,
                at.height_ellipsoid_m,
                speed_mps(aircraft)
            );
            return;
        }
        let _ = match number % 4 {
            0 | 1 => writeln!(out, "\"serial\":\"1581F4CROWD{aircraft:05}\"}}"),
            2 => writeln!(
                out,
                "\"operator_latitude_deg\":53.01,\"operator_longitude_deg\":5.51,\"operator_place_source\":\"live_gnss\"}}"
            ),
            _ => writeln!(out, "\"operator_id\":\"NLD87astrdge12k{aircraft}\",\"text\":\"survey of the dunes\"}}"),
        };
    }
}
