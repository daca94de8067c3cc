//! When the disk does not do what it is told.
//!
//! Nothing is tried again as if it had not failed. The segment is given up, and every entry that is not known to be on
//! the disk is written again, to a new segment, under its own number. While that is not possible, class A entries wait
//! in memory and class B entries are turned away, counted and with the reason; the picture has them all the same.

use crate::audit::Audit;
use crate::books::Books;
use crate::entry::Entry;
use crate::write::Journal;
use lapwing_model::{Span, Time};
use std::fmt;
use std::io;

/// After a failure no new segment is tried for this long, and longer each time, so that a broken disk does not fill
/// with empty files.
pub(crate) const RETRY_AFTER_MIN: Span = Span::from_seconds(1);
const RETRY_AFTER_MAX: Span = Span::from_seconds(32);

/// Why class B entries are turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// There is no room. What the reserve gave is for class A.
    DiskFull,
    /// Writing or syncing failed, and the new segment did too.
    Failed,
}

impl Reason {
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Failed,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DiskFull => "disk-full",
            Self::Failed => "journal-failed",
        }
    }
}

/// What is wrong, since when, and what it has cost.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) reason: Reason,
    pub(crate) why: String,
    pub(crate) retry_at: Time,
    /// Class B entries not recorded, and the time of the first.
    turned_away: u64,
    since: Time,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.as_str(), self.why)
    }
}

impl Trouble {
    pub(crate) fn new(reason: Reason, why: String, now: Time) -> Self {
        Self { reason, why, retry_at: now, turned_away: 0, since: now }
    }

    /// Counts a class B entry that is not recorded, and says why.
    pub(crate) fn turn_away(&mut self, at: Time, books: &mut Books) -> io::Error {
        self.count(at, books);
        let kind = if self.reason == Reason::DiskFull { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
        io::Error::new(kind, self.to_string())
    }

    fn count(&mut self, at: Time, books: &mut Books) {
        if self.turned_away == 0 {
            self.since = at;
        }
        self.turned_away += 1;
        match self.reason {
            Reason::DiskFull => books.shed_disk_full += 1,
            Reason::Failed => books.shed_failed += 1,
        }
    }
}

impl Journal {
    /// Lets time pass: tries again what failed, sees whether there is room, ends a segment whose time has come. To be
    /// called about once a second.
    pub fn maintain(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.retry();
        if self.trouble.is_none() && !self.reserve.is_there() {
            self.take_reserve();
        }
        let ripe = |s: &crate::segment::Segment| self.now.since(s.began_at()) >= self.options.segment_time_max;
        if self.segment.as_ref().is_some_and(ripe)
            && let Err(error) = self.end_segment()
        {
            let _ = self.recover(error);
        }
        self.tell();
    }

    /// After a failure: gives the segment up and writes what is kept to a new one.
    pub(crate) fn recover(&mut self, error: io::Error) -> io::Result<()> {
        let mut error = error;
        let given_up = self.segment.as_ref().map(|s| s.name().to_owned());
        self.give_up(&error);
        // Twice: the first attempt may find the disk full, and the second has the reserve.
        for _ in 0..2 {
            if Reason::of(&error) == Reason::DiskFull {
                self.make_room();
            }
            match self.write_again() {
                Ok(()) => {
                    if let Some(segment) = given_up {
                        let again = self.kept.len();
                        self.note(Audit::GivenUp { segment, why: error.to_string(), again });
                    }
                    self.over(Reason::Failed);
                    return Ok(());
                }
                Err(next) => {
                    self.give_up(&next);
                    error = next;
                }
            }
        }
        self.wait();
        Err(error)
    }

    /// Gives up for now: a new segment failed as the one before it.
    pub(crate) fn stop(&mut self, error: &io::Error) {
        self.give_up(error);
        self.wait();
    }

    fn wait(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.retry_at = self.now + self.retry_after;
            self.retry_after = Span::from_nanos(self.retry_after.as_nanos() * 2).min(RETRY_AFTER_MAX);
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        let reason = Reason::of(error);
        self.books.failures += 1;
        self.books.last_failure = Some(error.to_string());
        match &mut self.trouble {
            Some(trouble) if trouble.reason == reason => trouble.why = error.to_string(),
            // A full disk that fails too is a full disk: room has to be waited for either way.
            Some(trouble) if trouble.reason == Reason::DiskFull => {}
            Some(trouble) => {
                trouble.reason = reason;
                trouble.why = error.to_string();
            }
            None => self.trouble = Some(Trouble::new(reason, error.to_string(), self.now)),
        }
        if let Some(segment) = self.segment.take() {
            self.books.segments_given_up += 1;
            segment.give_up(&*self.storage);
        }
    }

    /// Class A gets the reserve, and what class B has in memory makes room.
    fn make_room(&mut self) {
        self.reserve.release(&*self.storage);
        let shed = self.kept.shed();
        if let Some(trouble) = &mut self.trouble {
            for at in shed {
                trouble.count(at, &mut self.books);
            }
        }
    }

    /// Tries again when the time has come.
    pub(crate) fn retry(&mut self) {
        let Some(trouble) = &self.trouble else { return };
        if self.now < trouble.retry_at {
            return;
        }
        let reason = trouble.reason;
        if self.segment.is_none()
            && !self.kept.is_empty()
            && let Err(error) = self.write_again()
        {
            let _ = self.recover(error);
            return;
        }
        match reason {
            Reason::Failed => self.over(Reason::Failed),
            Reason::DiskFull => self.look_for_room(),
        }
    }

    /// Ends a full disk's regime once there is twice the reserve and the reserve has been taken.
    fn look_for_room(&mut self) {
        let wanted = self.options.reserve_bytes.saturating_mul(2).max(1 << 20);
        let free = self.storage.free_bytes().unwrap_or(0);
        if free >= wanted {
            self.trouble_over();
            self.take_reserve();
        }
        if let Some(trouble) = &mut self.trouble {
            trouble.retry_at = self.now + RETRY_AFTER_MIN;
        }
    }

    fn take_reserve(&mut self) {
        if let Err(error) = self.reserve.take(&*self.storage)
            && self.trouble.is_none()
        {
            let why = format!("no room for the reserve: {error}");
            self.books.failures += 1;
            self.books.last_failure = Some(why.clone());
            let mut trouble = Trouble::new(Reason::of(&error), why, self.now);
            trouble.retry_at = self.now + RETRY_AFTER_MIN;
            self.trouble = Some(trouble);
        }
    }

    fn over(&mut self, reason: Reason) {
        if self.trouble.as_ref().is_some_and(|t| t.reason == reason) {
            self.trouble_over();
        }
    }

    fn trouble_over(&mut self) {
        let Some(trouble) = self.trouble.take() else { return };
        if trouble.turned_away > 0 {
            let (entries, since, until) = (trouble.turned_away, trouble.since, self.now);
            let reason = trouble.reason.as_str().to_owned();
            self.note(Audit::NotRecorded { entries, since, until, reason });
        }
    }

    fn note(&mut self, audit: Audit) {
        // A disk that fails every second must not fill the memory with the story of it.
        if self.untold.len() < 64 {
            self.untold.push(audit);
        }
    }

    /// Writes down what happened to the record.
    fn tell(&mut self) {
        if self.trouble.is_some() {
            return;
        }
        for audit in std::mem::take(&mut self.untold) {
            let _ = self.append(self.now, &Entry::Audit(audit));
        }
    }
}
