use crate::testing::{TestInput, TestOutput, free_port, input_id, until, within};
use lapwing_model::{Envelope, Link};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn connect(port: u16) -> TcpStream {
    within("a connection", TcpStream::connect(("127.0.0.1", port))).await.unwrap()
}

#[tokio::test]
async fn a_client_joins_pieces_and_comes_back_after_its_server_was_killed() {
    let port = free_port();
    let mut input = TestInput::open("tcp", &format!("connect = \"127.0.0.1:{port}\""));
    assert_eq!(input.link().await, Link::Starting);
    assert!(input.down().await.contains("cannot connect"), "nobody listens yet");

    for connection in 0..3_u64 {
        let server = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let (mut peer, _) = within("the client", server.accept()).await.unwrap();
        input.up().await;
        let message = format!("message of connection {connection}\n").repeat(10_000).into_bytes();
        let expected = message.clone();
        let writer = tokio::spawn(async move {
            for piece in message.chunks(997) {
                peer.write_all(piece).await.unwrap();
            }
            peer
        });
        assert!(input.stream(connection, expected.len()).await == expected);
        drop((writer.await.unwrap(), server));
        assert_eq!(input.reception().await.envelope, Envelope::StreamEnd { connection });
        assert!(input.down().await.contains("closed"));
    }
}

#[tokio::test]
async fn a_listener_serves_many_at_once_each_under_its_own_number() {
    let port = free_port();
    let mut input = TestInput::open("tcp", &format!("listen = \"127.0.0.1:{port}\""));
    input.up().await;
    let mut first = connect(port).await;
    first.write_all(b"first ").await.unwrap();
    assert_eq!(input.stream(0, 6).await, b"first ");
    let mut second = connect(port).await;
    second.write_all(b"second").await.unwrap();
    assert_eq!(input.stream(1, 6).await, b"second");
    // The end of one leaves the other.
    drop(first);
    assert_eq!(input.reception().await.envelope, Envelope::StreamEnd { connection: 0 });
    second.write_all(b" again").await.unwrap();
    let reception = input.reception().await;
    assert_eq!(reception.envelope, Envelope::Stream { connection: 1, offset: 6 });
    // Handshakes go back to the one who is meant.
    assert!(input.inbox.reply(&input_id(), 1, "welcome"));
    let mut answer = [0; 7];
    within("the reply", second.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"welcome");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_one_to_end() {
    let max = lapwing_model::limits::CONNECTIONS_PER_INPUT_MAX;
    let port = free_port();
    let mut input = TestInput::open("tcp", &format!("listen = \"127.0.0.1:{port}\""));
    input.up().await;
    let mut peers = Vec::new();
    for connection in 0..max {
        let mut peer = connect(port).await;
        peer.write_all(b"x").await.unwrap();
        assert_eq!(input.stream(connection as u64, 1).await, b"x");
        peers.push(peer);
    }
    let mut one_more = connect(port).await;
    one_more.write_all(b"y").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(input.inbox.try_recv().is_none());
    drop(peers.pop());
    assert_eq!(input.reception().await.envelope, Envelope::StreamEnd { connection: max as u64 - 1 });
    assert_eq!(input.stream(max as u64, 1).await, b"y");
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = format!("connect = \"{}\"\nsilence_s = 0.1", server.local_addr().unwrap());
    let mut input = TestInput::open("tcp", &config);
    let (_peer, _) = within("the client", server.accept()).await.unwrap();
    assert!(input.down().await.contains("nothing arrived for 0.1 s"));
    let (_peer, _) = within("the client again", server.accept()).await.unwrap();
    input.up().await;
}

#[tokio::test]
async fn a_slow_run_loop_makes_the_sensor_wait_and_loses_nothing() {
    let port = free_port();
    let mut input = TestInput::open("tcp", &format!("listen = \"127.0.0.1:{port}\""));
    input.up().await;
    const BYTES: usize = 200 << 20;
    let writer = tokio::spawn(async move {
        let mut peer = connect(port).await;
        let mut block = vec![0_u8; 1 << 20];
        for n in 0..BYTES >> 20 {
            block.fill(n as u8);
            peer.write_all(&block).await.unwrap();
        }
    });
    // More than the mailbox takes: the writer stands still.
    until("a full mailbox", || input.inbox.waiting().1 > lapwing_model::limits::MAILBOX_BYTES_MAX / 2).await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(!writer.is_finished());
    assert!(input.inbox.waiting().1 <= lapwing_model::limits::MAILBOX_BYTES_MAX);
    let mut at = 0;
    while at < BYTES {
        let reception = input.reception().await;
        assert_eq!(reception.envelope, Envelope::Stream { connection: 0, offset: at as u64 });
        assert_eq!(reception.bytes.first(), Some(&((at >> 20) as u8)));
        at += reception.bytes.len();
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn dropping_the_inbox_closes_the_connections() {
    let port = free_port();
    let mut input = TestInput::open("tcp", &format!("listen = \"127.0.0.1:{port}\""));
    input.up().await;
    let mut peer = connect(port).await;
    peer.write_all(b"x").await.unwrap();
    input.stream(0, 1).await;
    let (inbox, _) = crate::mailbox::channel();
    drop(std::mem::replace(&mut input.inbox, inbox));
    within("the end of the task", &mut input.task).await.unwrap();
    // End of file or a reset, but an end.
    let mut rest = Vec::new();
    let _ = within("the end of the connection", peer.read_to_end(&mut rest)).await;
}

#[tokio::test]
async fn an_output_sends_lines_and_what_waited_after_its_receiver_was_killed() {
    let port = free_port();
    let output = TestOutput::open("tcp", &format!("connect = \"127.0.0.1:{port}\""));
    output.output.send(false, "before");
    output.down().await;
    assert_eq!(output.output.books().waiting, 1);

    let server = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let (mut peer, _) = within("the output", server.accept()).await.unwrap();
    output.output.send(true, "with its own end\n");
    let mut lines = [0; 24];
    within("two lines", peer.read_exact(&mut lines)).await.unwrap();
    assert_eq!(&lines, b"before\nwith its own end\n");
    output.sent(2).await;
    drop((peer, server));
    assert!(output.down().await.contains("closed"));

    output.output.send(false, "after");
    let server = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let (mut peer, _) = within("the output", server.accept()).await.unwrap();
    output.up().await;
    output.sent(3).await;
    // Closing lets what was sent arrive, and ends the connection.
    drop(output.output);
    let mut rest = Vec::new();
    within("the end", peer.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"after\n");
    within("the task's end", output.task).await.unwrap();
}
