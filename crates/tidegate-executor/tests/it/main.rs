//! The public interface, as its users see it.

mod block_on;
mod bounds;
mod cancel;
mod clock;
mod deadlock;
mod executor;
mod hygiene;
mod inherit;
mod panics;
mod portal;
#[cfg(feature = "runner")]
mod runner;
mod scope;
mod shutdown;
#[cfg(feature = "tracing")]
mod spans;
mod support;
mod threadsafe;
mod timers;
mod traits;
mod watch;
