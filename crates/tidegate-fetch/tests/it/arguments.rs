//! What cannot be carried out is refused before anything is done, in one clear line.

use crate::program::{Scratch, run};
use crate::site::Site;
use tidegate_fetch::server::Mode;

#[test]
fn an_unknown_code_is_named() {
    for code in ["ZZ", "SWE", "1", "S1", "..", "é"] {
        run(["flags", code]).assert_refused(&format!("unknown country code {code:?}"));
        run(["flags", "-a", code]).assert_refused(&format!("unknown country code {code:?}"));
    }
}

#[test]
fn a_bad_url_is_named_with_what_is_wrong_about_it() {
    run(["get", "se.png"]).assert_refused("bad URL \"se.png\": relative URL without a base");
    run(["get", "ftp://h/x"]).assert_refused("ftp is not supported");
    run(["get", "file:///etc/passwd"]).assert_refused("file is not supported");
    run(["get", "http://"]).assert_refused("empty host");
    run(["get", "http://h:99999/"]).assert_refused("invalid port number");
    run(["flags", "-s", "REMOTE", "--base-url", "nowhere"]).assert_refused("bad URL \"nowhere\"");
}

#[cfg(not(feature = "rustls"))]
#[test]
fn https_is_refused_where_it_is_not_built_in() {
    run(["get", "https://example.com/x"]).assert_refused("https needs the feature rustls");
}

#[test]
fn a_bad_line_of_a_list_is_named_by_number() {
    let scratch = Scratch::new();
    let list = scratch.path().join("list");
    std::fs::write(&list, "\n# comment\nhttp://127.0.0.1:1/x\nnonsense\n").unwrap();
    let ended = run(["get", "-i", list.to_str().unwrap(), "--out", scratch.arg()]);
    ended.assert_refused("list:4: bad URL \"nonsense\"");
}

#[test]
fn a_list_that_is_not_there_is_named() {
    run(["get", "-i", "/no/such/list"]).assert_refused("cannot read /no/such/list");
    run(["get", "-i", "/"]).assert_refused("cannot read /");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    run(["get", "http://127.0.0.1:1/x", "--out", "/dev/null/x"])
        .assert_refused("cannot save to /dev/null/x");
    run(["flags", "SE", "--out", "/proc/x"]).assert_refused("cannot save to /proc/x");
}

#[test]
fn numbers_have_limits() {
    for junk in ["0", "1001", "-1", "many", "99999999999999999999"] {
        run(["flags", &format!("--max-req={junk}")]).assert_refused("from 1 to 1000");
        run(["get", "http://h/", &format!("--per-host={junk}")]).assert_refused("from 1 to 1000");
    }
    for junk in ["0", "-1", "x"] {
        run(["flags", &format!("--limit={junk}")]).assert_refused("it takes a number from 1 on");
        run(["flags", &format!("--timeout={junk}")]).assert_refused("a time looks like");
        run(["serve", &format!("--rate={junk}")]).assert_refused("a rate looks like");
    }
    run(["serve", "--port=65536"]).assert_refused("65536");
    run(["serve", "--burst=0"]).assert_refused("--burst");
}

#[test]
fn a_server_is_one_of_five() {
    run(["flags", "-s", "FAST"]).assert_refused("LOCAL, REMOTE, DELAY, ERROR, LIMITED");
    run(["flags", "-s", "REMOTE"]).assert_refused("REMOTE needs --base-url");
    run(["serve", "--mode", "FAST"]).assert_refused("LOCAL, DELAY, ERROR, LIMITED, DEMO");
}

#[test]
fn something_has_to_be_asked_for() {
    run(["get"]).assert_refused("URL");
    run(["fetch"]).assert_refused("fetch");
    run(["flags", "--nonsense"]).assert_refused("--nonsense");
    run::<&str>([]).assert_refused("subcommand");
}

#[test]
fn help_and_version_are_no_errors() {
    let help = run(["--help"]);
    assert_eq!(help.code, Some(0));
    for verb in ["demo", "flags", "get", "serve"] {
        assert!(help.out.contains(verb), "{help:?}");
        assert_eq!(run([verb, "--help"]).code, Some(0));
    }
    assert_eq!(run(["--version"]).code, Some(0));
}

#[test]
fn nothing_is_left_of_a_run_that_was_refused() {
    let site = Site::start(Mode::Local);
    let scratch = Scratch::new();
    let out = scratch.path().join("out");
    let list = scratch.path().join("list");
    std::fs::write(&list, format!("{}\nnonsense\n", site.url("/bytes/1/x"))).unwrap();
    let ended = run(["get", "-i", list.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    ended.assert_refused("list:2");
    assert_eq!(site.statistics().requests, 0);
    assert!(!out.exists());
}
