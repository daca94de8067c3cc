//! A disk that fails as disks do, for tests.
//!
//! It keeps apart what was written and what was synced: of each file's bytes, and of the directory's names. At any time
//! [`SimulatedStorage::image`] gives one of the states a real disk may be found in after the power was cut just then, as
//! SQLite's tests and ALICE do (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014): writes that were not
//! synced are there or not, in any choice, torn between sectors or bytes, with old bytes, zeros or rubbish where the
//! length was written and the data was not; names made, changed or removed without a sync of the directory are old or new.
//! [`SimulatedStorage::killed`] gives what is found after the process alone ended.
//!
//! It can fail the n-th call of any kind, tear a write, fill up, and go dark. A sync that failed leaves its bytes in
//! doubt for ever, however often the file is synced later: that is what Linux does (Rebello et al., USENIX ATC 2020).

mod image;
mod inode;

pub use image::Image;

use super::{ReadAt, Storage, StoredFile};
use inode::{Change, Inode};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// [`Storage::list`].
    List,
    /// [`Storage::create`] and [`Storage::create_sized`].
    Create,
    /// [`Storage::open`] and [`Storage::read`].
    Open,
    /// [`ReadAt::read_at`] and [`ReadAt::length`].
    Read,
    /// [`StoredFile::append`].
    Write,
    /// [`StoredFile::truncate`].
    Truncate,
    /// [`StoredFile::sync`].
    Sync,
    /// [`Storage::sync_directory`].
    SyncDirectory,
    /// [`Storage::rename`].
    Rename,
    /// [`Storage::remove`].
    Remove,
}

impl Call {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::List,
        Self::Create,
        Self::Open,
        Self::Read,
        Self::Write,
        Self::Truncate,
        Self::Sync,
        Self::SyncDirectory,
        Self::Rename,
        Self::Remove,
    ];
}

/// What is to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Of which calls; `None` of all.
    pub of: Option<Call>,
    /// At the how many-th of them, from 0.
    pub at: u64,
    /// How many in a row fail.
    pub count: u64,
    /// With which error. [`io::ErrorKind::StorageFull`] on a write leaves part of it there, and so do all others.
    pub error: io::ErrorKind,
}

/// Numbers that look random: splitmix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.draw().checked_rem(n).unwrap_or(0)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A change of the directory.
#[derive(Debug, Clone)]
struct NameChange {
    name: String,
    /// What the name stands for now; `None`: removed.
    now: Option<u64>,
    /// A sync of the directory failed after it.
    in_doubt: bool,
    /// The rename this is half of: both names change together or not at all.
    rename: Option<u64>,
}

struct State {
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    name_changes: Vec<NameChange>,
    calls: BTreeMap<Call, u64>,
    all_calls: u64,
    failures: Vec<Failure>,
    dark_after: Option<u64>,
    capacity: u64,
    locked: bool,
    random: Random,
}

/// A simulated directory. Clones are the same directory.
#[derive(Clone)]
pub struct SimulatedStorage(Arc<Mutex<State>>);

impl SimulatedStorage {
    /// An empty directory on a disk without end.
    pub fn new(seed: u64) -> Self {
        Self::found(&Image::default(), seed)
    }

    /// The directory as an image has it, all of it on the disk.
    pub fn found(image: &Image, seed: u64) -> Self {
        let mut state = State {
            inodes: BTreeMap::new(),
            next_inode: 0,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            calls: BTreeMap::new(),
            all_calls: 0,
            failures: Vec::new(),
            dark_after: None,
            capacity: u64::MAX,
            locked: false,
            random: Random(seed),
        };
        for (name, bytes) in &image.files {
            let number = state.new_inode(Inode::on_disk(bytes.clone()));
            state.names.insert(name.clone(), number);
        }
        state.durable_names = state.names.clone();
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the disk an end.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    /// Lets calls fail; adds to what was asked for before.
    pub fn fail(&self, failure: Failure) {
        self.state().failures.push(failure);
    }

    /// Nothing is to fail any more.
    pub fn heal(&self) {
        let mut state = self.state();
        state.failures.clear();
        state.dark_after = None;
    }

    /// After this many calls from now none does anything: the process was killed or the power cut in the last of them.
    pub fn go_dark_after(&self, calls: u64) {
        let mut state = self.state();
        state.dark_after = Some(state.all_calls.saturating_add(calls));
    }

    /// Whether it has gone dark.
    pub fn is_dark(&self) -> bool {
        let state = self.state();
        state.dark_after.is_some_and(|n| state.all_calls >= n)
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.state().all_calls
    }

    /// Calls of a kind so far.
    pub fn calls_of(&self, call: Call) -> u64 {
        self.state().calls.get(&call).copied().unwrap_or(0)
    }

    /// What is found after the process alone ended: everything that was written.
    pub fn killed(&self) -> Image {
        let state = self.state();
        let content = |number: &u64| state.inodes.get(number).map(|i| i.content.clone()).unwrap_or_default();
        let files = state.names.iter().map(|(name, number)| (name.clone(), content(number))).collect();
        Image { files, told: "everything written".to_owned() }
    }

    /// One of the states that may be found after the power was cut now; another one for each seed.
    pub fn image(&self, seed: u64) -> Image {
        let state = self.state();
        image::draw(&state, &mut Random(seed))
    }

    /// Every state that may be found if the power is cut now and writes reach the disk in order: each number of them, the
    /// next one torn at each sector and in its first and last byte. At most `most` of them.
    pub fn images_in_order(&self, most: usize) -> Vec<Image> {
        image::in_order(&self.state(), most)
    }
}

impl State {
    fn new_inode(&mut self, inode: Inode) -> u64 {
        let number = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(number, inode);
        number
    }

    /// Counts a call; an error when it is to fail.
    fn call(&mut self, call: Call) -> io::Result<()> {
        let (all, of) = (self.all_calls, self.calls.get(&call).copied().unwrap_or(0));
        self.all_calls += 1;
        *self.calls.entry(call).or_default() += 1;
        if self.dark_after.is_some_and(|n| self.all_calls >= n) {
            return Err(io::Error::other("the power is off"));
        }
        let hit = self.failures.iter().find(|f| {
            let n = if f.of.is_none() { all } else { of };
            f.of.is_none_or(|c| c == call) && n >= f.at && n - f.at < f.count
        });
        match hit {
            Some(failure) => Err(io::Error::new(failure.error, format!("simulated failure of {call:?}"))),
            None => Ok(()),
        }
    }

    /// Whether the call that just failed was the last before the dark: it may have done part of its work.
    fn in_the_dark_for_long(&self) -> bool {
        self.dark_after.is_some_and(|n| self.all_calls > n)
    }

    fn used(&self) -> u64 {
        self.names.values().filter_map(|n| self.inodes.get(n)).map(|i| i.content.len() as u64).sum()
    }

    fn set_name(&mut self, name: &str, now: Option<u64>, rename: Option<u64>) {
        match now {
            Some(number) => self.names.insert(name.to_owned(), number),
            None => self.names.remove(name),
        };
        self.name_changes.push(NameChange { name: name.to_owned(), now, in_doubt: false, rename });
    }

    fn number(&self, name: &str) -> io::Result<u64> {
        let number = self.names.get(name).copied();
        number.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{name}: no such file")))
    }

    fn free_name(&self, name: &str) -> io::Result<()> {
        if self.names.contains_key(name) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{name}: there already")));
        }
        Ok(())
    }
}

struct SimulatedFile {
    storage: SimulatedStorage,
    name: String,
    number: u64,
}

impl SimulatedFile {
    fn with<T>(&self, call: Call, f: impl FnOnce(&mut State, &mut Inode) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.storage.state();
        let allowed = state.call(call);
        let mut inode = state.inodes.remove(&self.number).unwrap_or_default();
        let result = match allowed {
            Ok(()) => f(&mut state, &mut inode),
            Err(error) => {
                if !state.in_the_dark_for_long() {
                    // The call fails half way.
                    match call {
                        Call::Sync => inode.doubt(),
                        Call::Write => inode.torn = true,
                        _ => {}
                    }
                }
                Err(error)
            }
        };
        state.inodes.insert(self.number, inode);
        result.map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", self.name)))
    }
}

impl ReadAt for SimulatedFile {
    fn length(&self) -> io::Result<u64> {
        self.with(Call::Read, |_, inode| Ok(inode.content.len() as u64))
    }

    fn read_at(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        self.with(Call::Read, |_, inode| inode.content.read_at(offset, length))
    }
}

impl StoredFile for SimulatedFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let result = self.with(Call::Write, |state, inode| {
            let others = state.used();
            let room = state.capacity.saturating_sub(others + inode.content.len() as u64);
            let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            inode.change(Change::Append {
                offset: inode.content.len() as u64,
                bytes: bytes.get(..fits).unwrap_or_default().to_vec(),
            });
            if fits < bytes.len() {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "the simulated disk is full"));
            }
            Ok(())
        });
        let mut state = self.storage.state();
        let cut = state.random.below(bytes.len() as u64 + 1) as usize;
        if let Some(inode) = state.inodes.get_mut(&self.number)
            && std::mem::take(&mut inode.torn)
        {
            let offset = inode.content.len() as u64;
            inode.change(Change::Append { offset, bytes: bytes.get(..cut).unwrap_or_default().to_vec() });
        }
        result
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.with(Call::Truncate, |_, inode| {
            inode.change(Change::Truncate(length));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(Call::Sync, |_, inode| {
            inode.sync();
            Ok(())
        })
    }
}

impl Storage for SimulatedStorage {
    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("simulated").join(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.call(Call::List)?;
        Ok(state.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StoredFile>> {
        let mut state = self.state();
        state.call(Call::Create)?;
        state.free_name(name)?;
        let number = state.new_inode(Inode::default());
        state.set_name(name, Some(number), None);
        Ok(Box::new(SimulatedFile { storage: self.clone(), name: name.to_owned(), number }))
    }

    fn create_sized(&self, name: &str, bytes: u64) -> io::Result<()> {
        let mut state = self.state();
        state.call(Call::Create)?;
        state.free_name(name)?;
        if state.used().saturating_add(bytes) > state.capacity {
            return Err(io::Error::new(io::ErrorKind::StorageFull, format!("{name}: no room for {bytes} bytes")));
        }
        let content = vec![0; usize::try_from(bytes).unwrap_or(0)];
        let number = state.new_inode(Inode::on_disk(content));
        state.set_name(name, Some(number), None);
        Ok(())
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn ReadAt>> {
        let file = self.open(name)?;
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StoredFile>> {
        let mut state = self.state();
        state.call(Call::Open)?;
        let number = state.number(name)?;
        Ok(Box::new(SimulatedFile { storage: self.clone(), name: name.to_owned(), number }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.call(Call::Rename)?;
        let number = state.number(from)?;
        let rename = Some(state.all_calls);
        state.set_name(from, None, rename);
        state.set_name(to, Some(number), rename);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.call(Call::Remove)?;
        state.number(name)?;
        state.set_name(name, None, None);
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.state();
        if let Err(error) = state.call(Call::SyncDirectory) {
            if !state.in_the_dark_for_long() {
                state.name_changes.iter_mut().for_each(|c| c.in_doubt = true);
            }
            return Err(error);
        }
        for change in std::mem::take(&mut state.name_changes) {
            if change.in_doubt {
                state.name_changes.push(change);
                continue;
            }
            match change.now {
                Some(number) => state.durable_names.insert(change.name, number),
                None => state.durable_names.remove(&change.name),
            };
        }
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.state();
        Ok(state.capacity.saturating_sub(state.used()))
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn Send>> {
        let mut state = self.state();
        if std::mem::replace(&mut state.locked, true) {
            let text = format!("{name}: another process writes to this journal");
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, text));
        }
        Ok(Box::new(Lock(self.clone())))
    }

    fn exists(&self, name: &str) -> bool {
        self.state().names.contains_key(name)
    }
}

struct Lock(SimulatedStorage);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.state().locked = false;
    }
}
