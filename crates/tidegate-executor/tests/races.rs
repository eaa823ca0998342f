//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.
//!
//! Pools run plainly only: they start threads of the system, which the model checkers do not know. Nor do they know
//! tokio, so what leads from threads into async code is taken apart: its hand-overs, with somebody who polls by hand.

#[path = "races/agenda.rs"]
mod agenda_races;
#[path = "races/call.rs"]
mod call_races;
#[cfg(not(any(tidegate_loom, tidegate_shuttle)))]
#[path = "races/pool.rs"]
mod pool;
#[path = "races/timer.rs"]
mod timer_races;

// The inside of the crate, which its tests cannot name otherwise; not all of it is modelled.
#[path = "../src/timers/agenda.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod agenda;
#[path = "../src/call.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod call;
#[path = "../src/quiet.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod quiet;
#[path = "../src/timer.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod timer;

// What of the rest they need.
mod cell {
    pub(crate) const LATE: u8 = 2;
}
mod clock {
    pub(crate) struct Clock;

    impl Clock {
        pub(crate) fn hold(_: Option<&tokio::runtime::Handle>) -> Self {
            Self
        }

        pub(crate) fn end(&self) {}
    }
}
mod deadlock {
    use tidegate_executor::WaitError;
    use tokio::runtime::Id;

    #[derive(Clone, Copy)]
    pub(crate) struct Key;

    pub(crate) struct Waits;

    impl Waits {
        pub(crate) fn is_mine(&self) -> bool {
            true
        }
    }

    pub(crate) fn about_to_wait(_: Key, _: Id) -> Result<Option<Waits>, WaitError> {
        Ok(None)
    }
}
mod inherit {
    pub(crate) struct Inherited;

    impl Inherited {
        pub(crate) fn here() -> Self {
            Self
        }

        pub(crate) fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
            f()
        }
    }
}
mod wait_error {
    pub(crate) use tidegate_executor::WaitError;
}

/// A value whose end is counted.
pub(crate) struct Counted(std::sync::Arc<tidegate_shim::atomic::AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, tidegate_shim::atomic::Ordering::SeqCst);
    }
}
