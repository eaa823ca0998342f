//! What the contenders have in common, one trait for each primitive, and who they are.
//!
//! A method here is a call of the contender's own; where it says `async` the contender has nothing to name.

pub(crate) mod async_channel;
pub(crate) mod async_lock;
pub(crate) mod asyncband;
pub(crate) mod condvar_fair;
pub(crate) mod event_listener;
pub(crate) mod flume;
pub(crate) mod futures;
pub(crate) mod futures_concurrency;
pub(crate) mod futures_intrusive;
pub(crate) mod futures_timer;
pub(crate) mod heap;
pub(crate) mod kanal;
pub(crate) mod machine;
pub(crate) mod maitake;
#[cfg(unix)]
pub(crate) mod process;
pub(crate) mod saa;
pub(crate) mod tidegate;
pub(crate) mod tokio;

use std::fmt::Debug;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

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

/// A number that one at a time may change.
pub(crate) trait Lock: Contender + Send + Sync + 'static {
    type Guard<'a>: DerefMut<Target = u64> + Send;

    fn new() -> Self;
    fn try_lock(&self) -> Option<Self::Guard<'_>>;
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send;
}

/// A number that many may read or one may change.
pub(crate) trait RwLock: Contender + Send + Sync + 'static {
    type Read<'a>: Deref<Target = u64> + Send;
    type Write<'a>: DerefMut<Target = u64> + Send;

    fn new() -> Self;
    fn try_read(&self) -> Option<Self::Read<'_>>;
    fn read(&self) -> impl Future<Output = Self::Read<'_>> + Send;
    fn write(&self) -> impl Future<Output = Self::Write<'_>> + Send;
}

/// A locked number whose changes can be waited for.
pub(crate) trait Condition: Contender + Send + Sync + 'static {
    type Guard<'a>: DerefMut<Target = u64> + Send;

    fn new() -> Self;
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send;
    fn wait<'a>(&'a self, guard: Self::Guard<'a>) -> impl Future<Output = Self::Guard<'a>> + Send;
    /// With the lock held.
    fn notify_one(&self);
    /// With the lock held.
    fn notify_all(&self);
}

/// A place to meet.
pub(crate) trait Barrier: Contender + Send + Sync + 'static {
    fn new(parties: usize) -> Self;
    /// Whether this one leads.
    fn wait(&self) -> impl Future<Output = bool> + Send;
}

/// A gate that is open, and that somebody may shut.
pub(crate) trait OpenGate: Contender + Send + Sync + 'static {
    fn new() -> Self;
    /// Passes, and says that it went well where somebody wants to know.
    fn pass(&self) -> impl Future<Output = ()> + Send;
    /// The same without a future.
    fn try_pass(&self);
}

/// An end to a future's time.
pub(crate) trait Timeout: Contender + 'static {
    type Ended<T: Send>: Send;

    fn timeout<F>(
        after: Duration,
        future: F,
    ) -> impl Future<Output = Self::Ended<F::Output>> + Send
    where
        F: Future<Output: Send> + Send;
    /// What the future gave, if it was in time.
    fn value<T: Send>(ended: Self::Ended<T>) -> Option<T>;
}

/// A tree of which every part is cancelled with what it is inside of.
pub(crate) trait Scope: Contender + Send + Sync + 'static {
    /// One that is inside of nothing.
    fn new() -> Self;
    /// Calls `f` inside.
    fn enter<R>(&self, f: impl FnOnce() -> R) -> R;
    /// Polls the future inside, and does no more for it.
    fn carry<F: Future + Send>(&self, future: F) -> impl Future<Output = F::Output> + Send;
    /// One inside of this one, asked for inside.
    fn child(&self) -> Self;
    fn cancel(&self);
    /// What the future gave, unless it was cancelled before.
    fn run<F>(&self, future: F) -> impl Future<Output = Option<F::Output>> + Send
    where
        F: Future<Output: Send> + Send;
    /// The same in one of its own inside of this one, asked for inside.
    fn run_in_child<F>(&self, future: F) -> impl Future<Output = Option<F::Output>> + Send
    where
        F: Future<Output: Send> + Send;
}

/// Something to ask whether it is cancelled.
pub(crate) trait Ask: Contender + 'static {
    fn new() -> Self;
    /// Calls `f` where one may ask.
    fn enter<R>(&self, f: impl FnOnce() -> R) -> R;
    fn cancel(&self);
    fn is_cancelled(&self) -> bool;
}

/// Tasks that are waited for together.
pub(crate) trait Group: Contender + 'static {
    /// Starts `n` children, each in a task of its own, and waits for all.
    fn run<F>(n: u64, child: impl Fn() -> F + Send) -> impl Future<Output = ()> + Send
    where
        F: Future<Output = ()> + Send + 'static;
}

/// Tasks that come and go for months, and that nobody asks for anything.
pub(crate) trait Supervisor: Contender + 'static {
    /// Spawns so many tasks, so many times over, and awaits `look` after each time.
    fn serve<F, L>(
        times: u64,
        tasks: u64,
        task: impl Fn() -> F + Send,
        look: impl FnMut() -> L + Send,
    ) -> impl Future<Output = ()> + Send
    where
        F: Future<Output = ()> + Send + 'static,
        L: Future<Output = ()> + Send;
}

/// Futures of one task that are waited for together.
pub(crate) trait Together: Contender + 'static {
    /// The outputs, one way or another all of them; their sum.
    fn sum<F>(futures: Vec<F>) -> impl Future<Output = u64> + Send
    where
        F: Future<Output = u64> + Send;
}

/// Threads for what blocks.
pub(crate) trait Threads: Contender + Send + Sync + 'static {
    type Running: Future<Output = Result<u64, Self::Error>> + Send;
    type Error: Debug;

    fn new() -> Self;
    /// Has a job run.
    fn start(&self, job: fn() -> u64) -> Self::Running;
}

/// Functions that are called later, unless somebody changes their mind.
pub(crate) trait Alarm: Contender + 'static {
    type Set: Send + 'static;

    /// In an hour.
    fn set() -> Self::Set;
    fn cancel(alarm: Self::Set);
}

/// Watches for polls that take long.
pub(crate) trait Watch: Contender + 'static {
    type Watch;

    fn start() -> Self::Watch;
    fn watched<F: Future>(future: F) -> impl Future<Output = F::Output>;
}

/// Items handed from one task to another.
pub(crate) trait Queue: Contender + 'static {
    type Put: Send + 'static;
    type Get: Send + 'static;

    fn bounded(capacity: usize) -> (Self::Put, Self::Get);
    fn try_put(to: &Self::Put, item: u64) -> bool;
    fn try_get(from: &mut Self::Get) -> Option<u64>;
    fn put(to: &Self::Put, item: u64) -> impl Future<Output = ()> + Send;
    fn get(from: &mut Self::Get) -> impl Future<Output = u64> + Send;
}

/// A queue with several at both ends.
pub(crate) trait Shared: Queue {
    fn another_put(to: &Self::Put) -> Self::Put;
    fn another_get(from: &Self::Get) -> Self::Get;
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

macro_rules! locks {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Lock,
            $crate::contenders::tidegate::BargingLock,
            $crate::contenders::tokio::Lock,
            $crate::contenders::asyncband::Lock,
            $crate::contenders::futures_intrusive::FairLock,
            $crate::contenders::maitake::Lock,
            $crate::contenders::saa::Lock,
            $crate::contenders::async_lock::Lock,
            $crate::contenders::futures::Lock,
            $crate::contenders::futures_intrusive::UnfairLock,
            $($more,)*
        }
    };
}
pub(crate) use locks;

macro_rules! rw_locks {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::RwLock,
            $crate::contenders::tokio::RwLock,
            $crate::contenders::asyncband::RwLock,
            $crate::contenders::maitake::RwLock,
            $crate::contenders::saa::RwLock,
            $crate::contenders::async_lock::RwLock,
            $($more,)*
        }
    };
}
pub(crate) use rw_locks;

macro_rules! conditions {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Condition,
            $crate::contenders::tokio::NotifyAndLock,
            $crate::contenders::asyncband::Condition,
            $crate::contenders::async_lock::EventAndLock,
            $crate::contenders::condvar_fair::Condition,
            $($more,)*
        }
    };
}
pub(crate) use conditions;

macro_rules! open_gates {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::TimeLock,
            $crate::contenders::tokio::RwLock,
            $($more,)*
        }
    };
}
pub(crate) use open_gates;

macro_rules! barriers {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Barrier,
            $crate::contenders::tokio::Barrier,
            $crate::contenders::asyncband::Barrier,
            $crate::contenders::async_lock::Barrier,
            $crate::contenders::saa::Barrier,
            $($more,)*
        }
    };
}
pub(crate) use barriers;

macro_rules! groups {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Group,
            $crate::contenders::tokio::Group,
            $crate::contenders::tokio::Tracker,
            $crate::contenders::futures::Group,
            $($more,)*
        }
    };
}
pub(crate) use groups;

macro_rules! supervisors {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Group,
            $crate::contenders::tokio::Group,
            $crate::contenders::tokio::Tracker,
            $($more,)*
        }
    };
}
pub(crate) use supervisors;

macro_rules! togethers {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Together,
            $crate::contenders::futures::JoinAll,
            $crate::contenders::futures::Unordered,
            $($more,)*
        }
    };
}
pub(crate) use togethers;

macro_rules! queues_of_one {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Queue<u64>,
            $crate::contenders::tokio::Queue,
            $crate::contenders::asyncband::Queue,
            $crate::contenders::asyncband::QueueOfOne,
            $crate::contenders::futures_intrusive::Queue,
            $crate::contenders::kanal::Queue,
            $crate::contenders::flume::Queue,
            $crate::contenders::async_channel::Queue,
            $($more,)*
        }
    };
}
pub(crate) use queues_of_one;

macro_rules! queues {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Queue<u64>,
            $crate::contenders::asyncband::Queue,
            $crate::contenders::futures_intrusive::Queue,
            $crate::contenders::kanal::Queue,
            $crate::contenders::flume::Queue,
            $crate::contenders::async_channel::Queue,
            $($more,)*
        }
    };
}
pub(crate) use queues;

macro_rules! priority_queues {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::PriorityQueue<u64>,
            $crate::contenders::heap::AndNotify,
            $crate::contenders::heap::AndListener,
            $crate::contenders::heap::AndSemaphore,
            $($more,)*
        }
    };
}
pub(crate) use priority_queues;

macro_rules! timeouts {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Timeout,
            $crate::contenders::tokio::Timeout,
            $crate::contenders::futures_timer::Timeout,
            $($more,)*
        }
    };
}
pub(crate) use timeouts;

macro_rules! scopes {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Scope,
            $crate::contenders::tokio::TokenTree,
            $($more,)*
        }
    };
}
pub(crate) use scopes;

macro_rules! asks {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Handle,
            $crate::contenders::tidegate::Checkpoint,
            $crate::contenders::tokio::TokenTree,
            $($more,)*
        }
    };
}
pub(crate) use asks;

#[cfg(test)]
mod tests;

macro_rules! threads {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Threads,
            $crate::contenders::tokio::Threads,
            $crate::contenders::tokio::FewThreads,
            $($more,)*
        }
    };
}
pub(crate) use threads;

macro_rules! alarms {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Alarm,
            $crate::contenders::tokio::Alarm,
            $($more,)*
        }
    };
}
pub(crate) use alarms;

macro_rules! watches {
    ($T:ident => $run:expr $(; $more:ty)*) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::tidegate::Watching,
            $crate::contenders::tidegate::Unwatched,
            $crate::contenders::machine::Clocked,
            $crate::contenders::machine::AsItIs,
            $($more,)*
        }
    };
}
pub(crate) use watches;

#[cfg(unix)]
macro_rules! processes {
    ($T:ident => $run:expr) => {
        $crate::contenders::entries! { $T => $run;
            $crate::contenders::process::Tidegate,
            $crate::contenders::process::Python,
        }
    };
}
#[cfg(unix)]
pub(crate) use processes;
