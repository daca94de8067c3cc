//! What is to be told, in its order: nothing before what it speaks of is on the disk.
//!
//! Reading and tracking go on while the disk works. What they say meanwhile waits here: an event of class A until the disk
//! has it, whatever comes after it until that has been told. A snapshot shows alerts, an answer confirms a command: they
//! stand in the same order.

use lapwing_model::{Event, Position, Snapshot};
use lapwing_server::CommandAnswer;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Tellings that may wait for the disk; above it the run loop waits too.
const WAITING_MAX: usize = 65_536;

/// Something to be told.
pub(crate) enum Telling {
    /// To outputs, log and console.
    Event(Arc<Event>),
    /// To the readers of the server.
    Snapshot(Box<Snapshot>),
    /// To whoever gave a command; without a position it is not on record.
    Answer { position: Option<Position>, answer: oneshot::Sender<CommandAnswer> },
}

/// How the journal stands with the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Everything of class A before this position is on the disk.
    OnDisk(Position),
    /// Class A waits in memory for a disk that fails. The watch goes on: what is to be told is told.
    Failed,
}

impl Standing {
    /// No entry of class A waits.
    pub(crate) const SETTLED: Self = Self::OnDisk(Position(u64::MAX));
}

/// What waits to be told.
#[derive(Default)]
pub(crate) struct Tellings {
    waiting: VecDeque<(Position, Telling)>,
    /// What is added now waits until everything before this is on the disk.
    until: Position,
    snapshots: usize,
    answers: usize,
}

impl Tellings {
    /// What is added from now on speaks of the class A entry at `position`, or comes after it.
    pub(crate) fn vital(&mut self, position: Position) {
        self.until = self.until.max(Position(position.0.saturating_add(1)));
    }

    /// Adds something at the end.
    pub(crate) fn add(&mut self, telling: Telling) {
        match telling {
            Telling::Snapshot(_) => self.snapshots += 1,
            Telling::Answer { .. } => self.answers += 1,
            Telling::Event(_) => {}
        }
        self.waiting.push_back((self.until, telling));
    }

    /// The next that may be told.
    pub(crate) fn next(&mut self, standing: Standing) -> Option<Telling> {
        let may = |until: Position| match standing {
            Standing::OnDisk(before) => until <= before,
            Standing::Failed => true,
        };
        let (_, telling) = self.waiting.pop_front_if(|(until, _)| may(*until))?;
        match telling {
            Telling::Snapshot(_) => self.snapshots -= 1,
            Telling::Answer { .. } => self.answers -= 1,
            Telling::Event(_) => {}
        }
        Some(telling)
    }

    /// Whether a snapshot waits: another would only be one more to keep.
    pub(crate) fn has_snapshot(&self) -> bool {
        self.snapshots > 0
    }

    /// Whether somebody waits for an answer: commands that come now are taken together when that has been given.
    pub(crate) fn has_answer(&self) -> bool {
        self.answers > 0
    }

    /// Whether so much waits that nothing may be added before the disk has caught up.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::{Standing, Telling, Tellings};
    use lapwing_model::{Event, EventBody, Link, Position};
    use std::sync::Arc;

    fn event(sequence: u64) -> Telling {
        let input = lapwing_model::InputId::new("radar").unwrap();
        let body = EventBody::InputChanged { input, link: Link::Up };
        Telling::Event(Arc::new(Event { sequence, at: lapwing_model::Time::MIN, cause: None, body }))
    }

    fn told(tellings: &mut Tellings, standing: Standing) -> Vec<u64> {
        let next = std::iter::from_fn(|| tellings.next(standing));
        next.map(|t| if let Telling::Event(event) = t { event.sequence } else { u64::MAX }).collect()
    }

    #[test]
    fn what_comes_after_a_vital_one_waits_with_it_and_nothing_overtakes() {
        let mut tellings = Tellings::default();
        tellings.add(event(0));
        tellings.vital(Position(7));
        tellings.add(event(1));
        tellings.add(event(2));
        tellings.vital(Position(9));
        tellings.add(event(3));
        assert_eq!(told(&mut tellings, Standing::OnDisk(Position(7))), [0], "entry 7 itself is not on the disk");
        assert_eq!(told(&mut tellings, Standing::OnDisk(Position(9))), [1, 2]);
        tellings.add(event(4));
        assert_eq!(told(&mut tellings, Standing::OnDisk(Position(9))), Vec::<u64>::new());
        assert_eq!(told(&mut tellings, Standing::SETTLED), [3, 4]);
        tellings.add(event(5));
        assert_eq!(told(&mut tellings, Standing::OnDisk(Position(10))), [5], "nothing vital waits any more");
    }

    #[test]
    fn a_disk_that_fails_silences_nobody() {
        let mut tellings = Tellings::default();
        tellings.vital(Position(1));
        tellings.add(event(0));
        assert_eq!(told(&mut tellings, Standing::OnDisk(Position(0))), Vec::<u64>::new());
        assert_eq!(told(&mut tellings, Standing::Failed), [0]);
    }
}
