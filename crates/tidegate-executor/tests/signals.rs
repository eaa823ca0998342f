//! The first signal asks to stop, the second cancels, the third exits.
//!
//! Without libtest: the program runs itself again, as one that is sent signals, and ends by its own exit code.
#![cfg_attr(not(unix), allow(unused, reason = "signals are of Unix"))]

use std::future::pending;
use std::io::Read;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use tidegate_executor::{Runner, to_thread};
use tidegate_timeout::{current_scope, stop_requested};

/// Which part the program plays.
const PART: &str = "TIDEGATE_TEST_SIGNALS_PART";

fn main() -> ExitCode {
    match std::env::var(PART) {
        Ok(part) => play(&part),
        #[cfg(unix)]
        Err(_) => {
            parent::all();
            ExitCode::SUCCESS
        }
        #[cfg(not(unix))]
        Err(_) => ExitCode::SUCCESS,
    }
}

fn play(part: &str) -> ExitCode {
    // However the parent ends, it takes this program along.
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    let (kind, part) = part.split_once(' ').expect("a runtime and a part");
    let runner = Runner::builder().blocking_shutdown(Duration::from_millis(200));
    let grace = if part.starts_with("dawdle") { Duration::from_millis(10) } else { Duration::MAX };
    let runner = runner.ctrl_c(grace);
    let runner = if part == "linger" { runner.blocking_shutdown(Duration::MAX) } else { runner };
    let runner = if kind == "one" { runner.current_thread() } else { runner.workers(2) };
    let mut runner = runner.build().expect("a runtime");
    if part == "between" {
        runner.block_on(async { tell() }).expect("nobody cancels it");
        loop {
            thread::park();
        }
    }
    runner.run(async {
        tell();
        match part {
            "obey" => {
                stop_requested().await;
                ExitCode::from(7)
            }
            "sit" | "dawdle" => pending().await,
            "linger" => {
                let (started, has_started) = std::sync::mpsc::channel();
                tokio::task::spawn_blocking(move || {
                    started.send(()).expect("it waits");
                    loop {
                        thread::park();
                    }
                });
                has_started.recv().expect("it starts");
                ExitCode::SUCCESS
            }
            "block" | "dawdle-on" => loop {
                thread::park();
            },
            "leave" => {
                tokio::spawn(async {
                    let _ = to_thread(|_| {
                        loop {
                            thread::park();
                        }
                    })
                    .await;
                });
                stop_requested().await;
                ExitCode::SUCCESS
            }
            other => unreachable!("{other}"),
        }
    })
}

/// Says what happens to the scope of whoever calls this.
fn tell() {
    let scope = current_scope().expect("main has a scope");
    thread::spawn(move || {
        println!("ready");
        let told = [("stopping", false), ("cancelled", true)];
        for (word, cancelled) in told {
            while !(if cancelled { scope.is_cancelled() } else { scope.is_stopping() }) {
                thread::sleep(Duration::from_millis(1));
            }
            println!("{word}");
        }
    });
}

#[cfg(unix)]
mod parent {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    /// A part, what is sent to it after which line, and how it is to end.
    type Script = (&'static str, &'static [(&'static str, Signal)], i32);

    const SCRIPTS: [Script; 10] = [
        ("obey", &[("ready", Signal::TERM)], 7),
        ("obey", &[("ready", Signal::INT)], 7),
        ("sit", &[("ready", Signal::INT), ("stopping", Signal::INT)], 130),
        ("sit", &[("ready", Signal::TERM), ("stopping", Signal::INT)], 143),
        ("dawdle", &[("ready", Signal::TERM)], 143),
        (
            "block",
            &[("ready", Signal::INT), ("stopping", Signal::INT), ("cancelled", Signal::TERM)],
            143,
        ),
        ("leave", &[("ready", Signal::TERM)], 0),
        // The grace is over before the second one comes, which is then the last.
        ("dawdle-on", &[("ready", Signal::TERM), ("cancelled", Signal::INT)], 130),
        // In the shutdown, for which there is no limit.
        (
            "linger",
            &[("ready", Signal::TERM), ("stopping", Signal::TERM), ("cancelled", Signal::INT)],
            130,
        ),
        // After a future, and before another.
        (
            "between",
            &[("ready", Signal::INT), ("stopping", Signal::TERM), ("cancelled", Signal::TERM)],
            143,
        ),
    ];

    pub(super) fn all() {
        for kind in ["one", "many"] {
            for (part, sent, code) in SCRIPTS {
                let ended = act(kind, part, sent);
                assert_eq!(ended, Some(code), "{kind} {part}");
            }
        }
        println!("signals: {} programs ended as they should", 2 * SCRIPTS.len());
    }

    fn act(kind: &str, part: &str, sent: &[(&str, Signal)]) -> Option<i32> {
        let mut child = Command::new(std::env::current_exe().expect("a program"))
            .env(PART, format!("{kind} {part}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let printed = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut lines = printed.lines();
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
        for (word, signal) in sent {
            let mut lines = lines.by_ref().map(|line| line.expect("it can be read"));
            assert!(lines.any(|line| line == *word), "{kind} {part}: {word}");
            kill_process(id, *signal).expect("it is there");
        }
        // Until the end of what it prints: it is never kept from printing.
        lines.for_each(drop);
        child.wait().expect("it is our child").code()
    }
}
