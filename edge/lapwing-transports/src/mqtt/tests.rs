//! With a real Mosquitto, one per test, on a free loopback port.

use crate::Delivery;
use crate::testing::{TestDirectory, TestInput, TestOutput, free_port, until, within};
use lapwing_model::{Envelope, Link};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const MOSQUITTO: &str = "/usr/sbin/mosquitto";

struct Broker {
    directory: TestDirectory,
    port: u16,
    child: Option<Child>,
}

impl Broker {
    async fn start(more: &str) -> Self {
        assert!(
            std::path::Path::new(MOSQUITTO).exists(),
            "this test needs the MQTT broker Mosquitto; type: apt-get install -y mosquitto"
        );
        let (directory, port) = (TestDirectory::new(), free_port());
        // `user root` only says: do not change to another user, so that the directory of the test can be written to.
        let config = format!(
            "listener {port} 127.0.0.1\nuser root\npersistence true\npersistence_location {}/\nlog_dest none\n{more}",
            directory.path().display()
        );
        std::fs::write(directory.file("mosquitto.conf"), config).unwrap();
        let mut broker = Self { directory, port, child: None };
        broker.run().await;
        broker
    }

    async fn run(&mut self) {
        let child = Command::new(MOSQUITTO)
            .arg("-c")
            .arg(self.directory.file("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        until("Mosquitto listening", || TcpStream::connect(("127.0.0.1", self.port)).is_ok()).await;
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Ends it with a signal and waits for its end.
    fn end(&mut self, signal: &str) {
        self.signal(signal);
        self.child.take().unwrap().wait().unwrap();
    }

    fn input(&self, more: &str) -> TestInput {
        TestInput::open("mqtt", &format!("broker = \"127.0.0.1:{}\"\n{more}", self.port))
    }

    fn output(&self, topic: &str, more: &str) -> TestOutput {
        let config = format!("broker = \"127.0.0.1:{}\"\ntopic = {topic:?}\n{more}", self.port);
        TestOutput::open("mqtt", &config)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

const ANONYMOUS: &str = "allow_anonymous true\n";

async fn message(input: &mut TestInput) -> (String, Vec<u8>) {
    let reception = input.reception().await;
    match reception.envelope {
        Envelope::Message { topic } => (topic, reception.bytes),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn wildcards_take_what_they_should_at_every_quality_and_size() {
    let broker = Broker::start(ANONYMOUS).await;
    for qos in 0..=2 {
        let mut input =
            broker.input(&format!("topics = [\"sensor/+/upload\", \"deep/#\"]\nqos = {qos}\nclient_id = \"in-{qos}\""));
        input.up().await;
        let other = broker.output("sensor/a/b/upload", &format!("qos = {qos}\nclient_id = \"other\""));
        other.output.send(false, "not for us");
        other.sent(1).await;
        let near = broker.output("sensor/a/upload", &format!("qos = {qos}\nclient_id = \"near\""));
        let deep = broker.output("deep/er/down", &format!("qos = {qos}\nclient_id = \"deep\""));
        near.output.send(false, "small");
        assert_eq!(message(&mut input).await, ("sensor/a/upload".into(), b"small".to_vec()));
        // Far beyond the client library's own default of 10 KiB.
        let large = vec![0x5A; 900_000];
        deep.output.send(false, large.clone());
        assert!(message(&mut input).await == ("deep/er/down".into(), large));
        near.sent(1).await;
        deep.sent(1).await;
    }
}

#[tokio::test]
async fn a_killed_broker_is_a_link_down_and_after_its_restart_the_subscription_lives() {
    let mut broker = Broker::start(ANONYMOUS).await;
    let mut input = broker.input("topics = [\"a/#\"]\nkeep_alive_s = 2");
    let output = broker.output("a/b", "");
    input.up().await;
    output.output.send(false, "before");
    assert_eq!(message(&mut input).await.1, b"before");
    for _ in 0..2 {
        broker.end("-KILL");
        let began = Instant::now();
        input.down().await;
        output.down().await;
        assert!(began.elapsed() < Duration::from_secs(4), "twice the keep-alive");
        broker.run().await;
        input.up().await;
        output.up().await;
        output.output.send(false, "after");
        assert_eq!(message(&mut input).await.1, b"after");
    }
}

#[tokio::test]
async fn a_broker_that_only_pretends_to_live_is_found_out_by_the_keep_alive() {
    let broker = Broker::start(ANONYMOUS).await;
    let mut input = broker.input("topics = [\"a\"]\nkeep_alive_s = 1");
    input.up().await;
    broker.signal("-STOP");
    let began = Instant::now();
    input.down().await;
    // Twice the keep-alive, and a second for a busy machine.
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    broker.signal("-CONT");
    input.up().await;
}

#[tokio::test]
async fn the_broker_keeps_messages_while_the_input_is_away() {
    let broker = Broker::start(ANONYMOUS).await;
    let config = "topics = [\"a/#\"]\nsession_s = 60";
    let mut input = broker.input(config);
    input.up().await;
    input.task.abort();
    let _ = (&mut input.task).await;
    let output = broker.output("a/b", "");
    for n in 0..10 {
        output.output.send(false, n.to_string());
    }
    output.sent(10).await;
    // A new topic in the configuration takes effect although the broker remembers the old session.
    let mut again = broker.input("topics = [\"a/#\", \"new\"]\nsession_s = 60");
    for n in 0..10 {
        assert_eq!(message(&mut again).await.1, n.to_string().as_bytes());
    }
    until("the link up", || broker_link(&mut again)).await;
    let new = broker.output("new", "");
    new.output.send(false, "heard");
    assert_eq!(message(&mut again).await, ("new".into(), b"heard".to_vec()));
}

/// Whether the next delivery that waits says that the link is up.
fn broker_link(input: &mut TestInput) -> bool {
    matches!(input.inbox.try_recv(), Some(Delivery::Link { link: Link::Up, .. }))
}

#[tokio::test]
async fn what_waits_while_the_broker_is_gone_arrives_in_order_and_the_books_are_exact() {
    let mut broker = Broker::start(ANONYMOUS).await;
    let mut input = broker.input("topics = [\"a\"]\nsession_s = 600");
    input.up().await;
    let output = broker.output("a", "qos = 1");
    for n in 0..20 {
        output.output.send(false, n.to_string());
    }
    for n in 0..20 {
        assert_eq!(message(&mut input).await.1, n.to_string().as_bytes());
    }
    output.sent(20).await;
    // An orderly end, so that the broker remembers who had subscribed.
    broker.end("-TERM");
    output.down().await;
    for n in 20..40 {
        output.output.send(true, n.to_string());
    }
    assert_eq!(output.output.books().waiting, 20);
    broker.run().await;
    for n in 20..40 {
        assert_eq!(message(&mut input).await.1, n.to_string().as_bytes());
    }
    output.sent(40).await;
    let TestOutput { output, task } = output;
    drop(output);
    within("the output's end", task).await.unwrap();
}

#[tokio::test]
async fn a_message_larger_than_the_broker_takes_is_lost_alone() {
    let broker = Broker::start("allow_anonymous true\nmax_packet_size 2000\n").await;
    let output = broker.output("a", "");
    for (size, n) in [(10, 1), (1_989, 2), (1_990, 3), (5_000, 4), (10, 5)] {
        output.output.send(true, vec![n; size]);
    }
    output.until_books("three sent, two lost", |b| b.sent == 3 && b.lost_total() == 2).await;
    output.up().await;
}

#[tokio::test]
async fn a_name_without_its_password_is_refused_and_one_with_it_is_not() {
    let passwords = TestDirectory::new();
    let file = passwords.file("passwords");
    let made = Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&file).args(["lapwing", "right"]).status();
    assert!(made.unwrap().success());
    let broker = Broker::start(&format!("allow_anonymous false\npassword_file {}\n", file.display())).await;
    let mut wrong =
        broker.input("topics = [\"a\"]\nusername = \"lapwing\"\npassword = \"wrong\"\nclient_id = \"wrong\"");
    assert_eq!(wrong.link().await, Link::Starting);
    let why = wrong.down().await;
    assert!(!why.contains("wrong\"") && why.contains("127.0.0.1"), "{why}");
    let mut right = broker.input("topics = [\"a\"]\nusername = \"lapwing\"\npassword = \"right\"");
    right.up().await;
}
