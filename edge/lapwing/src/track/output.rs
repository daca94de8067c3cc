//! The file of the answer: made when there is something to write, or at the end, so that detections that cannot be read cost no
//! earlier answer.

use anyhow::{Context, bail};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where the rows of the answer go.
pub(super) struct Output<'a> {
    path: &'a Path,
    /// What was or is read, and must not be written over.
    inputs: Vec<&'a Path>,
    file: Option<File>,
}

impl<'a> Output<'a> {
    /// To a file at `path`, made of `inputs`.
    pub(super) fn new(path: &'a Path, inputs: impl IntoIterator<Item = &'a Path>) -> Self {
        Self { path, inputs: inputs.into_iter().collect(), file: None }
    }

    /// Writes rows.
    pub(super) fn write(&mut self, rows: &[u8]) -> anyhow::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.file()?.write_all(rows).with_context(|| self.path.display().to_string())
    }

    /// All is written: the file is there, also where there are no rows.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.file().map(|_| ())
    }

    fn file(&mut self) -> anyhow::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.create()?,
        };
        Ok(self.file.insert(file))
    }

    fn create(&self) -> anyhow::Result<File> {
        // The same file by whatever name.
        let number = |path: &Path| std::fs::metadata(path).ok().map(|there| (there.dev(), there.ino()));
        let there = number(self.path);
        if let Some(input) = self.inputs.iter().find(|input| there.is_some() && number(input) == there) {
            bail!("{}: the tracks would be written over {}", self.path.display(), input.display());
        }
        File::create(self.path).with_context(|| self.path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_not_written_over_by_any_of_its_names() {
        let folder = std::env::temp_dir().join(format!("lapwing-output-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let [sensors, input, link, hard, other] =
            ["sensors", "in", "link", "hard", "other"].map(|name| folder.join(name));
        std::fs::write(&sensors, "sensors").unwrap();
        std::fs::write(&input, "rows").unwrap();
        std::os::unix::fs::symlink(&input, &link).unwrap();
        std::fs::hard_link(&input, &hard).unwrap();
        let inputs = [sensors.as_path(), input.as_path()];
        for (path, named) in [(&input, &input), (&link, &input), (&hard, &input), (&sensors, &sensors)] {
            let refused = Output::new(path, inputs).write(b"tracks").unwrap_err();
            assert!(refused.to_string().ends_with(&format!("written over {}", named.display())), "{refused}");
        }
        assert_eq!(std::fs::read(&input).unwrap(), b"rows");
        assert_eq!(std::fs::read(&sensors).unwrap(), b"sensors");
        let mut out = Output::new(&other, inputs);
        assert!(!other.exists(), "not before there is something to write");
        out.write(b"one\n").unwrap();
        out.write(b"two\n").unwrap();
        assert_eq!(std::fs::read(&other).unwrap(), b"one\ntwo\n");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
