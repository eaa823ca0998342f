//! The combinators: several futures in one task.

mod as_completed;
mod explore;
mod for_each;
mod gather;
mod hygiene;
mod local_scope;
mod panics;
mod runtimes;
mod scale;
mod snooze;
mod support;
mod traits;
mod wait;
