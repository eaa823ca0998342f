use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::{MOST_WORDS, Spout, Tail};

/// One that was told that the worker has ended.
fn told(limit: usize) -> (Spout, Arc<Tail>) {
    let tail = Tail::new(limit);
    let (stop, stopped) = UnixStream::pair().expect("the system has sockets");
    stop.shutdown(Shutdown::Both).expect("it is connected");
    (Spout { stopped, tail: Arc::clone(&tail), forward: false, told: None }, tail)
}

#[test]
fn what_lies_there_is_read_and_no_more_is_waited_for() {
    let (mut spout, tail) = told(100_000);
    let (mut worker, pipe) = UnixStream::pair().expect("the system has sockets");
    let words = "last words\n".repeat(6_000);
    worker.write_all(words.as_bytes()).expect("there is room");
    // The worker's end stays open: somebody inherited it.
    spout.drain(pipe);
    assert_eq!(tail.text(), words);
}

/// Has always something more to say.
struct Endless {
    ready: UnixStream,
    said: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(b'x');
        self.said += buffer.len();
        assert!(self.said <= 2 * MOST_WORDS, "enough");
        Ok(buffer.len())
    }
}

impl AsFd for Endless {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

#[test]
fn somebody_who_never_ends_is_not_heard_out() {
    let (mut spout, tail) = told(10);
    let (mut other_end, ready) = UnixStream::pair().expect("the system has sockets");
    other_end.write_all(b"!").expect("there is room");
    spout.drain(Endless { ready, said: 0 });
    assert_eq!(tail.text(), "xxxxxxxxxx");
}
