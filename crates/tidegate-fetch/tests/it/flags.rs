use tidegate_fetch::codes;
use tidegate_fetch::server::Mode;

use crate::program::{Scratch, run};
use crate::site::Site;

#[test]
fn the_twenty_come_as_they_were_served() {
    // Program 13: twenty flags, identical byte for byte.
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let ended = run(["flags", "-s", "REMOTE", "--base-url", &site.flags(), "--out", out.arg()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains(" 20 flags downloaded."), "{ended:?}");
    assert_eq!(out.names().len(), 20);
    for code in codes::TWENTY.map(str::to_lowercase) {
        let served = site.fetch(&format!("/flags/{code}/{code}.png"));
        assert_eq!(std::fs::read(out.path().join(format!("{code}.png"))).unwrap(), served);
    }
}

#[test]
fn the_server_is_started_if_need_be_and_announced() {
    // Program 14: the header lines of the original.
    let out = Scratch::new();
    let ended = run(["flags", "-s", "LOCAL", "--out", out.arg(), "se", "no", "FI"]);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(lines[0].starts_with("LOCAL site: http://127.0.0.1:"), "{ended:?}");
    assert!(lines[0].ends_with("/flags"), "{ended:?}");
    let rest = [
        "Searching for 3 flags: FI, NO, SE",
        "3 concurrent connections will be used.",
        "--------------------",
        "  3 flags downloaded.",
    ];
    assert_eq!(lines[1..5], rest);
    assert!(lines[5].starts_with("Elapsed time: ") && lines[5].ends_with('s'), "{ended:?}");
    assert_eq!(lines.len(), 6);
}

#[test]
fn a_single_flag_is_announced_in_the_singular() {
    let out = Scratch::new();
    let ended = run(["flags", "se", "--out", out.arg()]);
    assert!(
        ended.out.contains("Searching for 1 flag: SE\n1 connection will be used.\n"),
        "{ended:?}"
    );
    assert!(ended.out.contains("  1 flag downloaded."), "{ended:?}");
}

#[test]
fn a_server_that_errs_gives_the_originals_summary() {
    let out = Scratch::new();
    // More time than by default, because tests share the machine.
    let args =
        ["flags", "-s", "ERROR", "-al", "100", "-m", "100", "--timeout", "12s", "--out", out.arg()];
    let ended = run(args);
    assert_eq!(ended.code, Some(1));
    let text = &ended.out;
    assert!(text.contains("ERROR site: "), "{text}");
    assert!(
        text.contains("Searching for 100 flags: from AD to HU\n100 concurrent connections"),
        "{text}"
    );
    assert!(text.contains("--------------------\n 52 flags downloaded.\n 48 errors.\n"), "{text}");
    assert!(
        text.contains(" 418 I'm a teapot\n") && text.contains(" no answer within 12s\n"),
        "{text}"
    );
    assert_eq!(out.names().len(), 52);
}

#[test]
fn a_server_that_delays_gives_everything_in_the_end() {
    let out = Scratch::new();
    let ended = run(["flags", "-s", "DELAY", "-m", "20", "--json", "--out", out.arg()]);
    assert_eq!((ended.code, ended.number("downloaded")), (Some(0), 20.0));
}

#[test]
fn pairs_of_letters_that_are_nobodys_are_not_found() {
    let out = Scratch::new();
    let args = ["flags", "-e", "-l", "30", "-m", "30", "-s", "LOCAL", "--json", "--out", out.arg()];
    let ended = run(args);
    let assigned = codes::ALL.iter().filter(|&&code| code <= "BD").count();
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.number("downloaded"), assigned as f64);
    assert_eq!(ended.number("not_found"), 30.0 - assigned as f64);
    assert_eq!(ended.number("errors"), 0.0);
}

#[test]
fn a_server_elsewhere_is_asked_for_any_pair_of_letters() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let args =
        ["flags", "zz", "-s", "REMOTE", "--base-url", &site.flags(), "--out", out.arg(), "-v"];
    let ended = run(args);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.out.contains(&format!("ZZ not found: {}/zz/zz.png\n", site.flags())),
        "{ended:?}"
    );
    assert!(ended.out.contains("\n  1 not found.\n"), "{ended:?}");
}

#[test]
fn a_base_url_may_end_with_a_slash() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let base = format!("{}/", site.flags());
    assert_eq!(
        run(["flags", "se", "-s", "REMOTE", "--base-url", &base, "--out", out.arg()]).code,
        Some(0)
    );
}

#[test]
fn verbose_has_a_line_for_each_code() {
    let out = Scratch::new();
    let ended = run(["flags", "-v", "-s", "ERROR", "-al", "12", "-m", "12", "--out", out.arg()]);
    let lines_of = |code: &&str| {
        let start = format!("{code} ");
        ended.out.lines().filter(|line| line.starts_with(&start)).count()
    };
    assert!(codes::ALL[..12].iter().all(|code| lines_of(code) == 1), "{ended:?}");
    assert!(ended.out.contains("error: 418 I'm a teapot"), "{ended:?}");
    assert!(ended.out.contains(" OK\n"), "{ended:?}");
}

#[test]
fn flags_are_downloaded_again_unless_one_resumes() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let base = site.flags();
    let args = ["flags", "-s", "REMOTE", "--base-url", &base, "--out", out.arg(), "--json"];
    assert_eq!(run(args).number("downloaded"), 20.0);
    std::fs::write(out.path().join("cn.png"), "older").unwrap();
    assert_eq!(run(args).number("downloaded"), 20.0);
    assert!(!out.contents().contains(&b"older".to_vec()));
    let before = site.statistics().requests;
    let resumed = run(args.into_iter().chain(["--resume"]));
    assert_eq!((resumed.code, resumed.number("kept")), (Some(0), 20.0));
    assert_eq!(site.statistics().requests, before);
}

#[test]
fn no_more_requests_run_at_a_time_than_asked_for() {
    let (site, out) = (Site::start(Mode::Delay), Scratch::new());
    let base = site.flags();
    let args = ["flags", "-s", "REMOTE", "--base-url", &base, "-m", "3", "--out", out.arg()];
    assert_eq!(run(args).code, Some(0));
    assert_eq!(site.statistics().most_at_once, 3);
}
