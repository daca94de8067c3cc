//! `[[zone]]`, `[[rule]]` and `[[authorised]]`.

use super::Reader;
use super::tables::{AuthorisedTable, HeightTable, RuleTable, ZoneTable};
use lapwing_model::{
    AirText, AuthorisedFlight, Name, NameKind, Rule, Shape, Span, Zone, ZoneHeight, ZoneId, ZoneKind, limits,
};
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;

impl Reader<'_> {
    pub(super) fn zones(&mut self) -> Vec<Zone> {
        let mut zones: Vec<Zone> = Vec::new();
        for value in self.many("zone") {
            let span = value.span();
            let Some(table) = self.typed::<ZoneTable>(value) else { continue };
            let found = match &table.file {
                Some(file) => self.zone_file(file),
                None => self.zone_circle(&span, &table).into_iter().collect(),
            };
            for zone in found {
                if let Some(why) = inverted(&zone) {
                    self.problems.push(
                        span.clone(),
                        format!("zone `{}`: {why}", zone.id),
                        "expected the floor below the ceiling",
                        None,
                    );
                }
                if zones.iter().any(|z| z.id == zone.id) {
                    self.problems.push(
                        span.clone(),
                        format!("zone `{}` is there twice", zone.id),
                        "expected an id of its own",
                        None,
                    );
                } else if zones.len() == limits::ZONES_MAX {
                    self.problems.push(
                        span.clone(),
                        "too many zones",
                        format!("at most {} are taken", limits::ZONES_MAX),
                        None,
                    );
                    return zones;
                } else {
                    zones.push(zone);
                }
            }
        }
        zones
    }

    fn zone_file(&mut self, file: &Spanned<String>) -> Vec<Zone> {
        let path = self.folder.join(file.get_ref());
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("zone").to_owned();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) => {
                self.problems.push(
                    file.span(),
                    format!("`zone.file`: cannot read {}: {e}", path.display()),
                    "expected a GeoJSON file, relative to this one",
                    None,
                );
                return Vec::new();
            }
        };
        match crate::zones::from_geojson(&stem, &text) {
            Ok(zones) => zones,
            Err(errors) => {
                for error in errors {
                    self.problems.push(file.span(), format!("{}: {error}", path.display()), "named here", None);
                }
                Vec::new()
            }
        }
    }

    fn zone_circle(&mut self, span: &Range<usize>, table: &ZoneTable) -> Option<Zone> {
        let (Some(id), Some(radius)) = (&table.id, &table.radius_m) else {
            self.problems.push(
                span.clone(),
                "a `[[zone]]` is a file or a circle",
                "expected `file`, or `id`, `latitude_deg`, `longitude_deg` and `radius_m`",
                None,
            );
            return None;
        };
        let Some(centre) = self.place(span, table.latitude_deg.as_ref(), table.longitude_deg.as_ref()) else {
            if table.latitude_deg.is_none() && table.longitude_deg.is_none() {
                self.problems.push(
                    id.span(),
                    "`zone.latitude_deg` and `zone.longitude_deg` are missing",
                    "a circle needs its centre",
                    None,
                );
            }
            return None;
        };
        let id = self.id(id, "zone", ZoneId::new)?;
        let radius_m = self.radius(radius, "zone.radius_m")?;
        let height = |h: &HeightTable| ZoneHeight { value_m: h.value_m, datum: h.datum };
        Some(Zone {
            name: AirText::new(table.name.as_deref().unwrap_or(id.as_str())),
            id,
            kind: table.kind.unwrap_or(ZoneKind::Protected),
            shape: Shape::Circle { centre, radius_m },
            floor: table.floor.as_ref().map(height),
            ceiling: table.ceiling.as_ref().map(height),
            times: Vec::new(),
        })
    }

    fn radius(&mut self, radius: &Spanned<f64>, key: &str) -> Option<f64> {
        let radius_m = *radius.get_ref();
        if radius_m > 0.0 && radius_m <= 1_000_000.0 {
            return Some(radius_m);
        }
        self.problems.push(
            radius.span(),
            format!("`{key}`: {radius_m}"),
            "expected more than 0 and at most 1000000 metres",
            None,
        );
        None
    }

    pub(super) fn rules(&mut self, zones: &[Zone]) -> Vec<Rule> {
        let values = self.many("rule");
        if values.is_empty() {
            return Rule::defaults();
        }
        let mut rules = Vec::new();
        for value in values {
            let Some(table) = self.typed::<RuleTable>(value) else { continue };
            let watched: BTreeSet<String> = table
                .zones
                .iter()
                .filter_map(|z| self.known(z, "rule.zones", zones.iter().map(|z| z.id.as_str())))
                .collect();
            let lead_s = *table.lead_s.get_ref();
            if !(0.0..=3600.0).contains(&lead_s) {
                self.problems.push(
                    table.lead_s.span(),
                    format!("`rule.lead_s`: {lead_s}"),
                    "expected 0 to 3600 seconds",
                    None,
                );
                continue;
            }
            let probability_min = *table.probability_min.get_ref();
            if !(0.0..=1.0).contains(&probability_min) {
                self.problems.push(
                    table.probability_min.span(),
                    format!("`rule.probability_min`: {probability_min}"),
                    "expected 0 to 1",
                    None,
                );
                continue;
            }
            rules.push(Rule {
                name: AirText::new(&table.name),
                zones: watched.iter().filter_map(|z| ZoneId::new(z).ok()).collect(),
                zone_kinds: table.zone_kinds,
                except: table.except,
                except_classes: table.except_classes,
                lead: Span::from_seconds_f64(lead_s),
                probability_min,
            });
        }
        rules
    }

    pub(super) fn authorised(&mut self) -> Vec<AuthorisedFlight> {
        let mut flights = Vec::new();
        for value in self.many("authorised") {
            let span = value.span();
            let Some(table) = self.typed::<AuthorisedTable>(value) else { continue };
            let icao = table.icao_address.as_ref().and_then(|hex| {
                let ok = hex.get_ref().len() == 6 && hex.get_ref().bytes().all(|b| b.is_ascii_hexdigit());
                if !ok {
                    self.problems.push(
                        hex.span(),
                        "`authorised.icao_address` is not an address",
                        "expected six hex digits",
                        None,
                    );
                }
                ok.then(|| hex.get_ref().to_ascii_lowercase())
            });
            let names = [
                (NameKind::Serial, table.serial.clone()),
                (NameKind::IcaoAddress, icao),
                (NameKind::Registration, table.registration.clone()),
            ];
            let mut names = names.into_iter().filter_map(|(kind, n)| n.map(|n| Name { kind, value: AirText::new(&n) }));
            let (Some(name), None) = (names.next(), names.next()) else {
                self.problems.push(
                    span,
                    "an `[[authorised]]` flight has one name",
                    "expected one of `serial`, `icao_address` or `registration`",
                    None,
                );
                continue;
            };
            let centre = self.place(&span, table.latitude_deg.as_ref(), table.longitude_deg.as_ref());
            let area = match (centre, &table.radius_m) {
                (Some(centre), Some(radius)) => {
                    self.radius(radius, "authorised.radius_m").map(|radius_m| Shape::Circle { centre, radius_m })
                }
                (None, None) => None,
                _ => {
                    self.problems.push(
                        span.clone(),
                        "the area of an `[[authorised]]` flight is a circle",
                        "expected `latitude_deg`, `longitude_deg` and `radius_m` together",
                        None,
                    );
                    None
                }
            };
            if let (Some(from), Some(to)) = (table.from, table.to)
                && to <= from
            {
                self.problems.push(
                    span,
                    format!("`authorised.to`: {to} is not after `from`, {from}"),
                    "expected a later time",
                    None,
                );
            }
            flights.push(AuthorisedFlight { name, area, from: table.from, to: table.to });
        }
        flights
    }
}

/// Why a zone's height band holds nothing: such a zone would never warn.
fn inverted(zone: &Zone) -> Option<String> {
    let (floor, ceiling) = (zone.floor?, zone.ceiling?);
    (floor.datum == ceiling.datum && floor.value_m >= ceiling.value_m).then(|| {
        format!(
            "its floor, {} m, is not below its ceiling, {} m: nothing is ever inside",
            floor.value_m, ceiling.value_m
        )
    })
}
