//! Many small files: memory does not grow with their number.
//!
//! On Linux every address that starts with 127 is this machine.

use std::io::Write as _;

use crate::program::{Scratch, run, start};
use crate::site::Site;

/// So many hosts, which all are this machine: a gate starts slowly, and this is about memory.
const HOSTS: usize = 16;

/// Downloads so many files and gives the most memory that was in use, in kilobytes.
fn most_memory(site: &Site, files: usize) -> u64 {
    let (out, list) = (Scratch::new(), Scratch::new());
    let path = list.path().join("list");
    let mut lines = std::fs::File::create(&path).unwrap();
    for n in 0..files {
        writeln!(lines, "http://127.0.0.{}:{}/bytes/100/{n}", n % HOSTS + 1, site.port()).unwrap();
    }
    drop(lines);
    let args = ["get", "-m", "2", "--json", "-i", path.to_str().unwrap(), "--out", out.arg()];
    let mut run = start(args);
    let peak = run.watch_memory();
    let ended = run.end();
    assert_eq!((ended.code, ended.number("downloaded")), (Some(0), files as f64), "{ended:?}");
    assert_eq!(out.names().len(), files);
    peak
}

#[test]
fn memory_stays_flat_however_many_files() {
    let site = Site::everywhere();
    let few = most_memory(&site, 2_000);
    let many = most_memory(&site, 10_000);
    // Eight thousand files more: with a hundred bytes kept for each there would be a megabyte more.
    assert!(many < few + 4_000, "{few} kB for 2,000 files and {many} kB for 10,000");
}

#[test]
fn a_thousand_at_a_time_are_possible() {
    let (site, out) = (Site::everywhere(), Scratch::new());
    let urls =
        (0..1000).map(|n| format!("http://127.0.0.{}:{}/bytes/10/{n}", n % HOSTS + 1, site.port()));
    let args = ["get", "-m", "1000", "--json", "--out", out.arg()].map(str::to_owned);
    let ended = run(args.into_iter().chain(urls));
    assert_eq!((ended.code, ended.number("downloaded")), (Some(0), 1000.0), "{ended:?}");
}

#[test]
fn a_host_after_the_other_each_once() {
    // 2,000 hosts: what is known about one is forgotten when it is of no use.
    let (site, out) = (Site::everywhere(), Scratch::new());
    let list = out.path().join("list");
    let line =
        |n: usize| format!("http://127.1.{}.{}:{}/bytes/10/x\n", n / 250, n % 250 + 1, site.port());
    std::fs::write(&list, (0..2_000).map(line).collect::<String>()).unwrap();
    let files = Scratch::new();
    let ended = start(["get", "-i", list.to_str().unwrap(), "--json", "--out", files.arg()]).end();
    assert_eq!((ended.code, ended.number("downloaded")), (Some(0), 2_000.0), "{ended:?}");
    assert_eq!(files.names().len(), 2_000);
}
