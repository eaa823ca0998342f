// How it works
//
// A permit of `slots` is a slot for a process. A call waits in line for one, takes an idle worker or starts one,
// and keeps both until it has its answer. A worker is in one of these hands:
//
//     its warden     it starts, or it ends
//     `idle`         it waits for a call; its slot is free
//     `Engaged`      it has a call; dropping this kills it
//
// In each case its leash is in `all`, so whoever closes the pool finds it.
//
// In a scope the call has a guard: it learns of the cancellation, drops what it waits for, which kills the worker,
// and lets the scope end when the worker was reaped. That it was cancelled is for the scope to say.

use std::collections::HashMap;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tidegate_timeout::CancelReason;
use tidegate_timeout::scope::Scope;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::engaged::{Engaged, Worker, dismiss};
use super::error::{Fate, ProcessError, StartError};
use super::frame::Header;
use super::killer::Killer;
use super::leash::Leash;
use super::link::Lost;
use super::plan::Plan;
use super::warden;
use crate::clock::Clock;

/// What a pool is made of.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) plan: Plan,
    slots: Arc<Semaphore>,
    state: Mutex<State>,
    /// Rings when there are no more calls.
    closing: Condvar,
    /// How many workers there are, those included that are being started.
    population: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    /// No more calls.
    closing: bool,
    /// No more workers.
    closed: bool,
    /// How many calls wait for a slot.
    waiting: usize,
    started: u64,
    idle: Vec<Worker>,
    all: HashMap<u64, Arc<Leash>>,
    /// How many there ever were at a time.
    #[cfg(test)]
    peak: usize,
}

/// Header and body, in a frame.
type Answer = Result<(Header, Vec<u8>), ProcessError>;

/// How often a question is asked that no worker has read.
const AGAIN: usize = 3;

impl Core {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(plan.workers)),
            plan,
            state: Mutex::default(),
            closing: Condvar::new(),
            population: watch::Sender::new(0),
        }
    }

    /// Enters a process that was just started.
    pub(super) fn tie(&self, leash: &Arc<Leash>) -> u64 {
        let mut state = self.state.lock();
        state.started += 1;
        let number = state.started;
        state.all.insert(number, Arc::clone(leash));
        #[cfg(test)]
        {
            state.peak = state.peak.max(state.all.len());
        }
        let closed = state.closed;
        drop(state);
        if closed {
            leash.kill();
        }
        number
    }

    /// Strikes out a process that was reaped.
    pub(super) fn untie(&self, number: u64) {
        let mut state = self.state.lock();
        state.all.remove(&number);
        let idle = state.idle.iter().position(|worker| worker.number == number);
        let worker = idle.map(|index| state.idle.remove(index));
        drop(state);
        drop(worker);
    }

    /// Counts a process from before it is started until it was reaped, so that a shutdown waits for it also in
    /// between; nothing when the pool is closing.
    pub(super) fn expect(self: &Arc<Self>) -> Option<Expected> {
        let state = self.state.lock();
        // Nobody waits for the count to change before the pool is closing, so nobody is woken under the lock.
        (!state.closing).then(|| {
            self.population.send_modify(|workers| *workers += 1);
            Expected(Arc::clone(self))
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Takes a worker back, and its slot; or has it end, if it has had its share of calls.
    pub(super) fn give_back(&self, mut worker: Worker, permit: OwnedSemaphorePermit) {
        if worker.link.calls() < self.plan.max_tasks {
            let mut state = self.state.lock();
            // Who is not in the book any more was reaped.
            if !state.closing && state.all.contains_key(&worker.number) {
                worker.idle_since = Instant::now();
                state.idle.push(worker);
                drop(state);
                drop(permit);
                return;
            }
        }
        dismiss(worker, Some(permit));
    }

    /// Waits; whether there may be calls still.
    pub(super) fn is_open_after(&self, time: Duration) -> bool {
        let mut state = self.state.lock();
        if !state.closing {
            self.closing.wait_for(&mut state, time);
        }
        !state.closing
    }

    /// A slot that nobody has or waits for.
    pub(super) fn free_slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    /// Takes a worker that has had no call since.
    pub(super) fn idle_since(&self, before: Instant) -> Option<Worker> {
        let mut state = self.state.lock();
        // The last to come is the first to go to a call, so those that stay are in front.
        let oldest = state.idle.first().filter(|worker| worker.idle_since <= before);
        oldest.is_some().then(|| state.idle.remove(0))
    }

    /// Starts a worker, and keeps it idle.
    pub(super) async fn warm_up(self: &Arc<Self>) -> Result<(), ProcessError> {
        let _clock = Held::here();
        let permit = self.slot().await?;
        let (worker, permit) = warden::start(self, permit).await?;
        self.give_back(worker, permit);
        Ok(())
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, ProcessError> {
        let closed = |_| ProcessError::Cancelled(CancelReason::Shutdown);
        if let Some(permit) = self.free_slot() {
            return Ok(permit);
        }
        let _place = Place::take(self)?;
        Arc::clone(&self.slots).acquire_owned().await.map_err(closed)
    }

    /// Asks a question, and gives the answer.
    pub(super) async fn call(self: &Arc<Self>, question: Vec<u8>) -> Answer {
        let _clock = Held::here();
        if tidegate_timeout::current_scope().is_none() {
            return self.ask(question, None).await;
        }
        // A scope that is cancelled does not drop this as long as there is the guard.
        let scope = Scope::new();
        let mut guard = scope.guard();
        let reason = {
            let mut answer = pin!(self.ask(question, Some(&scope)));
            let or_cancelled = poll_fn(|cx| match answer.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Ok(answer)),
                Poll::Pending => guard.poll_cancelled(cx).map(Err),
            });
            match or_cancelled.await {
                Ok(answer) => return answer,
                Err(reason) => reason,
            }
        };
        // The worker was killed, and is the scope's orphan until it was reaped.
        poll_fn(|cx| guard.poll_alone(cx)).await;
        drop(guard);
        if scope.is_dropped_from_around() {
            pending::<()>().await;
        }
        Err(ProcessError::Cancelled(reason))
    }

    async fn ask(self: &Arc<Self>, mut question: Vec<u8>, scope: Option<&Scope>) -> Answer {
        let mut permit = self.slot().await?;
        let mut left = AGAIN;
        loop {
            let hands = Some(self.worker(permit).await?);
            let mut engaged = Engaged { hands, scope };
            let lost = match engaged.ask(&mut question, self.plan.max_frame).await {
                Ok(answer) => {
                    let (worker, permit) = engaged.release();
                    self.give_back(worker, permit);
                    return Ok(answer);
                }
                Err(lost) => lost,
            };
            let fate;
            (fate, permit) = engaged.bury().await;
            left -= 1;
            match lost {
                Lost::Unread if left > 0 && !self.is_closed() => {}
                Lost::Unread | Lost::Closed => return Err(self.blame(fate)),
                Lost::Nonsense(what) => return Err(ProcessError::Protocol(what)),
            }
        }
    }

    fn blame(&self, fate: Fate) -> ProcessError {
        if self.is_closed() {
            return ProcessError::Cancelled(CancelReason::Shutdown);
        }
        fate.during_a_call()
    }

    /// An idle worker that is alive, or a new one.
    async fn worker(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
    ) -> Result<warden::Started, ProcessError> {
        loop {
            let idle = self.state.lock().idle.pop();
            let Some(worker) = idle else { break };
            if worker.link.is_quiet() {
                return Ok((worker, permit));
            }
            // Dead, or up to something.
            drop(worker.kill().await);
        }
        warden::start(self, permit).await.map_err(|error| match error {
            StartError::Closed => ProcessError::Cancelled(CancelReason::Shutdown),
            other => other.into(),
        })
    }

    /// Refuses calls from now on, and has idle workers end.
    pub(super) fn retire(&self) {
        let mut state = self.state.lock();
        state.closing = true;
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        self.closing.notify_all();
        self.slots.close();
        idle.into_iter().for_each(|worker| dismiss(worker, None));
    }

    /// Kills every worker, and has none start any more. How many there were.
    pub(super) fn close(&self) -> usize {
        let mut state = self.state.lock();
        (state.closing, state.closed) = (true, true);
        let idle = std::mem::take(&mut state.idle);
        let all: Vec<_> = state.all.values().cloned().collect();
        drop(state);
        self.closing.notify_all();
        self.slots.close();
        all.iter().for_each(|leash| leash.kill());
        drop(idle);
        all.len()
    }

    /// Waits until there is no process any more; at most `grace` before they are killed. How many those were.
    pub(super) async fn shutdown(self: &Arc<Self>, grace: Duration) -> usize {
        let _clock = Held::here();
        self.retire();
        let killer = Killer::start(self, grace);
        // It cannot fail: the sender is here.
        let _ = self.population.subscribe().wait_for(|left| *left == 0).await;
        killer.map_or(0, Killer::killed)
    }

    #[cfg(test)]
    pub(super) fn kill_all(&self) {
        let all: Vec<_> = self.state.lock().all.values().cloned().collect();
        all.iter().for_each(|leash| leash.kill());
    }

    /// What idle workers wrote.
    #[cfg(test)]
    pub(super) fn tail(&self) -> String {
        self.state.lock().idle.iter().map(|worker| worker.tail.text()).collect()
    }

    #[cfg(test)]
    pub(super) fn peak(&self) -> usize {
        self.state.lock().peak
    }

    #[cfg(test)]
    pub(super) fn is_quiet(&self) -> bool {
        self.state.lock().idle.iter().any(|worker| worker.link.is_quiet())
    }

    pub(super) fn counts(&self) -> Counts {
        let state = self.state.lock();
        Counts {
            workers: state.all.len(),
            idle: state.idle.len(),
            waiting: state.waiting,
            started: state.started,
        }
    }

    pub(super) fn ids(&self) -> Vec<u32> {
        self.state.lock().all.values().filter_map(|leash| leash.id()).collect()
    }
}

/// A process that is there, or soon will be.
pub(super) struct Expected(Arc<Core>);

impl Drop for Expected {
    fn drop(&mut self) {
        self.0.population.send_modify(|workers| *workers -= 1);
    }
}

pub(super) struct Counts {
    pub(super) workers: usize,
    pub(super) idle: usize,
    pub(super) waiting: usize,
    pub(super) started: u64,
}

/// One who waits for a slot.
struct Place<'a>(&'a Core);

impl<'a> Place<'a> {
    fn take(core: &'a Core) -> Result<Self, ProcessError> {
        let mut state = core.state.lock();
        if state.waiting >= core.plan.queue {
            return Err(ProcessError::QueueFull);
        }
        state.waiting += 1;
        Ok(Self(core))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state.lock().waiting -= 1;
    }
}

/// Holds a paused clock.
struct Held(Clock);

impl Held {
    fn here() -> Self {
        Self(Clock::hold(Handle::try_current().ok().as_ref()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.end();
    }
}
