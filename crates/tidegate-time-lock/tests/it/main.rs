//! The public interface.
#![cfg(not(tidegate_loom))]

mod servers;
mod shut;
mod support;
mod verdict;
mod wait;
