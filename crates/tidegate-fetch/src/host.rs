//! The way to a host: through its gate, then one of a few at a time.

// How it works
//
// A request passes the gate first and takes a permit then, so that whoever waits for the gate to open holds no
// permit. Whoever had to wait for a permit goes through the gate once more: it may have been shut meanwhile, and
// a pass that has lain about is worth nothing to a gate that keeps a pace, because all that are waiting would be
// used at once when permits come back. Last of all, the epoch is compared:
//
//     gate.acquire --> a permit free? --yes---------------------------> still the same epoch? --> send
//          ^              '--no--> permits.acquire --> gate.acquire_again ---^      |
//          '----------------- give the permit back, same place in line ------------no
//
// A host that asks to wait for too long, or that refuses everything for a good while, is given up: its gate is
// closed, and with it every request that waits there or comes later.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::StatusCode;
use tidegate_semaphore::{Permit, Semaphore};
use tidegate_time_lock::{Applied, LearnedPace, Pass, Reopen, Requeue, TimeLock};
use tokio::time::Instant;
use url::{Origin, Url};

use crate::Failure;
use crate::server::Epoch;

/// A host that refuses for so long, and at least so many times in a row, is given up. One that is started again
/// and says "in a second" meanwhile is not.
const PATIENCE: Duration = Duration::from_secs(15);
const FEW_PAUSES: u32 = 6;

/// So is one that refuses so many times in a row, in however short a time.
const MOST_PAUSES: u32 = 12;

/// With more hosts than this, those that nothing is known about are forgotten.
const MANY: usize = 1024;

/// Every host that was asked so far, and is worth remembering.
#[derive(Debug)]
pub(crate) struct Hosts {
    per_host: usize,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    hosts: HashMap<Origin, Arc<Host>>,
    /// When there are so many, it is time to forget some.
    full: usize,
}

impl Hosts {
    pub(crate) fn new(per_host: usize) -> Self {
        let table = Table { hosts: HashMap::new(), full: MANY };
        Self { per_host, table: Mutex::new(table) }
    }

    pub(crate) fn of(&self, url: &Url) -> Arc<Host> {
        let mut table = self.table.lock();
        if table.hosts.len() >= table.full {
            table.hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.is_memorable());
            table.full = MANY.max(2 * table.hosts.len());
        }
        let host = table.hosts.entry(url.origin());
        Arc::clone(host.or_insert_with(|| {
            let pace = Reopen::Learned(LearnedPace::default());
            let gate = TimeLock::builder().reopen(pace).build();
            Arc::new(Host::new(url, self.per_host, gate))
        }))
    }
}

/// One host: scheme, name and port.
#[derive(Debug)]
pub(crate) struct Host {
    name: String,
    /// What this host's gate is called towards the host, which then can count what was sent while it was shut.
    client: u64,
    gate: TimeLock,
    permits: Semaphore,
    /// Since when it has accepted nothing, if it refuses.
    refusing: Mutex<Option<Refusing>>,
    /// Requests that were accepted, ever.
    accepted: AtomicU64,
    given_up: OnceLock<GivenUp>,
}

/// A time in which a host accepted nothing.
#[derive(Clone, Copy, Debug)]
struct Refusing {
    since: Instant,
    pauses: u32,
}

/// Why a host was given up.
#[derive(Clone, Copy, Debug)]
enum GivenUp {
    WaitTooLong(Duration),
    AlwaysRefused(StatusCode),
}

/// Leave to send one request now.
///
/// Dropping it says that there was no answer.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    host: &'a Host,
    epoch: u64,
    /// Until there is a verdict.
    pass: Option<Pass>,
    permit: Option<Permit<'a>>,
}

const ONE_VERDICT: &str = "there is one verdict for each entry";

/// What came of a refusal.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The place in line of the request, for when it is tried again.
    pub(crate) place: Requeue,
    /// The pause that this refusal began, if it is not part of an older one.
    pub(crate) began: Option<Duration>,
}

impl Host {
    fn new(url: &Url, per_host: usize, gate: TimeLock) -> Self {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Self {
            name: format!("{}{port}", url.host_str().unwrap_or_default()),
            client: RandomState::new().build_hasher().finish(),
            gate,
            permits: Semaphore::new(per_host),
            refusing: Mutex::new(None),
            accepted: AtomicU64::new(0),
            given_up: OnceLock::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How many requests it has accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How many wait at the gate.
    pub(crate) fn waiting(&self) -> usize {
        self.gate.waiters()
    }

    /// Waits until a request may be sent.
    pub(crate) async fn enter(&self, place: Option<Requeue>) -> Result<Entry<'_>, Failure> {
        let mut pass = self.pass(place).await?;
        loop {
            let permit = match self.permits.try_acquire() {
                Some(permit) => permit,
                None => {
                    let permit = self.permits.acquire().await.map_err(|_| self.why_given_up())?;
                    // Holding the permit is right here: this place in line is the first, and while the gate is
                    // shut nobody else could use a permit for this host either.
                    pass = self.pass(Some(pass.requeue())).await?;
                    permit
                }
            };
            // Read before the last look: if the gate is shut in between, the look finds it.
            let epoch = self.gate.epoch();
            if pass.is_current() {
                return Ok(Entry { host: self, epoch, pass: Some(pass), permit: Some(permit) });
            }
            drop(permit);
            pass = self.pass(Some(pass.requeue())).await?;
        }
    }

    async fn pass(&self, place: Option<Requeue>) -> Result<Pass, Failure> {
        let pass = match place {
            Some(place) => self.gate.acquire_again(place).await,
            None => self.gate.acquire().await,
        };
        pass.map_err(|_| self.why_given_up())
    }

    fn why_given_up(&self) -> Failure {
        match self.given_up.get() {
            Some(GivenUp::WaitTooLong(pause)) => Failure::WaitTooLong(*pause),
            Some(GivenUp::AlwaysRefused(status)) => Failure::AlwaysRefused(*status),
            None => Failure::Connection("the runtime is shutting down".to_owned()),
        }
    }

    fn give_up(&self, why: GivenUp) -> Failure {
        let _ = self.given_up.set(why);
        self.gate.close();
        self.why_given_up()
    }

    /// Counts a pause; whether it was one too many.
    fn refuses_everything(&self) -> bool {
        let mut refusing = self.refusing.lock();
        let refusing =
            refusing.get_or_insert_with(|| Refusing { since: Instant::now(), pauses: 0 });
        refusing.pauses += 1;
        refusing.pauses >= MOST_PAUSES
            || refusing.pauses >= FEW_PAUSES && refusing.since.elapsed() >= PATIENCE
    }

    /// Whether forgetting it would change how it is treated.
    fn is_memorable(&self) -> bool {
        self.given_up.get().is_some() || self.gate.is_locked() || self.gate.epoch() > 0
    }
}

impl<'a> Entry<'a> {
    /// What the request tells the server.
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch { client: self.host.client, epoch: self.epoch }
    }

    /// The host took the request, whatever it answered. The permit stays until the answer is complete.
    pub(crate) fn accepted(mut self) -> Permit<'a> {
        let pass = self.pass.take().expect(ONE_VERDICT);
        self.host.accepted.fetch_add(1, Ordering::Relaxed);
        if pass.is_current() {
            *self.host.refusing.lock() = None;
        }
        pass.ok();
        self.permit.take().expect(ONE_VERDICT)
    }

    /// The host refused the request, perhaps for a time it says. `longest` is how long anybody would wait.
    pub(crate) fn refused(
        mut self,
        status: StatusCode,
        pause: Option<Duration>,
        longest: Duration,
    ) -> Result<Refused, Failure> {
        let host = self.host;
        let refused = self.pass.take().expect(ONE_VERDICT).refused(pause);
        drop(self);
        let shut = refused.shut();
        if let Some(pause) = pause.filter(|&pause| pause > longest) {
            return Err(host.give_up(GivenUp::WaitTooLong(pause)));
        }
        let mut began = None;
        if shut.applied == Applied::Started {
            began = host.gate.remaining();
            if host.refuses_everything() {
                return Err(host.give_up(GivenUp::AlwaysRefused(status)));
            }
        }
        Ok(Refused { place: refused.requeue(), began })
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let Some(pass) = self.pass.take() else { return };
        // A gate that starts slowly, or that was shut, lets few through until one of them has a verdict. Where
        // nothing was ever refused, silence is no sign of a limit: other requests need not wait for it to end.
        if pass.epoch() == 0 {
            pass.ok();
        }
    }
}

#[cfg(test)]
mod tests;
