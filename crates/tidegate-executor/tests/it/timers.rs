//! Callbacks that run later.

mod callers;
mod cancelling;
mod crowds;
mod panics;
mod portals;
mod runtimes;
mod times;

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::Duration;

use tidegate_executor::{Portal, TimerHandle, call_at, call_later, call_soon_threadsafe};
use tidegate_timeout::scope::Scope;
use tidegate_timeout::{ContextVar, checkpoint};
use tokio::task::yield_now;
use tokio::time::{Instant, advance, sleep, sleep_until};

use crate::support::{Census, Elsewhere, Gate, current_thread, multi_thread, until};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What has happened so far.
#[derive(Clone, Default)]
struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T: Send + Clone + 'static> Log<T> {
    /// A callback that writes this down.
    fn note(&self, what: T) -> impl FnOnce() + Send + 'static {
        let log = self.clone();
        move || log.0.lock().unwrap().push(what)
    }

    fn so_far(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// A callback that holds up the loop from when it says so until the gate opens.
fn holds() -> (impl FnOnce() + Send + 'static, Receiver<()>, Gate) {
    let (gate, closed) = Gate::new();
    let (started, has_started) = channel();
    let holds = move || {
        started.send(()).unwrap();
        closed.recv().unwrap_err();
    };
    (holds, has_started, gate)
}

/// Lets the loop run what is due.
async fn turns() {
    for _ in 0..10 {
        yield_now().await;
    }
}
