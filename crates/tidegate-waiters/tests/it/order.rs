use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use tidegate_test::{CountingWaker, leaked, poll_once};
use tidegate_waiters::{Borrowed, Decision, Gate, Left, Locked, Policy, Turn, WaitQueue, Waiter};

#[test]
fn first_come_first_served() {
    let gate = Gate::new(0);
    let mut line: Vec<_> = (0..4).map(|_| Box::pin(gate.acquire(1))).collect();
    for it in &mut line {
        assert!(poll_once(it.as_mut()).is_pending());
    }
    for served in 0..4 {
        gate.release(1);
        let ready: Vec<_> = line.iter_mut().map(|it| poll_once(it.as_mut()).is_ready()).collect();
        assert_eq!(ready.iter().position(|it| *it), Some(0), "after {served} were served");
        drop(line.remove(0));
    }
}

#[test]
fn a_large_request_is_not_starved_by_small_ones() {
    let gate = Gate::new(2);
    assert!(gate.try_acquire(2));
    let mut large = Box::pin(gate.acquire(2));
    assert!(poll_once(large.as_mut()).is_pending());
    let mut small = pin!(gate.acquire(1));
    assert!(poll_once(small.as_mut()).is_pending());

    gate.release(1);
    assert!(!gate.try_acquire(1), "nobody overtakes");
    assert!(poll_once(small.as_mut()).is_pending(), "not even who waits");
    gate.release(1);
    assert!(poll_once(large.as_mut()).is_ready());
    assert!(poll_once(small.as_mut()).is_pending());
    assert_eq!(gate.available(), 0, "what is free is counted exactly");
}

#[test]
fn a_repoll_with_the_same_waker_keeps_the_place_and_takes_no_lock() {
    let queue = WaitQueue::new(0, Tickets);
    let (_, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    let mut waiter = pin!(Waiter::new(&queue, 1));
    assert!(waiter.as_mut().poll(&mut cx, |_, _| Decision::<()>::Wait).is_pending());
    // With the lock held here, a poll that took it would never come back.
    let line = queue.lock();
    assert!(waiter.as_mut().poll(&mut cx, |_, _| Decision::<()>::Wait).is_pending());
    assert_eq!(line.len(), 1);
}

#[test]
fn release_all_raising_raises_and_releases_in_one_step() {
    let queue = WaitQueue::new(4, Tickets);
    const WAITERS: usize = WaitQueue::<Tickets>::WAITERS;
    let mut one = pin!(Waiter::new(&queue, 1));
    let mut two = pin!(Waiter::new(&queue, 2));
    assert!(join(one.as_mut()).is_pending());
    assert!(join(two.as_mut()).is_pending());
    assert_eq!(queue.lock().release_all_raising(8), 4 | WAITERS);
    assert_eq!(queue.word().load(Ordering::Acquire), 4 | 8);
    assert!(join(one.as_mut()).is_ready());
    assert!(join(two.as_mut()).is_ready());
    // Nobody is in line: the bits go up all the same.
    assert_eq!(queue.lock().release_all_raising(16), 4 | 8);
    assert_eq!((queue.word().load(Ordering::Acquire), queue.waiters()), (4 | 8 | 16, 0));
}

struct NoBits;

impl Policy for NoBits {
    type Note = ();
    const OWN_BITS: bool = false;
    fn left(_line: &mut Locked<'_, Self>, (): &mut (), _left: Left) {}
}

#[test]
fn a_word_of_the_queues_own_says_whether_somebody_waits() {
    let queue = WaitQueue::new(0, NoBits);
    let word = || queue.word().load(Ordering::Acquire);
    let wait = || {
        let mut waiter = Box::pin(Waiter::new(&queue, ()));
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(waiter.as_mut().poll(cx, |_, _| Decision::<()>::Wait).is_pending());
        waiter
    };
    let (one, two, three) = (wait(), wait(), wait());
    assert_eq!(word(), WaitQueue::<NoBits>::WAITERS);
    queue.lock().grant_front();
    drop(two);
    assert_eq!(word(), WaitQueue::<NoBits>::WAITERS);
    queue.lock().release_all();
    assert_eq!(word(), 0);
    drop((one, three));
    let last = wait();
    assert_eq!(word(), WaitQueue::<NoBits>::WAITERS);
    drop(last);
    assert_eq!(word(), 0);
}

#[test]
fn a_granted_poll_takes_no_lock() {
    let queue = WaitQueue::new(0, Tickets);
    let mut waiter = pin!(Waiter::new(&queue, 1));
    assert!(join(waiter.as_mut()).is_pending());
    queue.lock().grant_front();
    let _line = queue.lock();
    assert_eq!(join(waiter), Poll::Ready(Turn::Granted));
}

#[test]
#[should_panic = "polled after it was ready"]
fn polling_again_after_ready_is_a_bug_that_is_told() {
    let gate = Gate::new(2);
    let mut acquire = pin!(gate.acquire(1));
    assert!(poll_once(acquire.as_mut()).is_ready());
    let _ = poll_once(acquire.as_mut());
}

/// A line by ticket.
struct Tickets;
impl Policy for Tickets {
    type Note = u32;
    fn left(_: &mut Locked<'_, Self>, _: &mut u32, _: Left) {}
    fn precedes(note: &u32, other: &u32) -> bool {
        note < other
    }
}

fn join(waiter: Pin<&mut Waiter<Tickets, Borrowed<'_, Tickets>>>) -> Poll<Turn<()>> {
    let cx = &mut Context::from_waker(std::task::Waker::noop());
    waiter.poll(cx, |_, _| Decision::WaitInOrder)
}

#[test]
fn an_old_ticket_goes_back_to_its_place() {
    let queue = WaitQueue::new(0, Tickets);
    let mut line: Vec<_> =
        [20, 40, 30, 10, 50].map(|ticket| Box::pin(Waiter::new(&queue, ticket))).into();
    for waiter in &mut line {
        assert!(join(waiter.as_mut()).is_pending());
    }
    let mut order = Vec::new();
    loop {
        let mut locked = queue.lock();
        let Some(&front) = locked.front() else { break };
        order.push(front);
        locked.grant_front();
    }
    assert_eq!(order, [10, 20, 30, 40, 50]);
    for waiter in &mut line {
        assert_eq!(join(waiter.as_mut()), Poll::Ready(Turn::Granted));
    }
}

#[test]
fn one_who_joins_during_a_release_is_not_released() {
    let queue = WaitQueue::new(0, Tickets);
    let mut early = pin!(Waiter::new(&queue, 1));
    let mut late = pin!(Waiter::new(&queue, 2));
    assert!(join(early.as_mut()).is_pending());
    queue.lock().release_all();
    assert!(join(late.as_mut()).is_pending());
    assert_eq!(join(early), Poll::Ready(Turn::Released));
    assert!(join(late).is_pending());
    assert_eq!(queue.waiters(), 1);
}

#[test]
fn a_nudge_wakes_the_first_alone_and_keeps_its_place() {
    let queue = WaitQueue::new(0, Tickets);
    let (first_wakes, first_waker) = CountingWaker::new();
    let (second_wakes, second_waker) = CountingWaker::new();
    let mut first = Box::pin(Waiter::new(&queue, 1));
    let mut second = Box::pin(Waiter::new(&queue, 2));
    let wait = |waiter: Pin<&mut Waiter<_, _>>, waker| {
        let mut asked = 0;
        let turn: Poll<Turn<()>> = waiter.poll(&mut Context::from_waker(waker), |_, _| {
            asked += 1;
            Decision::Wait
        });
        assert!(turn.is_pending());
        asked
    };
    assert_eq!(wait(first.as_mut(), &first_waker), 1);
    assert_eq!(wait(second.as_mut(), &second_waker), 1);

    queue.lock().nudge_front();
    queue.lock().nudge_front();
    assert_eq!((first_wakes.count(), second_wakes.count()), (1, 0));
    assert_eq!(queue.waiters(), 2);
    // Once without a new waker, and once more with one, since it has to wait.
    assert_eq!(wait(first.as_mut(), &first_waker), 2, "a nudged one decides again");
    assert_eq!(wait(first.as_mut(), &first_waker), 0, "and then waits as before");
    assert_eq!(queue.lock().front(), Some(&1));

    // A nudged one that has not looked yet can be granted or released like any other.
    queue.lock().nudge_front();
    queue.lock().grant_front();
    queue.lock().nudge_front();
    queue.lock().release_all();
    assert_eq!(join(first.as_mut()), Poll::Ready(Turn::Granted));
    assert_eq!(join(second.as_mut()), Poll::Ready(Turn::Released));
}

/// A waker that writes down its number.
struct Tells(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Tells {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn those_granted_are_woken_before_those_released_each_in_their_order() {
    let queue = WaitQueue::new(0, Tickets);
    let woken = Arc::new(Mutex::new(Vec::new()));
    let mut line: Vec<_> = (0..40).map(|_| Box::pin(Waiter::new(&queue, 0))).collect();
    for (i, it) in line.iter_mut().enumerate() {
        let waker = Waker::from(Arc::new(Tells(i, Arc::clone(&woken))));
        let mut cx = Context::from_waker(&waker);
        assert!(it.as_mut().poll::<()>(&mut cx, |_, _| Decision::Wait).is_pending());
    }
    let mut guard = queue.lock();
    assert!(guard.grant_front() && guard.grant_front());
    assert_eq!(guard.word().load(Ordering::Relaxed), WaitQueue::<Tickets>::WAITERS);
    guard.release_all();
    assert_eq!(guard.word().load(Ordering::Relaxed), 0, "nobody is in line");
    assert!(woken.lock().unwrap().is_empty(), "not under the lock");
    drop(guard);
    assert_eq!(*woken.lock().unwrap(), Vec::from_iter(0..40));
}

#[test]
fn all_who_are_released_are_woken_however_many() {
    for n in [0, 1, 2, 3, 31, 32, 33, 65] {
        let queue = WaitQueue::new(0, Tickets);
        let mut line: Vec<_> =
            (0..n).map(|_| (CountingWaker::new(), Box::pin(Waiter::new(&queue, 0)))).collect();
        for ((_, waker), it) in &mut line {
            let mut cx = Context::from_waker(waker);
            assert!(it.as_mut().poll::<()>(&mut cx, |_, _| Decision::Wait).is_pending());
        }
        queue.lock().release_all();
        for ((wakes, _), it) in &mut line {
            assert_eq!(wakes.count(), 1);
            assert_eq!(join(it.as_mut()), Poll::Ready(Turn::Released));
        }
    }
}

// The second one is released and not woken yet: it must find out, though nothing touched its node.
#[test]
fn one_who_is_released_and_not_woken_yet_finds_out_when_it_looks_and_when_it_leaves() {
    type Late = Pin<Box<Waiter<Tickets, Borrowed<'static, Tickets>>>>;
    struct Looks(Mutex<Vec<Late>>);
    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            let mut late = std::mem::take(&mut *self.0.lock().unwrap());
            if let Some(mut first) = late.pop() {
                assert_eq!(join(first.as_mut()), Poll::Ready(Turn::Released));
            }
        }
    }
    let queue: &'static WaitQueue<Tickets> = leaked(WaitQueue::new(0, Tickets));
    let looks = Arc::new(Looks(Mutex::new(Vec::new())));
    let waker = Waker::from(Arc::clone(&looks));
    let mut line: Vec<_> = (0..40).map(|_| Box::pin(Waiter::new(queue, 0))).collect();
    for it in &mut line {
        let mut cx = Context::from_waker(&waker);
        assert!(it.as_mut().poll::<()>(&mut cx, |_, _| Decision::Wait).is_pending());
    }
    // Beyond those who are woken at a time.
    *looks.0.lock().unwrap() = line.split_off(35);
    queue.lock().release_all();
    assert!(looks.0.lock().unwrap().is_empty());
    assert_eq!(queue.waiters(), 0);
}

#[test]
fn who_serves_the_line_may_write_into_notes() {
    let queue = WaitQueue::new(0, Tickets);
    let mut first = pin!(Waiter::new(&queue, 1));
    let mut second = pin!(Waiter::new(&queue, 2));
    assert!(join(first.as_mut()).is_pending());
    assert!(join(second.as_mut()).is_pending());

    let mut line = queue.lock();
    line.for_each(|it| *it += 10);
    *line.front_mut().expect("two are in line") += 100;
    line.grant_front();
    drop(line);
    assert!(join(first.as_mut()).is_ready());
    assert_eq!(first.note_mut().copied(), Some(111));
    assert_eq!(queue.lock().front(), Some(&12));
}

#[test]
#[should_panic = "more permits than there can be"]
fn more_permits_than_there_can_be_are_refused() {
    Gate::new(1).release(Gate::MAX);
}

#[test]
fn whose_own_decision_changes_the_word_is_asked_again_before_it_waits() {
    let queue = WaitQueue::new(0, Tickets);
    let mut first = Box::pin(Waiter::new(&queue, 1));
    let mut second = Box::pin(Waiter::new(&queue, 2));
    for (waiter, now) in [(&mut first, 2), (&mut second, 4)] {
        let mut seen = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        let turn: Poll<Turn<()>> = waiter.as_mut().poll(&mut cx, |line, word| {
            seen.push(word & !WaitQueue::<Tickets>::WAITERS);
            if seen.len() == 1 {
                line.word().fetch_add(2, Ordering::Relaxed);
            }
            Decision::Wait
        });
        assert!(turn.is_pending());
        assert_eq!(seen, [now - 2, now]);
    }
}
