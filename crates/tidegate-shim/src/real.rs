//! A normal build: parking_lot's mutex, std's atomics.

pub use std::sync::{Arc, atomic};
pub use std::{thread, thread_local};

pub use parking_lot::{Mutex, MutexGuard};

pub use crate::cell::UnsafeCell;
