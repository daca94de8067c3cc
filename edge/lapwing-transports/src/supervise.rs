//! Keeps a transport going: an attempt that fails, ends or panics is reported and made again after a back-off.

use crate::mailbox::Mailbox;
use crate::outbox::Outbox;
use lapwing_model::Link;
use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A transport at work; spawn it. Dropping it stops it and everything it started.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How an attempt ended: `Ok` when there is nothing more to come, or why it has to be made again.
pub(crate) type Attempt = Result<(), String>;

const BACK_OFF_FIRST: Duration = Duration::from_millis(200);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// An attempt that worked for so long was a good one: the next begins with the first back-off again.
const GOOD_FOR: Duration = Duration::from_secs(2);

/// Waiting times that double from 0.2 s to 5 s, each up to a quarter longer or shorter by chance, so that many clients
/// of one failed server do not all return at once.
pub(crate) struct BackOff {
    next: Duration,
}

impl BackOff {
    pub(crate) fn new() -> Self {
        Self { next: BACK_OFF_FIRST }
    }

    pub(crate) fn reset(&mut self) {
        self.next = BACK_OFF_FIRST;
    }

    pub(crate) fn next(&mut self) -> Duration {
        // The keys of a new hasher are random, which is all the chance needed here.
        let chance = RandomState::new().build_hasher().finish() % 1_000;
        let wait = self.next.mul_f64(0.75 + chance as f64 / 2_000.0);
        self.next = (self.next * 2).min(BACK_OFF_MAX);
        wait
    }
}

/// Runs one attempt as a task of its own, so that its panic ends the attempt and nothing else.
async fn contained(attempt: impl Future<Output = Attempt> + Send + 'static) -> Attempt {
    let mut task = JoinSet::new();
    task.spawn(attempt);
    match task.join_next().await {
        Some(Ok(end)) => end,
        Some(Err(error)) if error.is_panic() => {
            Err("the transport failed inside (a panic); it is started again".into())
        }
        Some(Err(_)) | None => Err("the transport was stopped".into()),
    }
}

/// The task of an input. `attempt` tells [`Link::Up`] itself, when it is.
pub(crate) fn input<F, A>(mailbox: Mailbox, attempt: F) -> Task
where
    F: Fn(Mailbox) -> A + Send + Sync + 'static,
    A: Future<Output = Attempt> + Send + 'static,
{
    Box::pin(async move {
        mailbox.link(Link::Starting);
        let work = async {
            let mut back_off = BackOff::new();
            loop {
                let began = Instant::now();
                match contained(attempt(mailbox.clone())).await {
                    Ok(()) => break mailbox.link(Link::Finished),
                    Err(why) => {
                        tracing::debug!(input = %mailbox.input(), why, "input down");
                        if mailbox.last_link() == Some(Link::Up) && began.elapsed() >= GOOD_FOR {
                            back_off.reset();
                        }
                        mailbox.down(why);
                        tokio::time::sleep(back_off.next()).await;
                    }
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = mailbox.closed() => {}
        }
    })
}

/// The task of an output. `attempt` tells [`Link::Up`] itself, when it is, and returns `Ok` when the outbox is closed
/// and empty. Once the outbox is closed a failure is the end.
pub(crate) fn output<F, A>(outbox: Outbox, attempt: F) -> Task
where
    F: Fn(Outbox) -> A + Send + Sync + 'static,
    A: Future<Output = Attempt> + Send + 'static,
{
    Box::pin(async move {
        let mut back_off = BackOff::new();
        loop {
            let began = Instant::now();
            let ended = contained(attempt(outbox.clone())).await;
            match ended {
                Ok(()) => break outbox.link(Link::Finished),
                Err(why) => {
                    tracing::debug!(why, "output down");
                    if began.elapsed() >= GOOD_FOR {
                        back_off.reset();
                    }
                    outbox.down(why);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(back_off.next()) => {}
                () = outbox.closed() => break,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::{self, Delivery};
    use lapwing_model::InputId;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn back_off_doubles_from_a_fifth_of_a_second_to_five() {
        let mut back_off = BackOff::new();
        let waits: Vec<f64> = (0..8).map(|_| back_off.next().as_secs_f64()).collect();
        for (wait, middle) in waits.iter().zip([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]) {
            assert!((0.75 * middle..1.25 * middle).contains(wait), "{wait} near {middle}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_link_down_and_the_transport_comes_back() {
        let (mut inbox, maker) = mailbox::channel();
        let tries = Arc::new(AtomicU32::new(0));
        let task = input(maker.mailbox(InputId::new("a").unwrap()), move |mailbox| {
            let tries = Arc::clone(&tries);
            async move {
                mailbox.link(Link::Up);
                if tries.fetch_add(1, Ordering::Relaxed) == 0 {
                    panic!("as a test");
                }
                Ok(())
            }
        });
        tokio::spawn(task);
        let mut links = Vec::new();
        while links.last() != Some(&Link::Finished) {
            if let Some(Delivery::Link { link, .. }) = inbox.recv().await {
                links.push(link);
            }
        }
        assert!(matches!(&links[..], [Link::Starting, Link::Up, Link::Down { why }, Link::Up, Link::Finished]
            if why.as_str().contains("panic")));
    }

    #[tokio::test]
    async fn dropping_the_inbox_stops_the_task() {
        let (inbox, maker) = mailbox::channel();
        let task = tokio::spawn(input(maker.mailbox(InputId::new("a").unwrap()), |_| std::future::pending()));
        drop(inbox);
        tokio::time::timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
    }
}
