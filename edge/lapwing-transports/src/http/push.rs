//! HTTP push: each POST is one message.

use crate::ConfigTable;
use crate::address::ListenAddress;
use crate::mailbox::{Mailbox, SHED_TOO_LARGE};
use crate::supervise::{self, Attempt, Task};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, HeaderValue, ORIGIN, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use lapwing_model::{Envelope, Link, limits};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

fn path<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    let known = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#');
    if path.starts_with('/') && path.len() <= 256 && path.bytes().all(known) {
        Ok(path)
    } else {
        Err(serde::de::Error::custom(format!("expected a path such as \"/sensor/gate\", not {path:?}")))
    }
}

fn path_default() -> String {
    "/".into()
}

fn max_bytes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let max = usize::deserialize(deserializer)?;
    if (1..=limits::RECEPTION_BYTES_MAX).contains(&max) {
        Ok(max)
    } else {
        Err(serde::de::Error::custom(format!("expected 1 to {} bytes, not {max}", limits::RECEPTION_BYTES_MAX)))
    }
}

fn max_bytes_default() -> usize {
    limits::RECEPTION_BYTES_MAX
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    listen: ListenAddress,
    #[serde(default = "path_default", deserialize_with = "path")]
    path: String,
    #[serde(default = "max_bytes_default", deserialize_with = "max_bytes")]
    max_bytes: usize,
}

pub(super) fn open(table: ConfigTable<'_>, mailbox: Mailbox) -> Result<Task, toml::de::Error> {
    let config: Arc<Config> = Arc::new(crate::read(table)?);
    Ok(supervise::input(mailbox, move |mailbox| serve(Arc::clone(&config), mailbox)))
}

async fn serve(config: Arc<Config>, mailbox: Mailbox) -> Attempt {
    let address = config.listen.0;
    let listener = TcpListener::bind(address).await.map_err(|e| format!("cannot listen on {address}: {e}"))?;
    mailbox.link(Link::Up);
    let mut connections = JoinSet::new();
    loop {
        let room = connections.len() < limits::CONNECTIONS_PER_INPUT_MAX;
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if room => match accepted {
                Ok((tcp, _)) => {
                    let (config, mailbox) = (Arc::clone(&config), mailbox.clone());
                    let service = service_fn(move |request| {
                        let (config, mailbox) = (Arc::clone(&config), mailbox.clone());
                        async move { Ok::<_, Infallible>(take(&config, &mailbox, request).await) }
                    });
                    connections.spawn(
                        hyper::server::conn::http1::Builder::new()
                            .timer(TokioTimer::new())
                            // Also ends connections on which nothing more is asked.
                            .header_read_timeout(HEADERS_TIMEOUT)
                            .serve_connection(TokioIo::new(tcp), service),
                    );
                }
                Err(error) => {
                    tracing::warn!(input = %mailbox.input(), %error, "cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

async fn take(config: &Config, mailbox: &Mailbox, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if request.uri().path() != config.path {
        return answer(StatusCode::NOT_FOUND, "no such path");
    }
    if request.method() != Method::POST {
        let mut refusal = answer(StatusCode::METHOD_NOT_ALLOWED, "POST one message");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return refusal;
    }
    // A sensor sends none; a web page that was talked into posting here does.
    if request.headers().contains_key(ORIGIN) {
        return answer(StatusCode::FORBIDDEN, "not from a web page");
    }
    let too_large = || {
        mailbox.shed(SHED_TOO_LARGE, 1);
        answer(StatusCode::PAYLOAD_TOO_LARGE, "message too large")
    };
    let body = request.into_body();
    if body.size_hint().lower() > config.max_bytes as u64 {
        return too_large();
    }
    let bytes = match timeout(BODY_TIMEOUT, Limited::new(body, config.max_bytes).collect()).await {
        Ok(Ok(whole)) => whole.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return too_large(),
        Ok(Err(_)) => return answer(StatusCode::BAD_REQUEST, "the message broke off"),
        Err(_) => return answer(StatusCode::REQUEST_TIMEOUT, "the message did not arrive in time"),
    };
    if mailbox.offer(Envelope::Message { topic: config.path.clone() }, bytes.to_vec()) {
        answer(StatusCode::ACCEPTED, "")
    } else {
        let mut refusal = answer(StatusCode::SERVICE_UNAVAILABLE, "too much at once");
        refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        refusal
    }
}

fn answer(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
