//! Eleven requests, three at a time, and a server that has had enough after one of them.
//!
//! The refused request gets its error, the other ten succeed, and nothing at all is sent while the server wants to be
//! left alone: not by those who wait for a permit, and not by those who got one. And it is so every time: the second
//! round is like the first.
//!
//! ```text
//! first round
//! Done!
//! Done!
//! Done!
//! Done!
//! Done!
//! Too many requests!
//! Done!
//! Done!
//! Done!
//! Done!
//! Done!
//! 11 requests, 3 at once, 0 during a pause, which were 1 so far
//! second round
//! Done!
//! Done!
//! Done!
//! Done!
//! Done!
//! Too many requests!
//! Done!
//! Done!
//! Done!
//! Done!
//! Done!
//! 22 requests, 3 at once, 0 during a pause, which were 2 so far
//! ```

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tidegate::task_group::gather_settled;
use tidegate::time_lock::{Hint, PausingSemaphore, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    LocalSet::new().run_until(both_rounds()).await
}

async fn both_rounds() -> io::Result<()> {
    let server = Rc::new(Server::default());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    spawn_local(Rc::clone(&server).serve(listener));

    // An open gate and a free permit are one decision. With a semaphore and a gate, one after the other, whoever passed
    // the first of them while it was open may find things changed behind the second.
    let requests = PausingSemaphore::builder().permits(3).classify(judge).build();
    for round in ["first", "second"] {
        println!("{round} round");
        let paths = [["/get"; 5].as_slice(), &["/status/429"], &["/get"; 5]].concat();
        let answers = gather_settled(paths.into_iter().map(|path| {
            let requests = &requests;
            // Whatever the answer is, it comes back as it is.
            async move { requests.run(get(address, path)).await }
        }));
        for answer in answers.await {
            match answer {
                Ok(_body) => println!("Done!"),
                Err(Failure::TooManyRequests { .. }) => println!("Too many requests!"),
                Err(Failure::Other(error)) => return Err(error),
            }
        }
        println!("{}", server.report());
    }
    Ok(())
}

/// What an answer says about the server.
fn judge(answer: &Result<String, Failure>) -> Verdict {
    match answer {
        Ok(_) => Verdict::Ok,
        Err(Failure::TooManyRequests { retry_after }) => {
            Verdict::refused(Hint::parse(retry_after.as_bytes()))
        }
        Err(Failure::Other(_)) => Verdict::Ignore,
    }
}

// A client.

enum Failure {
    TooManyRequests { retry_after: String },
    Other(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Other(error)
    }
}

async fn get(server: SocketAddr, path: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(server).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)
        .map_err(io::Error::from)?;
    if head.starts_with("HTTP/1.1 429 ") {
        let line = head.lines().find_map(|line| line.strip_prefix("Retry-After: "));
        return Err(Failure::TooManyRequests { retry_after: line.unwrap_or_default().to_owned() });
    }
    Ok(body.to_owned())
}

// And a server that knows what it was asked, and when.

#[derive(Default)]
struct Server {
    requests: Cell<u32>,
    /// Now, and at most.
    at_once: Cell<(u32, u32)>,
    /// A refusal is on its way; the other answers wait for it, so that it is the first to be read.
    refusing: Cell<bool>,
    pauses: RefCell<Vec<Instant>>,
    during_a_pause: Cell<u32>,
}

const PAUSE: Duration = Duration::from_secs(1);
const A_MOMENT: Duration = Duration::from_millis(1);

impl Server {
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
        let (now, most) = self.at_once.get();
        self.at_once.set((now + 1, most.max(now + 1)));
        self.requests.set(self.requests.get() + 1);
        let during = self.pauses.borrow().last().is_some_and(|began| began.elapsed() < PAUSE);
        self.during_a_pause.set(self.during_a_pause.get() + u32::from(during));

        if head.starts_with(b"GET /status/429 ") {
            self.refusing.set(true);
            // The worst moment: when as many are here as are let through. (After a pause those are fewer, and slower.)
            let mut moments = 0..50;
            while self.at_once.get().0 < 3 && moments.next().is_some() {
                sleep(A_MOMENT).await;
            }
            let answer =
                b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
            let began = Instant::now();
            stream.write_all(answer).await?;
            stream.shutdown().await?;
            // The client has read it when it hangs up, and knows better from then on.
            let _ = stream.read_u8().await;
            self.pauses.borrow_mut().push(began);
            self.leave();
            self.refusing.set(false);
        } else {
            sleep(10 * A_MOMENT).await;
            while self.refusing.get() {
                sleep(A_MOMENT).await;
            }
            self.leave();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await?;
        }
        Ok(())
    }

    fn leave(&self) {
        let (now, most) = self.at_once.get();
        self.at_once.set((now - 1, most));
    }

    fn report(&self) -> String {
        let (requests, (_, most)) = (self.requests.get(), self.at_once.get());
        let (during, pauses) = (self.during_a_pause.get(), self.pauses.borrow().len());
        format!(
            "{requests} requests, {most} at once, {during} during a pause, which were {pauses} so far"
        )
    }
}
