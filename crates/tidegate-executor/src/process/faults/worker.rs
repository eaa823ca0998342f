//! What a worker makes of a pool that goes wrong.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};

use super::rogue::FAULT;
use crate::process::frame::{self, HEADER, Kind};
use crate::process::function::signature;
use crate::process::{ProcessFn, identity};

/// A worker, which behaves, and the socket that leads to it.
fn worker() -> (Child, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("the system has sockets");
    (command(Stdio::from(OwnedFd::from(theirs))).spawn().expect("this binary can be run"), ours)
}

fn command(stdin: Stdio) -> Command {
    let mut command = Command::new(identity::program());
    command
        .arg0(crate::process::worker::NAME)
        .args(["process::faults::rogue::entry", "--exact", "--nocapture", "--quiet"])
        // The file that says that somebody was a rogue already is there.
        .env(FAULT, "none|/")
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn greet(socket: &mut UnixStream) {
    let welcome = frame::greeting(identity::build(), Some(1000));
    socket.write_all(&frame::frame(Kind::Welcome, 0, &welcome)).expect("it listens");
    let mut hello = [0; HEADER + 12];
    socket.read_exact(&mut hello).expect("it answers");
}

fn code(mut worker: Child) -> Option<i32> {
    worker.wait().expect("it is ours").code()
}

#[test]
fn a_worker_ends_quietly_when_the_pool_goes_away_before_the_greeting() {
    let (worker, socket) = worker();
    drop(socket);
    assert_eq!(code(worker), Some(0));
}

#[test]
fn a_worker_ends_when_the_pool_goes_away() {
    let (mut worker, mut socket) = worker();
    greet(&mut socket);
    drop(socket);
    let status = worker.wait().expect("it is ours");
    // It sees it itself, or the thread that watches does.
    assert!(status.code() == Some(0) || status.signal() == Some(9), "{status}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_ends_with_the_thread_that_started_it_though_somebody_holds_the_socket() {
    let start = || {
        let (worker, mut socket) = worker();
        greet(&mut socket);
        (worker, socket)
    };
    let (mut worker, _socket) = std::thread::spawn(start).join().expect("it does not panic");
    assert_eq!(worker.wait().expect("it is ours").signal(), Some(9));
}

#[test]
fn a_worker_that_is_busy_ends_when_the_pool_goes_away() {
    crate::process_fn! { fn for_ever() { loop { std::thread::park() } } }
    let (mut worker, mut socket) = worker();
    greet(&mut socket);
    let question = frame::question(for_ever::KEY, signature::<for_ever>());
    socket.write_all(&frame::seal(question, Kind::Call, 1)).expect("it listens");
    drop(socket);
    assert_eq!(worker.wait().expect("it is ours").signal(), Some(9));
}

#[test]
fn a_worker_ends_when_it_is_told_to() {
    let (worker, mut socket) = worker();
    greet(&mut socket);
    socket.write_all(&frame::frame(Kind::Goodbye, 0, b"")).expect("it listens");
    assert_eq!(code(worker), Some(0));
}

#[test]
fn a_worker_does_not_take_nonsense() {
    let oversized = {
        let mut header = frame::frame(Kind::Call, 1, b"");
        header[4..8].copy_from_slice(&1001_u32.to_le_bytes());
        header
    };
    let answer = frame::frame(Kind::Returned, 1, b"");
    for nonsense in [&[9; 16][..], &oversized, &answer] {
        let (worker, mut socket) = worker();
        greet(&mut socket);
        socket.write_all(nonsense).expect("it listens");
        assert_eq!(code(worker), Some(1), "{nonsense:?}");
    }
    let welcome = frame::greeting(identity::build(), Some(1000));
    for nonsense in [&[9; 16][..], &frame::frame(Kind::Hello, 0, &welcome)] {
        let (worker, mut socket) = worker();
        socket.write_all(nonsense).expect("it listens");
        assert_eq!(code(worker), Some(1), "{nonsense:?}");
    }
}

#[test]
fn a_worker_does_not_run_half_a_call() {
    let (mut worker, mut socket) = worker();
    greet(&mut socket);
    let call = frame::frame(Kind::Call, 1, &[0; 100]);
    socket.write_all(&call[..60]).expect("it listens");
    socket.shutdown(Shutdown::Write).expect("it is connected");
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{answer:?}");
    worker.wait().expect("it is ours");
}

#[test]
fn a_question_that_is_none_is_answered_with_an_error() {
    let (mut worker, mut socket) = worker();
    greet(&mut socket);
    for body in [&[][..], &[255; 40], &[0; 12]] {
        socket.write_all(&frame::frame(Kind::Call, 9, body)).expect("it listens");
        let (header, _) = frame::read(&socket, 1000).expect("it answers");
        assert_eq!((header.kind, header.call), (Kind::Unreadable, 9));
    }
    worker.kill().expect("it is ours");
    worker.wait().expect("it is ours");
}

#[test]
fn a_worker_that_is_started_by_hand_says_so_and_ends() {
    let worker = command(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it can be run");
    let output = worker.wait_with_output().expect("it is ours");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("a worker is started by a pool, not by hand"), "{text}");
}
