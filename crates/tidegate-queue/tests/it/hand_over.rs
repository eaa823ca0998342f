use std::pin::pin;
use std::task::Poll;

use tidegate_queue::{Closed, LifoQueue, Queue, TryGetError, TryPutError};
use tidegate_test::{CountingWaker, poll_once, poll_with};

// B-Q8: asyncio wakes a getter and lets a newcomer take the item; the getter goes to the end of the line.
each_queue! {
    #[test]
    fn an_item_that_was_handed_over_is_not_taken_by_a_newcomer() {
        let queue = Q::unbounded();
        let (mut first, mut second) = (pin!(queue.get()), pin!(queue.get()));
        let (wakes, waker) = CountingWaker::new();
        assert!(poll_with(first.as_mut(), &waker).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        queue.try_put(1).unwrap();
        assert_eq!((wakes.count(), queue.len()), (1, 0), "it belongs to the first");
        assert_eq!(queue.try_get(), Err(TryGetError::Empty));
        assert!(poll_once(pin!(queue.get())).is_pending());
        queue.try_put(2).unwrap();
        assert_eq!(poll_once(second), Poll::Ready(Ok(2)));
        assert_eq!(poll_once(first), Poll::Ready(Ok(1)));
    }

    // B-Q8, on the other side.
    #[test]
    fn a_slot_that_was_granted_is_not_taken_by_a_newcomer() {
        let queue = Q::bounded(1);
        queue.try_put(0).unwrap();
        let (mut first, mut second) = (pin!(queue.put(1)), pin!(queue.put(2)));
        let (wakes, waker) = CountingWaker::new();
        assert!(poll_with(first.as_mut(), &waker).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        assert_eq!(queue.waiters(), 2);
        assert_eq!(queue.try_get(), Ok(0));
        assert_eq!((wakes.count(), queue.waiters()), (1, 1));
        assert_eq!((queue.len(), queue.is_full(), queue.statistics().reserved), (0, true, 1));
        assert_eq!(queue.try_put(9), Err(TryPutError::Full(9)));
        assert!(poll_once(pin!(queue.put(9))).is_pending());
        assert_eq!(poll_once(first), Poll::Ready(Ok(())));
        assert_eq!((queue.try_get(), queue.len()), (Ok(1), 0));
        assert_eq!(poll_once(second), Poll::Ready(Ok(())));
        assert_eq!(queue.try_get(), Ok(2));
    }

    #[test]
    fn a_putter_and_a_getter_may_wait_at_once_and_both_are_served() {
        let queue = Q::bounded(1);
        queue.try_put(0).unwrap();
        let mut putters: Vec<_> = (1..=4).map(|i| Box::pin(queue.put(i))).collect();
        for it in &mut putters {
            assert!(poll_once(it.as_mut()).is_pending());
        }
        assert_eq!(queue.try_get(), Ok(0)); // The slot is the first putter's, who has not looked.
        let mut getters: Vec<_> = (0..4).map(|_| Box::pin(queue.get())).collect();
        for it in &mut getters {
            assert!(poll_once(it.as_mut()).is_pending());
        }
        assert_eq!(queue.waiters(), 7);
        for (i, putter) in putters.iter_mut().enumerate() {
            assert_eq!(poll_once(putter.as_mut()), Poll::Ready(Ok(())));
            assert_eq!(queue.len(), 0, "it went to a getter, and the slot to the next putter");
            assert_eq!(poll_once(getters[i].as_mut()), Poll::Ready(Ok(i + 1)));
        }
        assert_eq!((queue.waiters(), queue.is_full()), (0, false));
    }

    #[test]
    fn getters_are_served_in_order_of_arrival() {
        let queue = Q::unbounded();
        let mut getters: Vec<_> = (0..9).map(|_| Box::pin(queue.get())).collect();
        for it in &mut getters {
            assert!(poll_once(it.as_mut()).is_pending());
        }
        (0..9).for_each(|i| queue.try_put(i).unwrap());
        for (i, it) in getters.iter_mut().enumerate().rev() {
            assert_eq!(poll_once(it.as_mut()), Poll::Ready(Ok(i)));
        }
    }

    #[test]
    fn a_future_waits_with_its_newest_waker_and_polls_for_nothing_do_nothing() {
        let queue = Q::bounded(1);
        let (old, old_waker) = CountingWaker::new();
        let (new, new_waker) = CountingWaker::new();
        let mut get = pin!(queue.get());
        assert!(poll_with(get.as_mut(), &old_waker).is_pending());
        (0..5).for_each(|_| assert!(poll_with(get.as_mut(), &new_waker).is_pending()));
        queue.try_put(1).unwrap();
        assert_eq!((old.count(), new.count()), (0, 1));
        assert_eq!(poll_once(get), Poll::Ready(Ok(1)));
        queue.try_put(2).unwrap();
        let mut put = pin!(queue.put(3));
        assert!(poll_with(put.as_mut(), &old_waker).is_pending());
        (0..5).for_each(|_| assert!(poll_with(put.as_mut(), &new_waker).is_pending()));
        assert_eq!((queue.waiters(), queue.try_get()), (1, Ok(2)));
        assert_eq!((old.count(), new.count()), (0, 2));
        assert_eq!(poll_once(put), Poll::Ready(Ok(())));
    }

    // 13: it stalls, and nothing worse.
    #[test]
    fn a_getter_that_is_leaked_and_forgotten_keeps_its_place_and_what_comes_to_it() {
        let queue: &'static _ = Box::leak(Box::new(Q::unbounded()));
        let mut leaked = Box::pin(queue.get());
        assert!(poll_once(leaked.as_mut()).is_pending());
        std::mem::forget(leaked);
        queue.try_put(1).unwrap();
        queue.try_put(2).unwrap();
        assert_eq!((queue.try_get(), queue.try_get()), (Ok(2), Err(TryGetError::Empty)));
    }

    #[test]
    fn putting_in_vain_gives_the_item_back() {
        let queue = Q::bounded(1);
        queue.try_put(1).unwrap();
        let mut waits = pin!(queue.put(2));
        assert!(poll_once(waits.as_mut()).is_pending());
        assert_eq!((waits.as_mut().withdraw(), waits.as_mut().withdraw()), (Some(2), None));
        assert_eq!(queue.waiters(), 0);
        let mut granted = pin!(queue.put(3));
        assert!(poll_once(granted.as_mut()).is_pending());
        assert_eq!(queue.try_get(), Ok(1));
        assert_eq!(granted.as_mut().withdraw(), Some(3));
        assert!(!queue.is_full());
        assert_eq!(pin!(queue.put(4)).withdraw(), Some(4), "it was not polled at all");
        let mut done = pin!(queue.put(5));
        assert!(poll_once(done.as_mut()).is_ready());
        assert_eq!((done.withdraw(), queue.len()), (None, 1));
        let shared = std::sync::Arc::new(Q::bounded(1));
        shared.try_put(5).unwrap();
        let mut owned = pin!(std::sync::Arc::clone(&shared).put_owned(6));
        assert!(poll_once(owned.as_mut()).is_pending());
        assert_eq!((owned.withdraw(), shared.waiters()), (Some(6), 0));
    }

    #[test]
    #[should_panic(expected = "polled after it was ready")]
    fn a_put_that_was_withdrawn_is_not_to_be_polled() {
        let queue = Q::bounded(1);
        let mut put = pin!(queue.put(1));
        put.as_mut().withdraw();
        let _ = poll_once(put);
    }

    #[test]
    fn owned_forms_do_the_same() {
        let queue = std::sync::Arc::new(Q::bounded(1));
        let share = || std::sync::Arc::clone(&queue);
        let mut get = pin!(share().get_owned());
        assert!(poll_once(get.as_mut()).is_pending());
        assert_eq!(poll_once(pin!(share().put_owned(1))), Poll::Ready(Ok(())));
        assert_eq!(poll_once(get), Poll::Ready(Ok(1)));
        assert!(poll_once(pin!(share().put_owned(2))).is_ready());
        let mut put = Box::pin(share().put_owned(3));
        assert!(poll_once(put.as_mut()).is_pending());
        let mut join = pin!(share().join_owned());
        assert!(poll_once(join.as_mut()).is_pending());
        let Poll::Ready(Ok(job)) = poll_once(pin!(share().take_owned())) else { panic!() };
        assert_eq!((*job, job.into_inner()), (2, 2));
        drop(put); // Granted, and never looked.
        assert!(!queue.is_full());
        queue.task_done().unwrap();
        assert!(poll_once(join).is_ready());
        queue.shutdown(tidegate_queue::Shutdown::Drain);
        assert_eq!(poll_once(pin!(share().put_owned(4))), Poll::Ready(Err(Closed(4))));
        assert_eq!(poll_once(pin!(share().get_owned())), Poll::Ready(Err(Closed(()))));
    }
}

#[test]
fn what_comes_back_stands_where_it_would_have_stood() {
    // Both are handed over, then more is put, and then they come back, the younger first.
    let fifo = Queue::unbounded();
    let mut getters: Vec<_> = (0..2).map(|_| Box::pin(fifo.get())).collect();
    getters.iter_mut().for_each(|it| assert!(poll_once(it.as_mut()).is_pending()));
    (0..4).for_each(|i| fifo.try_put(i).unwrap());
    getters.drain(..).rev().for_each(drop);
    assert_eq!([(); 4].map(|()| fifo.try_get().unwrap()), [0, 1, 2, 3]);

    let lifo = LifoQueue::unbounded();
    let mut getters: Vec<_> = (0..2).map(|_| Box::pin(lifo.get())).collect();
    getters.iter_mut().for_each(|it| assert!(poll_once(it.as_mut()).is_pending()));
    (0..4).for_each(|i| lifo.try_put(i).unwrap());
    getters.drain(..).rev().for_each(drop);
    assert_eq!([(); 4].map(|()| lifo.try_get().unwrap()), [3, 2, 1, 0]);
}
