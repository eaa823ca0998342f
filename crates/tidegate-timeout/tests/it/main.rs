//! The public interface of `tidegate-timeout`.

mod adoption;
mod ask;
mod cancel;
mod context;
mod door;
mod exit_stack;
mod explicit;
mod explore;
mod hygiene;
mod kept;
mod model;
mod nesting;
mod nests;
mod outcomes;
mod panics;
mod protect;
mod reschedule;
mod runtimes;
mod scale;
mod scope;
mod shield;
mod stop;
mod support;
#[cfg(feature = "tokio-util")]
mod token;
mod traits;
mod vars;
