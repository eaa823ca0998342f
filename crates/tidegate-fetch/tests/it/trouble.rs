//! Servers that die, stay silent or lie: each ends with a count and a reason, never with a hang or half a file.

use crate::odd_server::{Answer, OddServer, answer};
use crate::program::{Scratch, run, start};

#[test]
fn a_server_that_is_killed_in_the_middle() {
    let out = Scratch::new();
    let mut server = start(["serve", "--mode", "LIMITED", "--rate", "40/s", "--port", "0"]);
    let line = server.first_line();
    let base = line.trim().rsplit(' ').next().unwrap().to_owned();
    let args = ["flags", "-a", "-m", "20", "-s", "REMOTE", "--base-url", &base, "--out", out.arg()];
    let client = start(args);
    // In the middle: some files are there, most are not.
    while out.names().iter().filter(|name| name.ends_with(".png")).count() < 10 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    server.signal("KILL");
    let ended = client.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.contains(" connection refused\n"), "{ended:?}");
    let count = |what: &str| -> usize {
        let line = ended.out.lines().find(|line| line.contains(what)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    assert_eq!(count("flags downloaded.") + count("errors."), 249, "{ended:?}");
    assert_eq!(out.names().len(), count("flags downloaded."));
    assert_whole_pictures(&out);
}

fn assert_whole_pictures(out: &Scratch) {
    for (name, file) in out.names().iter().zip(out.names().iter().map(|name| out.path().join(name)))
    {
        assert!(
            std::fs::read(file).unwrap().ends_with(b"IEND\xae\x42\x60\x82"),
            "{name} is half a file"
        );
    }
}

#[test]
fn nobody_listens() {
    let out = Scratch::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = run(["get", &format!("http://{free}/x"), "--out", out.arg()]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.out.contains("  0 files downloaded.\n  1 error.\n      1 connection refused\n"),
        "{ended:?}"
    );
}

#[test]
fn a_server_that_never_answers() {
    let (server, out) = (OddServer::start(|_, _| Answer::Silence), Scratch::new());
    let args =
        ["get", &server.url("/x"), "--timeout", "200ms", "--retries", "1", "--out", out.arg()];
    let ended = run(args);
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("  1 error.\n      1 no answer within 200ms\n"), "{ended:?}");
    assert_eq!(server.requests(), 2);
    assert_eq!(out.names(), [""; 0]);
}

#[test]
fn a_server_that_stops_in_the_middle_of_a_body() {
    let server = OddServer::start(|_, _| {
        Answer::Bytes("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf a body".to_owned())
    });
    let out = Scratch::new();
    let ended = run(["get", &server.url("/x"), "--retries", "1", "--out", out.arg()]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("  1 error.\n      1 the body broke off\n"), "{ended:?}");
    assert_eq!(server.requests(), 2);
    assert_eq!(out.names(), [""; 0]);
}

#[test]
fn a_long_body_that_breaks_off_leaves_no_part_of_it() {
    let body = "x".repeat(500_000);
    let server = OddServer::start(move |_, _| {
        Answer::Bytes(format!("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{body}"))
    });
    let out = Scratch::new();
    let ended = run(["get", &server.url("/x"), "--retries", "0", "--out", out.arg()]);
    assert!(ended.out.contains(" the body broke off\n"), "{ended:?}");
    assert_eq!(out.names(), [""; 0]);
}

#[test]
fn a_chunked_body_that_breaks_off_is_no_whole_file() {
    let server = OddServer::start(|_, _| {
        Answer::Bytes(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo".to_owned(),
        )
    });
    let out = Scratch::new();
    let ended = run(["get", &server.url("/x"), "--retries", "0", "--out", out.arg()]);
    assert!(ended.out.contains(" the body broke off\n"), "{ended:?}");
    assert_eq!(out.names(), [""; 0]);
}

#[test]
fn a_part_that_nobody_asked_for_is_no_whole_file() {
    let server = OddServer::start(|_, _| {
        answer("206 Partial Content", "Content-Range: bytes 0-3/1000\r\n", "half")
    });
    let out = Scratch::new();
    let ended = run(["get", &server.url("/x"), "--out", out.arg()]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("      1 206 Partial Content\n"), "{ended:?}");
    assert_eq!(out.names(), [""; 0]);
}

#[test]
fn a_server_that_does_not_speak_http() {
    for junk in [
        "",
        "\0\0\0",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx",
    ] {
        let (server, out) =
            (OddServer::start(move |_, _| Answer::Bytes(junk.to_owned())), Scratch::new());
        let ended = run(["get", &server.url("/x"), "--retries", "0", "--out", out.arg()]);
        assert_eq!(ended.code, Some(1), "{junk:?}: {ended:?}");
        assert!(ended.out.contains("  1 error.\n"), "{junk:?}: {ended:?}");
        assert_eq!(out.names(), [""; 0], "{junk:?}");
    }
}

#[test]
fn what_fails_in_passing_is_tried_again() {
    let server = OddServer::start(|number, _| match number {
        0 => answer("500 Internal Server Error", "", ""),
        1 => Answer::Bytes(String::new()),
        _ => answer("200 OK", "", "at last"),
    });
    let out = Scratch::new();
    let ended = run(["get", &server.url("/x"), "--json", "--out", out.arg()]);
    assert_eq!((ended.code, ended.number("requests")), (Some(0), 3.0), "{ended:?}");
    assert_eq!(out.contents(), [b"at last"]);
}

#[test]
fn what_fails_for_good_is_not_tried_again() {
    let server = OddServer::start(|_, _| answer("403 Forbidden", "", ""));
    let out = Scratch::new();
    let ended = run(["get", &server.url("/x"), "--out", out.arg()]);
    assert!(ended.out.contains("      1 403 Forbidden\n"), "{ended:?}");
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_server_whose_answers_trickle_is_cut_off() {
    // The time-out is for the whole answer, not for its next byte.
    let (server, out) = (OddServer::start(|_, _| Answer::Endless(1)), Scratch::new());
    let url = server.url("/x");
    let ended = run(["get", &url, "--timeout", "300ms", "--retries", "0", "--out", out.arg()]);
    assert!(ended.out.contains(" no answer within 300ms\n"), "{ended:?}");
    assert_eq!(out.names(), [""; 0]);
}

#[test]
fn a_deadline_ends_everything_and_counts_the_rest() {
    let (server, out) = (OddServer::start(|_, _| Answer::Silence), Scratch::new());
    let urls = (0..50).map(|n| server.url(&format!("/{n}")));
    let args = ["get", "--deadline", "500ms", "--json", "--out", out.arg()].map(str::to_owned);
    let ended = run(args.into_iter().chain(urls));
    assert_eq!((ended.code, ended.number("cancelled")), (Some(1), 50.0), "{ended:?}");
    assert_eq!(ended.number("errors"), 0.0);
    assert_eq!(out.names(), [""; 0]);
}

#[test]
fn one_host_in_trouble_does_not_hold_up_another() {
    // C2, C6: what waits for one host holds nothing that another needs.
    let silent = OddServer::start(|_, _| Answer::Silence);
    let refusing =
        OddServer::start(|_, _| answer("429 Too Many Requests", "Retry-After: 60\r\n", ""));
    let good = OddServer::start(|_, _| answer("200 OK", "", "good"));
    let out = Scratch::new();
    let bad =
        (0..40).flat_map(|n| [silent.url(&format!("/s{n}")), refusing.url(&format!("/r{n}"))]);
    let urls = bad.chain((0..5).map(|n| good.url(&format!("/g{n}"))));
    let args = ["get", "--deadline", "30s", "-v", "--out", out.arg()].map(str::to_owned);
    let run = start(args.into_iter().chain(urls));
    while out.names().iter().filter(|name| !name.starts_with('.')).count() < 5 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    run.signal("INT");
    let ended = run.end();
    assert_eq!(ended.code, Some(130));
    assert!(ended.out.contains("  5 files downloaded.\n"), "{ended:?}");
}
