use tidegate_queue::{
    Closed, LifoQueue, PriorityQueue, Queue, Shutdown, TaskDoneError, TryGetError, TryPutError,
};

use crate::support::Ranked;

#[test]
fn a_queue_gives_the_oldest_first() {
    let queue = Queue::unbounded();
    (0..100).for_each(|i| queue.try_put(i).unwrap());
    assert!((0..100).all(|i| queue.try_get() == Ok(i)));
}

#[test]
fn a_lifo_queue_gives_the_youngest_first() {
    let queue = LifoQueue::unbounded();
    (0..100).for_each(|i| queue.try_put(i).unwrap());
    assert!((0..100).rev().all(|i| queue.try_get() == Ok(i)));
}

#[test]
fn a_priority_queue_gives_the_smallest_first() {
    let queue = PriorityQueue::unbounded();
    [5, 3, 9, 1, 7, 3, 8].into_iter().for_each(|i| queue.try_put(i).unwrap());
    let out: Vec<_> = std::iter::from_fn(|| queue.try_get().ok()).collect();
    assert_eq!(out, [1, 3, 3, 5, 7, 8, 9]);
}

// B-Q10: eight equal items came out of asyncio as 0, 2, 6, 5, 7, 4, 1, 3.
#[test]
fn equal_priorities_come_out_in_order_of_arrival() {
    let queue = PriorityQueue::unbounded();
    for id in 0..500 {
        queue.try_put(Ranked { rank: (id % 3) as u8, id }).unwrap();
    }
    let out: Vec<_> = std::iter::from_fn(|| queue.try_get().ok()).collect();
    assert!(out.is_sorted_by_key(|it| (it.rank, it.id)));
    assert_eq!(out.len(), 500);
}

#[test]
fn peeking_takes_nothing() {
    let queue = PriorityQueue::unbounded();
    assert_eq!(queue.peek(), None::<u8>);
    [3, 1, 2].into_iter().for_each(|i| queue.try_put(i).unwrap());
    assert_eq!((queue.peek(), queue.peek_with(|it| *it + 10)), (Some(1), Some(11)));
    assert_eq!((queue.len(), queue.try_get(), queue.peek()), (3, Ok(1), Some(2)));
}

each_queue! {
    #[test]
    fn the_counts_are_what_they_say() {
        let queue = Q::bounded(2);
        assert_eq!((queue.len(), queue.is_empty(), queue.is_full()), (0, true, false));
        queue.try_put(1).unwrap();
        assert_eq!((queue.len(), queue.is_empty(), queue.is_full()), (1, false, false));
        queue.try_put(2).unwrap();
        assert_eq!((queue.len(), queue.is_empty(), queue.is_full()), (2, false, true));
        assert_eq!(queue.try_put(3), Err(TryPutError::Full(3)));
        assert_eq!((queue.capacity(), queue.unfinished()), (Some(2), 2));
        queue.try_get().unwrap();
        assert!(!queue.is_full());
        let statistics = queue.statistics();
        assert_eq!((statistics.len, statistics.unfinished, statistics.shut_down), (1, 2, false));
        assert_eq!((statistics.getters, statistics.putters, statistics.joiners), (0, 0, 0));
    }

    #[test]
    fn one_without_a_limit_is_never_full() {
        let queue = Q::default();
        (0..10_000).for_each(|i| queue.try_put(i).unwrap());
        assert_eq!((queue.is_full(), queue.capacity(), queue.len()), (false, None, 10_000));
    }

    #[test]
    fn items_without_a_size_are_counted_too() {
        let queue = Q::bounded(3);
        (0..3).for_each(|_| queue.try_put(()).unwrap());
        assert_eq!(queue.try_put(()), Err(TryPutError::Full(())));
        assert_eq!(std::iter::from_fn(|| queue.try_get().ok()).count(), 3);
    }

    #[test]
    fn what_is_left_in_it_is_dropped_with_it() {
        let item = std::sync::Arc::new(7);
        let queue = Q::unbounded();
        (0..5).for_each(|_| queue.try_put(std::sync::Arc::clone(&item)).unwrap());
        drop(queue);
        assert_eq!(std::sync::Arc::strong_count(&item), 1);
    }

    #[test]
    fn the_errors_say_what_is_so() {
        let queue = Q::bounded(1);
        queue.try_put(1).unwrap();
        assert_eq!(queue.try_put(2).unwrap_err().to_string(), "the queue is full");
        assert_eq!(queue.try_put(2).unwrap_err().into_inner(), 2);
        queue.shutdown(Shutdown::Immediate);
        assert_eq!(queue.try_put(2).unwrap_err().to_string(), "the queue is shut down");
        assert_eq!(queue.put_blocking(3).unwrap_err().to_string(), "the queue is shut down");
        assert_eq!(queue.put_blocking(3).unwrap_err().into_inner(), 3);
        assert_eq!(queue.try_get().unwrap_err().to_string(), "the queue is shut down");
        assert_eq!(TryGetError::Empty.to_string(), "the queue is empty");
        assert_eq!(TryPutError::from(Closed(1)), TryPutError::Closed(1));
        assert_eq!(TryGetError::from(Closed(())), TryGetError::Closed);
        assert!(TaskDoneError.to_string().starts_with("task_done was called more often"));
        assert_eq!(format!("{:?} {:?}", Closed(1), TryPutError::Full(1)), "Closed(..) Full(..)");
    }
}
