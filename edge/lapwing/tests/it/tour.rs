//! The README's tour, word by word: its command lines are read from it and typed, in its order.

use crate::support::{Folder, Process, free_port, http, json, root, text, until};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

/// The indented blocks of the tour.
fn blocks() -> Vec<Vec<String>> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let tour = readme.split_once("## A tour of five minutes").expect("the README has the tour").1;
    let tour = tour.split("\n## ").next().unwrap();
    let mut blocks: Vec<Vec<String>> = vec![Vec::new()];
    for line in tour.lines() {
        match line.strip_prefix("    ") {
            Some(code) => blocks.last_mut().unwrap().push(code.to_owned()),
            None => blocks.push(Vec::new()),
        }
    }
    blocks.retain(|b| !b.is_empty());
    blocks
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            copy(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).unwrap();
        }
    }
}

/// The clone's folder as the tour sees it, with the console on a port of its own.
struct Clone {
    folder: Folder,
}

impl Clone {
    fn new() -> Self {
        let folder = Folder::new();
        std::os::unix::fs::symlink(root().join("testdata"), folder.file("testdata")).unwrap();
        copy(&root().join("examples"), &folder.file("examples"));
        Self { folder }
    }

    /// What a shell makes of the line, with `lapwing` the alias the tour gave it.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("bash");
        let program = env!("CARGO_BIN_EXE_lapwing");
        command
            .args(["-c", &format!("set -o pipefail; lapwing() {{ '{program}' \"$@\"; }}\n{line}")])
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// One that ends by itself.
    fn ends(&self, line: &str) -> (String, String) {
        let output = self.command(line).output().unwrap();
        let (out, said) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "`{line}`: {}\n{out}\n{said}", output.status);
        assert!(!said.contains("panicked") && !said.contains("error"), "`{line}`: {said}");
        (out, said)
    }

    /// One that goes on until Ctrl-C.
    fn goes_on(&self, line: &str) -> Process {
        // The shell hands its place to lapwing, so that Ctrl-C reaches it.
        let line = line.replacen("lapwing ", &format!("exec '{}' ", env!("CARGO_BIN_EXE_lapwing")), 1);
        let mut command = self.command(&line);
        command.stdout(File::create(self.folder.file("out")).unwrap());
        command.stderr(File::create(self.folder.file("err")).unwrap());
        Process::spawn(&mut command)
    }
}

#[test]
fn the_tour_is_true() {
    let clone = Clone::new();
    let (mut typed, mut warned) = (Vec::new(), false);
    for block in blocks() {
        if block[0].starts_with('{') {
            clone.folder.write("my-zone.geojson", &block.join("\n"));
            continue;
        }
        for line in block.iter().filter(|l| l.starts_with("lapwing ")) {
            let address = free_port();
            let line_here = line.replace("127.0.0.1:8480", &address.to_string());
            typed.push(line.clone());
            if line.contains(" decode ") {
                let (out, said) = clone.ends(&line_here);
                assert_eq!(out.lines().count(), 3, "{out}");
                out.lines().for_each(|l| drop(json(l.as_bytes())));
                assert!(said.is_empty() || said.contains("messages received"), "{said}");
            } else if line.contains(" check ") {
                assert!(clone.ends(&line_here).0.contains(": ok ("));
            } else if line.contains("--serve") {
                let mut process = clone.goes_on(&line_here);
                let (status, page) = until("the console", || http(address, "GET", "/", b"").ok());
                assert_eq!(status, 200);
                assert!(text(&page).contains("<html"), "{}", text(&page));
                let alert = until("the alert at the console", || {
                    let (_, body) = http(address, "GET", "/api/v1/alerts", b"").ok()?;
                    json(&body)["alerts"].as_array()?.first().cloned()
                });
                assert_eq!(alert["severity"].as_str().map(|s| !s.is_empty()), Some(true));
                until("the end of the replay", || clone.folder.read("err").contains("Ctrl-C").then_some(()));
                let summary = clone.folder.read("out");
                assert!(!summary.contains("Alerts: 0"), "{summary}");
                let entry = summary.lines().find(|l| l.contains("entry predicted")).unwrap_or_default();
                assert!(entry.contains("warned") && !entry.contains("entered never"), "{summary}");
                assert_eq!(http(address, "GET", "/api/v1/status", b"").unwrap().0, 200, "it goes on serving");
                assert!(process.end("-INT").success());
                warned = true;
            } else if line.contains(" replay ") {
                let (out, _) = clone.ends(&line_here);
                assert!(out.contains("contradicted") && out.contains("altitude unknown"), "{out}");
            } else if line.contains(" verify ") {
                assert_eq!(clone.ends(&line_here).0.lines().last(), Some("valid"));
            } else if line.contains(" checkpoint ") {
                assert!(clone.ends(&line_here).0.starts_with("lapwing/"), "a signed note");
            } else if line.contains(" run ") {
                let site = line.split_whitespace().nth(2).unwrap();
                let path = clone.folder.file(site);
                let of_the_example = std::fs::read_to_string(&path).unwrap();
                std::fs::write(&path, of_the_example.replace("127.0.0.1:8480", &address.to_string())).unwrap();
                let mut process = clone.goes_on(&line_here);
                until("the console", || http(address, "GET", "/", b"").ok().filter(|(status, _)| *status == 200));
                assert!(process.end("-INT").success(), "{}", clone.folder.read("err"));
            } else {
                panic!("a kind of line the test does not know: teach it: {line}");
            }
        }
    }
    assert!(warned, "the tour ends with a warning");
    for word in ["decode", "replay", "--zones my-zone.geojson", "check", "run", "verify", "checkpoint"] {
        assert!(typed.iter().any(|l| l.contains(word)), "{word} is in the tour: {typed:?}");
    }
}
