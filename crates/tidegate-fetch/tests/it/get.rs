use std::io::Write as _;
use std::process::{Command, Stdio};

use tidegate_fetch::server::Mode;

use crate::odd_server::{OddServer, answer};
use crate::program::{Scratch, run};
use crate::site::Site;

#[test]
fn urls_come_from_arguments_and_from_a_list() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let list = Scratch::new();
    let path = list.path().join("list");
    let lines = format!(
        "\u{feff}{}\r\n\n# not this\n  {}  \n",
        site.url("/bytes/2/b"),
        site.url("/bytes/3/c")
    );
    std::fs::write(&path, lines).unwrap();
    let first = site.url("/bytes/1/a");
    let ended = run(["get", &first, "-i", path.to_str().unwrap(), "--out", out.arg()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("  3 files downloaded."), "{ended:?}");
    assert_eq!(out.names(), ["a", "b", "c"]);
    assert_eq!(
        out.contents().iter().map(Vec::len).collect::<std::collections::BTreeSet<_>>(),
        [1, 2, 3].into()
    );
}

#[test]
fn a_dash_is_the_standard_input() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate-fetch"))
        .args(["get", "-i", "-", "--json", "--out", out.arg()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", site.url("/bytes/5/five")).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(out.names(), ["five"]);
}

#[test]
fn a_list_that_can_be_read_once_only_is_good_too() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let fifo = out.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let writer = std::thread::spawn({
        let (fifo, url) = (fifo.clone(), site.url("/bytes/5/five"));
        move || std::fs::write(fifo, url).unwrap()
    });
    let files = Scratch::new();
    let ended = run(["get", "-i", fifo.to_str().unwrap(), "--out", files.arg()]);
    writer.join().unwrap();
    assert_eq!((ended.code, files.names()), (Some(0), vec!["five".to_owned()]));
}

#[test]
fn an_empty_list_is_done_at_once() {
    let out = Scratch::new();
    let ended = run(["get", "-i", "/dev/null", "--json", "--out", out.arg()]);
    assert_eq!((ended.code, ended.number("downloaded")), (Some(0), 0.0));
}

#[test]
fn a_large_file_comes_whole() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let path = "/bytes/5000000/large.bin";
    let ended = run(["get", &site.url(path), "--json", "--out", out.arg()]);
    assert_eq!((ended.code, ended.number("bytes")), (Some(0), 5_000_000.0));
    assert_eq!(out.contents(), [site.fetch(path)]);
}

#[test]
fn an_empty_file_is_a_file() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    assert_eq!(run(["get", &site.url("/bytes/0/none"), "--out", out.arg()]).code, Some(0));
    assert_eq!(out.contents(), [b""]);
}

#[test]
fn two_urls_of_one_name_keep_both_files_now_and_later() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let urls = ["/bytes/1/x.bin", "/bytes/2/x.bin", "/bytes/3/x.bin?a", "/bytes/3/x.bin?b"]
        .map(|path| site.url(path));
    let get = |urls: &[String]| {
        let args = ["get", "--json", "--out", out.arg()].map(str::to_owned);
        run(args.iter().chain(urls))
    };
    // One by one, so that later runs find files of earlier ones under their name.
    assert_eq!(get(&urls[..1]).number("downloaded"), 1.0);
    assert_eq!(get(&urls[1..2]).number("downloaded"), 1.0);
    let rest = get(&urls);
    assert_eq!((rest.number("downloaded"), rest.number("kept")), (2.0, 2.0), "{rest:?}");
    let lengths: Vec<usize> = out.contents().iter().map(Vec::len).collect();
    assert_eq!(lengths.len(), 4);
    assert_eq!(lengths.iter().sum::<usize>(), 1 + 2 + 3 + 3);
    let again = get(&urls);
    assert_eq!((again.code, again.number("kept"), again.number("requests")), (Some(0), 4.0, 0.0));
    assert_eq!(out.names().len(), 4);
}

#[test]
fn racing_urls_of_one_name_all_keep_their_file() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let urls = (1..=20).map(|n| site.url(&format!("/bytes/{n}/same.bin")));
    let args = ["get", "-m", "20", "--out", out.arg()].map(str::to_owned);
    assert_eq!(run(args.into_iter().chain(urls)).code, Some(0));
    let mut lengths: Vec<usize> = out.contents().iter().map(Vec::len).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_url_that_is_listed_twice_is_downloaded_once() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let url = site.url("/bytes/9/x");
    let ended = run(["get", &url, &url, &format!("{url}#part"), "--json", "--out", out.arg()]);
    assert_eq!((ended.number("downloaded"), ended.number("kept")), (1.0, 2.0), "{ended:?}");
    assert_eq!(site.statistics().requests, 1);
}

#[test]
fn what_is_there_is_kept_and_what_is_missing_comes() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    std::fs::write(out.path().join("b"), "by hand").unwrap();
    let urls = ["/bytes/4/a", "/bytes/4/b"].map(|path| site.url(path));
    let ended = run(["get", &urls[0], &urls[1], "--out", out.arg()]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.out.contains("  1 file downloaded.\n  1 kept.\n"), "{ended:?}");
    assert_eq!(std::fs::read(out.path().join("b")).unwrap(), b"by hand");
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let server = OddServer::start(|_, _| answer("200 OK", "", "x"));
    let scratch = Scratch::new();
    let out = scratch.path().join("deep/out");
    let names = [
        "/a/..%2f..%2fescaped",
        "/%2e%2e%2f%2e%2e%2fescaped",
        "/..%5c..%5cescaped",
        "/%2Fetc%2Fescaped",
        "/a%00b",
        "/.hidden",
        "/CON",
        "/",
        "/%2e%2e%2f",
        "/nul.txt",
    ];
    let long = format!("/{}", "n".repeat(4000));
    let urls = names.iter().copied().chain([long.as_str()]).map(|path| server.url(path));
    let args = ["get", "--out", out.to_str().unwrap()].map(str::to_owned);
    let ended = run(args.into_iter().chain(urls));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(scratch.names(), ["deep"]);
    assert_eq!(std::fs::read_dir(scratch.path().join("deep")).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), names.len() + 1);
    assert!(!std::path::Path::new("/etc/escaped").exists());
}

#[test]
fn a_password_in_a_url_is_sent_and_not_shown() {
    let (site, out) = (Site::start(Mode::Local), Scratch::new());
    let url = site.url("/nothing").replace("http://", "http://me:secret@");
    let ended = run(["get", "-v", &url, "--out", out.arg()]);
    assert!(ended.out.contains("not found"), "{ended:?}");
    assert!(!ended.out.contains("secret") && !ended.err.contains("secret"), "{ended:?}");
}
