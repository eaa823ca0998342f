//! Flags from a server that answers whom it likes when it likes.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use std::{env, fs, process, thread};

use crate::program::Program;

const EXAMPLE: &str = "flags";
/// Longer than anything here takes.
const WATCHDOG: Duration = Duration::from_secs(60);

#[test]
fn what_is_saved_is_what_was_served_and_all_are_asked_for_at_once() {
    let folder = Scratch::new("all");
    let (mut program, requests) = start(&folder);
    // There is no answer before the last is asked for: to ask one after the other would be to wait for ever.
    let mut waiting = all_of(&requests);
    let mut codes: Vec<String> = waiting.keys().cloned().collect();
    // And no second answer before the first is printed: in another order than they were asked for in.
    codes.sort_by(|a, b| b.cmp(a));
    for (n, code) in codes.iter().enumerate() {
        let flag = flag(code, n);
        answer(waiting.remove(code).unwrap(), flag.len(), &flag);
        assert_eq!(program.until(' ').unwrap(), code.to_uppercase());
        assert_eq!(folder.read(code), flag, "{code}");
    }
    let last = program.rest().unwrap();
    assert!(last.starts_with("\n20 downloads in "), "{last}");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 20);
}

#[test]
fn half_a_flag_is_none() {
    let folder = Scratch::new("half");
    let (program, requests) = start(&folder);
    let mut waiting = all_of(&requests);
    answer(waiting.remove("jp").unwrap(), 1000, b"half");
    let error = program.rest().unwrap_err();
    assert!(error.contains("jp.gif: not all of it came"), "{error}");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
}

/// For which flag, and where its answer goes.
type Request = (String, TcpStream);

fn start(folder: &Scratch) -> (Program, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/some/flags", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    thread::spawn(move || {
        let streams = listener.incoming().map(Result::unwrap);
        streams.map(request).try_for_each(|request| sender.send(request))
    });
    (Program::start(EXAMPLE, &[&base, folder.0.to_str().unwrap()]).unwrap(), requests)
}

fn request(stream: TcpStream) -> Request {
    let mut lines = BufReader::new(&stream).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(lines.any(|line| line.is_empty()), "the head is whole");
    let path = first.strip_prefix("GET /some/flags/").unwrap().split(' ').next().unwrap();
    let (code, file) = path.split_once('/').unwrap();
    assert_eq!(file, format!("{code}.gif"));
    (code.to_owned(), stream)
}

fn all_of(requests: &Receiver<Request>) -> HashMap<String, TcpStream> {
    let next = || requests.recv_timeout(WATCHDOG).expect("there is another request");
    let all: HashMap<_, _> = (0..20).map(|_| next()).collect();
    assert_eq!(all.len(), 20);
    all
}

fn answer(mut stream: TcpStream, length: usize, body: &[u8]) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
}

/// Bytes of every kind, and what looks like the end of a head; the first is empty, the last has half a megabyte.
fn flag(code: &str, n: usize) -> Vec<u8> {
    let pattern = (0..=255).chain(*b"\r\n\r\n").chain(code.bytes());
    pattern.cycle().take(n * n * 1500).collect()
}

/// A folder that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("tidegate-flags-test-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn read(&self, code: &str) -> Vec<u8> {
        fs::read(self.0.join(code).with_extension("gif")).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
