//! Starting when nothing is there yet.

use crate::support::{Folder, Server, free_port, input, lapwing, text, until};
use std::net::{TcpListener, UdpSocket};
use std::process::Stdio;

#[test]
fn a_site_starts_with_everything_down_and_shows_it() {
    let (folder, nobody, broker, taken) = (Folder::new(), free_port(), free_port(), free_port());
    // Somebody else has the port of one input.
    let squatter = UdpSocket::bind(taken).unwrap();
    let gone = folder.file("not/there.log");
    let more = [
        input("stream", 60.0, "mode-s", "tcp", &format!("connect = \"{nobody}\"")),
        input("bus", 60.0, "dronescout", "mqtt", &format!("broker = \"{broker}\", topics = [\"#\"]")),
        input("datagrams", 60.0, "json", "udp", &format!("listen = \"{taken}\"")),
        input("file", 60.0, "json", "file", &format!("path = \"{}\"", gone.display())),
    ]
    .concat();
    let server = Server::start(&folder, &more);
    assert_eq!(server.get("sensors")["sensors"].as_array().unwrap().len(), 4, "all are shown from the first answer on");
    for name in ["stream", "bus", "datagrams", "file"] {
        server.link(name, "down");
        let why = server.input(name)["link"]["why"].as_str().unwrap().to_owned();
        assert!(why.len() > 5, "{name} is down because {why:?}");
        // Never heard, and not to be heard: blind from the start.
        until("the sensor silent", || (server.health(name) == "silent").then_some(()));
    }
    assert_eq!(server.get("status")["counts"]["sensors_live"], 0);
    // The port becomes free: the input takes it by itself.
    drop(squatter);
    server.link("datagrams", "up");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    until("the sensor live", || {
        socket.send_to(b"{\"type\":\"status\"}\n", taken).unwrap();
        (server.health("datagrams") == "live").then_some(())
    });
    server.stop();
}

#[test]
fn a_taken_console_port_is_said_and_ends_the_start() {
    let folder = Folder::new();
    let squatter = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = squatter.local_addr().unwrap();
    let site = folder.write("site.toml", &format!("[site]\nname = \"x\"\n[server]\nlisten = \"{address}\"\n"));
    let real = crate::support::testdata("remote-id/parrot_anafi_real.pcapng.gz");
    let listen = address.to_string();
    for arguments in [
        vec!["run", site.as_str()],
        vec!["demo", "--listen", &listen, "--seconds", "20"],
        vec!["replay", &real, "--serve", &listen],
    ] {
        let mut process =
            crate::support::Process::spawn(lapwing().args(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()));
        let status = process.ends();
        let mut said = Vec::new();
        std::io::Read::read_to_end(process.0.stderr.as_mut().unwrap(), &mut said).unwrap();
        assert_eq!(status.code(), Some(1), "{arguments:?}");
        let said = text(&said);
        assert!(said.contains(&format!("error: cannot listen on {address}")), "{arguments:?}: {said}");
        assert!(said.contains("in use"), "{arguments:?}: {said}");
    }
}

#[test]
fn two_servers_never_write_one_journal() {
    let folder = Folder::new();
    let server = Server::start(&folder, "");
    let site = folder.write("second.toml", "[site]\nname = \"x\"\n[journal]\ndirectory = \"journal\"\n");
    let output = crate::support::run(&["run", &site]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("error: journal") && said.contains("another process"), "{said}");
    server.stop();
}
