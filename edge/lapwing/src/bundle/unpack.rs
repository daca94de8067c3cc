//! Opening a bundle of somebody else.

use super::{FORMAT, zip};
use anyhow::{Context, bail, ensure};
use lapwing_journal::evidence::key::KEY_FOLDER;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Longest manifest that is read, bytes.
const MANIFEST_MAX: u64 = 16 << 20;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The journal of a bundle, unpacked into a folder of its own that is removed in the end.
pub(crate) struct Unpacked {
    folder: PathBuf,
}

impl Unpacked {
    /// Whether a path is a bundle by its name.
    pub(crate) fn is_bundle(path: &Path) -> bool {
        path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip"))
    }

    /// Unpacks the journal of a bundle.
    pub(crate) fn open(bundle: &Path) -> anyhow::Result<Self> {
        let mut zip = zip::Reader::open(bundle)?;
        let at = || bundle.display().to_string();
        let manifest = zip.bytes("manifest.json", MANIFEST_MAX).with_context(at)?;
        let manifest: serde_json::Value =
            serde_json::from_slice(&manifest).context("manifest.json").with_context(at)?;
        match manifest.get("format").and_then(|f| f.as_str()) {
            Some(FORMAT) => {}
            Some(other) => bail!("{}: it is of the format {other:?}, this program reads {FORMAT}", at()),
            None => bail!("{}: its manifest names no format", at()),
        }
        let unpacked = Self { folder: new_folder()? };
        let count = zip.unpack("journal", &unpacked.folder).with_context(at)?;
        let snapshots = unpacked.folder.join(crate::snapshot::FOLDER);
        std::fs::create_dir(&snapshots).with_context(|| snapshots.display().to_string())?;
        zip.unpack(crate::snapshot::FOLDER, &snapshots).with_context(at)?;
        let keys = unpacked.folder.join(KEY_FOLDER);
        std::fs::create_dir(&keys).with_context(|| keys.display().to_string())?;
        zip.unpack(KEY_FOLDER, &keys).with_context(at)?;
        ensure!(count > 0, "{}: it has no journal", at());
        Ok(unpacked)
    }

    /// The folder with the journal.
    pub(crate) fn journal(&self) -> &Path {
        &self.folder
    }
}

/// A folder nobody else can have made or may read.
fn new_folder() -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    for _ in 0..100 {
        let name = format!("lapwing-bundle-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| folder.display().to_string()),
        }
    }
    bail!("no folder can be made in {}", std::env::temp_dir().display())
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
