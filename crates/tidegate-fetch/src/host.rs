//! The way to a host: through its gate, then one of a few at a time.

// How it works
//
// The gates are those of a `KeyedTimeLock`, which forgets by itself what is not worth knowing. Beside them is a table of
// what it does not know: permits, and whether a host is given up. Of that, only what is in use stays, and a bounded
// number of hosts that refused everything so far.
//
// A request passes the gate first and takes a permit then, so that those who wait for the gate to open hold no
// permit. Whoever has to wait for a permit gives the pass back before, and comes again with the same place in line: the
// gate may be shut meanwhile; it may wait for how this very request fares, while those who have all the permits wait
// for the gate; and to a gate that keeps a pace a pass that has lain about is worth nothing, because all that are
// waiting would be used at once when permits come back. Last of all, the epoch is compared:
//
//     gates.acquire --> a permit? --yes------------------------------------> still the same epoch? --> send
//          ^               '--no: requeue, permits.acquire, gates.acquire_again --^      |            |
//          '----------------- the permit, and the same place in line --------------------no      refused
//          '------------------------------------------------------------------------------------------'
//
// Who comes back, has a permit and keeps it: or it would have a place in one line and lose it in the other. And while
// the gate is shut nobody else could use a permit for this host either.
//
// A host that asks to wait for too long, or that refuses everything for a good while, is given up: that is said first,
// and then whoever waits for its gate is sent away. The gate is not closed for that: it may be one that hosts share, when
// there are very many. It is opened, so that it can be forgotten.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::StatusCode;
use tidegate_event::Event;
use tidegate_semaphore::{OwnedPermit, Semaphore};
use tidegate_time_lock::{
    Applied, KeyedPass, KeyedRequeue, KeyedTimeLock, KeyedTimeLockBuilder, State,
};
use tidegate_tower::Hints;
use tokio::time::Instant;
use url::{Origin, Url};

use crate::server::Epoch;
use crate::{Failure, HostStatus};

/// A host that refuses for so long, and at least so many times in a row, is given up. One that is started again
/// and says "in a second" meanwhile is not.
const PATIENCE: Duration = Duration::from_secs(15);
const FEW_PAUSES: u32 = 6;

/// So is one that refuses so many times in a row, in however short a time.
const MOST_PAUSES: u32 = 12;

/// So many hosts that nobody uses are remembered for what they did last. The price of forgetting one is one more request
/// to it, if it is asked for again.
const REMEMBERED: usize = 4096;

/// There is room for a gate for each of those, and for what is in use or shut besides.
const GATES: usize = 4 * REMEMBERED;

/// With more hosts than this, it is time to forget some.
const MANY: usize = 1024;

/// Every host that was asked so far, and is worth remembering.
#[derive(Debug)]
pub(crate) struct Hosts {
    per_host: usize,
    gates: KeyedTimeLock<Origin>,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    hosts: HashMap<Origin, Slot>,
    /// When there are so many, it is time to forget some.
    full: usize,
}

#[derive(Debug)]
struct Slot {
    host: Arc<Host>,
    /// When it was last asked for.
    used: Instant,
}

impl Hosts {
    pub(crate) fn new(per_host: usize) -> Self {
        Self::with_gates(per_host, KeyedTimeLockBuilder::new().capacity(GATES).build())
    }

    fn with_gates(per_host: usize, gates: KeyedTimeLock<Origin>) -> Self {
        let table = Table { hosts: HashMap::new(), full: MANY };
        Self { per_host, gates, table: Mutex::new(table) }
    }

    pub(crate) fn of(&self, url: &Url) -> Arc<Host> {
        let now = Instant::now();
        let mut table = self.table.lock();
        if table.hosts.len() >= table.full {
            table.forget();
        }
        let slot = table.hosts.entry(url.origin()).or_insert_with(|| {
            let host = Host::new(url, self.per_host, self.gates.clone());
            Slot { host: Arc::new(host), used: now }
        });
        slot.used = now;
        Arc::clone(&slot.host)
    }

    /// The hosts whose gates are shut, the ones for which most wait first.
    pub(crate) fn shut(&self) -> Vec<HostStatus> {
        let hosts: Vec<_> = {
            let table = self.table.lock();
            let hosts = table.hosts.values().filter(|slot| slot.host.has_refused());
            hosts.map(|slot| Arc::clone(&slot.host)).collect()
        };
        let mut shut: Vec<_> = hosts.iter().filter_map(|host| host.status()).collect();
        shut.sort_by(|a, b| b.waiting.cmp(&a.waiting).then_with(|| a.host.cmp(&b.host)));
        shut
    }
}

impl Table {
    fn forget(&mut self) {
        self.hosts.retain(|_, slot| slot.is_in_use() || slot.host.is_memorable());
        let idle = self.hosts.iter().filter(|(_, slot)| !slot.is_in_use());
        let mut idle: Vec<(Instant, Origin)> =
            idle.map(|(origin, slot)| (slot.used, origin.clone())).collect();
        if idle.len() > REMEMBERED {
            idle.sort_unstable_by_key(|(used, _)| *used);
            // Half of them, as it takes a look at all to find one.
            idle.truncate(idle.len() - REMEMBERED / 2);
            idle.iter().for_each(|(_, origin)| drop(self.hosts.remove(origin)));
        }
        self.full = MANY.max(2 * self.hosts.len());
    }
}

impl Slot {
    fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.host) > 1
    }
}

/// One host: scheme, name and port.
#[derive(Debug)]
pub(crate) struct Host {
    origin: Origin,
    name: String,
    /// What this host's gate is called towards the host, which then can count what was sent while it was shut.
    client: u64,
    gates: KeyedTimeLock<Origin>,
    permits: Arc<Semaphore>,
    refusals: Mutex<Refusals>,
    /// Requests that were accepted, ever.
    accepted: AtomicU64,
    given_up: OnceLock<GivenUp>,
    /// Is set when it is given up.
    over: Event,
}

#[derive(Debug, Default)]
struct Refusals {
    /// Since when it has accepted nothing, if it refuses.
    refusing: Option<Refusing>,
    /// What the gate was shut for last: the status, and what `Retry-After` said.
    last: Option<(StatusCode, Option<Duration>)>,
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
    /// Until there is a verdict.
    pass: Option<KeyedPass<Origin>>,
    permit: Option<OwnedPermit>,
}

const ONE_VERDICT: &str = "there is one verdict for each entry";

/// The place in line of a request that comes back.
#[derive(Debug)]
pub(crate) struct Place {
    line: KeyedRequeue,
    permit: OwnedPermit,
}

/// What came of a refusal.
#[derive(Debug)]
pub(crate) struct Refused {
    /// For when the request is tried again.
    pub(crate) place: Place,
    /// The pause that this refusal began, if it is not part of an older one.
    pub(crate) began: Option<Duration>,
}

impl Host {
    fn new(url: &Url, per_host: usize, gates: KeyedTimeLock<Origin>) -> Self {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Self {
            origin: url.origin(),
            name: format!("{}{port}", url.host_str().unwrap_or_default()),
            client: RandomState::new().build_hasher().finish(),
            gates,
            permits: Arc::new(Semaphore::new(per_host)),
            refusals: Mutex::default(),
            accepted: AtomicU64::new(0),
            given_up: OnceLock::new(),
            over: Event::new(),
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
        self.gates.snapshot(&self.origin).map_or(0, |look| look.waiters)
    }

    /// Waits until a request may be sent.
    pub(crate) async fn enter(&self, place: Option<Place>) -> Result<Entry<'_>, Failure> {
        let (line, mut kept) = place.map(|it| (it.line, it.permit)).unzip();
        let mut pass = self.pass(line).await?;
        loop {
            let permits = Arc::clone(&self.permits);
            let permit = match kept.take().or_else(|| permits.try_acquire_owned()) {
                Some(permit) => permit,
                None => {
                    let line = pass.requeue();
                    let permit = Arc::clone(&self.permits).acquire_owned();
                    let permit = permit.await.map_err(|_| self.why_given_up())?;
                    pass = self.pass(Some(line)).await?;
                    permit
                }
            };
            if pass.is_current() {
                return Ok(Entry { host: self, pass: Some(pass), permit: Some(permit) });
            }
            kept = Some(permit);
            pass = self.pass(Some(pass.requeue())).await?;
        }
    }

    async fn pass(&self, line: Option<KeyedRequeue>) -> Result<KeyedPass<Origin>, Failure> {
        let pass = async {
            match line {
                Some(line) => self.gates.acquire_again(&self.origin, line).await,
                None => self.gates.acquire(&self.origin).await,
            }
        };
        let pass = tokio::select! {
            biased;
            _ = self.over.wait() => return Err(self.why_given_up()),
            pass = pass => pass.map_err(|_| self.why_given_up())?,
        };
        // It may have been given up by whoever let this one pass.
        match self.given_up.get() {
            Some(_) => Err(self.why_given_up()),
            None => Ok(pass),
        }
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
        self.over.set();
        self.let_go_of_gate(|_| true);
        self.why_given_up()
    }

    /// Opens the gate, so that it is not kept for nobody's sake, if its state is one of these.
    fn let_go_of_gate(&self, when: impl FnOnce(State) -> bool) {
        // None of its own, if there is nothing to see.
        let look = self.gates.snapshot(&self.origin);
        if look.is_some_and(|look| when(look.state)) {
            self.gates.gate(&self.origin).unlock_now();
        }
    }

    /// Counts a pause; whether it was one too many.
    fn refuses_everything(&self) -> bool {
        let mut refusals = self.refusals.lock();
        let refusing =
            refusals.refusing.get_or_insert_with(|| Refusing { since: Instant::now(), pauses: 0 });
        refusing.pauses += 1;
        refusing.pauses >= MOST_PAUSES
            || refusing.pauses >= FEW_PAUSES && refusing.since.elapsed() >= PATIENCE
    }

    fn has_refused(&self) -> bool {
        self.refusals.lock().last.is_some()
    }

    /// How it stands with its gate, if that is shut.
    fn status(&self) -> Option<HostStatus> {
        if self.given_up.get().is_some() {
            return None;
        }
        let (status, retry_after) = self.refusals.lock().last?;
        let look = self.gates.snapshot(&self.origin)?;
        let remaining = match look.state {
            State::Shut => Some(look.remaining?),
            State::Probing => None,
            _ => return None,
        };
        Some(HostStatus {
            host: self.name.clone(),
            remaining,
            status,
            retry_after,
            waiting: look.waiters,
            pace: look.pace,
        })
    }

    /// Whether forgetting it would change how it is treated. What its gate knows is remembered there.
    fn is_memorable(&self) -> bool {
        self.given_up.get().is_some() || self.refusals.lock().refusing.is_some()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Its time is up, and nobody is there to find out whether it may open. A gate would be kept for that.
        if self.has_refused() {
            self.let_go_of_gate(|state| state == State::Probing);
        }
    }
}

impl Entry<'_> {
    /// What the request tells the server.
    pub(crate) fn epoch(&self) -> Epoch {
        let epoch = self.pass.as_ref().expect(ONE_VERDICT).epoch();
        Epoch { client: self.host.client, epoch }
    }

    /// The host took the request, whatever it answered. The permit stays until the answer is complete.
    pub(crate) fn accepted(mut self) -> OwnedPermit {
        let pass = self.pass.take().expect(ONE_VERDICT);
        self.host.accepted.fetch_add(1, Ordering::Relaxed);
        if pass.is_current() {
            self.host.refusals.lock().refusing = None;
        }
        pass.ok();
        self.permit.take().expect(ONE_VERDICT)
    }

    /// The host refused the request, perhaps for a time it says. `longest` is how long anybody would wait.
    pub(crate) fn refused(
        mut self,
        status: StatusCode,
        hints: &Hints,
        longest: Duration,
    ) -> Result<Refused, Failure> {
        let host = self.host;
        if let Some(pause) = hints.asked().filter(|&pause| pause > longest) {
            // Before the pass comes back: who gets its turn is not to use it.
            return Err(host.give_up(GivenUp::WaitTooLong(pause)));
        }
        // A limit may have something left long before it is whole again: worth a try, if that is too long.
        let pause = hints.pause().filter(|&pause| pause <= longest);
        let refused = self.pass.take().expect(ONE_VERDICT).refused(pause);
        let permit = self.permit.take().expect(ONE_VERDICT);
        let shut = refused.shut();
        if matches!(shut.applied, Applied::Started | Applied::Extended) {
            host.refusals.lock().last = Some((status, hints.retry_after));
        }
        let mut began = None;
        if shut.applied == Applied::Started {
            began = shut.until.map(|until| until.saturating_duration_since(Instant::now()));
            if host.refuses_everything() {
                return Err(host.give_up(GivenUp::AlwaysRefused(status)));
            }
        }
        Ok(Refused { place: Place { line: refused.requeue(), permit }, began })
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
