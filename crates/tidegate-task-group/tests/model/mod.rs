//! A group without tokio: its core, and children that a test polls. Each has one waker all its life, as a task has.

use std::future::poll_fn;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tidegate_timeout::scope::{Ended, Resident, Scope};

use crate::core::Core;
use crate::place::Place;
use crate::tree::Card;
use crate::turn::Turn;

/// A group in the current scope.
pub(crate) fn group() -> Arc<Core> {
    let scope = Scope::new();
    Core::new(scope.handle(), scope, Card::default())
}

/// A child as a group spawns it, but for its outcome, of which nobody takes note.
pub(crate) struct Child<F: Future> {
    run: Option<Pin<Box<Resident<F>>>>,
    turn: Turn,
    place: Place,
    core: Arc<Core>,
}

impl<F: Future> Child<F> {
    /// `None` if the group is over.
    pub(crate) fn new(core: &Arc<Core>, future: F) -> Option<Self> {
        let place = Place::new(core.enter()?, None, Location::caller());
        let run = Some(Box::pin(core.scope.host(future)));
        Some(Self { run, turn: Turn::Come(None), place, core: Arc::clone(core) })
    }

    pub(crate) fn id(&self) -> u64 {
        self.place.id()
    }
}

impl<F: Future> Unpin for Child<F> {}

impl<F: Future> Future for Child<F> {
    type Output = Ended<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.get_mut();
        let run = me.run.as_mut().expect("it is not polled again").as_mut();
        me.place.poll(&me.core, &mut me.turn, run, cx).map_or(Poll::Pending, Poll::Ready)
    }
}

impl<F: Future> Drop for Child<F> {
    fn drop(&mut self) {
        // In this order: who has ended holds nothing any more.
        self.run = None;
        self.place.leave(&self.core);
        self.core.child_ended();
    }
}

/// Ready when everybody has ended.
pub(crate) async fn over(core: &Core) {
    poll_fn(|cx| {
        core.signal.register(cx.waker());
        if core.is_over() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
