use crate::testing::{TestInput, TestOutput, free_port, input_id, within};
use lapwing_model::{Envelope, Link};
use std::time::Duration;
use tokio::net::UdpSocket;

#[tokio::test]
async fn every_datagram_of_a_modest_rate_arrives_whole_and_in_order() {
    let port = free_port();
    let mut input = TestInput::open("udp", &format!("listen = \"127.0.0.1:{port}\""));
    input.up().await;
    const COUNT: u32 = 4_000;
    let sender = tokio::spawn(async move {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for n in 0..COUNT {
            let mut datagram = n.to_be_bytes().to_vec();
            datagram.resize(4 + n as usize % 1_400, 0xA5);
            socket.send_to(&datagram, ("127.0.0.1", port)).await.unwrap();
            if n % 20 == 19 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    });
    let before = crate::clock::now();
    for n in 0..COUNT {
        let reception = input.reception().await;
        assert_eq!((reception.input, reception.envelope), (input_id(), Envelope::Datagram));
        assert_eq!(reception.bytes.len(), 4 + n as usize % 1_400);
        assert_eq!(reception.bytes[..4], n.to_be_bytes());
        assert!(reception.received_at >= before - lapwing_model::Span::from_seconds(60));
    }
    sender.await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_a_link_down_until_it_is_free() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut input = TestInput::open("udp", &format!("listen = \"127.0.0.1:{port}\""));
    assert_eq!(input.link().await, Link::Starting);
    assert!(input.down().await.contains("cannot listen"));
    drop(taken);
    input.up().await;
}

#[tokio::test]
async fn each_message_is_a_datagram() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let output = TestOutput::open("udp", &format!("to = \"{}\"", socket.local_addr().unwrap()));
    output.output.send(false, "one");
    output.output.send(true, vec![0; 70_000]);
    output.output.send(true, "two");
    let mut buffer = [0; 100];
    for expected in ["one", "two"] {
        let length = within("a datagram", socket.recv(&mut buffer)).await.unwrap();
        assert_eq!(&buffer[..length], expected.as_bytes());
    }
    output.sent(2).await;
    assert_eq!(output.output.books().lost_total(), 1);
}
