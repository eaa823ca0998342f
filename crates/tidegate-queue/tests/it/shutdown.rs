use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tidegate_queue::{Closed, Shutdown, TryGetError, TryPutError};
use tidegate_test::{CountingWaker, poll_once, poll_with};

each_queue! {
    // B-Q11: three getters wait on an empty queue; all three fail, not one of them.
    #[test]
    fn shutting_down_an_empty_queue_releases_every_getter() {
        for how in [Shutdown::Drain, Shutdown::Immediate] {
            let queue = Q::<u32>::unbounded();
            let (wakes, waker) = CountingWaker::new();
            let mut line: Vec<_> = (0..70).map(|_| Box::pin(queue.get())).collect();
            for it in &mut line {
                assert!(poll_with(it.as_mut(), &waker).is_pending());
            }
            queue.shutdown(how);
            assert_eq!((wakes.count(), queue.waiters()), (70, 0));
            for it in &mut line {
                assert_eq!(poll_once(it.as_mut()), Poll::Ready(Err(Closed(()))));
            }
            assert!(queue.is_shutdown() && queue.statistics().shut_down);
            assert_eq!(queue.try_get(), Err(TryGetError::Closed));
        }
    }

    // B-Q12: the putter fails, its item is not delivered, what is queued still comes out, `join` waits for it.
    #[test]
    fn draining_gives_what_is_there_and_nothing_of_those_who_waited_to_put() {
        let queue = Q::bounded(2);
        queue.try_put(1).unwrap();
        queue.try_put(2).unwrap();
        let mut line: Vec<_> = (3..40).map(|i| Box::pin(queue.put(i))).collect();
        let (wakes, waker) = CountingWaker::new();
        for it in &mut line {
            assert!(poll_with(it.as_mut(), &waker).is_pending());
        }
        let mut join = pin!(queue.join());
        assert!(poll_once(join.as_mut()).is_pending());
        queue.shutdown(Shutdown::Drain);
        assert_eq!((wakes.count(), queue.waiters()), (37, 1));
        for (i, it) in line.iter_mut().enumerate() {
            assert_eq!(poll_once(it.as_mut()), Poll::Ready(Err(Closed(i + 3))));
        }
        assert_eq!(queue.try_put(9), Err(TryPutError::Closed(9)));
        assert_eq!(poll_once(pin!(queue.put(9))), Poll::Ready(Err(Closed(9))));
        let mut out: Vec<_> = (0..2).map(|_| poll_once(pin!(queue.get()))).collect();
        out.sort_by_key(|it| format!("{it:?}"));
        assert_eq!(out, [Poll::Ready(Ok(1)), Poll::Ready(Ok(2))]);
        assert_eq!(poll_once(pin!(queue.get())), Poll::Ready(Err(Closed(()))));
        queue.task_done().unwrap();
        assert!(poll_once(join.as_mut()).is_pending());
        queue.task_done().unwrap();
        assert!(poll_once(join).is_ready());
    }

    #[test]
    fn at_once_drops_what_is_there_and_counts_it_as_done() {
        let queue = Q::unbounded();
        let item = Arc::new(());
        (0..5).for_each(|_| queue.try_put(Arc::clone(&item)).unwrap());
        drop(queue.try_get());
        let mut join = pin!(queue.join());
        let (wakes, waker) = CountingWaker::new();
        assert!(poll_with(join.as_mut(), &waker).is_pending());
        queue.shutdown(Shutdown::Immediate);
        assert_eq!((queue.len(), queue.unfinished(), Arc::strong_count(&item)), (0, 1, 1));
        assert_eq!(wakes.count(), 0, "the one that was got is not done");
        queue.task_done().unwrap();
        assert_eq!(wakes.count(), 1);
        assert!(poll_once(join).is_ready());
        assert!(queue.task_done().is_err());
    }

    #[test]
    fn at_once_releases_who_joins_if_nothing_is_left() {
        let queue = Q::unbounded();
        (0..5).for_each(|i| queue.try_put(i).unwrap());
        let mut join = pin!(queue.join());
        assert!(poll_once(join.as_mut()).is_pending());
        queue.shutdown(Shutdown::Immediate);
        assert!(poll_once(join).is_ready());
    }

    #[test]
    fn at_once_counts_no_more_as_done_than_is_unfinished() {
        let queue = Q::unbounded();
        (0..3).for_each(|i| queue.try_put(i).unwrap());
        queue.task_done().unwrap(); // Before anything was got, as asyncio allows.
        queue.task_done().unwrap();
        queue.shutdown(Shutdown::Immediate);
        assert_eq!(queue.unfinished(), 0);
        assert!(queue.task_done().is_err());
    }

    #[test]
    fn it_may_be_said_again_and_made_harder_but_not_taken_back() {
        let queue = Q::unbounded();
        (0..3).for_each(|i| queue.try_put(i).unwrap());
        queue.shutdown(Shutdown::Drain);
        queue.shutdown(Shutdown::Drain);
        assert_eq!(queue.len(), 3);
        queue.shutdown(Shutdown::Immediate);
        queue.shutdown(Shutdown::Immediate);
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
        queue.shutdown(Shutdown::Drain);
        assert!(queue.is_shutdown());
        assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    }

    // As in asyncio: the slot was for putting, and nothing is put any more.
    #[test]
    fn a_putter_that_was_granted_a_slot_gets_its_item_back() {
        let queue = Q::bounded(1);
        queue.try_put(0).unwrap();
        let mut put = pin!(queue.put(1));
        assert!(poll_once(put.as_mut()).is_pending());
        assert_eq!(queue.try_get(), Ok(0));
        queue.shutdown(Shutdown::Drain);
        assert_eq!(poll_once(put), Poll::Ready(Err(Closed(1))));
        assert_eq!((queue.len(), queue.unfinished(), queue.statistics().reserved), (0, 1, 0));
    }

    // anyio 23: a sender whose item was taken succeeds even if the other side closes at once.
    #[test]
    fn an_item_that_was_handed_over_stays_its_getters() {
        for how in [Shutdown::Drain, Shutdown::Immediate] {
            let queue = Q::unbounded();
            let mut get = pin!(queue.get());
            assert!(poll_once(get.as_mut()).is_pending());
            queue.try_put(1).unwrap();
            queue.shutdown(how);
            assert_eq!(poll_once(get), Poll::Ready(Ok(1)));
            assert_eq!(queue.unfinished(), 1);
        }
    }

    #[test]
    fn what_comes_back_after_a_drain_can_still_be_got() {
        let queue = Q::unbounded();
        let mut get = Box::pin(queue.get());
        assert!(poll_once(get.as_mut()).is_pending());
        queue.try_put(1).unwrap();
        queue.shutdown(Shutdown::Drain);
        assert_eq!(queue.try_get(), Err(TryGetError::Closed));
        drop(get);
        assert_eq!((queue.try_get(), queue.try_get()), (Ok(1), Err(TryGetError::Closed)));
    }

    // Or both go home, and what is left is done by nobody.
    #[test]
    fn what_comes_back_after_a_drain_goes_to_a_getter_that_was_released_and_has_not_looked() {
        let queue = Q::unbounded();
        let mut leaves = Box::pin(queue.get());
        let mut first = pin!(queue.take());
        let mut second = pin!(queue.get());
        assert!(poll_once(leaves.as_mut()).is_pending());
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        queue.try_put(1).unwrap(); // Handed to `leaves` ...
        queue.shutdown(Shutdown::Drain);
        drop(leaves); // ... which never looks.
        let Poll::Ready(Ok(job)) = poll_once(first) else { panic!("there is one") };
        assert_eq!(*job, 1);
        assert!(matches!(poll_once(second), Poll::Ready(Err(Closed(())))));
        drop(job);
        assert!(poll_once(pin!(queue.join())).is_ready());
    }

    #[test]
    fn what_comes_back_after_the_end_is_dropped_and_done() {
        let queue = Q::unbounded();
        let item = Arc::new(());
        let mut get = Box::pin(queue.get());
        assert!(poll_once(get.as_mut()).is_pending());
        queue.try_put(Arc::clone(&item)).unwrap();
        queue.shutdown(Shutdown::Immediate);
        let mut join = pin!(queue.join());
        assert!(poll_once(join.as_mut()).is_pending());
        drop(get);
        assert_eq!((Arc::strong_count(&item), queue.unfinished(), queue.len()), (1, 0, 0));
        assert!(poll_once(join).is_ready());
    }

    // anyio 24 (D7): who is blocked on what is closed is woken, on either side and in `join`.
    #[test]
    fn everybody_gets_to_know_whichever_side_they_wait_on() {
        let queue = Q::bounded(1);
        queue.try_put(0).unwrap();
        let mut first = pin!(queue.put(1));
        assert!(poll_once(first.as_mut()).is_pending());
        let mut second = pin!(queue.put(2));
        assert!(poll_once(second.as_mut()).is_pending());
        assert_eq!(queue.try_get(), Ok(0));
        let mut get = pin!(queue.get()); // It waits for `first` to fill its slot.
        assert!(poll_once(get.as_mut()).is_pending());
        queue.shutdown(Shutdown::Drain);
        assert_eq!(poll_once(get), Poll::Ready(Err(Closed(()))));
        assert_eq!(poll_once(first), Poll::Ready(Err(Closed(1))));
        assert_eq!(poll_once(second), Poll::Ready(Err(Closed(2))));
        assert_eq!((queue.waiters(), queue.statistics().reserved), (0, 0));
    }
}
