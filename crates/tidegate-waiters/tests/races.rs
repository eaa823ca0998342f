//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.

#[path = "races/locks.rs"]
mod locks;
// Itself: `block_on` is loom's own where loom runs.
#[path = "../src/parker.rs"]
mod parker;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use tidegate_shim::atomic::{AtomicBool, AtomicUsize, Ordering};
use tidegate_shim::{UnsafeCell, thread};
use tidegate_test::{CountingWaker, block_on, poll_once, poll_with, race, spawn};
use tidegate_waiters::{
    Decision, Fifo, Gate, Left, LockCell, Locked, Policy, RawCondition, RawLock, Turn, WaitQueue,
    Waiter,
};

/// Data that only one may touch at a time; loom reports it if two do.
struct Guarded(Gate, UnsafeCell<usize>);

// SAFETY: the gate of one permit guards the cell.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn new() -> Self {
        Self(Gate::new(1), UnsafeCell::new(0))
    }

    fn add_one(&self) {
        // SAFETY: the caller holds the only permit.
        self.1.with_mut(|it| unsafe { *it += 1 });
    }
}

#[test]
fn three_take_turns() {
    race(|| {
        let shared = Arc::new(Guarded::new());
        let enter = |shared: Arc<Guarded>| {
            assert!(block_on(shared.0.acquire(1)).is_some());
            shared.add_one();
            shared.0.release(1);
        };
        let others: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                spawn(move || enter(shared))
            })
            .collect();
        enter(Arc::clone(&shared));
        others.into_iter().for_each(|it| it.join().unwrap());
        assert!(shared.0.try_acquire(1));
        // SAFETY: the only permit is held.
        assert_eq!(shared.1.with(|it| unsafe { *it }), 3);
    });
}

#[test]
fn a_release_is_never_lost() {
    race(|| {
        let gate = Arc::new(Gate::new(0));
        let (wakes, waker) = CountingWaker::new();
        let releaser = spawn({
            let gate = Arc::clone(&gate);
            move || gate.release(1)
        });
        let mut acquire = pin!(gate.acquire(1));
        let first = poll_with(acquire.as_mut(), &waker);
        releaser.join().unwrap();
        if first.is_pending() {
            assert_eq!(wakes.count(), 1);
            assert_eq!(poll_once(acquire.as_mut()), Poll::Ready(Some(1)));
        }
    });
}

#[test]
fn a_waiter_that_is_dropped_while_it_is_granted_hands_on() {
    race(|| {
        let gate = Arc::new(Gate::new(0));
        let dropper = spawn({
            let gate = Arc::clone(&gate);
            move || {
                let taken = {
                    let mut acquire = pin!(gate.acquire(1));
                    poll_once(acquire.as_mut()).is_ready()
                };
                if taken {
                    gate.release(1);
                }
            }
        });
        let waiter = spawn({
            let gate = Arc::clone(&gate);
            move || assert!(block_on(gate.acquire(1)).is_some())
        });
        gate.release(1);
        dropper.join().unwrap();
        waiter.join().unwrap();
        assert_eq!(gate.available(), 0);
        assert_eq!(gate.waiters(), 0);
    });
}

#[test]
fn neighbours_may_leave_at_the_same_time() {
    race(|| {
        let gate = Arc::new(Gate::new(0));
        let leave = |gate: Arc<Gate>| {
            let mut acquire = pin!(gate.acquire(1));
            assert!(poll_once(acquire.as_mut()).is_pending());
        };
        let others: Vec<_> = (0..2)
            .map(|_| {
                let gate = Arc::clone(&gate);
                spawn(move || leave(gate))
            })
            .collect();
        leave(Arc::clone(&gate));
        others.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(gate.waiters(), 0);
        gate.release(1);
        assert!(gate.try_acquire(1));
    });
}

#[test]
fn a_large_request_that_leaves_lets_the_smaller_one_behind_it_go() {
    race(|| {
        let gate = Arc::new(Gate::new(1));
        let large = spawn({
            let gate = Arc::clone(&gate);
            move || {
                let mut acquire = pin!(gate.acquire(2));
                assert!(poll_once(acquire.as_mut()).is_pending());
            }
        });
        assert!(block_on(gate.acquire(1)).is_some());
        large.join().unwrap();
        assert_eq!(gate.available(), 0);
    });
}

#[test]
fn a_new_waker_races_the_grant() {
    race(|| {
        let gate = Arc::new(Gate::new(0));
        let (old_wakes, old) = CountingWaker::new();
        let (new_wakes, new) = CountingWaker::new();
        let mut acquire = pin!(gate.acquire(1));
        assert!(poll_with(acquire.as_mut(), &old).is_pending());
        let releaser = spawn({
            let gate = Arc::clone(&gate);
            move || gate.release(1)
        });
        let second = poll_with(acquire.as_mut(), &new);
        releaser.join().unwrap();
        if second.is_pending() {
            assert_eq!(new_wakes.count(), 1);
            assert!(poll_once(acquire.as_mut()).is_ready());
        }
        assert!(old_wakes.count() + new_wakes.count() <= 1);
    });
}

#[test]
fn closing_lets_everybody_go_and_takes_nothing_back() {
    race(|| {
        let gate = Arc::new(Gate::new(0));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let gate = Arc::clone(&gate);
                spawn(move || usize::from(block_on(gate.acquire(1)).is_some()))
            })
            .collect();
        gate.release(1);
        gate.close();
        let taken: usize = others.into_iter().map(|it| it.join().unwrap()).sum();
        assert!(taken <= 1);
        assert_eq!(gate.available(), 1 - taken);
        assert_eq!(gate.waiters(), 0);
    });
}

/// A flag whose waiters are released all at once.
struct Flag(WaitQueue<Rules>);
struct Rules;

const SET: usize = 2;

impl Policy for Rules {
    type Note = ();
    fn left(_: &mut Locked<'_, Self>, _: &mut (), _: Left) {}
}

impl Flag {
    fn new() -> Self {
        Self(WaitQueue::new(0, Rules))
    }

    fn set(&self) {
        if self.0.word().fetch_or(SET, Ordering::Release) & WaitQueue::<Rules>::WAITERS != 0 {
            self.0.lock().release_all();
        }
    }

    fn clear(&self) {
        self.0.word().fetch_and(!SET, Ordering::Relaxed);
    }

    async fn wait(&self) -> Turn<()> {
        let mut waiter = pin!(Waiter::new(&self.0, ()));
        std::future::poll_fn(|cx| {
            waiter.as_mut().poll(cx, |_, word| match word & SET {
                0 => Decision::Wait,
                _ => Decision::Ready(()),
            })
        })
        .await
    }
}

#[test]
fn bits_that_are_raised_with_a_broadcast_bring_what_was_done_before() {
    struct Told(Flag, UnsafeCell<u32>);
    // SAFETY: written before the flag is raised, and read after it was seen.
    unsafe impl Sync for Told {}

    race(|| {
        let told = Arc::new(Told(Flag::new(), UnsafeCell::new(0)));
        let setter = spawn({
            let told = Arc::clone(&told);
            move || {
                // SAFETY: nobody reads before the flag is up.
                told.1.with_mut(|it| unsafe { *it = 7 });
                told.0.0.lock().release_all_raising(SET);
            }
        });
        if told.0.0.word().load(Ordering::Acquire) & SET != 0 {
            // SAFETY: nobody writes any more.
            told.1.with(|it| assert_eq!(unsafe { *it }, 7));
        }
        assert!(matches!(block_on(told.0.wait()), Turn::Decided(()) | Turn::Released));
        setter.join().unwrap();
        assert_eq!(told.0.0.waiters(), 0);
    });
}

#[test]
fn a_broadcast_reaches_more_waiters_than_a_batch_holds() {
    race(|| {
        let flag = Arc::new((Flag::new(), AtomicUsize::new(0)));
        // Three in line before anybody sets it: one more than a batch under the model.
        let mut waits: Vec<_> = (0..3).map(|_| Box::pin(flag.0.wait())).collect();
        let (wakes, waker) = CountingWaker::new();
        for wait in &mut waits {
            assert!(poll_with(wait.as_mut(), &waker).is_pending());
        }
        let setter = spawn({
            let flag = Arc::clone(&flag);
            move || flag.0.set()
        });
        // The middle one leaves while the others are being woken.
        drop(waits.swap_remove(1));
        setter.join().unwrap();
        assert!(wakes.count() >= 2);
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut()).is_ready());
        }
        assert_eq!(flag.0.0.waiters(), 0);
    });
}

#[test]
fn a_waiter_that_comes_during_a_broadcast_is_not_released_by_it() {
    race(|| {
        let flag = Arc::new(Flag::new());
        let mut early: Vec<_> = (0..3).map(|_| Box::pin(flag.wait())).collect();
        for wait in &mut early {
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        let setter = spawn({
            let flag = Arc::clone(&flag);
            move || {
                flag.set();
                flag.clear();
            }
        });
        let late = {
            let mut late = pin!(flag.wait());
            // It may have come before, during or after; what it must never be is in line and woken by a broadcast
            // that it did not see.
            let first = poll_once(late.as_mut()).is_ready();
            setter.join().unwrap();
            let second = first || poll_once(late.as_mut()).is_ready();
            (first, second)
        };
        for wait in &mut early {
            assert_eq!(poll_once(wait.as_mut()), Poll::Ready(Turn::Released));
        }
        // A late one that still waits is still served.
        if !late.1 {
            let mut again = pin!(flag.wait());
            assert!(poll_once(again.as_mut()).is_pending());
            flag.set();
            assert!(poll_once(again.as_mut()).is_ready());
        }
    });
}

#[test]
fn two_broadcasts_and_a_leaver() {
    race(|| {
        let flag = Arc::new(Flag::new());
        let mut waits: Vec<_> = (0..3).map(|_| Box::pin(flag.wait())).collect();
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        let setters: Vec<_> = (0..2)
            .map(|_| {
                let flag = Arc::clone(&flag);
                spawn(move || flag.set())
            })
            .collect();
        drop(waits.remove(0));
        setters.into_iter().for_each(|it| it.join().unwrap());
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut()).is_ready());
        }
    });
}

/// A door where whoever is first decides again when it is told to, and tells the next when it goes.
struct Door(WaitQueue<Heads>);
struct Heads;

const OPEN: usize = 2;

impl Policy for Heads {
    type Note = ();
    fn left(line: &mut Locked<'_, Self>, _: &mut (), _: Left) {
        line.nudge_front();
    }
}

impl Door {
    async fn pass(&self) {
        let mut waiter = pin!(Waiter::new(&self.0, ()));
        std::future::poll_fn(|cx| {
            waiter.as_mut().poll(cx, |line, word| {
                if word & OPEN == 0 || !line.is_next() {
                    return Decision::Wait;
                }
                line.nudge_front();
                Decision::Ready(())
            })
        })
        .await;
    }

    fn open(&self) {
        self.0.word().fetch_or(OPEN, Ordering::Release);
        self.0.lock().nudge_front();
    }
}

#[test]
fn a_chain_of_heads_passes_though_one_of_them_leaves() {
    race(|| {
        let door = Arc::new(Door(WaitQueue::new(0, Heads)));
        let leaver = spawn({
            let door = Arc::clone(&door);
            move || {
                let mut pass = pin!(door.pass());
                let _ = poll_once(pass.as_mut());
            }
        });
        let walker = spawn({
            let door = Arc::clone(&door);
            move || block_on(door.pass())
        });
        door.open();
        leaver.join().unwrap();
        walker.join().unwrap();
        assert_eq!(door.0.waiters(), 0);
    });
}

/// A number behind a lock, and news of it.
struct Noted(LockCell<UnsafeCell<usize>>, RawCondition);

impl Noted {
    fn new() -> Arc<Self> {
        Arc::new(Self(LockCell::new(UnsafeCell::new(0)), RawCondition::new()))
    }

    fn add_one(&self) {
        let value = self.0.open(block_on(self.0.raw().lock()));
        // SAFETY: the lock is held.
        value.with_mut(|it| unsafe { *it += 1 });
        self.1.notify(1);
    }

    async fn take_one(&self) {
        let mut value = self.0.open(self.0.raw().lock().await);
        // SAFETY: the lock is held.
        while value.with(|it| unsafe { *it }) == 0 {
            value = self.0.open(self.1.wait(value.into_grant()).await);
        }
        // SAFETY: the lock is held.
        value.with_mut(|it| unsafe { *it -= 1 });
    }
}

#[test]
fn a_notification_is_never_lost() {
    race(|| {
        let noted = Noted::new();
        let taker = spawn({
            let noted = Arc::clone(&noted);
            move || block_on(noted.take_one())
        });
        noted.add_one();
        taker.join().unwrap();
        assert!(!noted.0.raw().is_locked());
    });
}

#[test]
fn a_notification_to_one_that_leaves_reaches_the_other() {
    race(|| {
        let noted = Noted::new();
        let mut leaver = Box::pin({
            let noted = Arc::clone(&noted);
            async move { noted.take_one().await }
        });
        assert!(poll_once(leaver.as_mut()).is_pending());
        let stayer = spawn({
            let noted = Arc::clone(&noted);
            move || block_on(noted.take_one())
        });
        let leave = spawn(move || drop(leaver));
        noted.add_one();
        leave.join().unwrap();
        stayer.join().unwrap();
        assert!(!noted.0.raw().is_locked());
    });
}

// The waker belongs to the lock of the line that the waiter is in, which changes meanwhile.
#[test]
fn a_new_waker_comes_while_it_is_notified() {
    race(|| {
        let shared = Arc::new((RawLock::<Fifo>::new(), RawCondition::new()));
        let mut wait = Box::pin({
            let shared = Arc::clone(&shared);
            async move {
                let grant = shared.0.lock().await;
                drop(shared.1.wait(grant).await);
            }
        });
        assert!(poll_once(wait.as_mut()).is_pending());
        let waits = spawn(move || block_on(wait));
        let holder = spawn({
            let shared = Arc::clone(&shared);
            move || drop(shared.0.try_lock())
        });
        shared.1.notify(1);
        waits.join().unwrap();
        holder.join().unwrap();
        assert!(!shared.0.is_locked() && shared.0.waiters() == 0);
    });
}

#[test]
fn a_lock_may_go_while_its_last_waiter_is_being_notified() {
    race(|| {
        let condition = Arc::new(RawCondition::new());
        let mut wait = Box::pin({
            let condition = Arc::clone(&condition);
            async move {
                let lock = Arc::new(RawLock::<Fifo>::new());
                let grant = RawLock::lock_owned(Arc::clone(&lock), |it| it).await;
                drop(lock);
                // All that is left of the lock goes with this.
                drop(condition.wait(grant).await);
            }
        });
        assert!(poll_once(wait.as_mut()).is_pending());
        let waits = spawn(move || block_on(wait));
        assert_eq!(condition.notify_all(), 1);
        waits.join().unwrap();
        assert_eq!(condition.waiters(), 0);
    });
}

#[test]
fn everybody_is_notified_while_one_leaves() {
    race(|| {
        let (lock, condition) = (RawLock::<Fifo>::new(), RawCondition::new());
        let shared = Arc::new((lock, condition));
        let wait = |shared: &Arc<(RawLock, RawCondition)>| {
            let shared = Arc::clone(shared);
            let mut wait = Box::pin(async move {
                let grant = shared.0.lock().await;
                drop(shared.1.wait(grant).await);
            });
            assert!(poll_once(wait.as_mut()).is_pending());
            wait
        };
        let mut stayers = [wait(&shared), wait(&shared)];
        let leaver = wait(&shared);
        let leave = spawn(move || drop(leaver));
        let holder = spawn({
            let shared = Arc::clone(&shared);
            move || drop(shared.0.try_lock())
        });
        shared.1.notify_all();
        leave.join().unwrap();
        holder.join().unwrap();
        // One after the other: the first to look gives the lock on.
        assert!(stayers.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
        assert!(!shared.0.is_locked() && shared.0.waiters() == 0);
    });
}

// What follows looks without having been woken, since a wake-up brings what came before it along. The message is
// relaxed on purpose: loom lets it be read as it was wherever nothing else orders it.

/// Somebody writes, lets go with `give`, and whoever finds by `take` that it may go must read what was written.
fn brings_the_message<T: Send + Sync + 'static>(
    shared: T,
    give: impl FnOnce(&T) + Send + 'static,
    take: impl FnOnce(&T) -> bool + Send + 'static,
) {
    let shared = Arc::new((shared, AtomicUsize::new(0)));
    let giver = spawn({
        let shared = Arc::clone(&shared);
        move || {
            shared.1.store(7, Ordering::Relaxed);
            give(&shared.0);
        }
    });
    // A thread of its own, so that loom also runs the giver to its end first: to see which orders matter, it
    // remembers the last access to each atomic only, and one that loads before it stores hides the other's.
    let taker = spawn(move || {
        if take(&shared.0) {
            assert_eq!(shared.1.load(Ordering::Relaxed), 7);
        }
    });
    giver.join().unwrap();
    taker.join().unwrap();
}

#[test]
fn who_takes_a_permit_sees_what_its_giver_did() {
    race(|| brings_the_message(Gate::new(0), |it| it.release(1), |it| it.try_acquire(1)));
    race(|| brings_the_message(Gate::new(0), |it| it.release(1), |it| it.forget(1) == 1));
}

#[test]
fn who_takes_what_two_gave_sees_what_they_did() {
    // One who takes three sees both; one who takes two sees the one that gave two, though another was faster.
    for (n, counts) in [(3, 1), (2, 0)] {
        race(move || {
            let shared = Arc::new((Gate::new(0), AtomicUsize::new(0)));
            let [first, second] = [(2, 1), (1, counts)].map(|(give, count)| {
                let shared = Arc::clone(&shared);
                spawn(move || {
                    shared.1.fetch_add(count, Ordering::Relaxed);
                    shared.0.release(give);
                })
            });
            let taker = spawn(move || {
                if shared.0.try_acquire(n) {
                    assert_eq!(shared.1.load(Ordering::Relaxed), 1 + counts);
                }
            });
            first.join().unwrap();
            second.join().unwrap();
            taker.join().unwrap();
        });
    }
}

#[test]
fn who_sees_it_closed_sees_what_was_done_before() {
    race(|| brings_the_message(Gate::new(0), Gate::close, Gate::is_closed));
}

#[test]
fn who_is_granted_sees_what_the_giver_did() {
    race(|| {
        let gate = Arc::new(Gate::new(0));
        let mut acquire = Box::pin(Gate::acquire_owned(Arc::clone(&gate), |it| it, 1));
        assert!(poll_once(acquire.as_mut()).is_pending());
        brings_the_message(
            gate,
            |it| it.release(1),
            move |_| poll_once(acquire.as_mut()).is_ready(),
        );
    });
}

#[test]
fn what_is_given_to_a_line_that_has_gone_brings_the_message_too() {
    race(|| {
        let gate = Arc::new(Gate::new(0));
        let mut large = Box::pin(Gate::acquire_owned(Arc::clone(&gate), |it| it, 2));
        assert!(poll_once(large.as_mut()).is_pending());
        let leaver = spawn(move || drop(large));
        brings_the_message(gate, |it| it.release(1), |it| it.try_acquire(1));
        leaver.join().unwrap();
    });
}

/// A flag's waiter, to be polled by hand.
type Looker = std::pin::Pin<Box<Waiter<Rules, Arc<Flag>>>>;

fn looker(flag: &Arc<Flag>) -> Looker {
    Box::pin(Waiter::new_owned(Arc::clone(flag), |it| &it.0, ()))
}

fn look(waiter: &mut Looker, again: bool) -> Poll<Turn<()>> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let decide = |_: &mut Locked<'_, Rules>, word| match word & SET {
        0 => Decision::Wait,
        _ => Decision::Ready(()),
    };
    match again {
        true => waiter.as_mut().poll_again(&mut cx, decide),
        false => waiter.as_mut().poll(&mut cx, decide),
    }
}

#[test]
fn who_decides_at_the_first_look_sees_what_was_done_before() {
    race(|| {
        let flag = Arc::new(Flag::new());
        let mut waiter = looker(&flag);
        brings_the_message(flag, |it| it.set(), move |_| look(&mut waiter, false).is_ready());
    });
}

#[test]
fn who_decides_again_sees_what_was_done_before() {
    for nudged in [false, true] {
        race(move || {
            let flag = Arc::new(Flag::new());
            let mut waiter = looker(&flag);
            assert!(look(&mut waiter, false).is_pending());
            if nudged {
                flag.0.lock().nudge_front();
            }
            let set = |it: &Arc<Flag>| _ = it.0.word().fetch_or(SET, Ordering::Release);
            brings_the_message(flag, set, move |_| look(&mut waiter, true).is_ready());
        });
    }
}

#[test]
fn all_who_are_released_see_what_was_done_before() {
    race(|| {
        let flag = Arc::new(Flag::new());
        let mut waiters = [0; 3].map(|_| looker(&flag));
        for waiter in &mut waiters {
            assert!(look(waiter, false).is_pending());
        }
        // The last of them, and the one that comes in a second batch.
        brings_the_message(flag, |it| it.set(), move |_| look(&mut waiters[2], false).is_ready());
    });
    race(|| {
        let flag = Arc::new(Flag::new());
        let mut waiter = looker(&flag);
        assert!(look(&mut waiter, false).is_pending());
        brings_the_message(flag, |it| it.set(), move |_| look(&mut waiter, false).is_ready());
    });
}

#[test]
fn who_was_nudged_and_is_granted_or_released_then_sees_what_was_done_before() {
    let nudged = |let_go: fn(&mut Locked<'_, Rules>)| {
        race(move || {
            let flag = Arc::new(Flag::new());
            let mut waiter = looker(&flag);
            assert!(look(&mut waiter, false).is_pending());
            flag.0.lock().nudge_front();
            let let_go = move |it: &Arc<Flag>| let_go(&mut it.0.lock());
            brings_the_message(flag, let_go, move |_| look(&mut waiter, false).is_ready());
        });
    };
    nudged(|line| _ = line.grant_front());
    nudged(|line| line.release_all());
}

// One that decided as well would take a second turn, and lose the first.
#[test]
fn who_was_nudged_and_is_granted_before_it_has_the_lock_decides_nothing() {
    race(|| {
        let flag = Arc::new(Flag::new());
        let mut waiter = looker(&flag);
        assert!(look(&mut waiter, false).is_pending());
        flag.0.lock().nudge_front();
        let grants = spawn(move || {
            let mut line = flag.0.lock();
            line.grant_front();
            line.word().fetch_or(SET, Ordering::Relaxed);
        });
        let looks = spawn(move || look(&mut waiter, false));
        grants.join().unwrap();
        assert_ne!(looks.join().unwrap(), Poll::Ready(Turn::Decided(())));
    });
}

#[test]
fn two_who_are_granted_at_once_see_what_was_done_before() {
    race(|| {
        let flag = Arc::new(Flag::new());
        let mut waiters = [0; 2].map(|_| looker(&flag));
        for waiter in &mut waiters {
            assert!(look(waiter, false).is_pending());
        }
        let grant = |it: &Arc<Flag>| {
            let mut line = it.0.lock();
            while line.grant_front() {}
        };
        brings_the_message(flag, grant, move |_| look(&mut waiters[1], false).is_ready());
    });
}

#[test]
fn one_joins_and_one_leaves_while_a_lock_is_first_waited_with() {
    race(|| {
        let noted = Noted::new();
        let mut value = noted.0.open(noted.0.raw().try_lock().expect("it is new"));
        let mut leaver = Box::pin(RawLock::lock_owned(Arc::clone(&noted), |it| it.0.raw()));
        assert!(poll_once(leaver.as_mut()).is_pending());
        let leave = spawn(move || drop(leaver));
        let joiner = spawn({
            let noted = Arc::clone(&noted);
            move || noted.add_one()
        });
        // SAFETY: the lock is held.
        while value.with(|it| unsafe { *it }) == 0 {
            value = noted.0.open(block_on(noted.1.wait(value.into_grant())));
        }
        drop(value);
        leave.join().unwrap();
        joiner.join().unwrap();
        assert!(!noted.0.raw().is_locked() && noted.0.raw().waiters() == 0);
    });
}

// What it waits for is looked at by a plain load, as a future does that was woken for another's sake.
#[test]
fn a_thread_that_hears_one_wake_up_misses_none_that_comes_meanwhile() {
    race(|| {
        let parker = Arc::new(parker::Parker::new());
        let waker = Waker::from(Arc::clone(&parker));
        let flag = Arc::new(AtomicBool::new(false));
        waker.wake_by_ref(); // For nothing.
        // Not joined: loom's own join takes the unpark for its own.
        spawn({
            let flag = Arc::clone(&flag);
            move || {
                flag.store(true, Ordering::Relaxed);
                waker.wake();
            }
        });
        while !flag.load(Ordering::Relaxed) {
            while !parker.hear() {
                thread::park();
            }
        }
    });
}
