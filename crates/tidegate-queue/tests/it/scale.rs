use tidegate_queue::{LifoQueue, PriorityQueue, Queue, Shutdown};
use tidegate_test::{CountingWaker, poll_once, poll_with};

const N: usize = 100_000;

/// Every place from 0 to `N`, in an order that jumps about.
fn scattered() -> impl Iterator<Item = usize> {
    (0..N).map(|i| i * 60_013 % N)
}

each_queue! {
    #[test]
    fn a_hundred_thousand_getters_wait_and_leave_in_any_order() {
        let queue = Q::unbounded();
        let (wakes, waker) = CountingWaker::new();
        let mut line: Vec<_> = (0..N).map(|_| Some(Box::pin(queue.get()))).collect();
        for it in line.iter_mut().flatten() {
            assert!(poll_with(it.as_mut(), &waker).is_pending());
        }
        assert_eq!(queue.waiters(), N);
        // Half of them leave, half of the rest are served, and a third of those never look.
        scattered().take(N / 2).for_each(|i| line[i] = None);
        (0..N / 4).for_each(|i| queue.try_put(i).unwrap());
        assert_eq!((wakes.count(), queue.waiters()), (N / 4, N / 4));
        let (mut got, mut dropped) = (0, 0);
        for (i, place) in line.iter_mut().enumerate() {
            if place.is_some() && i % 3 == 0 {
                *place = None;
                dropped += 1;
            } else if let Some(it) = place {
                if poll_once(it.as_mut()).is_ready() {
                    got += 1;
                    *place = None;
                }
            }
        }
        // What was handed to those who left has gone on; nothing is lost.
        drop(line);
        while queue.try_get().is_ok() {
            got += 1;
        }
        assert_eq!((got, queue.waiters()), (N / 4, 0), "{dropped} were dropped");
    }

    #[test]
    fn a_hundred_thousand_putters_wait_and_leave_in_any_order() {
        let queue = Q::bounded(7);
        (0..7).for_each(|i| queue.try_put(i).unwrap());
        let mut line: Vec<_> = (0..N).map(|i| Some(Box::pin(queue.put(i)))).collect();
        for it in line.iter_mut().flatten() {
            assert!(poll_once(it.as_mut()).is_pending());
        }
        scattered().take(N / 2).for_each(|i| line[i] = None);
        assert_eq!(queue.waiters(), N / 2);
        let mut served = 0;
        for it in line.iter_mut().flatten() {
            queue.try_get().unwrap();
            served += usize::from(poll_once(it.as_mut()).is_ready());
        }
        assert_eq!((served, queue.waiters(), queue.len()), (N / 2, 0, 7));
    }

    #[test]
    fn a_slot_wanders_down_a_line_of_a_hundred_thousand_who_never_look() {
        let queue = Q::bounded(1);
        queue.try_put(0).unwrap();
        let mut line: Vec<_> = (0..N).map(|i| Box::pin(queue.put(i))).collect();
        for it in &mut line {
            assert!(poll_once(it.as_mut()).is_pending());
        }
        queue.try_get().unwrap();
        // Each is granted the slot in its turn, and dropped.
        line.into_iter().for_each(drop);
        assert_eq!((queue.waiters(), queue.statistics().reserved), (0, 0));
        queue.try_put(1).unwrap();
    }

    #[test]
    fn a_hundred_thousand_items_come_back_from_getters_who_never_look() {
        for backwards in [false, true] {
            let queue = Q::bounded(N);
            let mut line: Vec<_> = (0..N).map(|_| Box::pin(queue.get())).collect();
            for it in &mut line {
                assert!(poll_once(it.as_mut()).is_pending());
            }
            (0..N).for_each(|i| queue.try_put(i).unwrap());
            if backwards {
                line.into_iter().rev().for_each(drop);
            } else {
                line.into_iter().for_each(drop);
            }
            let out: Vec<_> = std::iter::from_fn(|| queue.try_get().ok()).collect();
            assert_eq!(out.len(), N);
            assert!(out.is_sorted() || out.is_sorted_by(|one, other| one > other));
        }
    }

    #[test]
    fn a_shutdown_releases_a_hundred_thousand_on_each_side() {
        let queue = Q::<u8>::bounded(1);
        let mut getters: Vec<_> = (0..N).map(|_| Box::pin(queue.get())).collect();
        for it in &mut getters {
            assert!(poll_once(it.as_mut()).is_pending());
        }
        queue.shutdown(Shutdown::Immediate);
        assert!(getters.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
        let queue = Q::bounded(1);
        queue.try_put(0).unwrap();
        let mut putters: Vec<_> = (0..N).map(|i| Box::pin(queue.put(i))).collect();
        for it in &mut putters {
            assert!(poll_once(it.as_mut()).is_pending());
        }
        queue.shutdown(Shutdown::Immediate);
        assert!(putters.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
    }
}

#[test]
fn a_hundred_thousand_items_keep_their_order() {
    let (fifo, lifo, priority) =
        (Queue::unbounded(), LifoQueue::unbounded(), PriorityQueue::unbounded());
    for i in scattered() {
        fifo.try_put(i).unwrap();
        lifo.try_put(i).unwrap();
        priority.try_put(i).unwrap();
    }
    let order: Vec<_> = scattered().collect();
    assert!(order.iter().all(|&i| fifo.try_get() == Ok(i)));
    assert!(order.iter().rev().all(|&i| lifo.try_get() == Ok(i)));
    assert!((0..N).all(|i| priority.try_get() == Ok(i)));
}
