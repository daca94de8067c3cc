//! Tracks, and the whole picture.

use super::{json, json_aside, words};
use crate::app::App;
use crate::mask::{self, Role};
use crate::problem::Problem;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use lapwing_model::{Phase, Place, Snapshot, Time, Track, TrackId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TracksQuery {
    /// Only these phases, comma-separated: `tentative`, `confirmed`, `coasting`, `ended`.
    #[param(example = "confirmed,coasting")]
    phase: Option<String>,
    /// Only inside these bounds in degrees: `west,south,east,north`; west may be greater than east (across 180°).
    #[param(example = "8.4,47.3,8.7,47.5")]
    bbox: Option<String>,
    /// With the past of each track. Left out otherwise: it is most of the answer.
    trail: Option<bool>,
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SnapshotQuery {
    /// With the past of each track. Left out otherwise: it is most of the answer.
    trail: Option<bool>,
}

/// Tracks at one time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TrackList {
    /// The picture's time.
    at: Time,
    /// How many tracks there are, before filtering.
    total: usize,
    /// The tracks asked for, by id.
    tracks: Vec<Track>,
}

/// Bounds in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl Bounds {
    fn parse(text: &str) -> Result<Self, Problem> {
        let wrong = || Problem::bad_request("bbox: expected west,south,east,north in degrees, like 8.4,47.3,8.7,47.5");
        let mut values = text.split(',').map(|v| v.trim().parse::<f64>().ok());
        let mut next = || values.next().flatten().ok_or_else(wrong);
        let bounds = Self { west: next()?, south: next()?, east: next()?, north: next()? };
        let corners = [(bounds.south, bounds.west), (bounds.north, bounds.east)];
        // `Place` refuses what is no place, NaN too.
        let places = corners.iter().all(|(lat, lon)| Place::new(*lat, *lon).is_some());
        if values.next().is_some() || !places || bounds.south > bounds.north {
            return Err(wrong());
        }
        Ok(bounds)
    }

    fn contains(&self, place: Place) -> bool {
        let (lat, lon) = (place.latitude_deg, place.longitude_deg);
        let across = if self.west <= self.east {
            (self.west..=self.east).contains(&lon)
        } else {
            lon >= self.west || lon <= self.east
        };
        (self.south..=self.north).contains(&lat) && across
    }
}

/// Copies a track as a reader may see it.
fn shown(role: Role, track: &Track, trail: bool) -> Track {
    if trail {
        return mask::track(role, track).into_owned();
    }
    // Only the trail is dropped; everything else is shared text and small lists.
    Track { trail: Vec::new(), ..mask::track(role, track).into_owned() }
}

/// Live tracks
#[utoipa::path(
    get, path = "/api/v1/tracks", tag = "picture", params(TracksQuery),
    responses(
        (status = 200, description = "The tracks asked for", body = TrackList),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn tracks(
    State(app): State<Arc<App>>,
    Extension(role): Extension<Role>,
    query: Result<Query<TracksQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|r| Problem::bad_request(r.body_text()))?;
    let phases: Option<Vec<Phase>> = query.phase.map(|text| words("phase", &text)).transpose()?;
    let bounds = query.bbox.map(|text| Bounds::parse(&text)).transpose()?;
    let trail = query.trail.unwrap_or(false);
    let snapshot = app.snapshot();
    let wanted = move |t: &&Track| {
        phases.as_ref().is_none_or(|p| p.contains(&t.phase)) && bounds.is_none_or(|b| b.contains(t.kinematics.place))
    };
    Ok(json_aside(move || TrackList {
        at: snapshot.at,
        total: snapshot.tracks.len(),
        tracks: snapshot.tracks.iter().filter(wanted).map(|t| shown(role, t, trail)).collect(),
    })
    .await)
}

/// One track, with its past
#[utoipa::path(
    get, path = "/api/v1/tracks/{id}", tag = "picture",
    params(("id" = String, Path, description = "Id of the track", example = "T17")),
    responses(
        (status = 200, description = "The track", body = Track),
        (status = 400, description = "Not a track id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such live track", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn track(
    State(app): State<Arc<App>>,
    Extension(role): Extension<Role>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: TrackId = id.parse().map_err(|_| Problem::bad_request("a track id looks like T17"))?;
    let snapshot = app.snapshot();
    let track = snapshot.tracks.iter().find(|t| t.id == id);
    let track = track.ok_or_else(|| Problem::not_found(format!("there is no live track {id}")))?;
    Ok(json(&mask::track(role, track)))
}

/// The whole picture
#[utoipa::path(
    get, path = "/api/v1/snapshot", tag = "picture", params(SnapshotQuery),
    responses(
        (status = 200, description = "The picture at one time", body = Snapshot),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn snapshot(
    State(app): State<Arc<App>>,
    Extension(role): Extension<Role>,
    query: Result<Query<SnapshotQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|r| Problem::bad_request(r.body_text()))?;
    let snapshot = app.snapshot();
    Ok(json_aside(move || {
        let mut shown = mask::snapshot(role, &snapshot).into_owned();
        if !query.trail.unwrap_or(false) {
            shown.tracks.iter_mut().for_each(|t| t.trail = Vec::new());
        }
        shown
    })
    .await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_checked_and_may_cross_180_degrees() {
        let at = |lat, lon| Place::new(lat, lon).unwrap();
        let plain = Bounds::parse("8.4, 47.3,8.7,47.5").unwrap();
        assert!(plain.contains(at(47.4, 8.5)) && !plain.contains(at(47.4, 8.8)) && !plain.contains(at(47.6, 8.5)));
        let across = Bounds::parse("179,-20,-179,-10").unwrap();
        assert!(
            across.contains(at(-15.0, 179.5)) && across.contains(at(-15.0, -179.5)) && !across.contains(at(-15.0, 0.0))
        );
        for bad in ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "0,50,1,40", "NaN,0,1,1", "0,0,0,91", "181,0,1,1"] {
            assert!(Bounds::parse(bad).is_err(), "{bad}");
        }
    }
}
