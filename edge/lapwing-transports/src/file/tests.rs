use crate::testing::{TestDirectory, TestInput, TestOutput, until, within};
use lapwing_model::{Envelope, Link};
use std::io::Write;
use std::path::Path;

fn append(path: &Path, text: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn config(path: &Path, more: &str) -> String {
    format!("path = {:?}\n{more}", path.to_str().unwrap())
}

async fn text(input: &mut TestInput, connection: u64, expected: &str) {
    let bytes = input.stream(connection, expected.len()).await;
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[tokio::test]
async fn a_file_is_read_once_in_bounded_pieces() {
    let directory = TestDirectory::new();
    let path = directory.file("capture.bin");
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| ((n * 31) >> 7) as u8).collect();
    std::fs::write(&path, &content).unwrap();
    let mut input = TestInput::open("file", &config(&path, ""));
    input.up().await;
    assert!(input.stream(0, content.len()).await == content);
    assert_eq!(input.reception().await.envelope, Envelope::StreamEnd { connection: 0 });
    assert_eq!(input.link().await, Link::Finished);
    within("the task's end", &mut input.task).await.unwrap();
}

#[tokio::test]
async fn a_missing_file_is_a_link_down_until_it_is_there() {
    let directory = TestDirectory::new();
    let path = directory.file("later");
    let mut input = TestInput::open("file", &config(&path, ""));
    assert!(input.down().await.contains("cannot read"));
    append(&path, "here");
    text(&mut input, 0, "here").await;
}

#[tokio::test]
async fn following_goes_on_across_rotation_and_truncation() {
    let directory = TestDirectory::new();
    let path = directory.file("sensor.log");
    append(&path, "one\n");
    let mut input = TestInput::open("file", &config(&path, "follow = true"));
    text(&mut input, 0, "one\n").await;
    append(&path, "two\n");
    let reception = input.reception().await;
    assert_eq!(reception.envelope, Envelope::Stream { connection: 0, offset: 4 });
    assert_eq!(reception.bytes, b"two\n");

    // Rotated: the writer still writes into the old file for a moment.
    let old = directory.file("sensor.log.1");
    std::fs::rename(&path, &old).unwrap();
    assert!(input.down().await.contains("gone"));
    append(&old, "three\n");
    append(&path, "four\n");
    let reception = input.reception().await;
    assert_eq!(
        (reception.bytes.as_slice(), reception.envelope),
        (&b"three\n"[..], Envelope::Stream { connection: 0, offset: 8 })
    );
    assert_eq!(input.reception().await.envelope, Envelope::StreamEnd { connection: 0 });
    text(&mut input, 1, "four\n").await;

    // Truncated in place, as by a writer that starts over.
    std::fs::write(&path, "5\n").unwrap();
    assert_eq!(input.reception().await.envelope, Envelope::StreamEnd { connection: 1 });
    text(&mut input, 2, "5\n").await;
}

#[tokio::test]
async fn following_from_the_end_skips_what_was_there_and_not_what_comes() {
    let directory = TestDirectory::new();
    let path = directory.file("sensor.log");
    append(&path, "old\n");
    let mut input = TestInput::open("file", &config(&path, "follow = true\nfrom = \"end\""));
    input.up().await;
    append(&path, "new\n");
    text(&mut input, 0, "new\n").await;
    std::fs::rename(&path, directory.file("sensor.log.1")).unwrap();
    append(&path, "the next file from its start\n");
    assert_eq!(input.reception().await.envelope, Envelope::StreamEnd { connection: 0 });
    text(&mut input, 1, "the next file from its start\n").await;
}

#[tokio::test]
async fn messages_become_lines_and_rotation_begins_a_new_file() {
    let directory = TestDirectory::new();
    let path = directory.file("events.jsonl");
    append(&path, "{\"cut\":");
    let output = TestOutput::open("file", &config(&path, ""));
    output.output.send(false, "{\"n\":1}");
    output.output.send(false, "{\"n\":2}\n");
    output.sent(2).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"cut\":\n{\"n\":1}\n{\"n\":2}\n");
    std::fs::rename(&path, directory.file("events.1")).unwrap();
    output.output.send(true, "{\"n\":3}");
    output.sent(3).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"n\":3}\n");
}

#[tokio::test]
async fn a_full_disk_keeps_the_messages_waiting() {
    let output = TestOutput::open("file", "path = \"/dev/full\"");
    output.output.send(true, "kept");
    assert!(output.down().await.contains("cannot write"));
    output.until_books("the message waiting", |b| b.waiting == 1 && b.sent == 0).await;
}

#[tokio::test]
async fn a_missing_directory_is_a_link_down_until_it_is_there() {
    let directory = TestDirectory::new();
    let path = directory.path().join("not/yet");
    let output = TestOutput::open("file", &config(&path, ""));
    output.output.send(false, "waits");
    assert!(output.down().await.contains("cannot write"));
    std::fs::create_dir(directory.path().join("not")).unwrap();
    output.sent(1).await;
    until("the line", || std::fs::read_to_string(&path).is_ok_and(|t| t == "waits\n")).await;
}

/// The standard output of a test belongs to the test runner, so this runs itself in a process of its own.
#[tokio::test]
async fn a_dash_is_the_standard_output() {
    if std::env::var_os("LAPWING_TEST_PRINTS").is_some() {
        let output = TestOutput::open("file", "path = \"-\"");
        output.output.send(false, "printed line");
        output.sent(1).await;
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "file::tests::a_dash_is_the_standard_output", "--nocapture"])
        .env("LAPWING_TEST_PRINTS", "1")
        .output()
        .unwrap();
    let printed = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success());
    assert!(printed.lines().any(|line| line.ends_with("printed line")), "{printed}");
}
