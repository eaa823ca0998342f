//! The public interface.
#![cfg(not(tidegate_loom))]

mod cancel;
mod events;
mod isolation;
mod keyed;
mod model;
mod pausing;
mod pausing_model;
mod runtimes;
mod scale;
mod servers;
mod shut;
mod support;
#[cfg(feature = "tracing")]
mod trace;
mod traits;
mod verdict;
mod wait;
mod wakers;
