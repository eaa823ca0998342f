use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{Signal, getpid, kill_process};

use crate::process::frame::{self, HEADER, Kind};
use crate::process::identity;

/// What a rogue does wrong, and with `|` and a path: only the first one that finds no file there.
pub(super) const FAULT: &str = "TIDEGATE_FAULT";

/// Where rogues begin; a test of its own that tests nothing.
#[test]
fn entry() {
    if !crate::process::is_worker() {
        return;
    }
    let fault = std::env::var(FAULT).expect("a rogue is told what to do");
    let (fault, once) = fault.split_once('|').unwrap_or((&fault, ""));
    let first =
        once.is_empty() || OpenOptions::new().create_new(true).write(true).open(once).is_ok();
    if !first {
        crate::process::init_for_test();
    }
    // Whatever it does, it is gone when a test run is broken off.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).expect("a signal");
    let socket = std::io::stdin().as_fd().try_clone_to_owned().expect("a pool started this");
    Rogue(UnixStream::from(socket)).act(fault);
    die()
}

fn die() -> ! {
    loop {
        kill_process(getpid(), Signal::KILL).expect("one may kill oneself");
    }
}

fn live_on() -> ! {
    loop {
        std::thread::park();
    }
}

struct Rogue(UnixStream);

impl Rogue {
    fn act(&mut self, fault: &str) {
        let hello = frame::frame(Kind::Hello, 0, &frame::greeting(identity::build(), None));
        match fault {
            "start: die" => return,
            "start: die in the greeting" => return self.say(&hello[..20]),
            "start: nonsense" => return self.say_and_stay(&[7; 40]),
            "start: another kind" => {
                return self.say_and_stay(&frame::frame(Kind::Returned, 0, b""));
            }
            "start: oversized" => return self.say_and_stay(&claim(Kind::Hello, 0, 65)),
            "start: silence" => live_on(),
            "start: a pause in the greeting" => return self.say_and_stay(&hello[..20]),
            "start: hang up" => return self.hang_up(),
            "start: another build" => {
                let other = frame::greeting(identity::build() + 1, None);
                return self.say_and_stay(&frame::frame(Kind::Hello, 0, &other));
            }
            "start: another protocol" => {
                let mut other = frame::greeting(identity::build(), None);
                other[0] += 1;
                return self.say_and_stay(&frame::frame(Kind::Hello, 0, &other));
            }
            _ => self.say(&hello),
        }
        // The welcome.
        self.read(HEADER + 20);
        match fault {
            "idle: babble" => {
                self.say(b"hello?");
                live_on()
            }
            "idle: hang up" => return self.hang_up(),
            "idle: die" => return,
            // The question lies there, and is not read.
            "call: die before it is read" => return self.await_question(),
            _ => {}
        }
        let header = self.read(HEADER);
        let call = u64::from_le_bytes(header[8..].try_into().expect("eight bytes"));
        if fault == "call: die with half of it read" {
            return;
        }
        let length = u32::from_le_bytes(header[4..8].try_into().expect("four bytes"));
        self.read(length as usize);
        let answer = frame::frame(Kind::Returned, call, &[42]);
        match fault {
            "call: die" => {}
            "call: exit" => std::process::exit(7),
            "call: silence" => live_on(),
            "call: hang up" => self.hang_up(),
            "call: die in the header" => self.say(&answer[..9]),
            "call: die in the body" => {
                let long = frame::frame(Kind::Returned, call, &[42; 100_000]);
                self.say(&long[..70_000]);
            }
            "call: hang up in the body" => {
                self.say(&answer[..HEADER]);
                self.hang_up();
            }
            "call: nonsense" => self.say_and_stay(b"what was the question, please?"),
            "call: oversized" => self.say_and_stay(&claim(Kind::Returned, call, u32::MAX)),
            "call: another call" => {
                self.say_and_stay(&frame::frame(Kind::Returned, call + 1, &[42]))
            }
            "call: another kind" => self.say_and_stay(&frame::frame(Kind::Welcome, call, &[42])),
            "call: twice" => self.say_and_stay(&[answer.as_slice(), &answer].concat()),
            "call: a result that is none" => {
                self.say_and_stay(&frame::frame(Kind::Returned, call, &[255; 30]));
            }
            "call: a panic that is none" => {
                self.say_and_stay(&frame::frame(Kind::Panicked, call, &[255; 30]));
            }
            "call: answer and die" => self.say(&answer),
            "call: leave somebody with the socket" => self.bequeath(),
            other => panic!("{other} is no fault"),
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the pool listens");
    }

    fn say_and_stay(&mut self, bytes: &[u8]) {
        self.say(bytes);
        live_on()
    }

    fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).expect("the pool says more");
        bytes
    }

    fn await_question(&self) {
        let mut ready = [rustix::event::PollFd::new(&self.0, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut ready, None).expect("a socket can be polled");
    }

    fn hang_up(&self) {
        self.0.shutdown(std::net::Shutdown::Both).expect("it is connected");
        live_on()
    }

    /// Starts a process, in a group of its own, that holds the socket until the other end is closed; and one that
    /// holds standard error for a while.
    #[expect(clippy::zombie_processes, reason = "whoever starts them does not live to wait")]
    fn bequeath(&self) {
        let socket = OwnedFd::from(self.0.try_clone().expect("there is room"));
        let mut heir = Command::new("cat");
        heir.stdin(Stdio::from(socket)).stdout(Stdio::null()).process_group(0);
        heir.spawn().expect("every Unix has a cat");
        let mut heir = Command::new("sleep");
        heir.arg("2").stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        heir.spawn().expect("every Unix sleeps");
    }
}

/// The header of a frame of which nothing else comes.
fn claim(kind: Kind, call: u64, length: u32) -> Vec<u8> {
    let mut header = frame::frame(kind, call, b"");
    header[4..8].copy_from_slice(&length.to_le_bytes());
    header
}
