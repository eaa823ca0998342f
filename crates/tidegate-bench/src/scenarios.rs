//! The work, one file a scenario. A new one is a file and a line here.

mod event_broadcast;
mod event_ping_pong;
mod event_uncontended;
mod semaphore_crowd;
mod semaphore_hand_over;
mod semaphore_uncontended;

use crate::measure::Scenario;

/// All of it, in the order of the report.
pub(crate) fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    all.extend(semaphore_uncontended::scenarios());
    all.extend(semaphore_hand_over::scenarios());
    all.extend(semaphore_crowd::scenarios());
    all.extend(event_uncontended::scenarios());
    all.extend(event_ping_pong::scenarios());
    all.extend(event_broadcast::scenarios());
    all
}
