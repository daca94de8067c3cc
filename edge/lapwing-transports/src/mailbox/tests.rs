use super::*;
use crate::testing::within;

fn id(name: &str) -> InputId {
    InputId::new(name).unwrap()
}

fn small(receptions_per_input: usize, bytes: usize) -> (Inbox, MailboxMaker) {
    channel_with(Bounds { receptions_per_input, bytes })
}

fn drain(inbox: &mut Inbox) -> Vec<Delivery> {
    std::iter::from_fn(|| inbox.try_recv()).collect()
}

/// Receptions delivered and shed of one input.
fn count(deliveries: &[Delivery], of: &InputId) -> (u64, u64) {
    deliveries.iter().fold((0, 0), |(delivered, shed), delivery| match delivery {
        Delivery::Reception(r) if r.input == *of => (delivered + 1, shed),
        Delivery::Shed { input, units, .. } if input == of => (delivered, shed + units),
        _ => (delivered, shed),
    })
}

#[test]
fn offered_is_delivered_plus_shed_and_in_order() {
    let (mut inbox, maker) = small(10, 1 << 20);
    let a = maker.mailbox(id("a"));
    let mut all = Vec::new();
    for round in 0_u32..3 {
        for n in 0_u32..25 {
            a.offer(Envelope::Datagram, (round * 25 + n).to_be_bytes().to_vec());
        }
        all.extend(drain(&mut inbox));
    }
    assert_eq!(count(&all, &id("a")), (30, 45));
    // Ten receptions, then what was shed after them, three times.
    assert_eq!(all.len(), 33);
    assert!(matches!(&all[10], Delivery::Shed { units: 15, reason, .. } if reason == SHED_FULL));
    let numbers: Vec<u32> = all
        .iter()
        .filter_map(|d| match d {
            Delivery::Reception(r) => Some(u32::from_be_bytes(r.bytes.as_slice().try_into().unwrap())),
            _ => None,
        })
        .collect();
    assert!(numbers.is_sorted());
    assert_eq!(inbox.waiting(), (0, 0));
}

#[test]
fn a_flooding_input_starves_no_other() {
    let (mut inbox, maker) = small(4_096, 100_000);
    let flood = maker.mailbox(id("flood"));
    let quiet = maker.mailbox(id("quiet"));
    for _ in 0..10_000 {
        flood.offer(Envelope::Datagram, vec![0; 100]);
    }
    // The flood has taken its own quarter of the bytes and the common half; the quiet one's quarter is still its own.
    assert_eq!(inbox.waiting().1, 75_000);
    for _ in 0..200 {
        assert!(quiet.offer(Envelope::Datagram, vec![1; 100]));
    }
    assert!(inbox.waiting().1 <= 100_000);
    let first: Vec<_> = std::iter::from_fn(|| inbox.try_recv()).take(400).collect();
    assert_eq!(count(&first, &id("quiet")).0, 200, "one of each in turn");
    let mut all = first;
    all.extend(drain(&mut inbox));
    let (delivered, shed) = count(&all, &id("flood"));
    assert_eq!((delivered, delivered + shed), (750, 10_000));
}

#[test]
fn a_message_too_large_is_shed_under_its_own_reason() {
    let (mut inbox, maker) = channel();
    let a = maker.mailbox(id("a"));
    assert!(a.offer(Envelope::Datagram, vec![0; limits::RECEPTION_BYTES_MAX]));
    assert!(!a.offer(Envelope::Datagram, vec![0; limits::RECEPTION_BYTES_MAX + 1]));
    let all = drain(&mut inbox);
    assert_eq!(count(&all, &id("a")), (1, 1));
    assert!(matches!(&all[1], Delivery::Shed { reason, .. } if reason == SHED_TOO_LARGE));
}

#[test]
fn link_changes_come_through_a_full_mailbox_in_their_place() {
    let (mut inbox, maker) = small(1, 1 << 20);
    let a = maker.mailbox(id("a"));
    a.link(Link::Up);
    a.link(Link::Up);
    a.offer(Envelope::Datagram, vec![1]);
    a.offer(Envelope::Datagram, vec![2]);
    a.down("gone");
    a.offer(Envelope::Datagram, vec![3]);
    let kinds: Vec<&str> = drain(&mut inbox)
        .iter()
        .map(|d| match d {
            Delivery::Link { link: Link::Up, .. } => "up",
            Delivery::Link { .. } => "down",
            Delivery::Reception(_) => "reception",
            Delivery::Shed { units: 1, .. } => "shed",
            Delivery::Shed { .. } => "shed many",
        })
        .collect();
    assert_eq!(kinds, ["up", "reception", "shed", "down", "shed"]);
}

#[test]
fn a_link_that_flaps_costs_bounded_memory_and_tells_its_latest_state() {
    let (mut inbox, maker) = channel();
    let a = maker.mailbox(id("a"));
    for n in 0..LINK_CHANGES_MAX * 3 {
        a.down(format!("{n}"));
    }
    a.link(Link::Up);
    let all = drain(&mut inbox);
    assert_eq!(all.len(), LINK_CHANGES_MAX);
    assert!(matches!(all.last(), Some(Delivery::Link { link: Link::Up, .. })));
}

#[tokio::test]
async fn delivering_waits_for_room_and_loses_nothing() {
    let (mut inbox, maker) = small(4, 1_000);
    let tasks: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|name| {
            let mailbox = maker.mailbox(id(name));
            tokio::spawn(async move {
                for n in 0..500_u32 {
                    assert!(mailbox.deliver(Envelope::Datagram, n.to_be_bytes().to_vec()).await);
                }
            })
        })
        .collect();
    drop(maker);
    let mut all = Vec::new();
    while let Some(delivery) = within("deliveries", inbox.recv()).await {
        all.push(delivery);
    }
    for task in tasks {
        task.await.unwrap();
    }
    for name in ["a", "b", "c"] {
        assert_eq!(count(&all, &id(name)), (500, 0));
    }
}

#[tokio::test]
async fn one_larger_than_its_own_share_waits_for_the_common_one() {
    let (mut inbox, maker) = small(100, 1_000);
    let (a, b) = (maker.mailbox(id("a")), maker.mailbox(id("b")));
    // A quarter each and a common half: a takes its own and most of the common bytes.
    assert!(a.offer(Envelope::Datagram, vec![0; 700]));
    let waiting = tokio::spawn(async move { b.deliver(Envelope::Datagram, vec![0; 600]).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    assert!(inbox.try_recv().is_some());
    assert!(within("room", waiting).await.unwrap());
}

#[tokio::test]
async fn a_stream_is_cut_and_its_end_is_delivered_whatever_happens() {
    let (mut inbox, maker) = channel();
    let a = maker.mailbox(id("a"));
    let (mut first, _replies) = a.stream();
    assert!(first.piece(&vec![7; limits::RECEPTION_BYTES_MAX + 5]).await);
    first.end().await;
    let (second, _replies) = a.stream();
    drop(second);
    let envelopes: Vec<_> = drain(&mut inbox)
        .into_iter()
        .map(|d| match d {
            Delivery::Reception(r) => (r.envelope, r.bytes.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    let max = limits::RECEPTION_BYTES_MAX;
    assert_eq!(
        envelopes,
        [
            (Envelope::Stream { connection: 0, offset: 0 }, max),
            (Envelope::Stream { connection: 0, offset: max as u64 }, 5),
            (Envelope::StreamEnd { connection: 0 }, 0),
            (Envelope::StreamEnd { connection: 1 }, 0),
        ]
    );
}

#[tokio::test]
async fn replies_reach_their_connection_and_only_it() {
    let (inbox, maker) = channel();
    let a = maker.mailbox(id("a"));
    let (first, mut to_first) = a.stream();
    let (second, mut to_second) = a.stream();
    assert!(inbox.reply(&id("a"), 1, "hello"));
    assert_eq!(to_second.recv().await.unwrap(), "hello");
    assert!(to_first.try_recv().is_err());
    drop((first, second));
    assert!(!inbox.reply(&id("a"), 1, "too late"));
    assert!(!inbox.reply(&id("b"), 0, "nobody"));
}

#[tokio::test]
async fn dropping_the_inbox_frees_everyone_who_waits() {
    let (inbox, maker) = small(1, 1_000);
    let a = maker.mailbox(id("a"));
    assert!(a.offer(Envelope::Datagram, vec![]));
    let (waiting, closed) = (a.clone(), a.clone());
    let waiting = tokio::spawn(async move { waiting.deliver(Envelope::Datagram, vec![]).await });
    let closed = tokio::spawn(async move { closed.closed().await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(inbox);
    assert!(!within("the waiting one", waiting).await.unwrap());
    within("closed", closed).await.unwrap();
    assert!(!a.offer(Envelope::Datagram, vec![]));
}

#[tokio::test]
async fn receiving_ends_when_nobody_can_send_any_more() {
    let (mut inbox, maker) = channel();
    let a = maker.mailbox(id("a"));
    a.offer(Envelope::Datagram, vec![1]);
    drop((a, maker));
    assert!(within("the last one", inbox.recv()).await.is_some());
    assert!(within("the end", inbox.recv()).await.is_none());
}
