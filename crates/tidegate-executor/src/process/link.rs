// How it works
//
// The pool's end of the socket. A call writes its question at once, without asking whether there is room, and
// only waits for readiness when there is none; then it reads until the answer is whole. The socket is registered
// with the runtime in which it was last used, and again when that is another one.
//
// What is lost tells how much the worker has seen: a socket that was closed with something unread in it is
// *reset*, so the question never was read to its end, and may be asked again elsewhere. (Where the system does
// not tell the two apart, the worker died.)

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::runtime::{Handle, Id};

use super::frame::{HEADER, Header};

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Lost {
    /// The function was not begun.
    Unread,
    /// The socket was closed.
    Closed,
    /// That was no answer.
    Nonsense(String),
}

/// What the pool talks to a worker through.
#[derive(Debug)]
pub(super) struct Link {
    socket: Arc<UnixStream>,
    registered: Option<(Id, tokio::net::UnixStream)>,
    calls: u64,
    chunk: Vec<u8>,
}

/// How much is read at once.
const CHUNK: usize = 64 << 10;

impl Link {
    /// The socket must not block.
    pub(super) fn new(socket: Arc<UnixStream>) -> Self {
        Self { socket, registered: None, calls: 0, chunk: Vec::new() }
    }

    /// The number of the next call.
    pub(super) fn next(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }

    /// How many calls there were.
    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    /// Whether the other end is open, and has not spoken unasked.
    pub(super) fn is_quiet(&self) -> bool {
        let read = (&*self.socket).read(&mut [0]);
        read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Says something that needs no answer; whether it was said.
    pub(super) fn tell(&self, frame: &[u8]) -> bool {
        (&*self.socket).write(frame).is_ok_and(|written| written == frame.len())
    }

    /// Asks a question and waits for the answer.
    pub(super) async fn exchange(
        &mut self,
        question: &[u8],
        call: u64,
        limit: usize,
    ) -> Result<(Header, Vec<u8>), Lost> {
        self.write(question).await.map_err(|_| Lost::Unread)?;
        let (header, body) = self.read(limit).await?;
        if header.call != call {
            return Err(Lost::Nonsense(format!("an answer to call {}", header.call)));
        }
        Ok((header, body))
    }

    async fn write(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match (&*self.socket).write(rest) {
                Ok(n) => rest = &rest[n..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let socket = self.registered()?;
                    socket.writable().await?;
                    match socket.try_write(rest) {
                        Ok(n) => rest = &rest[n..],
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn read(&mut self, limit: usize) -> Result<(Header, Vec<u8>), Lost> {
        let mut answer = Vec::new();
        let mut header = None;
        loop {
            self.read_some(&mut answer).await?;
            if header.is_none() {
                if let Some(bytes) = answer.first_chunk::<HEADER>() {
                    header = Some(Header::parse(bytes, limit).map_err(Lost::Nonsense)?);
                }
            }
            let Some(header) = header else { continue };
            match answer.len().cmp(&(HEADER + header.length)) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => return Ok((header, answer)),
                std::cmp::Ordering::Greater => {
                    return Err(Lost::Nonsense("more than an answer".to_owned()));
                }
            }
        }
    }

    /// Appends what there is, and waits until there is something.
    async fn read_some(&mut self, to: &mut Vec<u8>) -> Result<(), Lost> {
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.resize(CHUNK, 0);
        let socket = self.registered().map_err(|error| Lost::Nonsense(error.to_string()))?;
        let mut buffer = ReadBuf::new(&mut chunk);
        let read = poll_fn(|cx| Pin::new(&mut *socket).poll_read(cx, &mut buffer)).await;
        let new = buffer.filled();
        to.extend_from_slice(new);
        let none = new.is_empty();
        self.chunk = chunk;
        match read {
            Ok(()) if none => Err(Lost::Closed),
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset && to.is_empty() => {
                Err(Lost::Unread)
            }
            Err(_) => Err(Lost::Closed),
        }
    }

    fn registered(&mut self) -> io::Result<&mut tokio::net::UnixStream> {
        let runtime = Handle::current().id();
        if self.registered.as_ref().is_none_or(|(id, _)| *id != runtime) {
            let socket = tokio::net::UnixStream::from_std(self.socket.try_clone()?)?;
            self.registered = Some((runtime, socket));
        }
        Ok(&mut self.registered.as_mut().expect("registered this instant").1)
    }
}
