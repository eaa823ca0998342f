//! The combinators: several futures in one task.

mod as_completed;
mod explore;
mod gather;
mod hygiene;
mod panics;
mod runtimes;
mod scale;
mod snooze;
mod support;
mod traits;
mod wait;
