use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};

use tidegate_barrier::Barrier;
use tidegate_test::{CountingWaker, poll_once, poll_with};

use crate::{arrive, arrive_last, indices, turn};

#[test]
fn nobody_passes_before_all_are_there_and_then_everybody_does() {
    let barrier = Barrier::new(4);
    let mut waits: Vec<_> = (0..3).map(|_| arrive(&barrier)).collect();
    for wait in &mut waits {
        assert!(poll_once(wait.as_mut()).is_pending());
    }
    assert_eq!(barrier.waiting(), 3);
    let last = arrive_last(&barrier);
    assert_eq!((last.index(), last.is_leader()), (3, true));
    assert_eq!(barrier.waiting(), 0);
    let turns: Vec<_> = waits.iter_mut().map(turn).collect();
    assert!(turns.iter().all(|it| !it.is_leader()));
    assert_eq!(Vec::from_iter(turns.iter().map(|it| it.index())), [0, 1, 2]);
}

// Reuse across generations.
#[test]
fn each_round_numbers_its_own_and_has_one_leader() {
    let barrier = Barrier::new(3);
    for _ in 0..5 {
        let mut waits = [arrive(&barrier), arrive(&barrier)];
        assert!(arrive_last(&barrier).is_leader());
        assert_eq!(indices(&mut waits), [0, 1]);
    }
}

// B-B4, 22: asyncio keeps those who arrive while a round drains outside; here they are the next round already.
#[test]
fn who_arrives_after_a_round_met_belongs_to_the_next_though_nobody_has_looked() {
    let barrier = Barrier::new(2);
    let mut first = arrive(&barrier);
    arrive_last(&barrier);
    let mut second = arrive(&barrier);
    assert_eq!(barrier.waiting(), 1);
    assert_eq!(turn(&mut first).index(), 0);
    assert!(poll_once(second.as_mut()).is_pending());
    assert_eq!(arrive_last(&barrier).index(), 1);
    // A third round can meet before anybody of the second has looked.
    let mut third = arrive(&barrier);
    assert!(arrive_last(&barrier).is_leader());
    assert_eq!((turn(&mut third).index(), turn(&mut second).index()), (0, 0));
}

// 17: the smallest number and the largest.
#[test]
fn one_party_never_waits_and_always_leads() {
    let barrier = Barrier::new(1);
    for _ in 0..3 {
        let turn = arrive_last(&barrier);
        assert_eq!((turn.index(), turn.is_leader()), (0, true));
    }
    assert_eq!(barrier.waiting(), 0);
}

#[test]
fn a_meeting_of_more_than_there_can_be_waits() {
    let barrier = Barrier::new(usize::MAX);
    let _waits = [arrive(&barrier), arrive(&barrier)];
    assert_eq!((barrier.parties(), barrier.waiting()), (usize::MAX, 2));
}

// 12: a poll without a reason.
#[test]
fn looking_again_does_not_arrive_again() {
    let barrier = Barrier::new(3);
    let mut wait = arrive(&barrier);
    for _ in 0..5 {
        assert!(poll_once(wait.as_mut()).is_pending());
    }
    assert_eq!(barrier.waiting(), 1);
}

// 10: the newest waker is the one that is woken.
#[test]
fn a_waiter_that_moved_to_another_task_is_woken_there() {
    let barrier = Barrier::new(2);
    let ((old, old_waker), (new, new_waker)) = (CountingWaker::new(), CountingWaker::new());
    let mut wait = pin!(barrier.wait());
    assert!(poll_with(wait.as_mut(), &old_waker).is_pending());
    assert!(poll_with(wait.as_mut(), &new_waker).is_pending());
    arrive_last(&barrier);
    assert_eq!((old.count(), new.count()), (0, 1));
    assert!(poll_with(wait, &old_waker).is_ready());
}

// 13: a poll after the end.
#[test]
#[should_panic(expected = "polled after it was ready")]
fn a_future_that_has_ended_is_not_polled_again() {
    let barrier = Barrier::new(1);
    let mut wait = pin!(barrier.wait());
    assert!(poll_once(wait.as_mut()).is_ready());
    let _ = poll_once(wait);
}

/// A waker that writes down its number.
struct Tells(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Tells {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

// 18: more than are woken at a time.
#[test]
fn all_are_woken_once_and_in_the_order_of_their_arrival() {
    const N: usize = 70;
    let woken = Arc::new(Mutex::new(Vec::new()));
    let tells = |i| Waker::from(Arc::new(Tells(i, Arc::clone(&woken))));
    let all_of = |barrier: &Barrier, end: &dyn Fn()| {
        let mut waits: Vec<_> = (0..N).map(|_| Box::pin(barrier.wait())).collect();
        for (i, wait) in waits.iter_mut().enumerate() {
            assert!(poll_with(wait.as_mut(), &tells(i)).is_pending());
        }
        end();
        assert_eq!(std::mem::take(&mut *woken.lock().unwrap()), Vec::from_iter(0..N));
        for mut wait in waits {
            assert!(poll_once(wait.as_mut()).is_ready());
        }
    };
    let barrier = Barrier::new(N + 1);
    all_of(&barrier, &|| _ = arrive_last(&barrier));
    all_of(&barrier, &|| barrier.reset());
    all_of(&barrier, &|| barrier.abort());
    assert!(woken.lock().unwrap().is_empty());
}

#[test]
fn an_owned_wait_meets_a_borrowed_one() {
    let barrier = Arc::new(Barrier::new(2));
    let mut owned = Box::pin(Arc::clone(&barrier).wait_owned());
    assert!(poll_once(owned.as_mut()).is_pending());
    assert_eq!(Arc::strong_count(&barrier), 2);
    assert!(arrive_last(&barrier).is_leader());
    let Poll::Ready(Ok(turn)) = poll_once(owned.as_mut()) else { panic!("its round has met") };
    assert_eq!((turn.index(), turn.is_leader()), (0, false));
    drop(owned);
    assert_eq!(Arc::strong_count(&barrier), 1);
}

// 28.
#[test]
fn an_owned_wait_may_be_the_last_that_holds_the_barrier() {
    let barrier = Arc::new(Barrier::new(2));
    let mut waits = [(); 2].map(|()| Box::pin(Arc::clone(&barrier).wait_owned()));
    assert!(poll_once(waits[0].as_mut()).is_pending());
    drop(barrier);
    assert!(poll_once(waits[1].as_mut()).is_ready());
    let [first, last] = waits;
    drop(last);
    drop(first);
}
