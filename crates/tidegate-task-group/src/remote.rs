use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::task::{JoinError, JoinHandle};

use crate::core::Core;

/// What a handle has of a child that was spawned: to await it, to abort it.
pub(crate) struct Remote<D> {
    join: JoinHandle<D>,
    core: Arc<Core>,
    id: u64,
    /// There was an [`abort`](Self::abort), of which the group may still have a note.
    asked: AtomicBool,
}

impl<D> Remote<D> {
    pub(crate) fn new(join: JoinHandle<D>, core: Arc<Core>, id: u64) -> Self {
        Self { join, core, id, asked: AtomicBool::new(false) }
    }

    pub(crate) fn abort(&self) {
        if !self.join.is_finished() {
            self.asked.store(true, Ordering::Relaxed);
            self.core.abort(self.id);
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        // When the group is over, so are its children, even if tokio has not yet said so.
        self.join.is_finished() || self.core.is_over()
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<D, JoinError>> {
        Pin::new(&mut self.join).poll(cx)
    }
}

impl<D> Drop for Remote<D> {
    fn drop(&mut self) {
        if *self.asked.get_mut() && self.join.is_finished() {
            self.core.stand_up(self.id, true);
        }
    }
}
