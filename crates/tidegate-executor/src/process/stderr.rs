// How it works
//
// A thread reads what the worker writes to its standard error, so that the worker never waits for it, keeps the
// last of it, and passes it on. It ends when nobody can write any more, or when it is told to: a process that the
// worker started in a group of its own may hold the pipe for ever.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ChildStderr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

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

/// How long a worker's last words may take.
const LAST_WORDS: Duration = Duration::from_millis(250);

impl Pump {
    pub(super) fn start(pipe: ChildStderr, tail: &Arc<Tail>, forward: bool) -> io::Result<Self> {
        let (stop, stopped) = UnixStream::pair()?;
        let (ends, ended) = sync_channel(1);
        let tail = Arc::clone(tail);
        let thread = Builder::new()
            .name("tidegate-stderr".to_owned())
            .stack_size(256 << 10)
            .spawn(move || {
                pump(pipe, &stopped, &tail, forward);
                let _ = ends.send(());
            })?;
        Ok(Self { thread, ended, stop })
    }

    /// Reads to the end, if there is one, and ends the thread.
    pub(super) fn finish(self) {
        // Whether there was an end or not makes no difference to what follows.
        let _ = self.ended.recv_timeout(LAST_WORDS);
        drop(self.stop);
        let _ = self.thread.join();
    }
}

fn pump(mut pipe: ChildStderr, stopped: &UnixStream, tail: &Tail, forward: bool) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let mut ready = [PollFd::new(&pipe, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut ready, None) {
            Err(Errno::INTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        if !ready[1].revents().is_empty() {
            return;
        }
        match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => {
                tail.push(&buffer[..n]);
                if forward {
                    // There is nobody to tell that standard error is closed.
                    let _ = io::stderr().write_all(&buffer[..n]);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
