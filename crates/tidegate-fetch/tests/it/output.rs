//! What is printed where.

use std::process::{Command, Stdio};

use tidegate_fetch::server::Mode;

use crate::program::{Scratch, run, start};
use crate::site::Site;

#[test]
fn a_pipe_gets_no_bar_and_no_escape_codes() {
    let out = Scratch::new();
    for extra in [&[][..], &["-v"]] {
        let args = ["flags", "-s", "ERROR", "-al", "10", "--timeout", "1s", "--out", out.arg()];
        let ended = run(args.iter().chain(extra));
        assert_eq!(ended.err, "", "{ended:?}");
        assert!(!ended.out.contains(['\x1b', '\r', '█']), "{ended:?}");
    }
    let help = run(["--help"]);
    assert!(!help.out.contains('\x1b'));
    let wrong = run(["flags", "--nonsense"]);
    assert!(!wrong.err.contains('\x1b'));
}

#[test]
fn json_is_one_object_with_the_promised_keys_in_order() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let ended =
        run(["get", &site.url("/bytes/7/x"), &site.url("/none"), "--json", "--out", out.arg()]);
    let keys: Vec<String> = ended.json().into_iter().map(|(name, _)| name).collect();
    let promised = [
        "downloaded",
        "not_found",
        "errors",
        "kept",
        "cancelled",
        "pauses",
        "refused",
        "requests",
        "bytes",
        "elapsed_seconds",
    ];
    assert_eq!(keys, promised);
    let counts = ["downloaded", "not_found", "requests", "bytes"].map(|key| ended.number(key));
    assert_eq!(counts, [1.0, 1.0, 2.0, 7.0]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), ""));
}

#[test]
fn verbose_lines_do_not_get_between_a_machine_and_its_json() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let ended = run(["get", &site.url("/bytes/7/x"), "--json", "-v", "--out", out.arg()]);
    assert_eq!(ended.number("downloaded"), 1.0);
    assert_eq!(ended.err, format!("{} OK\n", site.url("/bytes/7/x")));
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_work() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let base = site.flags();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate-fetch"))
        .args(["flags", "-v", "-s", "REMOTE", "--base-url", &base, "--out", out.arg()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(out.names().len(), 20);
}

/// `script` makes a terminal out of nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_a_bar() {
    let out = Scratch::new();
    let binary = env!("CARGO_BIN_EXE_tidegate-fetch");
    let line = format!("{binary} flags -s DELAY --out {}", out.arg());
    let terminal = Command::new("script").args(["-qec", &line, "/dev/null"]).output();
    let Ok(terminal) = terminal else {
        eprintln!("not checked: there is no `script` here");
        return;
    };
    let text = String::from_utf8_lossy(&terminal.stdout);
    assert!(text.contains("100%|") && text.contains("20/20"), "{text}");
    assert!(text.contains(" 20 flags downloaded."), "{text}");
}

#[test]
fn a_narrow_terminal_gets_a_bar_that_fits() {
    let out = Scratch::new();
    let binary = env!("CARGO_BIN_EXE_tidegate-fetch");
    let line = format!("stty rows 24 cols 50 && {binary} flags -s DELAY --out {}", out.arg());
    let terminal = Command::new("script").args(["-qec", &line, "/dev/null"]).output();
    let Ok(terminal) = terminal else {
        eprintln!("not checked: there is no `script` here");
        return;
    };
    let text = String::from_utf8_lossy(&terminal.stdout);
    // A bar ends with its speed; behind the last one comes the summary, without an end of line between them.
    let bars = text.split(['\r', '\n', '\x1b']).filter_map(|line| line.rsplit_once("/s]"));
    let widths: Vec<usize> = bars.map(|(bar, _)| bar.chars().count() + "/s]".len()).collect();
    assert!(widths.iter().any(|&width| width > 20), "no bar: {text}");
    assert!(widths.iter().all(|&width| width <= 50 + "[2K".len()), "{widths:?}: {text}");
}

#[test]
fn a_server_elsewhere_cannot_write_to_the_terminal() {
    let out = Scratch::new();
    let server = crate::odd_server::OddServer::start(|_, _| {
        crate::odd_server::answer("302 \x1b[31mFound", "Location: \x1b]0;owned\x07\r\n", "")
    });
    let ended = start(["get", "-v", &server.url("/%1b%5b31m"), "--out", out.arg()]).end();
    assert!(!ended.out.contains('\x1b') && !ended.err.contains('\x1b'), "{ended:?}");
}
