use crate::testing::{input_id, table};
use crate::{TRANSPORTS, Transport, mailbox, outbox};
use std::fmt::Write;
use std::path::Path;

#[test]
fn transports_are_sorted_and_named_once() {
    let names: Vec<_> = TRANSPORTS.iter().map(|t| t.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    assert_eq!(names, ["file", "http", "mqtt", "pcap", "tcp", "udp"]);
}

fn open_input(transport: &Transport, text: &str) -> Result<(), toml::de::Error> {
    let (_inbox, maker) = mailbox::channel();
    transport.input.unwrap()(table(text), maker.mailbox(input_id())).map(drop)
}

fn open_output(transport: &Transport, text: &str) -> Result<(), toml::de::Error> {
    let (_output, outbox) = outbox::channel();
    transport.output.unwrap()(table(text), outbox).map(drop)
}

#[test]
fn every_sample_opens_and_a_foreign_key_is_refused_at_its_place() {
    for transport in TRANSPORTS {
        assert_eq!(transport.input.is_some(), !transport.sample_input.is_empty(), "{}", transport.name);
        assert_eq!(transport.output.is_some(), !transport.sample_output.is_empty(), "{}", transport.name);
        if transport.input.is_some() {
            open_input(transport, transport.sample_input).unwrap_or_else(|e| panic!("{}: {e}", transport.name));
        }
        if transport.output.is_some() {
            open_output(transport, transport.sample_output).unwrap_or_else(|e| panic!("{}: {e}", transport.name));
        }
        type Open = fn(&Transport, &str) -> Result<(), toml::de::Error>;
        let both: [(&str, Open); 2] = [(transport.sample_input, open_input), (transport.sample_output, open_output)];
        for (sample, open) in both.into_iter().filter(|(sample, _)| !sample.is_empty()) {
            let text = format!("{sample}nonsense = 1\n");
            let error = open(transport, &text).unwrap_err();
            assert!(error.message().contains("nonsense"), "{}: {error}", transport.name);
            assert!(error.span().is_some(), "{}: {error}", transport.name);
        }
    }
}

#[test]
fn what_is_commented_out_in_a_sample_is_right_too() {
    for transport in TRANSPORTS {
        for (sample, is_input) in [(transport.sample_input, true), (transport.sample_output, false)] {
            for line in sample.lines().filter_map(|l| l.strip_prefix("# ")) {
                let (key, _) = line.split_once('=').unwrap();
                // `listen` stands for `connect`, every other commented key beside the others.
                let others: String = sample
                    .lines()
                    .filter(|l| !l.starts_with('#') && (key.trim() != "listen" || !l.starts_with("connect")))
                    .flat_map(|l| [l, "\n"])
                    .collect();
                let text = format!("{others}{line}\n");
                let opened = if is_input { open_input(transport, &text) } else { open_output(transport, &text) };
                opened.unwrap_or_else(|e| panic!("{}: {line}: {e}", transport.name));
            }
        }
    }
}

#[test]
fn nothing_listens_beyond_loopback() {
    for (name, text) in [
        ("udp", "listen = \"0.0.0.0:47001\""),
        ("tcp", "listen = \"192.168.1.1:30004\""),
        ("http", "listen = \"[::]:8481\""),
    ] {
        let error = open_input(crate::transport(name).unwrap(), text).unwrap_err();
        assert!(error.message().contains("loopback"), "{name}: {error}");
        assert!(error.span().is_some(), "{name}");
    }
}

#[test]
fn wrong_values_are_refused_with_a_reason() {
    for (name, text, part) in [
        ("tcp", "connect = \"a:1\"\nlisten = \"127.0.0.1:1\"", "exclude each other"),
        ("tcp", "silence_s = 3", "give `connect`"),
        ("tcp", "connect = \"a:1\"\nsilence_s = 0", "seconds"),
        ("mqtt", "broker = \"b:1\"\ntopics = []", "topics"),
        ("mqtt", "broker = \"b:1\"\ntopics = [\"a/#/b\"]", "no topic filter"),
        ("mqtt", "broker = \"b:1\"\ntopics = [\"a\"]\nqos = 3", "0, 1 or 2"),
        ("mqtt", "broker = \"b:1\"\ntopics = [\"a\"]\nkeep_alive_s = 0.5", "whole seconds"),
        ("http", "listen = \"127.0.0.1:1\"\nmax_bytes = 9999999", "bytes"),
        ("http", "listen = \"127.0.0.1:1\"\npath = \"x\"", "path"),
        ("pcap", "path = \"x\"\nspeed = 0", "speed"),
        ("pcap", "path = \"x\"\nrepeat = true\nstamp = \"recorded\"", "turn time back"),
        ("pcap", "path = \"x\"\nrepeat = true\npace = \"fast\"", "flood"),
        ("file", "path = 3", "string"),
    ] {
        let error = open_input(crate::transport(name).unwrap(), text).unwrap_err();
        assert!(error.message().contains(part), "{name}: {text}: {error}");
    }
    for (name, text, part) in [
        ("http", "url = \"https://a/b\"", "https"),
        ("http", "url = \"nonsense\"", "`url`"),
        ("http", "url = \"http://user:secret@a/\"", "`url`"),
        ("http", "url = \"http://a/\"\nattempts = 0", "attempts"),
        ("http", "url = \"http://a/\"\nheaders = { \"a b\" = \"c\" }", "no name of a header"),
        ("mqtt", "broker = \"b:1\"\ntopic = \"a/+\"", "no topic"),
        ("tcp", "connect = \"a:1\"\ndelimiter = \"tab\"", "delimiter"),
    ] {
        let error = open_output(crate::transport(name).unwrap(), text).unwrap_err();
        assert!(error.message().contains(part) || format!("{error}").contains("newline"), "{name}: {text}: {error}");
    }
}

#[test]
fn every_transport_has_tests_of_its_own() {
    for transport in TRANSPORTS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(transport.name).join("tests.rs");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(text.contains("test]\n"), "{} has no test", path.display());
    }
}

/// `docs/reference/transports.md` as it should be.
fn reference() -> String {
    let mut page = String::from(
        "# Transports\n\n\
         <!-- Written by the tests of lapwing-transports: \
         UPDATE_REFERENCE=1 cargo nextest run -p lapwing-transports reference -->\n\n\
         A transport carries bytes in or out and knows nothing of their meaning; any format can go over any of them. \
         Each keeps itself going: what it lost it tries again after 0.2 s, then twice as long each time up to 5 s, and \
         the state of its link is shown. Nothing listens beyond loopback yet; connections outward may go anywhere.\n\n\
         | Name | In | Out | What it is |\n|---|---|---|---|\n",
    );
    let yes = |is: bool| if is { "yes" } else { "–" };
    for t in TRANSPORTS {
        let (input, output) = (yes(t.input.is_some()), yes(t.output.is_some()));
        writeln!(page, "| [`{0}`](#{0}) | {input} | {output} | {1} |", t.name, t.summary).unwrap();
    }
    for t in TRANSPORTS {
        write!(page, "\n## {}\n\n{}\n", t.name, t.summary).unwrap();
        for (kind, sample) in [("input", t.sample_input), ("output", t.sample_output)] {
            if !sample.is_empty() {
                write!(page, "\nAs an {kind}:\n\n```toml\n[{kind}.{}]\n{sample}```\n", t.name).unwrap();
            }
        }
    }
    page
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/transports.md");
    let page = reference();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "{} is out of date: UPDATE_REFERENCE=1 cargo nextest run -p lapwing-transports reference",
        path.display()
    );
}
