//! The key of a journal's directory, and its change.
//!
//! A change of keys is four steps: the next secret is made beside the one there is; the record says that it comes, in a segment
//! signed with the old key; its public half is put beside those there are; it takes the place of the old secret. A server that
//! dies between two of them leaves the next secret behind. The next start asks the record: if it says so under the old key's
//! signature, the change is completed, else the next secret is thrown away. If it says so and no signature covers that yet, it
//! is said again first: a stranger who trusts the old key must find the new one by it.

use crate::audit::Audit;
use crate::entry::Entry;
use crate::evidence::key;
use crate::evidence::note::{Signer, Verifier};
use crate::segments;
use crate::verify::{self, Told, told_of_key};
use crate::write::Journal;
use lapwing_model::Time;
use std::io;
use std::path::Path;

impl Journal {
    /// [`Journal::sign_with`] the key of a data directory, which is made when there is none. A change of keys that was
    /// interrupted is completed or undone first. The journal is this directory's: its lock is what keeps two from changing
    /// the key at a time.
    pub fn sign_with_key_of(&mut self, directory: &Path, now: Time) -> io::Result<()> {
        let old = key::open(directory)?;
        if let Some(next) = key::next(directory)? {
            match self.told_of(&old.verifier(), &next.verifier())? {
                Told::Nothing => key::discard(directory)?,
                Told::Signed => key::adopt(directory, &next)?,
                Told::Unsigned => {
                    self.sign_after(old, &key::verifiers(directory)?)?;
                    self.say_key_changes(directory, &next, now)?;
                    key::adopt(directory, &next)?;
                }
            }
        }
        self.sign_after(key::open(directory)?, &key::verifiers(directory)?)
    }

    /// Changes the key of a data directory. What is appended after that is signed with the new one.
    pub fn change_key(&mut self, directory: &Path, now: Time) -> io::Result<Verifier> {
        self.sign_with_key_of(directory, now)?;
        let next = key::prepare(directory)?;
        self.say_key_changes(directory, &next, now)?;
        key::adopt(directory, &next)?;
        let verifier = next.verifier();
        self.sign_after(next, &key::verifiers(directory)?)?;
        Ok(verifier)
    }

    /// Says in the record that the key changes, under the old one, which signs now, and sees that it is there.
    fn say_key_changes(&mut self, directory: &Path, next: &Signer, now: Time) -> io::Result<()> {
        let old = key::open(directory)?;
        let note = key::rotation(&old, next);
        let (was, is) = (old.verifier(), next.verifier());
        self.append(now, &Entry::Audit(Audit::KeyChanged { note }))?;
        // What fails is written to a segment of its own, once more.
        for _ in 0..2 {
            if let Err(error) = self.end_segment() {
                self.recover(error)?;
            }
        }
        self.sync()?;
        match self.told_of(&was, &is)? {
            Told::Signed => Ok(()),
            _ => Err(io::Error::other("the record does not hold the change of keys; the old key stays")),
        }
    }

    /// What the record says of a change of keys. It is said by whoever has the journal last: what is before that start of
    /// the server is not looked at.
    fn told_of(&self, old: &Verifier, next: &Verifier) -> io::Result<Told> {
        let mut told = Told::Nothing;
        for (_, name) in segments(&*self.storage)?.iter().rev() {
            let file = self.storage.read(name)?;
            let length = file.length()?;
            if length > verify::SEGMENT_BYTES_MAX {
                break;
            }
            let (here, begins) = told_of_key(&file.read_at(0, length)?, old, next);
            told = told.max(here);
            if told == Told::Signed || begins {
                break;
            }
        }
        Ok(told)
    }
}
