use super::*;
use crate::testing::within;

fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn order_is_kept_between_vital_and_ordinary() {
    let (output, outbox) = channel();
    for n in 0..6 {
        output.send(n % 3 == 0, n.to_string());
    }
    for n in 0..6 {
        assert_eq!(text(&outbox.take().await.unwrap()), n.to_string());
        outbox.sent();
    }
    assert!(output.books().balances());
    assert_eq!(output.books().sent, 6);
}

#[tokio::test]
async fn the_oldest_ordinary_message_gives_way_first() {
    let (output, outbox) = channel_with(3, 1_000);
    for (vital, message) in [(false, "a"), (true, "B"), (false, "c"), (true, "D"), (true, "E"), (true, "F")] {
        output.send(vital, message);
        assert!(output.books().balances());
    }
    let books = output.books();
    assert_eq!(books.lost.get(LOST_FULL), Some(&2));
    assert_eq!(books.lost.get(LOST_FULL_VITAL), Some(&1));
    for expected in ["D", "E", "F"] {
        assert_eq!(text(&outbox.take().await.unwrap()), expected);
        outbox.sent();
    }
    assert!(output.books().balances());
}

#[tokio::test]
async fn bytes_are_bounded_too() {
    let (output, _outbox) = channel_with(100, 10);
    output.send(false, vec![0; 11]);
    for _ in 0..5 {
        output.send(false, vec![0; 4]);
    }
    let books = output.books();
    assert!(books.balances());
    assert_eq!((books.offered, books.waiting), (6, 2));
}

#[tokio::test]
async fn what_was_taken_and_not_confirmed_is_given_again() {
    let (output, outbox) = channel();
    output.send(false, "a");
    output.send(false, "b");
    assert_eq!(text(&outbox.take().await.unwrap()), "a");
    assert_eq!(text(&outbox.clone().take().await.unwrap()), "a");
    outbox.lost("tested");
    assert_eq!(text(&outbox.take().await.unwrap()), "b");
    assert_eq!(output.books().waiting, 1);
    drop(outbox);
    let books = output.books();
    assert_eq!(books.lost.get(LOST_CLOSED), Some(&1));
    output.send(true, "c");
    assert!(output.books().balances());
    assert_eq!(output.books().lost_total(), 3);
}

#[tokio::test]
async fn a_closed_output_gives_what_waits_and_then_ends() {
    let (output, outbox) = channel();
    output.send(false, "a");
    drop(output);
    within("closed", outbox.closed()).await;
    assert_eq!(text(&outbox.take().await.unwrap()), "a");
    outbox.sent();
    assert!(within("the end", outbox.take()).await.is_none());
}

#[tokio::test]
async fn who_waits_for_a_message_wakes_up() {
    let (output, outbox) = channel();
    let waiting = tokio::spawn(async move { outbox.take().await });
    tokio::task::yield_now().await;
    output.send(false, "a");
    assert_eq!(within("a", waiting).await.unwrap().unwrap(), "a");
}
