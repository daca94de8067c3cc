//! What a reader may see of a person: the one place that decides it.

use lapwing_model::{ClaimedOperator, Event, EventBody, Snapshot, Track};
use std::borrow::Cow;

/// What a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything, operators' places and ids too.
    Operator,
    /// Everything but what belongs to a person.
    Viewer,
}

/// What is left of an operator for a role: where the place came from is no secret, the place and the id are.
pub(crate) fn operator(role: Role, operator: &ClaimedOperator) -> Cow<'_, ClaimedOperator> {
    match role {
        Role::Operator => Cow::Borrowed(operator),
        Role::Viewer => Cow::Owned(ClaimedOperator {
            place: None,
            height_ellipsoid_m: None,
            place_source: operator.place_source.clone(),
            id: None,
        }),
    }
}

/// Hides what a role may not see of an operator.
pub(crate) fn hide(role: Role, slot: &mut Option<ClaimedOperator>) {
    if let Some(known) = slot {
        let left = operator(role, known).into_owned();
        *slot = Some(left);
    }
}

/// A track for a role.
pub(crate) fn track(role: Role, track: &Track) -> Cow<'_, Track> {
    match role {
        Role::Operator => Cow::Borrowed(track),
        Role::Viewer => {
            let mut track = track.clone();
            hide(role, &mut track.operator);
            Cow::Owned(track)
        }
    }
}

/// A snapshot for a role.
pub(crate) fn snapshot(role: Role, snapshot: &Snapshot) -> Cow<'_, Snapshot> {
    match role {
        Role::Operator => Cow::Borrowed(snapshot),
        Role::Viewer => {
            let mut snapshot = snapshot.clone();
            for track in &mut snapshot.tracks {
                hide(role, &mut track.operator);
            }
            Cow::Owned(snapshot)
        }
    }
}

/// An event for a role.
pub(crate) fn event(role: Role, event: &Event) -> Cow<'_, Event> {
    if role == Role::Operator {
        return Cow::Borrowed(event);
    }
    let mut event = event.clone();
    // Named one by one: a new kind of event has to say here whether it holds something personal.
    match &mut event.body {
        EventBody::TrackBegan { track } | EventBody::TrackUpdated { track } => hide(role, &mut track.operator),
        EventBody::ClaimWithoutPlace { claim } => hide(role, &mut claim.operator),
        EventBody::TrackEnded { .. }
        | EventBody::TracksJoined { .. }
        | EventBody::TrackSplit { .. }
        | EventBody::AlertChanged { .. }
        | EventBody::SensorChanged { .. }
        | EventBody::InputChanged { .. }
        | EventBody::Faulted { .. } => {}
    }
    Cow::Owned(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use lapwing_model::{Claim, Protocol, Time};

    fn shows_person(value: impl serde::Serialize) -> bool {
        let text = serde_json::to_string(&value).unwrap();
        text.contains("CHE-OPERATOR-1") || text.contains("8.222") || text.contains("481.0")
    }

    fn event_of(body: EventBody) -> Event {
        Event { sequence: 0, at: Time::default(), cause: None, body }
    }

    #[test]
    fn a_viewer_sees_nothing_of_the_operator_anywhere() {
        let person = testing::track(1);
        let mut claim = Claim::new(Protocol::RemoteId);
        claim.operator.clone_from(&person.operator);
        let events = [
            event_of(EventBody::TrackBegan { track: Box::new(person.clone()) }),
            event_of(EventBody::TrackUpdated { track: Box::new(person.clone()) }),
            event_of(EventBody::ClaimWithoutPlace { claim: Box::new(claim) }),
        ];
        let picture = testing::snapshot(10, vec![person.clone()], vec![]);
        for (role, seen) in [(Role::Operator, true), (Role::Viewer, false)] {
            assert_eq!(shows_person(track(role, &person)), seen);
            assert_eq!(shows_person(snapshot(role, &picture)), seen);
            for e in &events {
                assert_eq!(shows_person(event(role, e)), seen, "{role:?} {e:?}");
            }
        }
        let masked = track(Role::Viewer, &person).into_owned();
        assert_eq!(masked.operator.unwrap().place_source, person.operator.unwrap().place_source, "that is no secret");
    }
}
