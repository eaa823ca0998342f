use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use futures_util::StreamExt;
use tidegate_queue::{Closed, Shutdown};
use tidegate_test::{CountingWaker, Explorer, hold, poll_once, poll_with};

/// Gives back what a getter got, so that a check may count what is in the queue.
struct Got<T>(#[allow(dead_code, reason = "held")] T);

each_queue! {
    // B-Q1: a getter waits, two items are put, the getter is cancelled: both are there, in their order.
    #[test]
    fn an_item_moves_on_when_its_getter_is_dropped() {
        let queue = Q::unbounded();
        let mut first = Box::pin(queue.get());
        let mut second = pin!(queue.get());
        let (wakes, waker) = CountingWaker::new();
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_with(second.as_mut(), &waker).is_pending());
        queue.try_put(1).unwrap(); // Handed to `first` ...
        drop(first); // ... which never looks.
        assert_eq!((wakes.count(), queue.len()), (1, 0));
        assert_eq!(poll_once(second), Poll::Ready(Ok(1)));
    }

    #[test]
    fn an_item_goes_back_when_nobody_else_waits() {
        let queue = Q::bounded(1);
        let mut get = Box::pin(queue.get());
        assert!(poll_once(get.as_mut()).is_pending());
        queue.try_put(1).unwrap();
        queue.try_put(2).unwrap();
        drop(get);
        assert_eq!((queue.len(), queue.unfinished()), (2, 2), "more than the capacity");
        let mut out = [queue.try_get().unwrap(), queue.try_get().unwrap()];
        out.sort_unstable();
        assert_eq!(out, [1, 2]);
    }

    // B-Q6, anyio 21: cancelled between being woken and running.
    #[test]
    fn a_slot_moves_on_when_its_putter_is_dropped_and_nothing_was_put() {
        let queue = Q::bounded(1);
        queue.try_put(0).unwrap();
        let mut first = Box::pin(queue.put(1));
        let mut second = pin!(queue.put(2));
        let (wakes, waker) = CountingWaker::new();
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_with(second.as_mut(), &waker).is_pending());
        assert_eq!(queue.try_get(), Ok(0)); // The slot is granted to `first` ...
        drop(first); // ... which never looks.
        assert_eq!((wakes.count(), queue.len()), (1, 0));
        assert_eq!(poll_once(second), Poll::Ready(Ok(())));
        assert_eq!((queue.try_get(), queue.unfinished()), (Ok(2), 2));
        assert!(queue.is_empty() && !queue.is_full());
    }

    #[test]
    fn a_putter_that_leaves_while_another_is_granted_leaves_the_counts_right() {
        let queue = Q::bounded(2);
        queue.try_put(0).unwrap();
        queue.try_put(0).unwrap();
        for who in 0..3 {
            let mut line: Vec<_> = (0..3).map(|i| Some(Box::pin(queue.put(i)))).collect();
            for it in &mut line {
                assert!(poll_once(it.as_mut().unwrap().as_mut()).is_pending());
            }
            queue.try_get().unwrap();
            line[who] = None;
            assert_eq!(queue.waiters(), 1);
            assert_eq!(queue.statistics().reserved, 1);
            drop(line);
            assert_eq!((queue.waiters(), queue.statistics().reserved, queue.len()), (0, 0, 1));
            queue.try_put(0).unwrap();
            assert!(queue.is_full());
        }
    }

    // B-Q3, B-Q4: 1,000 timed-out gets and puts leave nothing behind.
    #[test]
    fn a_thousand_that_gave_up_leave_nothing() {
        let queue = Q::bounded(1);
        for _ in 0..1000 {
            assert!(poll_once(pin!(queue.get())).is_pending());
            assert!(queue.get_blocking_until(Instant::now()).is_none());
        }
        assert_eq!(queue.waiters(), 0);
        queue.try_put(1).unwrap();
        for i in 0..1000 {
            assert!(poll_once(pin!(queue.put(i))).is_pending());
            assert!(queue.put_blocking_until(i, Instant::now()).is_none());
        }
        assert_eq!((queue.waiters(), queue.len(), queue.unfinished()), (0, 1, 1));
    }

    // anyio 22: what is dropped before it is polled has done nothing.
    #[test]
    fn futures_that_are_never_polled_do_nothing() {
        let queue = Q::unbounded();
        queue.try_put(1).unwrap();
        drop(queue.get());
        drop(queue.put(2));
        drop(queue.take());
        drop(queue.join());
        drop(queue.stream());
        assert_eq!((queue.len(), queue.unfinished(), queue.waiters()), (1, 1, 0));
    }

    #[test]
    fn a_get_dropped_anywhere_loses_nothing() {
        let schedules = Explorer::new(|| Q::<u32>::bounded(2))
            .future(|queue| {
                hold(async move {
                    struct Back<'a>(&'a Q<u32>, Option<u32>);
                    impl Drop for Back<'_> {
                        fn drop(&mut self) {
                            // It got it; for the count it goes in again.
                            self.1.take().map(|it| self.0.try_put(it));
                        }
                    }
                    Back(queue, queue.get().await.ok())
                })
            })
            .step(|queue| queue.try_put(1).unwrap())
            .step(|queue| queue.try_put(2).unwrap())
            .check(|queue| {
                assert_eq!((queue.len(), queue.waiters()), (2, 0));
                let mut out = [queue.try_get().unwrap(), queue.try_get().unwrap()];
                out.sort_unstable();
                assert_eq!(out, [1, 2]);
                assert!(!queue.is_full());
            })
            .run();
        assert_eq!(schedules, 8 * 4);
    }

    #[test]
    fn a_get_beside_another_is_dropped_anywhere_and_the_other_is_served() {
        Explorer::new(|| Arc::new(Q::<u32>::bounded(1)))
            .future(|queue| {
                hold(async move { Got(queue.get().await) })
            })
            .step(|queue| queue.try_put(1).unwrap())
            .step(|queue| {
                // Another getter: it is served if the first one did not take the item.
                let _ = poll_once(pin!(Arc::clone(queue).get_owned()));
            })
            .step(|queue| _ = queue.try_put(2))
            .check(|queue| {
                assert_eq!(queue.waiters(), 0);
                while queue.try_get().is_ok() {}
                queue.try_put(7).unwrap();
                assert_eq!(queue.try_get(), Ok(7));
                assert_eq!(queue.statistics().reserved, 0);
            })
            .run();
    }

    #[test]
    fn a_put_dropped_anywhere_has_put_all_or_nothing() {
        Explorer::new(|| {
            let queue = Q::<u32>::bounded(1);
            queue.try_put(0).unwrap();
            queue
        })
        .future(|queue| hold(queue.put(9)))
        .step(|queue| assert_eq!(queue.try_get(), Ok(0)))
        .step(|queue| assert_eq!(queue.unfinished(), 1 + queue.len()))
        .step(|queue| _ = queue.try_put(1))
        .check(|queue| {
            // Whoever came first has the slot; the other has put nothing.
            assert_eq!((queue.waiters(), queue.statistics().reserved), (0, 0));
            assert_eq!(queue.unfinished(), 1 + queue.len());
            assert!(queue.len() <= 1);
            while queue.try_get().is_ok() {}
            queue.try_put(2).unwrap();
            assert!(queue.is_full());
        })
        .run();
    }

    #[test]
    fn a_put_before_another_is_dropped_anywhere_and_the_other_gets_the_slot() {
        // In the world there is a second putter, who comes after the one under test if that was polled at once.
        type Put = std::pin::Pin<Box<tidegate_queue::PutOwnedFut<Q<u32>>>>;
        struct World(Arc<Q<u32>>, std::cell::RefCell<Option<Put>>);
        Explorer::new(|| {
            let queue = Arc::new(Q::bounded(1));
            queue.try_put(0).unwrap();
            World(queue, None.into())
        })
        .future(|world| {
            hold(world.0.put(9))
        })
        .step(|world| {
            let mut put = Box::pin(Arc::clone(&world.0).put_owned(1));
            assert!(poll_once(put.as_mut()).is_pending());
            *world.1.borrow_mut() = Some(put);
        })
        .step(|world| assert_eq!(world.0.try_get(), Ok(0)))
        .step(|world| _ = world.0.try_get())
        .check(|world| {
            while world.0.try_get().is_ok() {}
            let mut put = world.1.borrow_mut().take().unwrap();
            assert_eq!(poll_once(put.as_mut()), Poll::Ready(Ok(())));
            assert_eq!((world.0.try_get(), world.0.waiters()), (Ok(1), 0));
            assert!(!world.0.is_full());
        })
        .run();
    }

    #[test]
    fn a_take_dropped_anywhere_is_done_only_if_it_was_got() {
        Explorer::new(Q::<u32>::unbounded)
            .future(|queue| {
                hold(queue.take())
            })
            .step(|queue| queue.try_put(1).unwrap())
            .check(|queue| {
                assert_eq!(queue.unfinished(), queue.len());
                assert_eq!(queue.waiters(), 0);
            })
            .run();
    }

    #[test]
    fn owned_futures_dropped_anywhere_leave_as_little() {
        Explorer::new(|| Arc::new(Q::<u32>::bounded(1)))
            .future(|queue| {
                hold(async move {
                    let job = Arc::clone(queue).take_owned().await;
                    let put = Arc::clone(queue).put_owned(2).await;
                    Arc::clone(queue).join_owned().await;
                    (job, put)
                })
            })
            .step(|queue| _ = queue.try_put(1))
            .step(|queue| _ = queue.try_take())
            .step(|queue| _ = queue.try_take())
            .check(|queue| {
                assert_eq!((queue.unfinished(), queue.waiters()), (queue.len(), 0));
                assert_eq!(Arc::strong_count(queue), 1);
                assert_eq!(queue.statistics().reserved, 0);
            })
            .run();
    }

    #[test]
    fn a_join_dropped_anywhere_leaves_nothing() {
        Explorer::new(Q::<u32>::unbounded)
            .future(|queue| {
                hold(async move {
                    queue.join().await;
                    assert_eq!(queue.unfinished(), 0);
                })
            })
            .step(|queue| queue.try_put(1).unwrap())
            .step(|queue| drop(queue.try_take()))
            .check(|queue| assert_eq!((queue.waiters(), queue.unfinished()), (0, 0)))
            .run();
    }

    // anyio 25 in small: whoever leaves a stream early takes nothing along.
    #[test]
    fn a_stream_dropped_anywhere_loses_nothing() {
        Explorer::new(Q::<u32>::unbounded)
            .future(|queue| {
                hold(async move {
                    let mut stream = pin!(queue.stream());
                    let mut got = 0;
                    // What it got is told by `task_done`.
                    while stream.next().await.is_some() {
                        got += 1;
                        queue.task_done().unwrap();
                        if got == 2 {
                            break;
                        }
                    }
                })
            })
            .step(|queue| queue.try_put(1).unwrap())
            .step(|queue| queue.try_put(2).unwrap())
            .step(|queue| queue.try_put(3).unwrap())
            .check(|queue| {
                assert_eq!((queue.unfinished(), queue.waiters()), (queue.len(), 0));
            })
            .run();
    }

    #[test]
    fn a_get_across_a_shutdown_is_dropped_anywhere_and_the_counts_hold() {
        for how in [Shutdown::Drain, Shutdown::Immediate] {
            Explorer::new(Q::<u32>::unbounded)
                .future(|queue| {
                    hold(queue.take())
                })
                .step(|queue| queue.try_put(1).unwrap())
                .step(move |queue| queue.shutdown(how))
                .check(move |queue| {
                    assert_eq!((queue.unfinished(), queue.waiters()), (queue.len(), 0));
                    if how == Shutdown::Immediate {
                        assert_eq!(queue.len(), 0, "what came back was dropped");
                    }
                    while queue.try_take().is_ok() {}
                    assert!(poll_once(pin!(queue.join())).is_ready());
                })
                .run();
        }
    }

    #[test]
    fn a_put_across_a_shutdown_is_dropped_anywhere() {
        for how in [Shutdown::Drain, Shutdown::Immediate] {
            Explorer::new(|| {
                let queue = Q::<u32>::bounded(1);
                queue.try_put(0).unwrap();
                queue
            })
            .future(|queue| {
                hold(async move {
                    let put = queue.put(9).await;
                    assert!(matches!(put, Ok(()) | Err(Closed(9))));
                    put
                })
            })
            .step(|queue| drop(queue.try_take()))
            .step(move |queue| queue.shutdown(how))
            .check(|queue| {
                assert_eq!((queue.waiters(), queue.statistics().reserved), (0, 0));
                while queue.try_take().is_ok() {}
                assert_eq!(queue.unfinished(), 0);
            })
            .run();
        }
    }
}
