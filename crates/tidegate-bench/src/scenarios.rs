//! The work, one file a scenario. A new one is a file and a line here.

mod barrier;
mod cancel;
mod condition;
mod event_broadcast;
mod event_ping_pong;
mod event_uncontended;
mod executor;
mod group;
mod lock_crowd;
mod lock_fairness;
mod lock_hand_over;
mod lock_uncontended;
mod priority_queue;
#[cfg(unix)]
mod process;
mod queue;
mod rw_lock;
mod semaphore_crowd;
mod semaphore_hand_over;
mod semaphore_uncontended;
mod time_lock;
mod timeout;
mod together;

use crate::measure::Scenario;

/// All of it, in the order of the report.
pub(crate) fn all() -> Vec<Scenario> {
    [
        lock_uncontended::scenarios(),
        lock_hand_over::scenarios(),
        lock_crowd::scenarios(),
        lock_fairness::scenarios(),
        rw_lock::scenarios(),
        semaphore_uncontended::scenarios(),
        semaphore_hand_over::scenarios(),
        semaphore_crowd::scenarios(),
        event_uncontended::scenarios(),
        event_ping_pong::scenarios(),
        event_broadcast::scenarios(),
        barrier::scenarios(),
        condition::scenarios(),
        queue::scenarios(),
        priority_queue::scenarios(),
        time_lock::scenarios(),
        timeout::scenarios(),
        cancel::scenarios(),
        group::scenarios(),
        together::scenarios(),
        executor::scenarios(),
        #[cfg(unix)]
        process::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests;
