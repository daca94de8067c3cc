//! The accept loop: connections in, bounded, and an orderly end.

use crate::api;
use crate::app::App;
use crate::feeds::Feeds;
use crate::live::hub::Hub;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use lapwing_model::limits;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// How long a connection may take to send a request's headers; also how long it may stay idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long requests and clients get to finish when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Bytes the system may hold back for a slow reader: with its own, far larger choice, a slow client would be fed minutes
/// of stale tracks before it is noticed.
const SEND_BUFFER_BYTES: usize = 128 << 10;
/// Bytes of a request's headers at most.
const HEADER_BYTES_MAX: usize = 32 << 10;

/// Serves until `shutdown` completes, then finishes what is under way (at most three seconds) and returns.
///
/// The events channel is subscribed to in the call itself, before the returned future is polled: nothing that happens
/// afterwards is missed. Without users there is no way to tell who calls, so an address that is not loopback is an
/// error.
pub fn serve(
    listener: TcpListener,
    feeds: Feeds,
    shutdown: impl Future<Output = ()> + Send,
) -> impl Future<Output = io::Result<()>> + Send {
    let (stop, stopping) = watch::channel(false);
    let (app, hub) = App::new(feeds, stopping);
    run(listener, app, hub, stop, shutdown)
}

async fn run(
    listener: TcpListener,
    app: Arc<App>,
    hub: Hub,
    stop: watch::Sender<bool>,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let why = format!("refusing to serve on {address}: without users the server listens on loopback only");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let hub = tokio::spawn(hub.run(stop.subscribe()));
    let router = api::router(Arc::clone(&app));
    let connections = Arc::new(Semaphore::new(limits::HTTP_CONNECTIONS_MAX));
    let mut tasks = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = tasks.join_next() => {}
            (stream, permit) = accept(&listener, &connections) => {
                tasks.spawn(connection(stream, router.clone(), stop.subscribe(), permit));
            }
        }
    }
    drop(listener);
    // The hub and every connection and client hold a receiver and end on their own.
    let _ = stop.send(true);
    let finish = async {
        while tasks.join_next().await.is_some() {}
        let all = u32::try_from(limits::CLIENTS_MAX).unwrap_or(u32::MAX);
        let _ = app.clients.acquire_many(all).await;
        let _ = hub.await;
    };
    if tokio::time::timeout(STOP_TIMEOUT, finish).await.is_err() {
        tracing::warn!("some connections did not end in time and were cut");
    }
    Ok(())
}

async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        // The permit comes first: beyond the bound, connections wait in the system's queue.
        let Ok(permit) = Arc::clone(connections).acquire_owned().await else {
            // The semaphore is never closed.
            return std::future::pending().await;
        };
        match listener.accept().await {
            Ok((stream, peer)) if peer.ip().is_loopback() => return (stream, permit),
            Ok((_, peer)) => tracing::warn!(%peer, "refused a connection from elsewhere"),
            Err(why) => {
                // Out of file descriptors, mostly: it passes, and trying at once would only burn the processor.
                tracing::warn!(%why, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Waits until the server stops, or is dropped.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn connection(
    stream: TcpStream,
    router: axum::Router,
    mut stopping: watch::Receiver<bool>,
    permit: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    // Not on the listener: a connection the system had completed before would not inherit it.
    if let Err(why) = socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES) {
        tracing::warn!(%why, "cannot bound the send buffer: a slow client may see older tracks");
    }
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(HEADER_BYTES_MAX);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(why) = result {
        tracing::debug!(%why, "a connection ended early");
    }
    drop(permit);
}
