//! What the tables say of the contenders, looked at.

use std::future::pending;
use std::pin::pin;
use std::task::Poll;

use super::{Barrier, Clear, Contender, Lock, Queue, RwLock, Scope, Semaphore, Shared, kanal};
use crate::guarantee::Guarantee;
use crate::measure::Outcome;
use crate::poll::{now, poll};
use crate::stage::Stage;

#[test]
fn at_a_barrier_one_who_was_cancelled_counts_where_a_note_says_so() {
    fn counts_the_cancelled<B: Barrier>() -> bool {
        let barrier = B::new(2);
        assert!(poll(pin!(barrier.wait())).is_pending());
        poll(pin!(barrier.wait())).is_ready()
    }
    for entry in barriers!(T => |_, _| Outcome::Was(f64::from(counts_the_cancelled::<T>()))) {
        let Outcome::Was(counts) = entry.run(&Stage::default(), 1) else { continue };
        let noted = entry.who.note.is_some_and(|it| it.contains("cancelled still counts"));
        assert_eq!(counts == 1.0, noted, "{}", entry.who.name);
    }
}

#[test]
fn who_waits_is_released_by_a_set_that_is_cleared_at_once_where_it_is_promised() {
    fn released<E: Clear>() -> bool {
        let event = E::new();
        let mut wait = pin!(event.wait());
        assert!(poll(wait.as_mut()).is_pending());
        event.set();
        event.clear();
        poll(wait).is_ready()
    }
    for entry in events_that_clear!(T => |_, _| Outcome::Was(f64::from(released::<T>()))) {
        let Outcome::Was(released) = entry.run(&Stage::default(), 1) else { continue };
        let promised = entry.who.guarantee == Guarantee::Released;
        assert_eq!(released == 1.0, promised, "{}", entry.who.name);
    }
}

#[test]
fn an_item_that_was_handed_over_outlives_its_getter_but_for_kanal() {
    fn outlives<Q: Queue>() -> bool {
        let (put, mut get) = Q::bounded(1);
        {
            let mut waiting = pin!(Q::get(&mut get));
            assert!(poll(waiting.as_mut()).is_pending());
            now(Q::put(&put, 7));
        }
        Q::try_get(&mut get) == Some(7)
    }
    for entry in queues_of_one!(T => |_, _| Outcome::Was(f64::from(outlives::<T>()))) {
        let Outcome::Was(outlives) = entry.run(&Stage::default(), 1) else { continue };
        let lost = entry.who.name == <kanal::Queue as Contender>::WHO.name;
        assert_eq!(outlives == 1.0, !lost, "{}", entry.who.name);
    }
}

#[test]
fn a_newcomer_does_not_overtake_where_order_is_promised() {
    fn lock<L: Lock>() -> bool {
        let lock = L::new();
        let held = now(lock.lock());
        let mut wait = pin!(lock.lock());
        assert!(poll(wait.as_mut()).is_pending());
        drop(held);
        lock.try_lock().is_some()
    }
    fn rw_lock<L: RwLock>() -> bool {
        let lock = L::new();
        let _held = now(lock.read());
        let mut wait = pin!(lock.write());
        assert!(poll(wait.as_mut()).is_pending());
        lock.try_read().is_some()
    }
    fn semaphore<S: Semaphore>() -> bool {
        let semaphore = S::new(1);
        let held = now(semaphore.acquire());
        let mut wait = pin!(semaphore.acquire());
        assert!(poll(wait.as_mut()).is_pending());
        drop(held);
        semaphore.try_acquire().is_some()
    }
    fn queue<Q: Shared>() -> bool {
        let (put, mut get) = Q::bounded(1);
        let mut other = Q::another_get(&get);
        let mut wait = pin!(Q::get(&mut get));
        assert!(poll(wait.as_mut()).is_pending());
        now(Q::put(&put, 7));
        Q::try_get(&mut other).is_some()
    }
    let mut all = locks!(T => |_, _| Outcome::Was(f64::from(lock::<T>())));
    all.extend(rw_locks!(T => |_, _| Outcome::Was(f64::from(rw_lock::<T>()))));
    all.extend(semaphores!(T => |_, _| Outcome::Was(f64::from(semaphore::<T>()))));
    all.extend(queues!(T => |_, _| Outcome::Was(f64::from(queue::<T>()))));
    all.extend(priority_queues!(T => |_, _| Outcome::Was(f64::from(queue::<T>()))));
    for entry in all {
        let Outcome::Was(overtakes) = entry.run(&Stage::default(), 1) else { continue };
        let ordered = entry.who.guarantee == Guarantee::Fifo;
        assert!(!ordered || overtakes == 0.0, "{} lets a newcomer overtake", entry.who.name);
    }
}

#[test]
fn a_cancellation_reaches_what_is_inside_and_nothing_around() {
    fn reaches<S: Scope>() -> bool {
        let root = S::new();
        let (first, second) = root.enter(|| (root.child(), root.child()));
        let below = first.enter(|| first.child());
        let mut beside = pin!(second.run(pending::<()>()));
        let mut inside = pin!(below.run(pending::<()>()));
        assert!(poll(inside.as_mut()).is_pending() && poll(beside.as_mut()).is_pending());
        first.cancel();
        poll(beside).is_pending() && poll(inside) == Poll::Ready(None)
    }
    for entry in scopes!(T => |_, _| Outcome::Was(f64::from(reaches::<T>()))) {
        let Outcome::Was(reaches) = entry.run(&Stage::default(), 1) else { continue };
        assert_eq!(reaches, 1.0, "{}", entry.who.name);
    }
}
