//! Evidence for and against what an aircraft says of itself, and the status that follows from it.
//!
//! Every piece of evidence has a weight: the natural logarithm of how much likelier it is to be found with a true claim
//! than with a false one, so that weights of independent pieces add up. They are judgements, made once, here, with their
//! reasons; what a guard reads is the list, not the sum.

use crate::picture::Support;
use lapwing_model::{AirText, Evidence, EvidenceKind, Identity, IdentityStatus, Name, NameKind, Time, limits, math};
use std::collections::BTreeMap;

/// A claim is contradicted when the evidence says false at 100 to 1 or more: ln(1/100).
pub(crate) const CONTRADICTED_AT: f64 = -4.6;
/// With evidence of 20 to 1 or more against it, independent sightings do not make a claim corroborated: ln(1/20). A copy
/// of its name elsewhere does not reach that, for what is seen is then the original.
pub(crate) const DOUBTED_AT: f64 = -3.0;

/// Weights.
pub(crate) mod weight {
    /// One name in two places: one of the two is false and nothing in it says which, so it alone must not condemn the
    /// honest one.
    pub(crate) const ONE_NAME_TWO_PLACES: f64 = -1.2;
    /// An impossible jump between two places of one name: the same doubt from the other side (the positions follow
    /// upon each other too fast), noted on both; with the one above still short of [`super::CONTRADICTED_AT`].
    pub(crate) const JUMP_BETWEEN: f64 = -1.2;
    /// New positions under one and the same time stamp: the time stamp of a position is part of it, so an honest
    /// transmitter cannot do this.
    pub(crate) const FROZEN_MOVING: f64 = -4.0;
    /// The same with a time stamp of exactly zero: some home-made transmitters never set it.
    pub(crate) const FROZEN_UNSET: f64 = -1.0;
    /// The same position under the same time stamp for long: a receiver without satellites does that.
    pub(crate) const FROZEN_RESTING: f64 = -0.5;
    /// A time stamp that is wrong: somebody's clock is, perhaps the receiver's.
    pub(crate) const WRONG_TIMESTAMP: f64 = -0.7;
    /// Beyond the range of most control links, which long-range operations do exceed.
    pub(crate) const OPERATOR_FAR: f64 = -1.0;
    /// Beyond the range of every consumer control link.
    pub(crate) const OPERATOR_VERY_FAR: f64 = -2.0;
    /// Claimed speed and claimed positions disagree again and again.
    pub(crate) const INCONSISTENT_MOTION: f64 = -2.0;
    /// Sensors that measure heights see it at another one, or slant ranges deny the one it says: beyond every error of both, again and
    /// again.
    pub(crate) const HEIGHT_CONTRADICTED: f64 = -2.5;
    /// Several aircraft by one radio address: a relay, or chance, or a copy.
    pub(crate) const SHARED_TRANSMITTER: f64 = -0.3;
    /// Many sound products break the rules for serial numbers.
    pub(crate) const MALFORMED_NAME: f64 = -0.3;
    /// Authentication pages that contradict each other.
    pub(crate) const BAD_AUTHENTICATION: f64 = -0.5;
    /// A claim jumped away from where other sensors see the aircraft: a glitch of its receiver, or a lie that began.
    pub(crate) const SEEN_ELSEWHERE: f64 = -2.5;
    /// What transmits its name was measured elsewhere than it says it is, beyond every error of both, again and again: no glitch lasts
    /// that long. Where what was measured is an impostor's radio, what goes by that name is not to be believed either.
    pub(crate) const MEASURED_ELSEWHERE: f64 = -5.0;
    /// Independent measurements agree with the claimed place again and again.
    pub(crate) const SEEN_INDEPENDENTLY: f64 = 3.0;
    /// A name on the list can be copied from the air by anybody.
    pub(crate) const ON_LIST: f64 = 0.5;
    /// A flight outside its authorisation says nothing of whether its claim is true.
    pub(crate) const OUTSIDE_LIST: f64 = -0.1;
    /// The most that not being seen can weigh: looks share terrain, clutter and the radar's own faults.
    pub(crate) const NOT_SEEN_MOST: f64 = -6.0;
}

/// A bounded set of evidence: one piece of each kind.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct EvidenceSet(BTreeMap<EvidenceKind, Evidence>);

impl EvidenceSet {
    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes a finding: a new kind, or once more. The heaviest finding of a kind stands, with its words.
    pub(crate) fn note(&mut self, kind: EvidenceKind, weight: f64, at: Time, detail: impl FnOnce() -> String) {
        match self.0.get_mut(&kind) {
            Some(e) => {
                e.last_at = e.last_at.max(at);
                e.count += 1;
                if weight.abs() > e.weight.abs() {
                    e.weight = weight;
                    e.detail = AirText::new(&detail());
                }
            }
            None => {
                let detail = AirText::new(&detail());
                self.0.insert(kind, Evidence { kind, weight, detail, first_at: at, last_at: at, count: 1 });
            }
        }
    }

    /// Takes a finding back.
    pub(crate) fn withdraw(&mut self, kind: EvidenceKind) -> bool {
        self.0.remove(&kind).is_some()
    }

    pub(crate) fn has(&self, kind: EvidenceKind) -> bool {
        self.0.contains_key(&kind)
    }

    /// When a kind was last found.
    pub(crate) fn last_at(&self, kind: EvidenceKind) -> Option<Time> {
        self.found(kind).map(|(last_at, _)| last_at)
    }

    /// When a kind was last found, and how often.
    pub(crate) fn found(&self, kind: EvidenceKind) -> Option<(Time, u64)> {
        self.0.get(&kind).map(|e| (e.last_at, e.count))
    }

    /// Adds another set's findings to these.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for theirs in other.0.values() {
            match self.0.get_mut(&theirs.kind) {
                Some(mine) => {
                    let (first_at, last_at) = (mine.first_at.min(theirs.first_at), mine.last_at.max(theirs.last_at));
                    let count = mine.count.max(theirs.count);
                    if theirs.weight.abs() > mine.weight.abs() {
                        mine.clone_from(theirs);
                    }
                    (mine.first_at, mine.last_at, mine.count) = (first_at, last_at, count);
                }
                None => {
                    self.0.insert(theirs.kind, theirs.clone());
                }
            }
        }
    }

    /// The sum of what speaks for and against the claim's truth; being on a list does neither.
    fn total(&self, only_against: bool) -> f64 {
        use EvidenceKind::{OnAuthorisedList, OutsideAuthorisation};
        self.0
            .values()
            .filter(|e| !matches!(e.kind, OnAuthorisedList | OutsideAuthorisation))
            .map(|e| if only_against { e.weight.min(0.0) } else { e.weight })
            .sum()
    }

    /// The identity that follows: status, names, evidence strongest first. `support` is what independent sensors and the
    /// list say of its voices now.
    pub(crate) fn conclude(&self, names: Vec<Name>, speaks: bool, support: Support) -> Identity {
        let status = if !speaks {
            IdentityStatus::Unidentified
        } else if self.total(false) <= CONTRADICTED_AT {
            IdentityStatus::Contradicted
        } else if names.is_empty() {
            IdentityStatus::Unidentified
        } else if support.agrees && self.total(true) > DOUBTED_AT {
            if support.authorised { IdentityStatus::Authorised } else { IdentityStatus::Corroborated }
        } else {
            IdentityStatus::Claimed
        };
        let mut evidence: Vec<Evidence> = self.0.values().cloned().collect();
        // Stable, so that equal weights stay in the order of their kinds.
        evidence.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
        evidence.truncate(limits::EVIDENCE_PER_TRACK_MAX);
        Identity { status, names, evidence }
    }
}

/// The weight of `looks` completed looks of a sensor that detects with `probability` and did not see what a claim says
/// is there: (1 - pd)^looks likelier under a true claim than under a false one. The probability is taken as at most 0.9:
/// a small drone behind a tree is not seen however good the radar.
pub(crate) fn not_seen_weight(probability: f64, looks: u32) -> f64 {
    let miss = if probability.is_finite() { 1.0 - probability.clamp(0.0, 0.9) } else { 1.0 };
    (f64::from(looks) * math::log(miss)).max(weight::NOT_SEEN_MOST)
}

/// Whether a name belongs to one aircraft only, so that two aircraft cannot both have it.
pub(crate) fn is_unique(kind: NameKind) -> bool {
    !matches!(kind, NameKind::Callsign | NameKind::SensorObject)
}

/// Whether a serial number has the form of ANSI/CTA-2063-A: four characters of manufacturer, one of length (1 to 9,
/// A to F for 10 to 15), and that many more; digits and capitals without O and I.
pub(crate) fn serial_is_well_formed(serial: &str) -> bool {
    let bytes = serial.as_bytes();
    let alphabet = |b: &u8| b.is_ascii_digit() || (b.is_ascii_uppercase() && !matches!(b, b'O' | b'I'));
    let length = match bytes.get(4) {
        Some(b @ b'1'..=b'9') => usize::from(b - b'0'),
        Some(b @ b'A'..=b'F') => usize::from(b - b'A') + 10,
        _ => return false,
    };
    bytes.len() == 5 + length && bytes.iter().all(alphabet)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Support = Support { agrees: false, authorised: false };

    fn named() -> Vec<Name> {
        vec![Name { kind: NameKind::Serial, value: "1588E040445AC004418".into() }]
    }

    #[test]
    fn what_concerns_both_condemns_neither() {
        let mut set = EvidenceSet::default();
        let at = Time::from_seconds(0);
        set.note(EvidenceKind::OneNameTwoPlaces, weight::ONE_NAME_TWO_PLACES, at, String::new);
        set.note(EvidenceKind::ImpossibleSpeed, weight::JUMP_BETWEEN, at, String::new);
        set.note(EvidenceKind::SharedTransmitter, weight::SHARED_TRANSMITTER, at, String::new);
        assert_eq!(set.conclude(named(), true, NOTHING).status, IdentityStatus::Claimed);
        // Nor does adding what an honest but unlucky flight may collect: a receiver's wrong clock, a poor serial.
        set.note(EvidenceKind::WrongTimestamp, weight::WRONG_TIMESTAMP, at, String::new);
        set.note(EvidenceKind::MalformedName, weight::MALFORMED_NAME, at, String::new);
        set.note(EvidenceKind::FrozenTimestamp, weight::FROZEN_RESTING, at, String::new);
        assert_eq!(set.conclude(named(), true, NOTHING).status, IdentityStatus::Claimed);
        set.note(EvidenceKind::FrozenTimestamp, weight::FROZEN_MOVING, at, String::new);
        assert_eq!(set.conclude(named(), true, NOTHING).status, IdentityStatus::Contradicted);
    }

    #[test]
    fn a_name_on_the_list_alone_authorises_nothing() {
        let mut set = EvidenceSet::default();
        set.note(EvidenceKind::OnAuthorisedList, weight::ON_LIST, Time::from_seconds(0), String::new);
        assert_eq!(set.conclude(named(), true, NOTHING).status, IdentityStatus::Claimed);
        let seen = Support { agrees: true, authorised: false };
        assert_eq!(set.conclude(named(), true, seen).status, IdentityStatus::Corroborated);
        assert_eq!(
            set.conclude(named(), true, Support { agrees: true, authorised: true }).status,
            IdentityStatus::Authorised
        );
        assert_eq!(
            set.conclude(Vec::new(), false, Support { agrees: true, authorised: false }).status,
            IdentityStatus::Unidentified
        );
    }

    #[test]
    fn serials_follow_the_standard() {
        for good in ["1588E040445AC004418", "MFG1A0123456789", "1787F04BM24010011195"] {
            assert!(serial_is_well_formed(good), "{good}");
        }
        for bad in ["", "1588", "1588E04", "1588EO40445AC004418", "1588G040445AC004418", "1588e040445ac004418"] {
            assert!(!serial_is_well_formed(bad), "{bad}");
        }
    }

    #[test]
    fn not_being_seen_weighs_by_looks_and_detection_probability() {
        assert!((not_seen_weight(0.5, 8) - 8.0 * libm::log(0.5)).abs() < 1e-12);
        assert_eq!(not_seen_weight(0.99, 100), weight::NOT_SEEN_MOST);
        assert_eq!(not_seen_weight(0.0, 100), 0.0);
        assert_eq!(not_seen_weight(f64::NAN, 3), 0.0);
    }
}
