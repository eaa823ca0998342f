//! What the contenders have in common, one trait for each primitive, and who they are.
//!
//! A method here is a call of the contender's own; where it says `async` the contender has nothing to name.

pub(crate) mod async_lock;
pub(crate) mod asyncband;
pub(crate) mod event_listener;
pub(crate) mod futures_intrusive;
pub(crate) mod machine;
pub(crate) mod maitake;
pub(crate) mod saa;
pub(crate) mod tidegate;
pub(crate) mod tokio;

use crate::guarantee::Who;

/// Somebody to compare.
pub(crate) trait Contender {
    const WHO: Who;
}

/// Permits.
pub(crate) trait Semaphore: Contender + Send + Sync + 'static {
    /// Gives back when dropped.
    type Permit<'a>: Send;

    fn new(permits: usize) -> Self;
    fn try_acquire(&self) -> Option<Self::Permit<'_>>;
    fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send;
    fn free(&self) -> usize;
}

/// Permits that can be taken several at once.
pub(crate) trait SemaphoreMany: Semaphore {
    fn acquire_many(&self, n: usize) -> impl Future<Output = Self::Permit<'_>> + Send;
}

/// A flag to wait for.
pub(crate) trait Event: Contender + Send + Sync + 'static {
    fn new() -> Self;
    fn set(&self);
    fn is_set(&self) -> bool;
    fn wait(&self) -> impl Future<Output = ()> + Send;
}

/// A flag that can be lowered again.
pub(crate) trait Clear: Event {
    fn clear(&self);
}

/// The same run for each of `$who`, under the name `$T`.
macro_rules! entries {
    ($T:ident => $run:expr; $($who:ty),+ $(,)?) => {
        vec![$({
            type $T = $who;
            $crate::measure::Entry::new(<$T as $crate::contenders::Contender>::WHO, $run)
        }),+]
    };
}
pub(crate) use entries;

macro_rules! semaphores {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Semaphore,
            $crate::contenders::tokio::Semaphore,
            $crate::contenders::asyncband::Semaphore,
            $crate::contenders::futures_intrusive::FairSemaphore,
            $crate::contenders::maitake::Semaphore,
            $crate::contenders::saa::Semaphore,
            $crate::contenders::async_lock::Semaphore,
            $crate::contenders::futures_intrusive::UnfairSemaphore,
            $($more,)*
        }
    };
}
pub(crate) use semaphores;

macro_rules! semaphores_of_many {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Semaphore,
            $crate::contenders::tokio::Semaphore,
            $crate::contenders::asyncband::Semaphore,
            $crate::contenders::futures_intrusive::FairSemaphore,
            $crate::contenders::maitake::Semaphore,
            $crate::contenders::saa::Semaphore,
            $crate::contenders::futures_intrusive::UnfairSemaphore,
            $($more,)*
        }
    };
}
pub(crate) use semaphores_of_many;

macro_rules! events {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Event,
            $crate::contenders::tokio::NotifyAndFlag,
            $crate::contenders::asyncband::Event,
            $crate::contenders::futures_intrusive::Event,
            $crate::contenders::event_listener::OnTheStack,
            $crate::contenders::event_listener::Boxed,
            $crate::contenders::maitake::WaitQueueAndFlag,
            $crate::contenders::tokio::Watch,
            $crate::contenders::tokio::Token,
            $($more,)*
        }
    };
}
pub(crate) use events;

macro_rules! events_that_clear {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Event,
            $crate::contenders::tokio::NotifyAndFlag,
            $crate::contenders::asyncband::Event,
            $crate::contenders::futures_intrusive::Event,
            $crate::contenders::event_listener::OnTheStack,
            $crate::contenders::event_listener::Boxed,
            $crate::contenders::maitake::WaitQueueAndFlag,
            $crate::contenders::tokio::Watch,
            $($more,)*
        }
    };
}
pub(crate) use events_that_clear;
