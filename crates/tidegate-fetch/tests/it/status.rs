//! Nobody takes a pause for a hang: it says who is shut, for how long, why, and who waits.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::odd_server::{OddServer, answer};
use crate::program::{Scratch, WATCHDOG, run};

/// Refuses everything, for long enough to look.
fn shut_for_a_minute() -> OddServer {
    OddServer::start(|_, _| answer("429 Too Many Requests", "Retry-After: 60\r\n", ""))
}

/// Refuses the first request, and says how long.
fn refusing_once(pause: &'static str) -> OddServer {
    OddServer::start(move |number, _| match number {
        0 => answer("429 Too Many Requests", &format!("Retry-After: {pause}\r\n"), ""),
        _ => answer("200 OK", "", "served"),
    })
}

/// Reads until the text is there, kills whoever writes it, and gives what was read.
fn read_until(text: &str, mut child: Child, mut from: impl Read + Send + 'static) -> String {
    let (send, pieces) = mpsc::channel();
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            if send.send(String::from_utf8_lossy(&piece[..read]).into_owned()).is_err() {
                break;
            }
        }
    });
    let (mut seen, start) = (String::new(), Instant::now());
    while !seen.contains(text) && start.elapsed() < WATCHDOG {
        match pieces.recv_timeout(Duration::from_secs(1)) {
            Ok(piece) => seen += &piece,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    assert!(seen.contains(text), "no {text:?} in {seen:?}");
    seen
}

fn get(url: &str, out: &Scratch, extra: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate-fetch"));
    command.args(["get", url, "--out", out.arg()]).args(extra);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn without_a_terminal_there_is_a_line_beside_the_output() {
    let (server, out) = (shut_for_a_minute(), Scratch::new());
    let mut child = get(&server.url("/x"), &out, &[]).spawn().unwrap();
    let from = child.stderr.take().unwrap();
    let seen = read_until(" waiting", child, from);
    let line = seen.lines().next().unwrap();
    let host = server.url("/x").replace("http://", "").replace("/x", "");
    assert!(line.starts_with(&format!("{host}  shut ")), "{line}");
    assert!(line.contains(" s more (429, Retry-After 60)  "), "{line}");
    assert!(!line.contains('\x1b'), "{line}");
}

#[test]
fn in_a_list_of_files_it_is_a_line_among_the_others() {
    let (server, out) = (shut_for_a_minute(), Scratch::new());
    let mut child = get(&server.url("/x"), &out, &["-v"]).spawn().unwrap();
    let from = child.stdout.take().unwrap();
    read_until(" s more (429, Retry-After 60)  ", child, from);
}

#[test]
fn a_machine_that_asked_for_json_gets_nothing_else() {
    let (server, out) = (refusing_once("1"), Scratch::new());
    let ended = run(["get", &server.url("/x"), "--json", "--out", out.arg()]);
    assert_eq!((ended.code, ended.number("pauses"), ended.err.as_str()), (Some(0), 1.0, ""));
}

#[test]
fn a_pause_that_is_over_at_once_is_not_worth_a_line() {
    let (server, out) = (refusing_once("0"), Scratch::new());
    let ended = run(["get", &server.url("/x"), "--out", out.arg()]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
}

/// `script` makes a terminal out of nothing.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_it_stands_below_the_bar() {
    let (server, out) = (shut_for_a_minute(), Scratch::new());
    let binary = env!("CARGO_BIN_EXE_tidegate-fetch");
    let line =
        format!("stty rows 24 cols 100 && {binary} get {} --out {}", server.url("/x"), out.arg());
    let terminal = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut terminal) = terminal else {
        eprintln!("not checked: there is no `script` here");
        return;
    };
    let from = terminal.stdout.take().unwrap();
    let seen = read_until(" s more (429, Retry-After 60)  1 waiting", terminal, from);
    let (before, _) = seen.split_once("  shut ").unwrap();
    assert!(before.contains("  0%|") && before.contains("/s]"), "{seen}");
}
