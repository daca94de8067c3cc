//! One WebSocket client.

use super::{LiveMessage, PROTOCOL};
use crate::app::App;
use crate::server::stopped;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;

/// A client that does not take one message within this time is cut.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a close may take to go out.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a client's feed ended.
enum End {
    /// It left.
    Left,
    /// The server ends it and says why.
    Close(u16, String),
    /// It did not take a message in time: nothing can be sent to it, it is cut.
    Stalled,
}

/// Feeds a client until it leaves, falls behind or the server stops.
pub(crate) async fn feed(mut socket: WebSocket, app: Arc<App>, permit: OwnedSemaphorePermit) {
    let end = match run(&mut socket, &app).await {
        Err(end) => end,
        Ok(never) => match never {},
    };
    match end {
        End::Left => {}
        End::Close(code, why) => close(&mut socket, code, why).await,
        End::Stalled => {
            app.clients_closed_slow.fetch_add(1, Ordering::Relaxed);
            tracing::info!("a live client did not take a message within {} s and was cut", SEND_TIMEOUT.as_secs());
            close(&mut socket, close_code::POLICY, String::from("too slow")).await;
        }
    }
    drop(permit);
}

async fn run(socket: &mut WebSocket, app: &App) -> Result<std::convert::Infallible, End> {
    let gone = || End::Close(close_code::AWAY, String::from("the server stops"));
    // First the messages, then the state: what happens in between arrives twice rather than never.
    let mut control = app.control.upgrade().ok_or_else(gone)?.subscribe();
    let mut published = app.published.clone();
    let mut stopping = app.stopping.clone();
    let first = Arc::clone(&published.borrow_and_update());
    let site = app.site.borrow().name.clone();
    let version = env!("CARGO_PKG_VERSION");
    let hello = LiveMessage::Hello { protocol: PROTOCOL, version, at: first.at(), site: site.as_str() };
    send(socket, Message::Text(hello.text())).await?;
    send(socket, Message::Text(first.state())).await?;
    send(socket, Message::Binary(first.full())).await?;
    send(socket, Message::Text(first.labels())).await?;
    let mut seen = first.number;
    drop(first);
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stopping) => return Err(gone()),
            message = control.recv() => match message {
                Ok(text) => send(socket, Message::Text(text)).await?,
                Err(RecvError::Lagged(missed)) => {
                    app.clients_closed_slow.fetch_add(1, Ordering::Relaxed);
                    let why = format!("too slow: {missed} messages that must not be lost were waiting; connect again");
                    return Err(End::Close(close_code::POLICY, why));
                }
                Err(RecvError::Closed) => return Err(gone()),
            },
            changed = published.changed() => {
                changed.map_err(|_| gone())?;
                let latest = Arc::clone(&published.borrow_and_update());
                // Latest value wins: who missed one in between gets everything instead of every step.
                let missed = latest.number != seen.wrapping_add(1);
                let frame = if missed { latest.full() } else { latest.delta.clone() };
                seen = latest.number;
                send(socket, Message::Binary(frame)).await?;
            }
            incoming = socket.recv() => match incoming {
                None | Some(Err(_) | Ok(Message::Close(_))) => return Err(End::Left),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                    let why = String::from("this feed takes no messages: use the REST interface");
                    return Err(End::Close(close_code::UNSUPPORTED, why));
                }
            },
        }
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match tokio::time::timeout(SEND_TIMEOUT, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Left),
        Err(_) => Err(End::Stalled),
    }
}

async fn close(socket: &mut WebSocket, code: u16, why: String) {
    let frame = Message::Close(Some(CloseFrame { code, reason: why.into() }));
    let goodbye = async {
        if socket.send(frame).await.is_ok() {
            // Wait for the answer, so that what was sent is read before the connection goes.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
}
