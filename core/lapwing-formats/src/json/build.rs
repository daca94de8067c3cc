//! From checked values to a report.

use super::fields::{CLASS_PROBABILITY_DEFAULT, Key, Message};
use super::values::{Value, Values};
use lapwing_model::{
    Authentication, Claim, ClaimedOperator, Class, Classification, Heights, Measurement, Name, NameKind,
    OperationalStatus, Personal, Place, Plot, Protocol, Report, SensorHealth, SensorId, SensorStatus, SensorTrack,
    Sighting, Transmitter, math,
};

pub(super) const PROTOCOLS: &[Protocol] = &[
    Protocol::RemoteIdWifiBeacon,
    Protocol::RemoteIdWifiNan,
    Protocol::RemoteIdBluetoothLegacy,
    Protocol::RemoteIdBluetoothLongRange,
    Protocol::RemoteId,
    Protocol::ModeS,
    Protocol::Adsb,
    Protocol::AdsbNonTransponder,
    Protocol::Tisb,
    Protocol::Adsr,
    Protocol::Multilateration,
    Protocol::DjiDroneId,
    Protocol::Other,
];

pub(super) const OPERATIONAL: &[OperationalStatus] = &[
    OperationalStatus::Ground,
    OperationalStatus::Airborne,
    OperationalStatus::Emergency,
    OperationalStatus::RemoteIdFailure,
];

pub(super) const HEALTHS: &[SensorHealth] = &[SensorHealth::Ok, SensorHealth::Degraded, SensorHealth::Failed];

/// Keys of names, in the order in which a claim lists them.
pub(super) const NAMES: &[(Key, NameKind)] = &[
    (Key::Serial, NameKind::Serial),
    (Key::Registration, NameKind::Registration),
    (Key::UtmId, NameKind::UtmId),
    (Key::SessionId, NameKind::SessionId),
    (Key::IcaoAddress, NameKind::IcaoAddress),
    (Key::Callsign, NameKind::Callsign),
    (Key::SensorObject, NameKind::SensorObject),
];

/// Why values make no report.
pub(super) enum Refusal {
    /// This key is needed.
    Missing(Key),
    /// Something is needed, in words.
    Empty(&'static str),
    /// Keys that cannot stand together.
    Contradiction(&'static str),
}

impl Values {
    fn sensor(&self) -> Option<SensorId> {
        match self.get(Key::Sensor) {
            Some(Value::Sensor(id)) => Some(id.clone()),
            _ => None,
        }
    }

    fn radians(&self, key: Key) -> Option<f64> {
        self.number(key).map(math::rad)
    }

    fn azimuth(&self, key: Key) -> Option<f64> {
        self.radians(key).map(math::wrap_tau)
    }

    fn place(&self, latitude: Key, longitude: Key) -> Result<Option<Place>, Refusal> {
        match (self.number(latitude), self.number(longitude)) {
            (Some(lat), Some(lon)) => Ok(Place::new(lat, lon)),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(Refusal::Missing(latitude)),
            (Some(_), None) => Err(Refusal::Missing(longitude)),
        }
    }

    fn heights(&self) -> Heights {
        Heights {
            height_ellipsoid_m: self.number(Key::HeightEllipsoidM),
            altitude_msl_m: self.number(Key::AltitudeMslM),
            height_above_takeoff_m: self.number(Key::HeightAboveTakeoffM),
            height_above_ground_m: self.number(Key::HeightAboveGroundM),
            altitude_pressure_m: self.number(Key::AltitudePressureM),
            vertical_accuracy_m: self.number(Key::VerticalAccuracyM),
            pressure_accuracy_m: self.number(Key::PressureAccuracyM),
        }
    }

    fn classification(&self) -> Result<Option<Classification>, Refusal> {
        let class = self.word(Key::Class).and_then(|i| Class::ALL.get(i)).copied();
        let probability = self.number(Key::ClassProbability);
        match (class, self.get(Key::Classes)) {
            (Some(_), Some(_)) => Err(Refusal::Contradiction("class and classes stand together")),
            (None, _) if probability.is_some() => Err(Refusal::Missing(Key::Class)),
            (Some(class), None) => {
                Ok(Some(Classification::single(class, probability.unwrap_or(CLASS_PROBABILITY_DEFAULT))))
            }
            (None, Some(Value::Classes(classes))) => Ok(Some(classes.clone())),
            (None, _) => Ok(None),
        }
    }

    fn position(&self) -> Result<Measurement, Refusal> {
        let place = self.place(Key::LatitudeDeg, Key::LongitudeDeg)?.ok_or(Refusal::Missing(Key::LatitudeDeg))?;
        Ok(Measurement::Position {
            place,
            heights: self.heights(),
            horizontal_sd_m: self.number(Key::HorizontalSdM),
            vertical_sd_m: self.number(Key::VerticalSdM),
        })
    }

    fn range_azimuth(&self) -> Result<Measurement, Refusal> {
        Ok(Measurement::RangeAzimuth {
            range_m: self.number(Key::RangeM).ok_or(Refusal::Missing(Key::RangeM))?,
            azimuth_rad: self.azimuth(Key::AzimuthDeg).ok_or(Refusal::Missing(Key::AzimuthDeg))?,
            elevation_rad: self.radians(Key::ElevationDeg),
            range_rate_mps: self.number(Key::RangeRateMps),
            range_sd_m: self.number(Key::RangeSdM),
            azimuth_sd_rad: self.radians(Key::AzimuthSdDeg),
            elevation_sd_rad: self.radians(Key::ElevationSdDeg),
            range_rate_sd_mps: self.number(Key::RangeRateSdMps),
        })
    }

    fn bearing(&self) -> Result<Measurement, Refusal> {
        Ok(Measurement::Bearing {
            azimuth_rad: self.azimuth(Key::AzimuthDeg).ok_or(Refusal::Missing(Key::AzimuthDeg))?,
            elevation_rad: self.radians(Key::ElevationDeg),
            azimuth_sd_rad: self.radians(Key::AzimuthSdDeg),
            elevation_sd_rad: self.radians(Key::ElevationSdDeg),
        })
    }

    /// Whichever measurement the keys make; `None` when there is none.
    fn any_measurement(&self) -> Result<Option<Measurement>, Refusal> {
        let has = |key| self.get(key).is_some();
        let position = has(Key::LatitudeDeg) || has(Key::LongitudeDeg);
        let polar = has(Key::RangeM);
        if position && (polar || has(Key::AzimuthDeg)) {
            return Err(Refusal::Contradiction("a position and a range or azimuth stand together"));
        }
        if position {
            self.position().map(Some)
        } else if polar {
            self.range_azimuth().map(Some)
        } else if has(Key::AzimuthDeg) {
            self.bearing().map(Some)
        } else {
            Ok(None)
        }
    }

    fn plot(&self, measurement: Measurement) -> Result<Plot, Refusal> {
        Ok(Plot {
            sensor: self.sensor(),
            measured_at: self.time(Key::Time),
            scan: self.whole(Key::Scan),
            measurement,
            course_rad: self.azimuth(Key::CourseDeg),
            speed_mps: self.number(Key::SpeedMps),
            classification: self.classification()?,
            rcs_dbsm: self.number(Key::RcsDbsm),
            confidence: self.number(Key::Confidence),
        })
    }

    fn range_difference(&self) -> Result<Measurement, Refusal> {
        let reference = self.place(Key::ReferenceLatitudeDeg, Key::ReferenceLongitudeDeg)?;
        Ok(Measurement::RangeDifference {
            reference_place: reference.ok_or(Refusal::Missing(Key::ReferenceLatitudeDeg))?,
            reference_height_ellipsoid_m: self.number(Key::ReferenceHeightEllipsoidM),
            range_difference_m: self.number(Key::RangeDifferenceM).ok_or(Refusal::Missing(Key::RangeDifferenceM))?,
            range_difference_sd_m: self.number(Key::RangeDifferenceSdM),
        })
    }

    fn authentication(&self) -> Result<Option<Authentication>, Refusal> {
        let small = |key| self.whole(key).and_then(|v| u8::try_from(v).ok());
        let keys = [
            Key::AuthenticationPages,
            Key::AuthenticationPagesAnnounced,
            Key::AuthenticationTime,
            Key::AuthenticationHex,
            Key::AuthenticationProblem,
        ];
        let Some(signature_type) = small(Key::AuthenticationType) else {
            let any = keys.into_iter().any(|k| self.get(k).is_some());
            return if any { Err(Refusal::Missing(Key::AuthenticationType)) } else { Ok(None) };
        };
        Ok(Some(Authentication {
            signature_type,
            pages_received: small(Key::AuthenticationPages).ok_or(Refusal::Missing(Key::AuthenticationPages))?,
            pages_announced: small(Key::AuthenticationPagesAnnounced),
            signed_at: self.time(Key::AuthenticationTime),
            data_hex: self.hex(Key::AuthenticationHex),
            problem: self.text(Key::AuthenticationProblem),
        }))
    }

    fn operator(&self) -> Result<Option<ClaimedOperator>, Refusal> {
        let operator = ClaimedOperator {
            place: self.place(Key::OperatorLatitudeDeg, Key::OperatorLongitudeDeg)?.map(Personal::new),
            height_ellipsoid_m: self.number(Key::OperatorHeightEllipsoidM),
            place_source: self.text(Key::OperatorPlaceSource),
            id: self.text(Key::OperatorId).map(Personal::new),
        };
        Ok((operator != ClaimedOperator::default()).then_some(operator))
    }

    fn claim(&self) -> Result<Claim, Refusal> {
        let transmitters = [
            self.text(Key::TransmitterMac).map(Transmitter::Mac),
            self.text(Key::TransmitterIcao).map(Transmitter::Icao),
            self.text(Key::TransmitterNonIcao).map(Transmitter::NonIcao),
            self.text(Key::TransmitterOther).map(Transmitter::Other),
        ];
        let mut transmitters = transmitters.into_iter().flatten();
        let transmitter = transmitters.next();
        if transmitters.next().is_some() {
            return Err(Refusal::Contradiction("a claim has one transmitter"));
        }
        let named = NAMES.iter().filter_map(|(key, kind)| self.text(*key).map(|value| Name { kind: *kind, value }));
        let claim = Claim {
            sensor: self.sensor(),
            protocol: self.word(Key::Protocol).and_then(|i| PROTOCOLS.get(i)).copied().unwrap_or(Protocol::Other),
            transmitter,
            names: named.collect(),
            measured_at: self.time(Key::Time),
            timestamp_raw_s: self.number(Key::TimestampRawS),
            timestamp_accuracy_s: self.number(Key::TimestampAccuracyS),
            place: self.place(Key::LatitudeDeg, Key::LongitudeDeg)?,
            heights: self.heights(),
            horizontal_accuracy_m: self.number(Key::HorizontalAccuracyM),
            course_rad: self.azimuth(Key::CourseDeg),
            speed_mps: self.number(Key::SpeedMps),
            vertical_speed_mps: self.number(Key::VerticalSpeedMps),
            speed_accuracy_mps: self.number(Key::SpeedAccuracyMps),
            status: self.word(Key::OperationalStatus).and_then(|i| OPERATIONAL.get(i)).copied(),
            classification: self.classification()?,
            operator: self.operator()?,
            text: self.text(Key::Text),
            authentication: self.authentication()?,
            squawk: self.text(Key::Squawk),
            rssi_db: self.number(Key::RssiDb),
            channel: self.whole(Key::Channel).and_then(|v| u16::try_from(v).ok()),
            counter: self.whole(Key::Counter).and_then(|v| u8::try_from(v).ok()),
        };
        if claim.place.is_none() && claim.names.is_empty() && claim.transmitter.is_none() {
            return Err(Refusal::Empty("a claim needs a place, a name or a transmitter"));
        }
        Ok(claim)
    }

    fn sighting(&self) -> Result<Sighting, Refusal> {
        let sighting = Sighting {
            sensor: self.sensor(),
            measured_at: self.time(Key::Time),
            observer: self.place(Key::ObserverLatitudeDeg, Key::ObserverLongitudeDeg)?,
            measurement: self.any_measurement()?,
            classification: self.classification()?,
            count: self.whole(Key::Count).and_then(|v| u32::try_from(v).ok()),
            text: self.text(Key::Text),
        };
        if sighting.observer.is_none() && sighting.measurement.is_none() && sighting.text.is_none() {
            return Err(Refusal::Empty("a sighting needs a place, a direction, an observer's place or words"));
        }
        Ok(sighting)
    }

    fn status(&self) -> Result<SensorStatus, Refusal> {
        let scan = self.whole(Key::Scan);
        let scan_plots = self.whole(Key::ScanPlots).and_then(|v| u32::try_from(v).ok());
        if scan.is_some() && scan_plots.is_none() {
            return Err(Refusal::Missing(Key::ScanPlots));
        }
        Ok(SensorStatus {
            sensor: self.sensor(),
            measured_at: self.time(Key::Time),
            health: self.word(Key::Health).and_then(|i| HEALTHS.get(i)).copied(),
            place: self.place(Key::LatitudeDeg, Key::LongitudeDeg)?,
            heights: self.heights(),
            scan,
            scan_plots,
            text: self.text(Key::Text),
        })
    }

    /// The report that a message of this kind is.
    pub(super) fn report(&self, message: Message) -> Result<Report, Refusal> {
        let plot = |measurement: Result<Measurement, Refusal>| Ok(Report::Plot(self.plot(measurement?)?));
        match message {
            Message::Position => plot(self.position()),
            Message::RangeAzimuth => plot(self.range_azimuth()),
            Message::Bearing => plot(self.bearing()),
            Message::RangeDifference => plot(self.range_difference()),
            Message::Presence => plot(Ok(Measurement::Presence)),
            Message::Track => {
                let object = self.text(Key::Object).ok_or(Refusal::Missing(Key::Object))?;
                let ended = matches!(self.get(Key::Ended), Some(Value::Flag(true)));
                let measurement = match self.any_measurement()? {
                    Some(measurement) => measurement,
                    // The end of a track needs no place.
                    None if ended => Measurement::Presence,
                    None => return Err(Refusal::Empty("a track needs a position, a range and azimuth, or an azimuth")),
                };
                let plot = self.plot(measurement)?;
                let vertical_speed_mps = self.number(Key::VerticalSpeedMps);
                Ok(Report::SensorTrack(SensorTrack { object, plot, vertical_speed_mps, ended }))
            }
            Message::Claim => Ok(Report::Claim(Box::new(self.claim()?))),
            Message::Sighting => Ok(Report::Sighting(self.sighting()?)),
            Message::Status => Ok(Report::SensorStatus(self.status()?)),
        }
    }
}
