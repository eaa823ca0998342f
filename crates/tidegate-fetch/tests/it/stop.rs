//! Stopping a run from a program, at every point.

use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate_fetch::save::Folder;
use tidegate_fetch::server::{self, Mode, Server};
use tidegate_fetch::{Fetcher, Job, Options, Outcome, Progress, Stop};

use crate::program::Scratch;

/// Stops its run when so many files have ended.
struct StopAfter {
    left: AtomicUsize,
    stop: Stop,
}

impl Progress for StopAfter {
    fn ended(&self, _job: &Job, _outcome: &Outcome) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.stop.now();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_may_be_stopped_at_any_point() {
    const FILES: usize = 30;
    let mut options = server::Options::new(Mode::Local);
    options.address.set_ip([0, 0, 0, 0].into());
    let server = Server::start(options).await.unwrap();
    for after in 1..=FILES {
        let scratch = Scratch::new();
        let folder = Folder::open(scratch.path()).unwrap();
        let fetcher = Fetcher::new(folder.clone(), Options::default()).unwrap();
        let progress = StopAfter { left: AtomicUsize::new(after), stop: fetcher.stop() };
        let job = |n: usize| {
            // Long enough for several pieces.
            let (host, port) = (n % 15 + 1, server.address().port());
            Job::new(format!("http://127.0.0.{host}:{port}/bytes/200000/{n}").parse().unwrap())
        };
        let summary = fetcher.run((0..FILES).map(job), progress).await;
        assert_eq!(summary.errors, 0, "{summary}");
        assert_eq!(summary.total(), FILES as u64, "{summary}");
        assert!(summary.downloaded >= after as u64, "{summary}");
        assert_eq!(folder.begun(), 0, "a run waits for its clean-up");
        assert!(scratch.contents().iter().all(|file| file.len() == 200_000));
        assert!(scratch.names().len() as u64 >= summary.downloaded);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_run_that_is_stopped_before_it_begins_begins_nothing() {
    let scratch = Scratch::new();
    let fetcher = Fetcher::new(Folder::open(scratch.path()).unwrap(), Options::default()).unwrap();
    fetcher.stop().now();
    let job = Job::new("http://127.0.0.1:1/x".parse().unwrap());
    let summary = fetcher.run(vec![job; 5], ()).await;
    assert_eq!((summary.cancelled, summary.requests), (5, 0), "{summary}");
}
