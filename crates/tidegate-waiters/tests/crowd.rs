//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use std::pin::pin;
use std::sync::Arc;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{crowd, fidget, give_up, member, pause, spawn};
use tidegate_waiters::{
    Decision, Gate, Left, LockCell, Locked, Policy, RawCondition, Read, RwCell, Turn, Upgradable,
    WaitQueue, Waiter, Write,
};

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

/// A number behind a lock, and news of it.
struct Noted(LockCell<usize>, RawCondition);

impl Noted {
    async fn take_one(&self) {
        let mut value = self.0.open(self.0.raw().lock().await);
        while *value == 0 {
            value = self.0.open(self.1.wait(value.into_grant()).await);
        }
        *value -= 1;
    }

    async fn add_one(&self) {
        *self.0.open(self.0.raw().lock().await) += 1;
        self.1.notify(1);
    }
}

#[test]
fn whoever_stays_is_notified_though_others_leave_with_their_notice() {
    crowd(|| {
        let noted = Arc::new(Noted(LockCell::new(0), RawCondition::new()));
        let taken = Arc::new(AtomicUsize::new(0));
        let stay = (0..4).map(|i| {
            let noted = Arc::clone(&noted);
            member(async move { fidget(i % 3, noted.take_one()).await })
        });
        let leave = (0..4).map(|looks| {
            let (noted, taken) = (Arc::clone(&noted), Arc::clone(&taken));
            member(async move {
                let took = give_up(1 + looks, noted.take_one()).await.is_some();
                taken.fetch_add(usize::from(took), Ordering::Relaxed);
            })
        });
        let takers: Vec<_> = stay.chain(leave).collect();
        // One for each: whoever leaves without it leaves it to the others.
        let adders = (0..8).map(|_| {
            let noted = Arc::clone(&noted);
            member(async move { noted.add_one().await })
        });
        let adders: Vec<_> = adders.collect();
        adders.into_iter().chain(takers).for_each(|it| it.join());
        assert_eq!((noted.1.waiters(), noted.0.raw().waiters()), (0, 0));
        let left = *noted.0.open(noted.0.raw().try_lock().expect("nobody has it any more"));
        assert_eq!(left, 4 - taken.load(Ordering::Relaxed));
    });
}

#[test]
fn all_of_a_crowd_are_notified_at_once() {
    crowd(|| {
        let open = Arc::new(Noted(LockCell::new(0), RawCondition::new()));
        let pass = |looks: Option<usize>| {
            let open = Arc::clone(&open);
            let pass = async move {
                let mut value = open.0.open(open.0.raw().lock().await);
                while *value == 0 {
                    value = open.0.open(open.1.wait(value.into_grant()).await);
                }
            };
            member(async move {
                match looks {
                    Some(looks) => _ = give_up(looks, pass).await,
                    None => pass.await,
                }
            })
        };
        let members: Vec<_> = (0..6).flat_map(|i| [pass(None), pass(Some(i))]).collect();
        let opener = member({
            let open = Arc::clone(&open);
            async move {
                *open.0.open(open.0.raw().lock().await) = 1;
                open.1.notify_all();
            }
        });
        members.into_iter().chain([opener]).for_each(|it| it.join());
        assert_eq!((open.1.waiters(), open.0.raw().waiters()), (0, 0));
        assert!(!open.0.raw().is_locked());
    });
}

/// A number that some read while others write it, and how many are at it.
struct Shared {
    value: RwCell<usize>,
    readers: AtomicUsize,
    writers: AtomicUsize,
}

impl Shared {
    async fn read(&self) {
        let value = self.value.read(self.value.raw().lock::<Read>().await);
        self.readers.fetch_add(1, Ordering::Relaxed);
        assert_eq!(self.writers.load(Ordering::Relaxed), 0, "somebody writes");
        let before = *value;
        pause().await;
        assert_eq!(*value, before);
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }

    async fn add_one(&self) {
        let mut value = self.value.write(self.value.raw().lock::<Write>().await);
        assert_eq!(self.writers.fetch_add(1, Ordering::Relaxed), 0, "two write");
        assert_eq!(self.readers.load(Ordering::Relaxed), 0, "somebody reads");
        let before = *value;
        pause().await;
        *value = before + 1;
        self.writers.fetch_sub(1, Ordering::Relaxed);
    }

    async fn read_and_add_one(&self) {
        let mut value = self.value.upgradable(self.value.raw().lock::<Upgradable>().await);
        let before = *value;
        pause().await;
        *self.value.upgrade(&mut value).await += 1;
        assert_eq!(*value, before + 1, "others wrote while this one read");
    }
}

#[test]
fn a_crowd_reads_together_and_writes_alone() {
    crowd(|| {
        let shared = Arc::new(Shared {
            value: RwCell::new(0),
            readers: AtomicUsize::new(0),
            writers: AtomicUsize::new(0),
        });
        let mut members = Vec::new();
        for i in 0..3 {
            let reads = Arc::clone(&shared);
            members.push(member(async move { fidget(i, reads.read()).await }));
            let writes = Arc::clone(&shared);
            members.push(member(async move { fidget(i, writes.add_one()).await }));
            let upgrades = Arc::clone(&shared);
            members.push(member(async move { fidget(i, upgrades.read_and_add_one()).await }));
        }
        for i in 0..3 {
            // These leave the line, and nothing half done.
            let reads = Arc::clone(&shared);
            members.push(member(async move {
                drop(give_up(i, reads.value.raw().lock::<Read>()).await);
            }));
            let writes = Arc::clone(&shared);
            members.push(member(async move {
                drop(give_up(1 + i, writes.value.raw().lock::<Write>()).await);
            }));
            let upgrades = Arc::clone(&shared);
            members.push(member(async move {
                let raw = upgrades.value.raw();
                let Some(mut grant) = give_up(1 + i, raw.lock::<Upgradable>()).await else {
                    return;
                };
                drop(give_up(1 + i, grant.upgrade()).await);
            }));
        }
        members.into_iter().for_each(|it| it.join());
        let raw = shared.value.raw();
        assert_eq!((raw.readers(), raw.waiters(), raw.is_write_locked()), (0, 0, false));
        assert_eq!(*shared.value.write(raw.try_lock::<Write>().expect("nobody has it")), 6);
    });
}
