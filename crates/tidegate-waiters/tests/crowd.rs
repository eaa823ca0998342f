//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use std::pin::pin;
use std::sync::Arc;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{crowd, fidget, give_up, member, spawn};
use tidegate_waiters::{Decision, Gate, Left, Locked, Policy, Turn, WaitQueue, Waiter};

/// A line that is served one by one, released as a whole, or told to look again: everything at once.
struct Doors(WaitQueue<Rules>);

struct Rules;

const OPEN: usize = 2;

impl Policy for Rules {
    /// Where in the line it wants to be: smaller ones first.
    type Note = usize;

    fn left(line: &mut Locked<'_, Self>, _: &mut usize, left: Left) {
        if left == Left::Granted {
            line.grant_front();
        }
        line.nudge_front();
    }

    fn precedes(note: &usize, other: &usize) -> bool {
        note < other
    }
}

impl Doors {
    async fn pass(&self, place: usize) -> Turn<()> {
        let mut waiter = pin!(Waiter::new(&self.0, place));
        std::future::poll_fn(|cx| {
            waiter.as_mut().poll(cx, |line, word| {
                if word & OPEN == 0 {
                    return Decision::WaitInOrder;
                }
                // Whoever passes or goes before others tells the first in line, who may never have been told.
                line.nudge_front();
                if line.is_next() { Decision::Ready(()) } else { Decision::WaitInOrder }
            })
        })
        .await
    }
}

#[test]
fn grants_releases_and_nudges_reach_a_crowd_that_comes_and_goes() {
    crowd(|| {
        let doors = Arc::new(Doors(WaitQueue::new(0, Rules)));
        let mut members = Vec::new();
        for i in 0..5 {
            let stays = Arc::clone(&doors);
            members.push(member(async move { _ = fidget(i % 2, stays.pass(i % 3)).await }));
            let leaves = Arc::clone(&doors);
            members.push(member(async move { _ = give_up(i % 4, leaves.pass(i % 2)).await }));
        }
        let others = [
            spawn({
                let doors = Arc::clone(&doors);
                move || {
                    let mut line = doors.0.lock();
                    line.grant_front();
                    line.nudge_front();
                }
            }),
            spawn({
                let doors = Arc::clone(&doors);
                move || doors.0.lock().release_all()
            }),
            spawn({
                let doors = Arc::clone(&doors);
                move || {
                    doors.0.word().fetch_or(OPEN, Ordering::Release);
                    doors.0.lock().nudge_front();
                }
            }),
        ];
        others.into_iter().for_each(|it| it.join().unwrap());
        members.into_iter().for_each(|it| it.join());
        assert_eq!(doors.0.waiters(), 0);
        assert_eq!(doors.0.word().load(Ordering::Relaxed), OPEN);
    });
}

#[test]
fn a_gate_that_is_closed_under_a_crowd_accounts_for_every_permit() {
    crowd(|| {
        let gate = Arc::new(Gate::new(1));
        let taken = Arc::new(AtomicUsize::new(0));
        let members: Vec<_> = (0..10)
            .map(|i| {
                let (gate, taken) = (Arc::clone(&gate), Arc::clone(&taken));
                member(async move {
                    let acquire = gate.acquire(1 + i % 2);
                    let got = match i % 3 {
                        0 => give_up(i % 4, acquire).await.flatten(),
                        _ => fidget(i % 2, acquire).await,
                    };
                    taken.fetch_add(got.unwrap_or(0), Ordering::Relaxed);
                })
            })
            .collect();
        let givers: Vec<_> = (0..3)
            .map(|_| {
                let gate = Arc::clone(&gate);
                spawn(move || gate.release(2))
            })
            .collect();
        givers.into_iter().for_each(|it| it.join().unwrap());
        let forgotten = gate.forget(1);
        gate.close();
        members.into_iter().for_each(|it| it.join());
        assert_eq!(gate.available() + taken.load(Ordering::Relaxed) + forgotten, 7);
        assert_eq!(gate.waiters(), 0);
    });
}
