//! What a policy must not do, from safe code: it may stall or panic, and breaks nothing.

use std::cell::Cell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tidegate_test::CountingWaker;
use tidegate_waiters::{Ahead, Decision, Left, Locked, Policy, Turn, WaitQueue, Waiter};

#[derive(Default)]
struct Rules {
    left: Vec<Left>,
}

impl Policy for Rules {
    type Note = Cell<u32>;

    fn left(line: &mut Locked<'_, Self>, _: &mut Cell<u32>, left: Left) {
        line.policy().left.push(left);
    }

    fn precedes(note: &Cell<u32>, other: &Cell<u32>) -> bool {
        assert!(note.get() != 13, "unlucky");
        note.set(note.get() + 1);
        note < other
    }
}

fn queue() -> WaitQueue<Rules> {
    WaitQueue::new(0, Rules::default())
}

fn decide<O>(
    waiter: &mut Pin<Box<Waiter<Rules, O>>>,
    waker: &Waker,
    decide: impl FnMut(&mut Locked<'_, Rules>, usize) -> Decision<()>,
) -> Poll<Turn<()>> {
    waiter.as_mut().poll_again(&mut Context::from_waker(waker), decide)
}

fn join<O>(waiter: &mut Pin<Box<Waiter<Rules, O>>>, waker: &Waker) -> Poll<Turn<()>> {
    decide(waiter, waker, |_, _| Decision::Wait)
}

// Without the check the node would stand in one queue and leave the other: a dangling pointer, from safe code.
#[test]
fn a_policy_that_swaps_its_guard_for_another_queues_is_stopped() {
    let other: &'static WaitQueue<Rules> = Box::leak(Box::new(queue()));
    let queue = queue();
    for answer in [Decision::Wait, Decision::WaitInOrder, Decision::Ready(()), Decision::Retry] {
        for (in_line, nudged) in [(false, false), (true, false), (true, true)] {
            let mut waiter = Box::pin(Waiter::new(&queue, Cell::new(0)));
            if in_line {
                assert!(join(&mut waiter, Waker::noop()).is_pending());
            }
            if nudged {
                queue.lock().nudge_front();
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                decide(&mut waiter, Waker::noop(), |line, _| {
                    let mut guard = other.lock();
                    mem::swap(line, &mut guard);
                    answer
                })
            }));
            assert!(outcome.is_err());
            assert_eq!((queue.waiters(), other.waiters()), (usize::from(in_line), 0));
            drop(waiter);
            assert_eq!((queue.waiters(), other.waiters()), (0, 0));
        }
    }
}

#[test]
fn a_policy_that_swaps_its_guard_and_puts_it_back_may_go_on() {
    let other: &'static WaitQueue<Rules> = Box::leak(Box::new(queue()));
    let queue = queue();
    let mut waiter = Box::pin(Waiter::new(&queue, Cell::new(0)));
    let waits = decide(&mut waiter, Waker::noop(), |line, _| {
        let mut guard = other.lock();
        mem::swap(line, &mut guard);
        mem::swap(line, &mut guard);
        Decision::Wait
    });
    assert!(waits.is_pending());
    assert_eq!((queue.waiters(), other.waiters()), (1, 0));
}

#[test]
fn a_policy_may_swap_its_guard_when_somebody_leaves() {
    struct Swaps(&'static WaitQueue<Swaps>);
    impl Policy for Swaps {
        type Note = ();
        fn left(line: &mut Locked<'_, Self>, (): &mut (), _: Left) {
            let other = line.policy().0;
            let mut guard = other.lock();
            mem::swap(line, &mut guard);
        }
    }
    static END: WaitQueue<Swaps> = WaitQueue::new(0, Swaps(&END));
    let queue = WaitQueue::new(0, Swaps(&END));
    let mut waiter = Box::pin(Waiter::new(&queue, ()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(waiter.as_mut().poll::<()>(&mut cx, |_, _| Decision::Wait).is_pending());
    drop(waiter);
    assert_eq!((queue.waiters(), END.waiters()), (0, 0));
}

#[test]
fn a_policy_may_grant_release_and_nudge_the_very_waiter_that_it_is_asked_about() {
    let answers = [(Decision::Wait, Turn::Granted), (Decision::Ready(()), Turn::Decided(()))];
    for ((answer, turn), nudged) in answers.into_iter().flat_map(|it| [(it, false), (it, true)]) {
        let queue = queue();
        let mut waiter = Box::pin(Waiter::new(&queue, Cell::new(0)));
        assert!(join(&mut waiter, Waker::noop()).is_pending());
        if nudged {
            queue.lock().nudge_front();
        }
        let polled = decide(&mut waiter, Waker::noop(), |line, _| {
            line.nudge_front();
            assert!(line.grant_front());
            assert!(!line.grant_front());
            line.release_all();
            answer
        });
        assert_eq!(polled, Poll::Ready(turn));
        drop(waiter);
        assert!(queue.lock().policy().left.is_empty());
    }
}

// The first whom it grants is woken on its own; the second is on its way out through a ring, and leaves that again.
#[test]
fn a_policy_may_grant_others_before_the_very_waiter_that_it_is_asked_about() {
    for others in [1, 2] {
        let queue = queue();
        let mut before: Vec<_> =
            (0..others).map(|_| Box::pin(Waiter::new(&queue, Cell::new(0)))).collect();
        let (wakes, waker) = CountingWaker::new();
        for it in &mut before {
            assert!(join(it, &waker).is_pending());
        }
        let (own_wakes, own_waker) = CountingWaker::new();
        let mut waiter = Box::pin(Waiter::new(&queue, Cell::new(0)));
        assert!(join(&mut waiter, &own_waker).is_pending());
        let polled = decide(&mut waiter, &own_waker, |line, _| {
            while line.grant_front() {}
            Decision::Wait
        });
        assert_eq!(polled, Poll::Ready(Turn::Granted));
        assert!(!waiter.is_waiting(), "it has looked");
        assert_eq!((wakes.count(), own_wakes.count()), (others, 0));
        for it in &mut before {
            assert_eq!(join(it, &waker), Poll::Ready(Turn::Granted));
        }
    }
}

#[test]
fn a_panic_after_it_granted_itself_leaves_it_granted() {
    let queue = queue();
    let (wakes, waker) = CountingWaker::new();
    let mut waiter = Box::pin(Waiter::new(&queue, Cell::new(0)));
    assert!(join(&mut waiter, &waker).is_pending());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        decide(&mut waiter, &waker, |line, _| {
            line.grant_front();
            panic!("in the middle of it");
        })
    }));
    assert!(outcome.is_err());
    assert_eq!(wakes.count(), 1);
    drop(waiter);
    assert_eq!(queue.lock().policy().left, [Left::Granted]);
}

#[test]
fn an_order_that_panics_leaves_the_newcomer_out_of_the_line() {
    let queue = queue();
    let mut first = Box::pin(Waiter::new(&queue, Cell::new(20)));
    assert!(join(&mut first, Waker::noop()).is_pending());
    let mut unlucky = Box::pin(Waiter::new(&queue, Cell::new(13)));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        decide(&mut unlucky, Waker::noop(), |_, _| Decision::WaitInOrder)
    }));
    assert!(outcome.is_err());
    assert!(unlucky.is_fresh());
    drop(unlucky);
    let mut lucky = Box::pin(Waiter::new(&queue, Cell::new(7)));
    assert!(decide(&mut lucky, Waker::noop(), |_, _| Decision::WaitInOrder).is_pending());
    assert_eq!(queue.lock().front().map(Cell::get), Some(8));
}

#[test]
fn a_leaked_guard_locks_its_queue_for_good_and_no_other() {
    let queue = queue();
    mem::forget(queue.lock());
    assert!(format!("{queue:?}").contains("<locked>"));
    let waiter = Box::pin(Waiter::new(&queue, Cell::new(0)));
    drop(waiter); // Never polled: it has no business with the lock.
}

#[test]
fn a_waiter_may_be_led_to_a_queue_that_its_owner_does_not_hold() {
    let elsewhere: &'static WaitQueue<Rules> = Box::leak(Box::new(queue()));
    let owner = Arc::new(elsewhere);
    let mut waiter = Box::pin(Waiter::new_owned(owner, |it| *it, Cell::new(0)));
    assert!(join(&mut waiter, Waker::noop()).is_pending());
    assert_eq!(elsewhere.waiters(), 1);
    let sent = std::thread::spawn(move || drop(waiter));
    sent.join().unwrap();
    assert_eq!(elsewhere.lock().policy().left, [Left::Waiting]);
}

#[test]
fn a_queue_may_go_before_a_waiter_that_was_leaked() {
    let queue = queue();
    let mut waiter = Box::pin(Waiter::new(&queue, Cell::new(0)));
    assert!(join(&mut waiter, Waker::noop()).is_pending());
    mem::forget(waiter);
    drop(queue);
}

#[test]
fn nothing_can_be_asked_of_a_waiter_that_is_done() {
    let queue = queue();
    let mut waiter = Box::pin(Waiter::new(&queue, Cell::new(5)));
    assert_eq!(waiter.as_mut().note_mut().map(|it| it.get()), Some(5));
    assert!(join(&mut waiter, Waker::noop()).is_pending());
    assert!(waiter.as_mut().note_mut().is_none(), "others may look at it now");
    queue.lock().grant_front();
    assert!(waiter.as_mut().note_mut().is_none(), "it has not looked");
    assert_eq!(join(&mut waiter, Waker::noop()), Poll::Ready(Turn::Granted));
    assert_eq!(waiter.as_mut().note_mut().map(|it| it.get()), Some(5));
    assert!(catch_unwind(AssertUnwindSafe(|| waiter.as_mut().finish())).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| join(&mut waiter, Waker::noop()))).is_err());
}

#[test]
fn a_waiter_may_poll_another_queues_while_it_decides() {
    let (outer, inner) = (queue(), queue());
    let (wakes, waker) = CountingWaker::new();
    let mut one = Box::pin(Waiter::new(&outer, Cell::new(0)));
    let mut two = Box::pin(Waiter::new(&inner, Cell::new(0)));
    let both = decide(&mut one, &waker, |_, _| {
        assert!(join(&mut two, &waker).is_pending());
        inner.lock().release_all();
        match join(&mut two, &waker) {
            Poll::Ready(Turn::Released) => Decision::Wait,
            _ => Decision::Ready(()),
        }
    });
    assert!(both.is_pending());
    assert_eq!((outer.waiters(), inner.waiters(), wakes.count()), (1, 0, 1));
}

// The note of a waiter that is in line, or on its way out of it, is asked for when there is no way back.
#[test]
fn a_note_that_does_not_say_where_it_looks_ahead_breaks_nothing() {
    #[derive(Default)]
    struct Silent;
    impl Policy for Silent {
        type Note = Ahead;
        const LOOKS_AHEAD: bool = true;
        fn left(_: &mut Locked<'_, Self>, _: &mut Ahead, _: Left) {}
        fn ahead(_: &mut Ahead) -> Option<&mut Ahead> {
            panic!("it does not say")
        }
    }
    let queue = WaitQueue::new(0, Silent);
    let (wakes, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    let mut waiters: Vec<_> =
        (0..100).map(|_| Box::pin(Waiter::new(&queue, Ahead::new()))).collect();
    for it in &mut waiters {
        assert!(it.as_mut().poll::<()>(&mut cx, |_, _| Decision::Wait).is_pending());
    }
    assert_eq!(queue.waiters(), 100);
    waiters.truncate(90);
    assert_eq!(queue.waiters(), 90);
    queue.lock().release_all();
    assert_eq!((queue.waiters(), wakes.count()), (0, 90));
    for it in &mut waiters {
        let turn = it.as_mut().poll::<()>(&mut cx, |_, _| Decision::Wait);
        assert_eq!(turn, Poll::Ready(Turn::Released));
    }
}
