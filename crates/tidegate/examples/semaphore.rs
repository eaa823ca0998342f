//! Many requests to one server: twelve with at most six at a time, and six with at most three.
//!
//! The server keeps count of how many are there at once. It answers none before as many are there as may be, and more
//! there never are; so the two numbers are the same each time.
//!
//! ```text
//! fetch(0) = 0, … s
//! fetch(1) = 1, … s
//! fetch(2) = 2, … s
//! fetch(3) = 3, … s
//! fetch(4) = 4, … s
//! fetch(5) = 5, … s
//! fetch(6) = 6, … s
//! fetch(7) = 7, … s
//! fetch(8) = 8, … s
//! fetch(9) = 9, … s
//! fetch(10) = 10, … s
//! fetch(11) = 11, … s
//! 12 requests, 6 at once
//! fetch(0) = 0, … s
//! fetch(1) = 1, … s
//! fetch(2) = 2, … s
//! fetch(3) = 3, … s
//! fetch(4) = 4, … s
//! fetch(5) = 5, … s
//! 6 requests, 3 at once
//! ```

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tidegate::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    LocalSet::new()
        .run_until(async {
            fetch_all(12, 6).await?;
            fetch_all(6, 3).await
        })
        .await
}

async fn fetch_all(requests: usize, at_once: usize) -> Result<(), BoxError> {
    let server = Rc::new(Server::new(at_once));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    spawn_local(Rc::clone(&server).serve(listener));

    let permits = Semaphore::new(at_once);
    let answers = gather((0..requests).map(|a| {
        let permits = &permits;
        async move {
            let _permit = permits.acquire().await?;
            fetch(address, a).await
        }
    }));
    for (a, (answer, took)) in answers.await?.into_iter().enumerate() {
        println!("fetch({a}) = {answer}, {:.3} s", took.as_secs_f64());
    }
    println!("{} requests, {} at once", server.requests.get(), server.most.get());
    Ok(())
}

/// What the server says, and how long that took.
async fn fetch(server: SocketAddr, a: usize) -> Result<(String, Duration), BoxError> {
    let start = Instant::now();
    let mut stream = TcpStream::connect(server).await?;
    let request = format!("GET /get?a={a} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok((body.to_owned(), start.elapsed()))
}

/// Repeats what it was asked, when enough others have come.
struct Server {
    enough: Barrier,
    requests: Cell<u32>,
    now: Cell<u32>,
    most: Cell<u32>,
}

impl Server {
    fn new(at_once: usize) -> Self {
        let [requests, now, most] = [0; 3].map(Cell::new);
        Self { enough: Barrier::new(at_once), requests, now, most }
    }

    async fn serve(self: Rc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let server = Rc::clone(&self);
            spawn_local(async move {
                // A client that goes away is no trouble of the server's.
                let _ = server.answer(stream).await;
            });
        }
    }

    async fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        self.requests.set(self.requests.get() + 1);
        self.now.set(self.now.get() + 1);
        self.most.set(self.most.get().max(self.now.get()));
        let met = self.enough.wait().await;
        // And a moment longer, in which one too many would be noticed.
        sleep(Duration::from_millis(10)).await;
        self.now.set(self.now.get() - 1);
        met.map_err(io::Error::other)?;

        let head = String::from_utf8_lossy(&head);
        let a = head.split(['=', ' ']).nth(2).unwrap_or_default();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{a}", a.len());
        stream.write_all(answer.as_bytes()).await
    }
}
