//! A disk that is full: once a fake one, once a real one.

use std::fs::File;
use std::io::{self, Write};
use std::process::Command;

use tidegate_fetch::save::{Disk, Folder};
use tidegate_fetch::server::{Mode, Options, Server};
use tidegate_fetch::{Fetcher, Job};

use crate::program::{Scratch, start_command};
use crate::site::Site;

/// Full for every file that is longer than this.
struct Quota(usize);

struct Limited {
    room: usize,
    file: File,
}

impl Disk for Quota {
    fn writer(&self, file: File) -> Box<dyn Write + Send> {
        Box::new(Limited { room: self.0, file })
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = self.file.write(&bytes[..bytes.len().min(self.room)])?;
        self.room -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_error_with_a_reason_and_no_half_file() {
    let scratch = Scratch::new();
    let server = Server::start(Options::new(Mode::Local)).await.unwrap();
    let fetcher = Fetcher::new(
        Folder::on(Quota(100_000), scratch.path()).unwrap(),
        tidegate_fetch::Options::default(),
    )
    .unwrap();
    let job = |length: u32| {
        let url = format!("http://{}/bytes/{length}/{length}", server.address());
        Job::new(url.parse().unwrap())
    };
    let summary = fetcher.run([10, 100_000, 100_001, 1_000_000].map(job), ()).await;
    assert_eq!((summary.downloaded, summary.errors), (2, 2), "{summary}");
    assert_eq!(summary.reasons, [("the disk is full".to_owned(), 2)]);
    assert_eq!(scratch.names(), ["10", "100000"]);
    // What will not be better next time is not tried again.
    assert_eq!(server.stop().await.requests, 4);
}

#[cfg(target_os = "linux")]
#[test]
fn a_tiny_file_system_that_is_full_is_an_error_with_a_reason_and_no_half_file() {
    let (site, scratch) = (Site::start(Mode::Local), Scratch::new());
    let script = r#"
        mount -t tmpfs -o size=256k tmpfs "$1" || exit 77
        shift
        "$@"
        code=$?
        echo "files: $(ls -A "$OUT" | tr '\n' ' ')"
        exit $code
    "#;
    let mut command = Command::new("unshare");
    command
        .args([
            "-rm",
            "sh",
            "-c",
            script,
            "sh",
            scratch.arg(),
            env!("CARGO_BIN_EXE_tidegate-fetch"),
        ])
        .args([
            "get",
            // One after the other: otherwise the large one may fill the disk before the small one is written.
            "-m",
            "1",
            "--out",
            scratch.arg(),
            &site.url("/bytes/1000/small"),
            &site.url("/bytes/3000000/large"),
        ])
        .env("OUT", scratch.arg());
    let ended = start_command(command).end();
    if matches!(ended.code, Some(77)) || ended.err.contains("unshare") {
        eprintln!("not checked: no file system may be mounted here: {}", ended.err);
        return;
    }
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.out.contains("  1 file downloaded.\n  1 error.\n      1 the disk is full\n"),
        "{ended:?}"
    );
    assert!(ended.out.contains("files: small \n"), "{ended:?}");
}
