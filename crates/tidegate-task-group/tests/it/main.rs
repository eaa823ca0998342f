//! The public interface, on both kinds of runtime.

mod blocking;
mod cancel;
mod combine;
mod context;
mod cut;
mod drops;
mod errors;
mod explore;
mod hygiene;
mod inherit;
mod leftovers;
mod limit;
mod local;
mod matrix;
mod outcome;
mod panics;
mod policy;
mod runtimes;
mod scale;
#[cfg(feature = "tracing")]
mod spans;
mod spawn;
mod start;
mod stop;
mod support;
mod task_builder;
mod task_set;
mod traits;
mod tree;
mod watch;
