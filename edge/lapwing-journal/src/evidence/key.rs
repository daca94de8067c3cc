//! Keys on the disk: the folder `key/` of the data directory, 0700.
//!
//! `signing.key`, 0600, is the secret; `<name>.pub` are the verifier keys, also those of the past. While the key is being
//! changed `signing.next` is the secret that comes next: [`Journal::change_key`](crate::Journal::change_key) says in which
//! order things happen, so that a change that was interrupted is completed or undone by the next start. Every file here
//! is written as a whole under another name first.

use super::note::{Signer, Verifier};
use crate::at_path;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Name of the folder.
pub const KEY_FOLDER: &str = "key";
/// The secret that signs.
const SECRET_FILE: &str = "signing.key";
/// The secret that is to sign next.
const NEXT_FILE: &str = "signing.next";
/// Ending of a verifier key's file.
const PUBLIC_EXTENSION: &str = "pub";
/// Ending of a file that is not finished.
const DRAFT_EXTENSION: &str = ".new";
/// Mode of a secret's file.
const SECRET_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;

fn invalid(path: &Path, what: impl Into<String>) -> io::Error {
    at_path(path, io::Error::new(io::ErrorKind::InvalidData, what.into()))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder).and_then(|f| f.sync_all()).map_err(|e| at_path(folder, e))
}

/// Writes a file as a whole: after a loss of power there is all of it or nothing.
fn write(folder: &Path, name: &str, mode: u32, text: &str) -> io::Result<()> {
    let draft = folder.join(format!("{name}{DRAFT_EXTENSION}"));
    let write = || {
        remove(&draft)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, folder.join(name))
    };
    write().map_err(|e| at_path(&draft, e))?;
    sync_folder(folder)
}

/// Removes a file if it is there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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

/// The secret in a file; `None` when there is no file.
fn secret(folder: &Path, name: &str) -> io::Result<Option<Signer>> {
    let path = folder.join(name);
    if !path.try_exists().map_err(|e| at_path(&path, e))? {
        return Ok(None);
    }
    refuse_open(folder)?;
    refuse_open(&path)?;
    let text = fs::read_to_string(&path).map_err(|e| at_path(&path, e))?;
    Signer::parse(&text).map(Some).map_err(|what| invalid(&path, what))
}

/// Draws a key and keeps its secret under a name.
fn make(folder: &Path, file: &str) -> io::Result<Signer> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| at_path(folder, e))?;
    let mut seed = [0; 32];
    let mut name = [0; 8];
    for bytes in [&mut seed[..], &mut name[..]] {
        getrandom::fill(bytes).map_err(io::Error::other)?;
    }
    let name = format!("lapwing-{:016x}", u64::from_be_bytes(name));
    let signer = Signer::new(&name, &seed).map_err(io::Error::other)?;
    write(folder, file, SECRET_MODE, &signer.secret())?;
    Ok(signer)
}

/// Puts a key's public half beside the secret, if it is not there.
fn publish(folder: &Path, signer: &Signer) -> io::Result<()> {
    let name = format!("{}.{PUBLIC_EXTENSION}", signer.verifier().name());
    if folder.join(&name).exists() {
        return Ok(());
    }
    write(folder, &name, PUBLIC_MODE, &format!("{}\n", signer.verifier()))
}

/// The signing key of a data directory, made when there is none. Refused when others may read it.
pub fn open(directory: &Path) -> io::Result<Signer> {
    let folder = directory.join(KEY_FOLDER);
    let signer = match secret(&folder, SECRET_FILE)? {
        Some(signer) => signer,
        None => make(&folder, SECRET_FILE)?,
    };
    publish(&folder, &signer)?;
    Ok(signer)
}

/// The key that is to sign next, while the key is being changed.
pub(crate) fn next(directory: &Path) -> io::Result<Option<Signer>> {
    secret(&directory.join(KEY_FOLDER), NEXT_FILE)
}

/// Makes the key that is to sign next.
pub(crate) fn prepare(directory: &Path) -> io::Result<Signer> {
    make(&directory.join(KEY_FOLDER), NEXT_FILE)
}

/// The key that was prepared signs from now on. The old secret is gone: whoever copies the disk later cannot sign for the
/// past.
pub(crate) fn adopt(directory: &Path, next: &Signer) -> io::Result<()> {
    let folder = directory.join(KEY_FOLDER);
    publish(&folder, next)?;
    let (from, to) = (folder.join(NEXT_FILE), folder.join(SECRET_FILE));
    fs::rename(&from, &to).map_err(|e| at_path(&from, e))?;
    sync_folder(&folder)
}

/// The key that was prepared is never to sign.
pub(crate) fn discard(directory: &Path) -> io::Result<()> {
    let folder = directory.join(KEY_FOLDER);
    let path = folder.join(NEXT_FILE);
    remove(&path).map_err(|e| at_path(&path, e))?;
    sync_folder(&folder)
}

/// The verifier keys in a data directory: those of the past too.
pub fn verifiers(directory: &Path) -> io::Result<Vec<Verifier>> {
    let folder = directory.join(KEY_FOLDER);
    let items = match fs::read_dir(&folder) {
        Ok(items) => items,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at_path(&folder, error)),
    };
    let mut found: Vec<PathBuf> = items.flatten().map(|item| item.path()).collect();
    found.retain(|path| path.extension().is_some_and(|e| e == PUBLIC_EXTENSION));
    found.sort();
    found.iter().map(|path| read_verifier(path)).collect()
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

/// The note for the record by which one key hands over to another.
pub(crate) fn rotation(old: &Signer, new: &Signer) -> String {
    let text = rotation_text(&old.verifier(), &new.verifier());
    format!("{text}\n{}{}", old.line(&text), new.line(&text))
}

/// What the data of an audit record begin with by which one key hands over to another.
fn announcement(old: &Verifier, new: &Verifier) -> String {
    let text = rotation_text(old, new).replace('\n', "\\n");
    format!("{{\"audit\":\"key_changed\",\"note\":\"{text}")
}

/// Whether the data of a record say that one key hands over to another.
pub(crate) fn announces(data: &[u8], old: &Verifier, new: &Verifier) -> bool {
    data.starts_with(announcement(old, new).as_bytes())
}

/// The keys, old and new, if the data of a record say that one hands over to the other.
pub fn read_announced(data: &[u8]) -> Option<(Verifier, Verifier)> {
    let rest = data.strip_prefix(b"{\"audit\":\"key_changed\",\"note\":\"lapwing-key-rotation-v1\\n")?;
    // Two keys are far below this.
    let rest = String::from_utf8_lossy(rest.get(..1024).unwrap_or(rest));
    let mut lines = rest.split("\\n");
    let (old, new) = (Verifier::parse(lines.next()?).ok()?, Verifier::parse(lines.next()?).ok()?);
    announces(data, &old, &new).then_some((old, new))
}
