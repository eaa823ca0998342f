use tidegate_fetch::server::Mode;

use crate::odd_server::{OddServer, answer};
use crate::program::{Scratch, run};
use crate::site::Site;

/// Redirects everything to this place.
fn to(location: impl Into<String>) -> OddServer {
    let location = location.into();
    OddServer::start(move |_, _| answer("302 Found", &format!("Location: {location}\r\n"), "moved"))
}

#[test]
fn a_redirect_is_followed_and_the_name_is_that_of_the_url_asked_for() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let door = to(site.url("/bytes/6/inside"));
    let ended = run(["get", &door.url("/asked"), "--json", "--out", out.arg()]);
    assert_eq!((ended.code, ended.number("requests")), (Some(0), 2.0), "{ended:?}");
    assert_eq!(out.names(), ["asked"]);
    assert_eq!(out.contents()[0].len(), 6);
}

#[test]
fn a_redirect_may_be_relative() {
    let server = OddServer::start(|_, path| match path {
        "/a/b" => answer("301 Moved Permanently", "Location: ../c?d#e\r\n", ""),
        "/c?d" => answer("200 OK", "", "here"),
        _ => answer("404 Not Found", "", ""),
    });
    let out = Scratch::new();
    assert_eq!(run(["get", &server.url("/a/b"), "--out", out.arg()]).code, Some(0));
    assert_eq!(out.contents(), [b"here"]);
}

#[test]
fn a_redirect_loop_ends() {
    let (server, out) = (to("/around"), Scratch::new());
    let ended = run(["get", &server.url("/around"), "--out", out.arg()]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("  1 too many redirects\n"), "{ended:?}");
    assert_eq!(server.requests(), 11);
    assert_eq!(out.names(), [""; 0]);
}

#[test]
fn a_redirect_to_nowhere_is_an_error() {
    for nowhere in [
        "ftp://h/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http://[::",
        "data:,x",
    ] {
        let (server, out) = (to(nowhere), Scratch::new());
        let ended = run(["get", &server.url("/x"), "--out", out.arg()]);
        assert_eq!(ended.code, Some(1), "{nowhere}: {ended:?}");
        assert!(ended.out.contains("bad redirect: "), "{nowhere}: {ended:?}");
        assert_eq!(out.names(), [""; 0]);
    }
}

#[test]
fn a_redirect_without_a_place_is_its_status() {
    let server = OddServer::start(|_, _| answer("302 Found", "", ""));
    let out = Scratch::new();
    let ended = run(["get", &server.url("/x"), "--out", out.arg()]);
    assert!(ended.out.contains("  1 302 Found\n"), "{ended:?}");
}
