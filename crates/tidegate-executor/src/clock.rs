// How it works
//
// A paused tokio clock jumps to the next timer as soon as the runtime has nothing to do, and it does not
// know that a thread of ours is busy: every timeout around a job would fire at once. It does know about
// `spawn_blocking`. So while somebody waits for a job on a paused clock, one blocking task of that runtime
// is parked: the clock is held. All jobs of a thread's runtime share the one that is there.
//
// - Whether the clock is paused is seen by looking twice: a paused one has not moved. One that has not may also be
//   coarse, so it is compared with the system's: a running one shows a time between two readings of the latter, a
//   paused one shows an earlier or a later time. Only current-thread runtimes can be paused, so others are not even asked. (No feature flag: whether tokio
//   was built with `test-util` is for the application to say.)
// - The hold ends when the job's result is handed over (after the waiting task was woken, so that the
//   runtime has something to do by then) or when nobody waits any more.
// - While a job waits in `block_on` it is the clock that it may be waiting for: the hold is let go. The
//   waker takes it back before anything else can happen, see `park.rs`. The jobs in line behind it wait for
//   the same: theirs are let go until it is woken, see `crew/state.rs`.
// - A runtime that is dropped waits for its blocking tasks. It drops its other tasks first, so a task
//   that ends the hold when it is dropped is spawned along with it.

use std::cell::RefCell;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::task::AbortHandle;

thread_local! {
    static HELD: RefCell<Weak<Hold>> = const { RefCell::new(Weak::new()) };
}

/// The clock of the runtime in which a job was asked for, if there is one and it is paused.
#[derive(Clone)]
pub(crate) struct Clock(Option<Arc<Paused>>);

struct Paused {
    runtime: Handle,
    hold: Mutex<State>,
}

enum State {
    Held(Arc<Hold>),
    /// The job waits in `block_on`.
    LetGo,
    /// Nobody waits for the job any more.
    Over,
}

impl Clock {
    /// Holds the clock of `runtime`, in which the caller is, if it is paused.
    pub(crate) fn hold(runtime: Option<&Handle>) -> Self {
        let paused = runtime.filter(|runtime| is_paused(runtime)).map(|runtime| Paused {
            hold: Mutex::new(State::Held(Hold::shared(runtime))),
            runtime: runtime.clone(),
        });
        Self(paused.map(Arc::new))
    }

    /// Whether there is a paused clock to hold.
    pub(crate) fn is_paused(&self) -> bool {
        self.0.is_some()
    }

    /// Lets the clock go on while the job waits for it, once what is returned is dropped.
    pub(crate) fn let_go(&self) -> Option<Arc<Hold>> {
        let mut state = self.0.as_ref()?.hold.lock();
        match std::mem::replace(&mut *state, State::LetGo) {
            State::Held(hold) => Some(hold),
            State::LetGo => None,
            State::Over => {
                *state = State::Over;
                None
            }
        }
    }

    /// Holds the clock again.
    pub(crate) fn take_back(&self) {
        if let Some(paused) = &self.0 {
            let mut state = paused.hold.lock();
            if let State::LetGo = *state {
                *state = State::Held(Hold::shared(&paused.runtime));
            }
        }
    }

    /// Lets the clock go for good.
    pub(crate) fn end(&self) {
        if let Some(paused) = &self.0 {
            let held = std::mem::replace(&mut *paused.hold.lock(), State::Over);
            drop(held);
        }
    }
}

fn is_paused(runtime: &Handle) -> bool {
    if runtime.runtime_flavor() != RuntimeFlavor::CurrentThread {
        return false;
    }
    let now = tokio::time::Instant::now();
    if now != tokio::time::Instant::now() {
        return false;
    }
    let before = std::time::Instant::now();
    let now = tokio::time::Instant::now().into_std();
    let after = std::time::Instant::now();
    now < before || after < now
}

/// A parked blocking task, which a paused clock takes for something to wait for.
pub(crate) struct Hold {
    runtime: Id,
    end: Sender<()>,
    sentinel: AbortHandle,
}

impl Hold {
    fn shared(runtime: &Handle) -> Arc<Self> {
        HELD.with_borrow_mut(|held| {
            if let Some(hold) = held.upgrade().filter(|hold| hold.runtime == runtime.id()) {
                return hold;
            }
            let hold = Arc::new(Self::new(runtime));
            *held = Arc::downgrade(&hold);
            hold
        })
    }

    fn new(runtime: &Handle) -> Self {
        let (end, ended) = channel();
        let with_the_runtime = EndOnDrop(end.clone());
        drop(runtime.spawn_blocking(move || ended.recv()));
        let sentinel = runtime.spawn(async move {
            let _with_the_runtime = with_the_runtime;
            std::future::pending::<()>().await;
        });
        Self { runtime: runtime.id(), end, sentinel: sentinel.abort_handle() }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Gone already, when the runtime is.
        let _ = self.end.send(());
        self.sentinel.abort();
    }
}

struct EndOnDrop(Sender<()>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}
