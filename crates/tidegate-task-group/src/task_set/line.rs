// How it works
//
// In completion order, results lie one behind the other. In the order of spawning, each has its place by its number,
// counted from the first that was not taken; places of tasks that have not ended are empty.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tidegate_semaphore::Semaphore;
use tidegate_shim::{Mutex, MutexGuard};
use tidegate_timeout::CancelReason;

use crate::panicked::drop_quietly;
use crate::task_error::TaskError;

type Item<T> = (u64, Result<T, TaskError>);

/// The results that were not taken, and what decides whether there will be more.
pub(super) struct Line<T>(Mutex<State<T>>);

struct State<T> {
    results: VecDeque<Option<Item<T>>>,
    in_order: bool,
    /// The number of the next task.
    next: u64,
    taken: u64,
    spawners: usize,
    closed: bool,
    /// Nobody will take anything any more.
    abandoned: bool,
    limit: Option<Arc<Semaphore>>,
    /// Of whoever waits for the next result.
    waker: Option<Waker>,
}

impl<T> Line<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            results: VecDeque::new(),
            in_order: false,
            next: 0,
            taken: 0,
            spawners: 0,
            closed: false,
            abandoned: false,
            limit: None,
            waker: None,
        }))
    }

    pub(super) fn set_limit(&self, limit: Arc<Semaphore>) {
        let old = self.0.lock().limit.replace(limit);
        drop(old);
    }

    #[track_caller]
    pub(super) fn set_in_order(&self) {
        let mut state = self.0.lock();
        let unused = state.next == 0;
        state.in_order |= unused;
        drop(state);
        assert!(unused, "the order is chosen before the first task is spawned");
    }

    /// Gives a task its number; says what limits it, and why it is not to be spawned, if so.
    pub(super) fn announce(&self) -> (u64, Option<Arc<Semaphore>>, Option<CancelReason>) {
        let mut state = self.0.lock();
        let id = state.next;
        state.next += 1;
        let closed = state.closed.then(|| CancelReason::from("the task set was closed"));
        (id, state.limit.clone(), closed)
    }

    /// Puts in the result of task `id`.
    pub(super) fn put(&self, id: u64, result: Result<T, TaskError>) {
        let mut state = self.0.lock();
        if state.abandoned {
            drop(state);
            drop_quietly(result);
            return;
        }
        if state.in_order {
            let at = usize::try_from(id - state.taken).expect("tasks fit into memory");
            if state.results.len() <= at {
                state.results.resize_with(at + 1, || None);
            }
            state.results[at] = Some((id, result));
        } else {
            state.results.push_back(Some((id, result)));
        }
        wake(state);
    }

    /// Takes the next result, if it is there.
    pub(super) fn take(&self) -> Option<Item<T>> {
        self.0.lock().take()
    }

    /// Waits for the next result; `None` if there will be none.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Item<T>>> {
        let mut waker = None;
        loop {
            let mut state = self.0.lock();
            if let Some(item) = state.take() {
                return Poll::Ready(Some(item));
            }
            if state.len() == 0 && (state.closed || state.spawners == 0) {
                return Poll::Ready(None);
            }
            if state.waker.as_ref().is_some_and(|kept| kept.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            if waker.is_some() {
                let old = std::mem::replace(&mut state.waker, waker);
                drop(state);
                drop(old);
                return Poll::Pending;
            }
            drop(state);
            // Not under the lock: a waker may be anything.
            waker = Some(cx.waker().clone());
        }
    }

    pub(super) fn add_spawner(&self) {
        self.0.lock().spawners += 1;
    }

    pub(super) fn remove_spawner(&self) {
        let mut state = self.0.lock();
        state.spawners -= 1;
        if state.spawners == 0 {
            wake(state);
        }
    }

    pub(super) fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        wake(state);
    }

    /// Drops all results, now and later.
    pub(super) fn abandon(&self) {
        let mut state = self.0.lock();
        state.abandoned = true;
        let (results, waker) = (std::mem::take(&mut state.results), state.waker.take());
        drop(state);
        results.into_iter().for_each(drop_quietly);
        drop(waker);
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<Item<T>> {
        let item = self.results.front_mut()?.take()?;
        self.results.pop_front();
        self.taken += 1;
        Some(item)
    }

    fn len(&self) -> usize {
        usize::try_from(self.next - self.taken).unwrap_or(usize::MAX)
    }
}

/// Wakes who waits, outside of the lock. A waker that panics must not keep a task from ending.
fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let waker = state.waker.take();
    drop(state);
    let _ = catch_unwind(AssertUnwindSafe(|| waker.into_iter().for_each(Waker::wake)));
}
