use std::sync::Arc;
use std::time::Instant;

use tidegate_timeout::Deadline;
use tidegate_timeout::scope::Scope;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::error::Fate;
use super::frame::{self, HEADER, Header, Kind};
use super::leash::{Leash, Spoils};
use super::link::{Link, Lost};
use super::stderr::Tail;
use super::warden::Started;

/// A process that waits for a call, or has one.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) number: u64,
    pub(super) leash: Arc<Leash>,
    pub(super) link: Link,
    pub(super) idle_since: Instant,
    pub(super) tail: Arc<Tail>,
    pub(super) fate: watch::Receiver<Option<Fate>>,
}

/// Asks a worker to end; `permit` is free when it has.
pub(super) fn dismiss(worker: Worker, permit: Option<OwnedSemaphorePermit>) {
    worker.leash.keep(Spoils::new(permit, None));
    if !worker.link.tell(&frame::frame(Kind::Goodbye, 0, b"")) {
        worker.leash.kill();
    }
}

impl Worker {
    /// Kills it, and waits until it was reaped.
    pub(super) async fn kill(mut self) -> Fate {
        self.leash.kill();
        let told = self.fate.wait_for(Option::is_some).await;
        let fate = told.ok().and_then(|fate| fate.clone());
        fate.unwrap_or(Fate { status: None, tail: String::new() })
    }
}

/// A call's worker, which does not survive the call's being dropped.
pub(super) struct Engaged<'a> {
    pub(super) hands: Option<Started>,
    pub(super) scope: Option<&'a Scope>,
}

impl Engaged<'_> {
    pub(super) async fn ask(
        &mut self,
        question: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(Header, Vec<u8>), Lost> {
        let (worker, _) = self.hands.as_mut().expect("a call has a worker");
        worker.tail.clear();
        let call = worker.link.next();
        frame::give_time(question, Deadline::ambient().remaining());
        *question = frame::seal(std::mem::take(question), Kind::Call, call);
        let (header, answer) = worker.link.exchange(question, call, limit).await?;
        match header.kind {
            Kind::Returned | Kind::Panicked | Kind::Unknown | Kind::TooLarge | Kind::Unreadable => {
                debug_assert_eq!(answer.len(), HEADER + header.length, "a frame is read whole");
                Ok((header, answer))
            }
            other => Err(Lost::Nonsense(format!("{other:?} is not an answer"))),
        }
    }

    pub(super) fn release(mut self) -> Started {
        self.hands.take().expect("a call has a worker")
    }

    /// Waits for the end of a worker that is of no use any more.
    pub(super) async fn bury(self) -> (Fate, OwnedSemaphorePermit) {
        let (worker, permit) = self.release();
        (worker.kill().await, permit)
    }
}

impl Drop for Engaged<'_> {
    fn drop(&mut self) {
        if let Some((worker, permit)) = self.hands.take() {
            let orphan = self.scope.map(Scope::adopt);
            worker.leash.kill_then(Spoils::new(Some(permit), orphan));
        }
    }
}
