//! The barrier as its users see it. One binary, one module per theme.
#![cfg(not(tidegate_loom))]

mod broken;
mod cancel;
mod hygiene;
mod leave;
mod model;
mod panics;
mod rounds;
mod scale;
mod threads;
mod traits;

use std::pin::Pin;
use std::task::Poll;

use tidegate_barrier::{Barrier, BarrierTurn, Broken, WaitFut};
use tidegate_test::poll_once;

/// Arrives and is to wait.
fn arrive(barrier: &Barrier) -> Pin<Box<WaitFut<'_>>> {
    let mut wait = Box::pin(barrier.wait());
    assert_eq!(poll_once(wait.as_mut()), Poll::Pending);
    wait
}

/// Arrives and is to be the last.
fn arrive_last(barrier: &Barrier) -> BarrierTurn {
    turn(&mut Box::pin(barrier.wait()))
}

/// The turn of one whose round has met.
fn turn(wait: &mut Pin<Box<WaitFut<'_>>>) -> BarrierTurn {
    match poll_once(wait.as_mut()) {
        Poll::Ready(Ok(turn)) => turn,
        other => panic!("its round has met, not {other:?}"),
    }
}

/// The indices of some whose round has met, in the order of `waits`.
fn indices<'w, 'b: 'w>(
    waits: impl IntoIterator<Item = &'w mut Pin<Box<WaitFut<'b>>>>,
) -> Vec<usize> {
    waits.into_iter().map(|it| turn(it).index()).collect()
}

/// Looks, and is sent away.
fn is_sent_away(wait: &mut Pin<Box<WaitFut<'_>>>) -> bool {
    poll_once(wait.as_mut()) == Poll::Ready(Err(Broken))
}
