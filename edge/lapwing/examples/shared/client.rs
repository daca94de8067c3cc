//! A client of the server's API.

use anyhow::{Context, bail};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One HTTP request; gives the body.
pub(crate) async fn http(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let at = answer.windows(4).position(|w| w == b"\r\n\r\n").context("no end of HTTP head")?;
    let status = String::from_utf8_lossy(&answer[..at]).split_whitespace().nth(1).unwrap_or("").to_owned();
    if !status.starts_with('2') {
        bail!("{method} {path}: {status}");
    }
    Ok(answer.split_off(at + 4))
}
