//! A webhook's receiver: keeps what it is sent, and answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// How it answers.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// With 500 so many times, then with 200.
    FailsFirst(u32),
    /// Never.
    Hangs,
}

/// A receiver at work; its threads end with the test process.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) taken: Arc<Mutex<Vec<Vec<u8>>>>,
    pub(crate) refused: Arc<AtomicU32>,
    pub(crate) begun: Arc<AtomicU32>,
}

impl Receiver {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            taken: Arc::default(),
            refused: Arc::default(),
            begun: Arc::default(),
        };
        let (taken, refused, begun) =
            (Arc::clone(&receiver.taken), Arc::clone(&receiver.refused), Arc::clone(&receiver.begun));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (taken, refused, begun) = (Arc::clone(&taken), Arc::clone(&refused), Arc::clone(&begun));
                std::thread::spawn(move || serve(stream, manner, &taken, &refused, &begun));
            }
        });
        receiver
    }
}

/// Serves one connection until its end.
fn serve(stream: TcpStream, manner: Manner, taken: &Mutex<Vec<Vec<u8>>>, refused: &AtomicU32, begun: &AtomicU32) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(body) = request(&mut reader) {
        begun.fetch_add(1, Ordering::SeqCst);
        let status = match manner {
            Manner::Hangs => continue,
            Manner::FailsFirst(times) if refused.load(Ordering::SeqCst) < times => {
                refused.fetch_add(1, Ordering::SeqCst);
                "500 Not Today"
            }
            Manner::FailsFirst(_) => {
                taken.lock().unwrap().push(body);
                "200 OK"
            }
        };
        if write!(writer, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// The body of the next request.
fn request(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}
