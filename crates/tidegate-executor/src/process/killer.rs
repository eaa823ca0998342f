use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::core::Core;

/// A thread that closes a pool when the grace is over: by the system's clock, which a test cannot pause, and so
/// that it needs no timers.
pub(super) struct Killer {
    ended: Sender<()>,
    thread: JoinHandle<usize>,
}

impl Killer {
    /// Without such a thread the pool is closed at once.
    pub(super) fn start(core: &Arc<Core>, grace: Duration) -> Option<Self> {
        let (ended, end) = channel();
        let in_time = Arc::clone(core);
        let work = move || match end.recv_timeout(grace) {
            Err(RecvTimeoutError::Timeout) => in_time.close(),
            _ => 0,
        };
        let thread = Builder::new().name("tidegate-grace".to_owned()).stack_size(128 << 10);
        match thread.spawn(work) {
            Ok(thread) => Some(Self { ended, thread }),
            Err(_) => {
                core.close();
                None
            }
        }
    }

    pub(super) fn killed(self) -> usize {
        drop(self.ended);
        self.thread.join().unwrap_or(0)
    }
}
