// How it works
//
// The worker's side. The socket arrives as standard input, which is what the standard library can pass on; it is
// moved away before anything else runs, and standard input is empty from then on. Standard output was never part
// of it. The thread that called `init` runs the functions, one after the other.
//
// A second thread only watches for the other end of the socket to close, and kills the process then: the pool is
// gone, whatever a function is busy with. On Linux the kernel does the same.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::process::exit;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};
use tidegate_timeout::Deadline;
use tidegate_timeout::scope::Scope;

use super::frame::{self, Kind, Question};
use super::function::Registry;
use super::identity;
use crate::error::JobError;

/// What a worker is called; `init` knows one by it. Nothing that a worker starts inherits it.
pub(super) const NAME: &str = "tidegate-worker";
/// How long a worker that was told to end may take.
const LEAVE: Duration = Duration::from_secs(2);
/// How much of a message of a panic is passed on.
const MESSAGE: usize = 16 << 10;

/// Whether this process was started as a worker.
pub(super) fn is_started_as_one() -> bool {
    std::env::args_os().next().is_some_and(|name| name == NAME)
}

/// Runs what the pool asks for until it wants no more.
pub(super) fn serve(registry: &Registry) -> ! {
    let by_hand = |error| format!("{error}; a worker is started by a pool, not by hand");
    let greeted = Worker::open().and_then(Worker::greet).map_err(by_hand);
    let ended = greeted.and_then(|worker| match worker {
        Some(mut worker) => worker.answer(registry).map_err(|error| error.to_string()),
        // The pool went away again.
        None => Ok(()),
    });
    let Err(error) = ended else { exit(0) };
    eprintln!("{NAME}: {error}");
    exit(1)
}

struct Worker {
    socket: UnixStream,
    limit: usize,
}

impl Worker {
    fn open() -> io::Result<Self> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;

        let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        Ok(Self { socket, limit: 64 })
    }

    fn greet(mut self) -> io::Result<Option<Self>> {
        let (welcome, body) = match frame::read(&self.socket, self.limit) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        };
        let hello = frame::greeting(identity::build(), None);
        self.say(Kind::Hello, 0, &hello)?;
        let (protocol, _, Some(limit)) = frame::read_greeting(&body)
            .filter(|_| welcome.kind == Kind::Welcome)
            .ok_or_else(|| io::Error::other("no greeting"))?
        else {
            return Err(io::Error::other("no limit in the greeting"));
        };
        if protocol != frame::PROTOCOL {
            return Ok(None);
        }
        self.limit = usize::try_from(limit).unwrap_or(usize::MAX);

        prefer_to_die();
        note_panics();
        let other_end = self.socket.try_clone()?;
        thread::Builder::new()
            .name("tidegate-watch".to_owned())
            .spawn(move || watch(&other_end))?;
        Ok(Some(self))
    }

    fn answer(&mut self, registry: &Registry) -> io::Result<()> {
        let me = getpid();
        let mut from = io::BufReader::with_capacity(64 << 10, self.socket.try_clone()?);
        loop {
            let (header, body) = match frame::read(&mut from, self.limit) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                other => other?,
            };
            match header.kind {
                Kind::Call => {
                    let answer = answer(registry, header.call, &body, self.limit);
                    // If the function forked, the child has come back from it, too.
                    if getpid() != me {
                        end_now();
                    }
                    // What was printed without an end of line; whether anybody reads it is no matter of the call.
                    let _ = io::stdout().flush();
                    self.socket.write_all(&answer)?;
                }
                Kind::Goodbye => {
                    thread::spawn(|| {
                        thread::sleep(LEAVE);
                        end_now()
                    });
                    return Ok(());
                }
                other => return Err(io::Error::other(format!("{other:?} is not a question"))),
            }
        }
    }

    fn say(&mut self, kind: Kind, call: u64, body: &[u8]) -> io::Result<()> {
        self.socket.write_all(&frame::frame(kind, call, body))
    }
}

fn answer(registry: &Registry, call: u64, body: &[u8], limit: usize) -> Vec<u8> {
    let Some(Question { time, key, signature, args }) = frame::read_question(body) else {
        return frame::frame(Kind::Unreadable, call, b"the question");
    };
    let Some(function) = registry.find(key, signature) else {
        return frame::frame(Kind::Unknown, call, b"");
    };
    PANIC.take();
    let run = || function.run(args, frame::blank());
    let in_time = || match time {
        None => run(),
        Some(time) => Scope::new().with_deadline(Deadline::after(time)).enter(run),
    };
    match catch_unwind(AssertUnwindSafe(in_time)) {
        Ok(Ok(answer)) if answer.len() - frame::HEADER > limit => {
            let length = (answer.len() - frame::HEADER) as u64;
            frame::frame(Kind::TooLarge, call, &length.to_le_bytes())
        }
        Ok(Ok(answer)) => frame::seal(answer, Kind::Returned, call),
        Ok(Err(why)) => frame::frame(Kind::Unreadable, call, shorten(&why).as_bytes()),
        Err(payload) => {
            let noted = PANIC.take();
            let message = match JobError::from_payload(payload) {
                JobError::Panicked(message) => message,
                other => other.to_string(),
            };
            let report = (shorten(&message), noted.unwrap_or_default());
            let report = postcard::to_extend(&report, frame::blank());
            let report = report.unwrap_or_else(|_| frame::blank());
            frame::seal(report, Kind::Panicked, call)
        }
    }
}

fn shorten(text: &str) -> &str {
    let mut end = text.len().min(MESSAGE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

thread_local! {
    /// Where this thread panicked last.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn note_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        let place = info.location().map(ToString::to_string);
        let _ = PANIC.try_with(|last| last.replace(place));
        report(info);
    }));
}

/// Ends the process when the other end of the socket is gone, or a function closed this one.
fn watch(socket: &UnixStream) {
    // Nothing to wait for: what is reported unasked is that there is no other end.
    while let Ok(0) | Err(Errno::INTR) = poll(&mut [PollFd::new(socket, PollFlags::empty())], None)
    {
    }
    end_now();
}

fn end_now() {
    let _ = kill_process(getpid(), Signal::KILL);
}

/// When memory runs out, a worker is a smaller loss than the program.
fn prefer_to_die() {
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
}
