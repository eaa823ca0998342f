//! Servers that no proper library would let us write.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A server whose every answer is written by hand, byte for byte.
pub(crate) struct OddServer {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

/// What becomes of a connection after one request.
pub(crate) enum Answer {
    /// These bytes, then the end.
    Bytes(String),
    /// Nothing, for as long as the client likes to wait.
    Silence,
    /// A body that never ends, so many bytes every few milliseconds.
    Endless(usize),
}

impl OddServer {
    /// Asks `answer` for the answer to each request: its number, counted from 0, and its path.
    pub(crate) fn start(answer: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let answer = Arc::new(answer);
        // It ends with the test process; nothing waits for it.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (answer, counter) = (Arc::clone(&answer), Arc::clone(&counter));
                std::thread::spawn(move || {
                    let Some(path) = request_path(&connection) else { return };
                    let number = counter.fetch_add(1, Ordering::SeqCst);
                    finish(connection, answer(number, &path));
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// An answer with this status line, these headers and this body, of the length that the body has.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Bytes(format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

/// Reads a request to its empty line.
fn request_path(connection: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next()?.ok()?;
    lines.map_while(Result::ok).find(|line| line.is_empty())?;
    first.split(' ').nth(1).map(str::to_owned)
}

fn finish(mut connection: TcpStream, answer: Answer) {
    match answer {
        Answer::Bytes(bytes) => {
            let _ = connection.write_all(bytes.as_bytes());
        }
        Answer::Silence => {
            // Ends when the client closes.
            let _ = BufReader::new(connection).lines().last();
        }
        Answer::Endless(bytes) => {
            let _ =
                connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
            while connection.write_all(&vec![b'x'; bytes]).is_ok() {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}
