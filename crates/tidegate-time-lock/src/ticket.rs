use std::fmt;
use std::pin::Pin;

use crate::AcquireOwned;

/// What [`TimeLock::poll_acquire`](crate::TimeLock::poll_acquire) keeps from one poll to the next.
///
/// Nothing, as long as the gate is open; a place in line, which is given up when this is dropped or
/// [left](Self::leave).
///
/// [`TimeLock::poll_acquire`](crate::TimeLock::poll_acquire) has an example.
#[derive(Default)]
pub struct Ticket {
    pub(crate) wait: Option<Pin<Box<AcquireOwned>>>,
}

impl Ticket {
    /// One that stands in no line.
    pub const fn new() -> Self {
        Self { wait: None }
    }

    /// Leaves the line, if it is in one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::Ticket;
    /// let mut ticket = Ticket::new();
    /// // … after `gate.poll_acquire(cx, &mut ticket)` was pending, and there is nothing left to send:
    /// ticket.leave();
    /// ```
    pub fn leave(&mut self) {
        self.wait = None;
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("waits", &self.wait.is_some()).finish()
    }
}
