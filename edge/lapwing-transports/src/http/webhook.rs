//! Webhook: each message is one POST, one after the other, tried again until it is taken or given up.

use crate::ConfigTable;
use crate::address::{Peer, seconds};
use crate::outbox::Outbox;
use crate::supervise::{self, Attempt, BackOff, Task};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use lapwing_model::Link;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What is read of an answer, so that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 << 10;
const LOST_GIVEN_UP: &str = "given up after all attempts";
const LOST_REFUSED: &str = "refused by the receiver";

fn timeout_default() -> Duration {
    Duration::from_secs(5)
}

fn attempts_default() -> u32 {
    20
}

fn content_type_default() -> String {
    "application/json".into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    url: String,
    #[serde(default = "content_type_default")]
    content_type: String,
    #[serde(default = "timeout_default", deserialize_with = "seconds")]
    timeout_s: Duration,
    #[serde(default = "attempts_default")]
    attempts: u32,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(try_from = "RawConfig")]
struct Config {
    peer: Peer,
    /// Path and query.
    target: Uri,
    headers: HeaderMap,
    timeout: Duration,
    attempts: u32,
}

impl TryFrom<RawConfig> for Config {
    type Error = String;
    fn try_from(raw: RawConfig) -> Result<Self, String> {
        let bad_url = || format!("`url` should be such as \"http://127.0.0.1:9000/hook\", not {:?}", raw.url);
        let url: Uri = raw.url.parse().map_err(|_| bad_url())?;
        match url.scheme_str() {
            Some("http") => {}
            Some("https") => return Err("`url`: https is not supported yet; use a relay on this machine".into()),
            _ => return Err(bad_url()),
        }
        let authority = url.authority().filter(|a| !a.as_str().contains('@')).ok_or_else(bad_url)?;
        let peer = Peer::new(authority.host(), authority.port_u16().unwrap_or(80)).ok_or_else(bad_url)?;
        let target = url.path_and_query().map_or("/", |p| p.as_str()).parse().map_err(|_| bad_url())?;
        if !(1..=1_000).contains(&raw.attempts) {
            return Err(format!("`attempts` should be 1 to 1000, not {}", raw.attempts));
        }
        let mut headers = HeaderMap::new();
        let own = concat!("lapwing/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(own));
        headers.insert(CONTENT_TYPE, value(&raw.content_type)?);
        headers.insert(HOST, value(authority.as_str())?);
        for (name, text) in &raw.headers {
            let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is no name of a header"))?;
            let mut value = value(text)?;
            // It may be a token.
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self { peer, target, headers, timeout: raw.timeout_s, attempts: raw.attempts })
    }
}

fn value(text: &str) -> Result<HeaderValue, String> {
    // The text may be a token: it is not repeated.
    HeaderValue::from_str(text).map_err(|_| "a header with characters that headers cannot have".into())
}

pub(super) fn open(table: ConfigTable<'_>, outbox: Outbox) -> Result<Task, toml::de::Error> {
    let config: Arc<Config> = Arc::new(crate::read(table)?);
    Ok(supervise::output(outbox, move |outbox| send(Arc::clone(&config), outbox)))
}

async fn send(config: Arc<Config>, outbox: Outbox) -> Attempt {
    let mut connection = Connection::new();
    while let Some(message) = outbox.take().await {
        let mut back_off = BackOff::new();
        let mut left = config.attempts;
        loop {
            let why = match connection.post(&config, message.clone()).await {
                Posted::Taken => {
                    outbox.sent();
                    outbox.link(Link::Up);
                    break;
                }
                Posted::Refused(status) => {
                    outbox.lost(LOST_REFUSED);
                    outbox.down(format!("{}: refused a message with {status}", config.peer));
                    break;
                }
                Posted::Failed(why) => format!("{}: {why}", config.peer),
            };
            left -= 1;
            if left == 0 {
                outbox.lost(LOST_GIVEN_UP);
                outbox.down(why);
                break;
            }
            // An output that was closed does not hold the end of the program up.
            if outbox.is_closed() {
                return Err(why);
            }
            outbox.down(&why);
            tokio::select! {
                () = tokio::time::sleep(back_off.next()) => {}
                () = outbox.closed() => return Err(why),
            }
        }
    }
    Ok(())
}

enum Posted {
    /// A status of 2xx.
    Taken,
    /// A status that another attempt would not change.
    Refused(StatusCode),
    /// Anything that another attempt may change.
    Failed(String),
}

/// One connection, kept while it works.
struct Connection {
    sender: Option<SendRequest<Full<Bytes>>>,
    /// Drives it; dropping this ends it.
    driver: JoinSet<()>,
}

impl Connection {
    fn new() -> Self {
        Self { sender: None, driver: JoinSet::new() }
    }

    async fn post(&mut self, config: &Config, message: Bytes) -> Posted {
        let tried = timeout(config.timeout, self.exchange(config, message)).await;
        let (posted, reusable) = match tried {
            Ok(Ok(status)) if status.is_success() => (Posted::Taken, true),
            Ok(Ok(status)) if passing(status) => (Posted::Failed(format!("answered {status}")), true),
            Ok(Ok(status)) => (Posted::Refused(status), true),
            Ok(Err(why)) => (Posted::Failed(why), false),
            Err(_) => (Posted::Failed(format!("no answer within {} s", config.timeout.as_secs_f64())), false),
        };
        if !reusable {
            *self = Self::new();
        }
        posted
    }

    async fn exchange(&mut self, config: &Config, message: Bytes) -> Result<StatusCode, String> {
        let sender = match &mut self.sender {
            Some(sender) if !sender.is_closed() => sender,
            _ => {
                let peer = &config.peer;
                let tcp =
                    TcpStream::connect((peer.host(), peer.port())).await.map_err(|e| format!("cannot connect: {e}"))?;
                let _ = tcp.set_nodelay(true);
                let (sender, driver) = handshake(TokioIo::new(tcp)).await.map_err(|e| e.to_string())?;
                self.driver = JoinSet::new();
                self.driver.spawn(async move {
                    // Its error reaches the request that was on its way.
                    let _ = driver.await;
                });
                self.sender.insert(sender)
            }
        };
        sender.ready().await.map_err(|e| e.to_string())?;
        let mut request = Request::new(Full::new(message));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = config.target.clone();
        *request.headers_mut() = config.headers.clone();
        let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
        let status = response.status();
        if Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.is_err() {
            // The status is the answer; the connection is in the middle of something else.
            self.sender = None;
        }
        Ok(status)
    }
}

/// Whether another attempt may have more luck: the receiver is ill or busy.
fn passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}
