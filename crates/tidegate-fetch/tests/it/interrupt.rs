//! Ctrl-C: once for an orderly end, twice for one at once.

use std::time::Duration;

use tidegate_fetch::server::Mode;

use crate::odd_server::{Answer, OddServer};
use crate::program::{Scratch, start};
use crate::site::Site;

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed() < crate::program::WATCHDOG, "it never is");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends more and more of one body.
fn endless() -> OddServer {
    OddServer::start(|_, _| Answer::Endless(16 << 10))
}

#[test]
fn ctrl_c_ends_in_good_order_with_the_summary_so_far() {
    let (site, out) = (Site::limited("10/s", 5), Scratch::new());
    let base = site.flags();
    let run =
        start(["flags", "-a", "-m", "20", "-s", "REMOTE", "--base-url", &base, "--out", out.arg()]);
    wait_until(|| site.statistics().served >= 5);
    run.signal("INT");
    let ended = run.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    let count = |what: &str| -> usize {
        let line = ended.out.lines().find(|line| line.ends_with(what)).unwrap_or_default();
        line.split_whitespace().next().map_or(0, |number| number.parse().unwrap())
    };
    assert_eq!(count("flags downloaded.") + count("cancelled."), 249, "{ended:?}");
    assert!(count("cancelled.") > 0);
    // A file that was just complete when it was cancelled may be there and not be counted.
    assert!(out.names().len() >= count("flags downloaded."));
    assert!(
        out.names().iter().all(|name| name.ends_with(".png") && !name.starts_with('.')),
        "{:?}",
        out.names()
    );
}

#[test]
fn ctrl_c_in_the_middle_of_a_body_leaves_nothing_of_it() {
    let (server, out) = (endless(), Scratch::new());
    let run = start(["get", &server.url("/x"), "--json", "--out", out.arg()]);
    wait_until(|| server.requests() == 1 && out.names().len() == 1);
    run.signal("INT");
    let ended = run.end();
    assert_eq!((ended.code, ended.number("cancelled")), (Some(130), 1.0), "{ended:?}");
    assert_eq!(out.names(), [""; 0]);
}

#[test]
fn being_asked_to_end_is_no_different() {
    let (server, out) = (OddServer::start(|_, _| Answer::Silence), Scratch::new());
    let run = start(["get", &server.url("/x"), "--json", "--out", out.arg()]);
    wait_until(|| server.requests() == 1);
    run.signal("TERM");
    let ended = run.end();
    assert_eq!((ended.code, ended.number("cancelled")), (Some(143), 1.0), "{ended:?}");
}

#[test]
fn a_second_signal_ends_at_once_and_leaves_nothing_either() {
    let ends_at_once = || {
        let (server, out) = (endless(), Scratch::new());
        let run = start(["get", &server.url("/x"), "--json", "--out", out.arg()]);
        wait_until(|| server.requests() == 1 && out.names().len() == 1);
        // Both are there when it goes on. Two of a kind would be one.
        run.signal("STOP");
        run.signal("INT");
        run.signal("TERM");
        run.signal("CONT");
        let ended = run.end();
        assert!(matches!(ended.code, Some(130 | 143)), "{ended:?}");
        assert_eq!(out.names(), [""; 0]);
        // There is no time for a summary.
        ended.out.is_empty()
    };
    // Different threads may get them, and it may end by the first before it hears of the other.
    assert!((0..20).any(|_| ends_at_once()), "the second one is heard");
}

#[test]
fn ctrl_c_again_and_again_leaves_nothing_however_it_comes_in_time() {
    for _ in 0..10 {
        let (server, out) = (endless(), Scratch::new());
        let run = start(["get", &server.url("/x"), "--out", out.arg()]);
        wait_until(|| server.requests() == 1 && out.names().len() == 1);
        for _ in 0..3 {
            run.signal("INT");
        }
        assert_eq!(run.end().code, Some(130));
        assert_eq!(out.names(), [""; 0]);
    }
}

#[test]
fn ctrl_c_during_a_pause_does_not_wait_for_its_end() {
    let (site, out) = (Site::limited("1/m", 1), Scratch::new());
    let base = site.flags();
    let run = start(["flags", "-s", "REMOTE", "--base-url", &base, "--json", "--out", out.arg()]);
    wait_until(|| site.statistics().refused >= 1);
    run.signal("INT");
    let ended = run.end();
    assert_eq!(
        (ended.code, ended.number("downloaded") + ended.number("cancelled")),
        (Some(130), 20.0),
        "{ended:?}"
    );
}

#[test]
fn what_was_interrupted_is_resumed() {
    let (site, out) = (Site::limited("20/s", 5), Scratch::new());
    let urls = (0..40)
        .map(|n| site.url(&format!("/bytes/{}/{n}", 100 + n)))
        .collect::<Vec<_>>()
        .join("\n");
    let list = Scratch::new();
    let path = list.path().join("list");
    std::fs::write(&path, urls).unwrap();
    let args = ["get", "-i", path.to_str().unwrap(), "--json", "--out", out.arg()];
    let run = start(args);
    wait_until(|| site.statistics().served >= 8);
    run.signal("INT");
    let first = run.end();
    let there = out.names().len();
    let second = start(args).end();
    assert_eq!((first.code, second.code), (Some(130), Some(0)));
    assert_eq!(second.number("kept"), there as f64);
    assert_eq!(second.number("downloaded"), 40.0 - there as f64);
    assert_eq!(out.names().len(), 40);
}

#[test]
fn a_killed_run_leaves_whole_files_and_the_next_one_tidies_up() {
    let server = endless();
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let run = start(["get", &server.url("/x"), "--out", out.arg()]);
    wait_until(|| server.requests() == 1 && out.names().len() == 1);
    run.signal("KILL");
    run.end();
    assert!(out.names()[0].starts_with(".tidegate-"), "{:?}", out.names());
    assert_eq!(start(["get", &site.url("/bytes/1/x"), "--out", out.arg()]).end().code, Some(0));
    assert_eq!(out.names(), ["x"]);
}
