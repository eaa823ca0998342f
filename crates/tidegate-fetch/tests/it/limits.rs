//! 429 and 503: pauses, and everything that a Retry-After may hold.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use httpdate::fmt_http_date;

use crate::odd_server::{OddServer, answer};
use crate::program::{Scratch, run};
use crate::site::Site;

/// Refuses the first request with these headers and serves the others.
fn refusing_once(status: &'static str, headers: String) -> OddServer {
    OddServer::start(move |number, _| match number {
        0 => answer(status, &headers, ""),
        _ => answer("200 OK", "", "served"),
    })
}

#[test]
fn a_limited_server_gives_everything_and_nothing_is_sent_during_a_pause() {
    let (site, out) = (Site::limited("50/s", 10), Scratch::new());
    let base = site.flags();
    let ended = run([
        "flags",
        "-a",
        "-m",
        "50",
        "-s",
        "REMOTE",
        "--base-url",
        &base,
        "--json",
        "--out",
        out.arg(),
    ]);
    assert_eq!((ended.code, ended.number("downloaded")), (Some(0), 249.0), "{ended:?}");
    let (refused, pauses) = (ended.number("refused"), ended.number("pauses"));
    // A pause costs what was on its way when it began, which is no more than was let out at a time. On a machine
    // that is busy with something else there may be none.
    assert!(refused <= 50.0 * pauses, "{ended:?}");
    let seen = site.statistics();
    assert_eq!(seen.sent_while_shut, 0, "{seen}");
    assert_eq!((seen.refused as f64, seen.requests as f64), (refused, ended.number("requests")));
    assert_eq!(out.names().len(), 249);
}

#[test]
fn both_kinds_of_refusal_are_waited_out() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let (server, out) =
            (refusing_once(status, "Retry-After: 1\r\n".to_owned()), Scratch::new());
        let ended = run(["get", &server.url("/x"), "--retries", "0", "--json", "--out", out.arg()]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!((ended.number("pauses"), ended.number("refused")), (1.0, 1.0));
        assert!(ended.number("elapsed_seconds") >= 1.0, "{ended:?}");
    }
}

#[test]
fn a_date_is_waited_for() {
    let now = SystemTime::now();
    let headers = format!(
        "Date: {}\r\nRetry-After: {}\r\n",
        fmt_http_date(now),
        fmt_http_date(now + Duration::from_secs(2))
    );
    let (server, out) = (refusing_once("429 Too Many Requests", headers), Scratch::new());
    let ended = run(["get", &server.url("/x"), "--json", "--out", out.arg()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.number("elapsed_seconds") >= 2.0, "{ended:?}");
}

#[test]
fn junk_is_survived_with_a_pause_of_our_own() {
    for junk in [
        "",
        "-5",
        "soon",
        "1e400",
        "NaN",
        "0",
        "\u{1f480}",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "0x7f, 1",
    ] {
        let headers = format!("Retry-After: {junk}\r\n");
        let (server, out) = (refusing_once("429 Too Many Requests", headers), Scratch::new());
        let ended = run(["get", &server.url("/x"), "--json", "--out", out.arg()]);
        assert_eq!((ended.code, ended.number("pauses")), (Some(0), 1.0), "{junk:?}: {ended:?}");
    }
}

#[test]
fn a_pause_of_years_is_not_waited_for() {
    for huge in ["31536000", "99999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let headers = format!("Retry-After: {huge}\r\n");
        let (server, out) = (refusing_once("429 Too Many Requests", headers), Scratch::new());
        let urls = [server.url("/x"), server.url("/y"), server.url("/z")];
        let args = ["get", "-m", "1", "--out", out.arg()].map(str::to_owned);
        let ended = run(args.iter().chain(&urls));
        assert_eq!(ended.code, Some(1), "{huge}: {ended:?}");
        assert!(ended.out.contains("  3 errors.\n"), "{huge}: {ended:?}");
        assert!(ended.out.contains("the server asks to wait for "), "{huge}: {ended:?}");
        // Nobody knocks at a door that is to stay shut for years.
        assert_eq!(server.requests(), 1, "{huge}");
    }
}

#[test]
fn a_pause_longer_than_the_deadline_is_not_waited_for() {
    let (server, out) = (
        refusing_once("503 Service Unavailable", "Retry-After: 60\r\n".to_owned()),
        Scratch::new(),
    );
    let ended = run(["get", &server.url("/x"), "--deadline", "20s", "--out", out.arg()]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("      1 the server asks to wait for 60s\n"), "{ended:?}");
}

#[test]
fn a_server_that_refuses_everything_is_given_up() {
    let server = OddServer::start(|_, _| answer("429 Too Many Requests", "Retry-After: 0\r\n", ""));
    let out = Scratch::new();
    let urls = (0..30).map(|n| server.url(&format!("/{n}")));
    let args = ["get", "--out", out.arg()].map(str::to_owned);
    let ended = run(args.into_iter().chain(urls));
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains(" 30 errors.\n"), "{ended:?}");
    assert!(
        ended.out.contains("the server refuses everything (429 Too Many Requests)"),
        "{ended:?}"
    );
}

#[test]
fn one_url_that_is_always_refused_does_not_keep_the_others_waiting() {
    // C11: it goes first when the gate opens, so that it could make the host look as if it refused everything.
    // The last ten of the others are answered once it was asked for a second time: so they come after its first
    // refusal. None of them waits for a permit, so none keeps it from being asked for.
    const OTHERS: usize = 30;
    #[derive(Default)]
    struct Asked {
        poisoned: usize,
        others: usize,
    }
    let (asked, again) = (Mutex::new(Asked::default()), Condvar::new());
    let server = OddServer::start(move |_, path| {
        let mut asked = asked.lock().unwrap();
        if path == "/poisoned" {
            asked.poisoned += 1;
            again.notify_all();
            return answer("503 Service Unavailable", "Retry-After: 0\r\n", "");
        }
        asked.others += 1;
        if asked.others > OTHERS - 10 {
            let patience = Duration::from_secs(60);
            drop(again.wait_timeout_while(asked, patience, |it| it.poisoned < 2).unwrap());
        }
        answer("200 OK", "", "good")
    });
    let out = Scratch::new();
    let urls = (0..OTHERS).map(|n| server.url(&format!("/{n}")));
    let args = ["get", "-m", "64", "--out", out.arg()].map(str::to_owned);
    let ended = run(args.into_iter().chain([server.url("/poisoned")]).chain(urls));
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains(" 30 files downloaded.\n  1 error.\n"), "{ended:?}");
    let reason = "      1 refused again and again (503 Service Unavailable)\n";
    assert!(ended.out.contains(reason), "{ended:?}");
}

#[test]
fn a_refusal_after_a_redirect_shuts_the_gate_of_the_host_that_refused() {
    let inner = refusing_once("429 Too Many Requests", "Retry-After: 1\r\n".to_owned());
    let place = inner.url("/inside");
    let outer = OddServer::start(move |_, _| {
        answer("307 Temporary Redirect", &format!("Location: {place}\r\n"), "")
    });
    let out = Scratch::new();
    let ended = run(["get", &outer.url("/x"), "--json", "--out", out.arg()]);
    assert_eq!((ended.code, ended.number("requests")), (Some(0), 3.0), "{ended:?}");
    assert_eq!((outer.requests(), inner.requests()), (1, 2));
}

#[test]
fn a_refused_request_keeps_its_place() {
    // T23.
    let order = Arc::new(Mutex::new(Vec::new()));
    let server = OddServer::start({
        let order = Arc::clone(&order);
        move |number, path| {
            order.lock().unwrap().push(path.to_owned());
            match number {
                0 => answer("429 Too Many Requests", "Retry-After: 1\r\n", ""),
                _ => answer("200 OK", "", "x"),
            }
        }
    });
    let out = Scratch::new();
    let urls = (0..8).map(|n| server.url(&format!("/{n}")));
    let args = ["get", "-m", "1", "--out", out.arg()].map(str::to_owned);
    assert_eq!(run(args.into_iter().chain(urls)).code, Some(0));
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 9);
    assert_eq!(order[0], order[1], "{order:?}");
}
