//! Keys on the disk: the folder `key/` of the data directory, 0700, with the secret in a file of mode 0600.

use super::note::{Signer, Verifier};
use crate::at_path;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Name of the folder.
pub const KEY_FOLDER: &str = "key";
/// Ending of a secret key's file.
const SECRET_EXTENSION: &str = "key";
/// Ending of a verifier key's file.
const PUBLIC_EXTENSION: &str = "pub";

fn invalid(path: &Path, what: impl Into<String>) -> io::Error {
    at_path(path, io::Error::new(io::ErrorKind::InvalidData, what.into()))
}

/// Files of the folder with an ending, in order; none when there is no folder.
fn files(folder: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let items = match fs::read_dir(folder) {
        Ok(items) => items,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at_path(folder, error)),
    };
    let mut found: Vec<PathBuf> = items.flatten().map(|item| item.path()).collect();
    found.retain(|path| path.extension().is_some_and(|e| e == extension));
    found.sort();
    Ok(found)
}

/// Nobody but the owner may read what is secret.
fn refuse_open(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path).map_err(|e| at_path(path, e))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let what = format!("others may read it (mode {mode:03o}); type: chmod go= {}", path.display());
        return Err(at_path(path, io::Error::new(io::ErrorKind::PermissionDenied, what)));
    }
    Ok(())
}

fn write_new(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|e| at_path(path, e))
}

/// Makes a key in the folder of a data directory.
fn make(folder: &Path) -> io::Result<Signer> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| at_path(folder, e))?;
    let mut seed = [0; 32];
    let mut name = [0; 8];
    for bytes in [&mut seed[..], &mut name[..]] {
        getrandom::fill(bytes).map_err(io::Error::other)?;
    }
    let name = format!("lapwing-{:016x}", u64::from_be_bytes(name));
    let signer = Signer::new(&name, &seed).map_err(io::Error::other)?;
    write_new(&folder.join(format!("{name}.{PUBLIC_EXTENSION}")), 0o644, &format!("{}\n", signer.verifier()))?;
    write_new(&folder.join(format!("{name}.{SECRET_EXTENSION}")), 0o600, &signer.secret())?;
    fs::File::open(folder).and_then(|f| f.sync_all()).map_err(|e| at_path(folder, e))?;
    Ok(signer)
}

/// The signing key of a data directory, made when there is none. Refused when others may read it.
pub fn open(directory: &Path) -> io::Result<Signer> {
    let folder = directory.join(KEY_FOLDER);
    match files(&folder, SECRET_EXTENSION)?.as_slice() {
        [] => make(&folder),
        [path] => {
            refuse_open(&folder)?;
            refuse_open(path)?;
            let text = fs::read_to_string(path).map_err(|e| at_path(path, e))?;
            Signer::parse(&text).map_err(|what| invalid(path, what))
        }
        [_, extra, ..] => Err(invalid(extra, "a second signing key: a change of keys was interrupted; keep one")),
    }
}

/// The verifier keys in a data directory: those of the past too.
pub fn verifiers(directory: &Path) -> io::Result<Vec<Verifier>> {
    let mut found = Vec::new();
    for path in files(&directory.join(KEY_FOLDER), PUBLIC_EXTENSION)? {
        found.push(read_verifier(&path)?);
    }
    Ok(found)
}

/// The verifier key in a file.
pub fn read_verifier(path: &Path) -> io::Result<Verifier> {
    let text = fs::read_to_string(path).map_err(|e| at_path(path, e))?;
    Verifier::parse(&text).map_err(|what| invalid(path, what))
}

/// Text of the statement by which one key hands over to another; both sign it.
fn rotation_text(old: &Verifier, new: &Verifier) -> String {
    format!("lapwing-key-rotation-v1\n{old}\n{new}\n")
}

/// A change of keys that has been prepared: the note that says so, signed by both, is to be in the record before
/// [`Rotation::finish`].
#[derive(Debug)]
pub struct Rotation {
    /// The note for the record.
    pub note: String,
    old_secret: PathBuf,
}

impl Rotation {
    /// Makes the next key beside the one there is.
    pub fn begin(directory: &Path) -> io::Result<Self> {
        let old = open(directory)?;
        let folder = directory.join(KEY_FOLDER);
        let new = make(&folder)?;
        let text = rotation_text(&old.verifier(), &new.verifier());
        let note = format!("{text}\n{}{}", old.line(&text), new.line(&text));
        let old_secret = folder.join(format!("{}.{SECRET_EXTENSION}", old.verifier().name()));
        Ok(Self { note, old_secret })
    }

    /// Removes the old secret: whoever copies the disk later cannot sign for the past.
    pub fn finish(self) -> io::Result<()> {
        fs::remove_file(&self.old_secret).map_err(|e| at_path(&self.old_secret, e))
    }
}

/// The two keys of a change of keys, old and new, if the note is one and both have signed it.
pub fn read_rotation(note: &[u8]) -> Option<(Verifier, Verifier)> {
    let note = super::note::Note::parse(note).ok()?;
    let mut lines = note.text.lines().skip(1);
    let old = Verifier::parse(lines.next()?).ok()?;
    let new = Verifier::parse(lines.next()?).ok()?;
    let genuine = note.text == rotation_text(&old, &new) && old.verifies(&note) && new.verifies(&note);
    genuine.then_some((old, new))
}
