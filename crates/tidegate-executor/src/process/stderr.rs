// How it works
//
// A thread reads what the worker writes to its standard error, keeps the last of it, and passes it on. Where the
// program's own standard error is full, the worker waits for room, as if it wrote there itself.
//
// The thread ends when nobody can write any more, or when it is told that the worker has ended: a process that the
// worker started in a group of its own may hold the pipe for ever. What somebody wrote before they ended lies in the
// pipe, so what lies there is read, and nothing is waited for; but for room to pass it on, for a moment.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ChildStderr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, write};
use rustix::stdio::stderr;

/// The last that a worker wrote.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: Mutex<VecDeque<u8>>,
    limit: usize,
}

impl Tail {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { bytes: Mutex::default(), limit })
    }

    pub(super) fn clear(&self) {
        self.bytes.lock().clear();
    }

    pub(super) fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.lock().iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) fn push(&self, new: &[u8]) {
        let new = &new[new.len().saturating_sub(self.limit)..];
        let mut bytes = self.bytes.lock();
        let superfluous = (bytes.len() + new.len()).saturating_sub(self.limit);
        bytes.drain(..superfluous);
        bytes.extend(new);
    }
}

/// The thread that reads.
#[derive(Debug)]
pub(super) struct Pump {
    thread: JoinHandle<()>,
    ended: Receiver<()>,
    stop: UnixStream,
}

/// For how long last words wait for room where they are passed on.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// How much of them is read: more than a pipe holds, so that somebody who goes on writing does not hinder the end.
const MOST_WORDS: usize = 1 << 20;
/// What a pipe takes at once without waiting, if it takes anything.
const ATOM: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

impl Pump {
    pub(super) fn start(pipe: ChildStderr, tail: &Arc<Tail>, forward: bool) -> io::Result<Self> {
        let (stop, stopped) = UnixStream::pair()?;
        let (ends, ended) = sync_channel(1);
        let mut spout = Spout { stopped, tail: Arc::clone(tail), forward, told: None };
        let thread = Builder::new()
            .name("tidegate-stderr".to_owned())
            .stack_size(256 << 10)
            .spawn(move || {
                spout.drain(pipe);
                let _ = ends.send(());
            })?;
        Ok(Self { thread, ended, stop })
    }

    /// Reads what is there, and ends the thread.
    pub(super) fn finish(self) {
        // Not by closing it: a process that is being started may have a copy.
        let _ = self.stop.shutdown(Shutdown::Both);
        // One that has begun to write where there is no room any more ends when there is.
        if self.ended.recv_timeout(4 * LAST_WORDS) != Err(RecvTimeoutError::Timeout) {
            let _ = self.thread.join();
        }
    }
}

/// Where what is written goes.
struct Spout {
    /// Shut down at the other end when the worker has ended.
    stopped: UnixStream,
    tail: Arc<Tail>,
    forward: bool,
    /// Since when that is known.
    told: Option<Instant>,
}

impl Spout {
    fn drain(&mut self, mut pipe: impl Read + AsFd) {
        let mut buffer = vec![0; 16 << 10];
        let mut left = MOST_WORDS;
        while left > 0 && self.is_ready(&pipe, PollFlags::IN, Duration::ZERO) {
            match pipe.read(&mut buffer) {
                Ok(0) => return,
                Ok(n) => {
                    left -= if self.told.is_some() { n.min(left) } else { 0 };
                    self.tail.push(&buffer[..n]);
                    self.pass_on(&buffer[..n]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn pass_on(&mut self, mut bytes: &[u8]) {
        // Not by the standard library's handle: somebody who waits for room may hold its lock.
        let to = stderr();
        while self.forward && !bytes.is_empty() {
            self.forward = self.is_ready(&to, PollFlags::OUT, LAST_WORDS);
            if self.forward {
                match write(to, &bytes[..bytes.len().min(ATOM)]) {
                    Ok(n) => bytes = &bytes[n..],
                    Err(Errno::INTR | Errno::AGAIN) => {}
                    // There is nobody to tell that standard error is closed.
                    Err(_) => return,
                }
            }
        }
    }

    /// Waits until something can be read or written; once the worker has ended, until `patience` is over.
    fn is_ready(&mut self, what: &impl AsFd, flags: PollFlags, patience: Duration) -> bool {
        loop {
            let left = self.told.map(|told| patience.saturating_sub(told.elapsed()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let mut ready = [PollFd::new(what, flags), PollFd::new(&self.stopped, PollFlags::IN)];
            let told = self.told.is_some();
            let asked = if told { &mut ready[..1] } else { &mut ready[..] };
            match poll(asked, left.as_ref()) {
                Err(Errno::INTR) => continue,
                Err(_) => return false,
                Ok(_) => {}
            }
            let [what, stopped] = ready.map(|it| !it.revents().is_empty());
            if stopped {
                self.told = Some(Instant::now());
            }
            if what || told {
                return what;
            }
        }
    }
}

#[cfg(test)]
mod tests;
