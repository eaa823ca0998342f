//! The public interface.
#![cfg(not(tidegate_loom))]

mod cancel;
mod isolation;
mod keyed;
mod model;
mod pausing;
mod runtimes;
mod scale;
mod servers;
mod shut;
mod support;
mod traits;
mod verdict;
mod wait;
mod wakers;
