//! What the tests share: opening a transport from text, waiting with a generous deadline, free ports, a directory.

use crate::mailbox::{self, Bounds, Delivery, Inbox};
use crate::outbox::{self, Output};
use crate::{ConfigTable, transport};
use lapwing_model::{Envelope, InputId, Link, Reception};
use std::fmt::Debug;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Nothing a test waits for takes so long, on any machine, when it comes at all.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn table(text: &str) -> ConfigTable<'_> {
    let table = toml::de::DeTable::parse(text).expect("the test's TOML is TOML");
    let span = table.span();
    toml::Spanned::new(span, toml::de::DeValue::Table(table.into_inner()))
}

pub(crate) async fn within<T>(what: impl Debug, future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what:?}"))
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A loopback port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An input at work, and what it delivers.
pub(crate) struct TestInput {
    pub(crate) inbox: Inbox,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) fn input_id() -> InputId {
    InputId::new("gate").unwrap()
}

impl TestInput {
    pub(crate) fn open(name: &str, config: &str) -> Self {
        Self::open_with(Bounds::default(), name, config)
    }

    pub(crate) fn open_with(bounds: Bounds, name: &str, config: &str) -> Self {
        let (inbox, maker) = mailbox::channel_with(bounds);
        let open = transport(name).unwrap().input.unwrap();
        let task = tokio::spawn(open(table(config), maker.mailbox(input_id())).unwrap());
        Self { inbox, task }
    }

    pub(crate) async fn next(&mut self) -> Delivery {
        within("a delivery", self.inbox.recv()).await.expect("the input is still there")
    }

    /// The next reception; link changes and sheds before it are passed over.
    pub(crate) async fn reception(&mut self) -> Reception {
        loop {
            if let Delivery::Reception(reception) = self.next().await {
                return reception;
            }
        }
    }

    /// The next link change; receptions and sheds before it are passed over.
    pub(crate) async fn link(&mut self) -> Link {
        loop {
            if let Delivery::Link { link, .. } = self.next().await {
                return link;
            }
        }
    }

    pub(crate) async fn up(&mut self) {
        while self.link().await != Link::Up {}
    }

    pub(crate) async fn down(&mut self) -> String {
        loop {
            if let Link::Down { why } = self.link().await {
                return why.as_str().to_owned();
            }
        }
    }

    /// Joins pieces of one stream until `enough`, or until it ends; checks that they are in order without a gap.
    pub(crate) async fn stream(&mut self, connection: u64, enough: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < enough {
            let reception = self.reception().await;
            match reception.envelope {
                Envelope::Stream { connection: c, offset } if c == connection => {
                    assert_eq!(offset, bytes.len() as u64, "no gap");
                    bytes.extend(reception.bytes);
                }
                Envelope::StreamEnd { connection: c } if c == connection => break,
                other => panic!("unexpected {other:?}"),
            }
        }
        bytes
    }
}

impl Drop for TestInput {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An output at work.
pub(crate) struct TestOutput {
    pub(crate) output: Output,
    pub(crate) task: JoinHandle<()>,
}

impl TestOutput {
    pub(crate) fn open(name: &str, config: &str) -> Self {
        let (output, outbox) = outbox::channel();
        let open = transport(name).unwrap().output.unwrap();
        let task = tokio::spawn(open(table(config), outbox).unwrap());
        Self { output, task }
    }

    pub(crate) async fn until_books(&self, what: &str, mut condition: impl FnMut(&crate::OutputBooks) -> bool) {
        until(what, || {
            let books = self.output.books();
            assert!(books.balances(), "{books:?}");
            condition(&books)
        })
        .await;
    }

    pub(crate) async fn sent(&self, count: u64) {
        self.until_books("messages sent", |b| b.sent == count).await;
    }

    pub(crate) async fn down(&self) -> String {
        let mut link = self.output.link();
        match &*within("the output down", link.wait_for(|l| matches!(l, Link::Down { .. }))).await.unwrap() {
            Link::Down { why } => why.as_str().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn up(&self) {
        let mut link = self.output.link();
        within("the output up", link.wait_for(|l| *l == Link::Up)).await.unwrap();
    }
}

/// A directory of one test, removed at its end.
pub(crate) struct TestDirectory(PathBuf);

impl TestDirectory {
    pub(crate) fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("lapwing-transports-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file of the repository's test data.
pub(crate) fn testdata(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(path)
}
