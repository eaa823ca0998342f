use std::pin::pin;

use tidegate_queue::TaskDoneError;
use tidegate_test::{CountingWaker, poll_once, poll_with};

each_queue! {
    // B-Q7: asyncio's LIFO and priority queues forgot to count.
    #[test]
    fn every_put_counts_for_join_however_it_was_done() {
        let queue = Q::bounded(2);
        queue.try_put(1).unwrap();
        assert!(poll_once(pin!(queue.put(2))).is_ready());
        let mut put = pin!(queue.put(3));
        assert!(poll_once(put.as_mut()).is_pending());
        assert_eq!(queue.unfinished(), 2, "what waits to be put is not put");
        queue.try_get().unwrap();
        assert!(poll_once(put).is_ready());
        queue.try_get().unwrap();
        queue.try_get().unwrap();
        let mut get = pin!(queue.get());
        assert!(poll_once(get.as_mut()).is_pending());
        queue.try_put(4).unwrap(); // Past the store, into the getter's hands.
        assert_eq!(queue.unfinished(), 4);
        (0..4).for_each(|_| queue.task_done().unwrap());
        assert_eq!(queue.task_done(), Err(TaskDoneError));
        assert_eq!(queue.unfinished(), 0);
    }

    #[test]
    fn joining_passes_at_once_when_nothing_is_unfinished() {
        let queue = Q::<u32>::unbounded();
        assert!(poll_once(pin!(queue.join())).is_ready());
        assert_eq!(queue.task_done(), Err(TaskDoneError));
    }

    #[test]
    fn the_last_one_releases_all_who_join() {
        let queue = Q::unbounded();
        (0..2).for_each(|i| queue.try_put(i).unwrap());
        let (wakes, waker) = CountingWaker::new();
        let mut line: Vec<_> = (0..70).map(|_| Box::pin(queue.join())).collect();
        for it in &mut line {
            assert!(poll_with(it.as_mut(), &waker).is_pending());
        }
        assert_eq!((queue.waiters(), queue.statistics().joiners), (70, 70));
        queue.task_done().unwrap();
        assert_eq!(wakes.count(), 0);
        queue.task_done().unwrap();
        assert_eq!((wakes.count(), queue.waiters()), (70, 0));
        for it in &mut line {
            assert!(poll_once(it.as_mut()).is_ready());
        }
    }

    // B-Q14: decided as asyncio does it. Who waited when all was done is released, whatever is put after that.
    #[test]
    fn a_put_after_the_last_is_done_does_not_hold_who_was_released() {
        let queue = Q::unbounded();
        queue.try_put(1).unwrap();
        let mut early = pin!(queue.join());
        assert!(poll_once(early.as_mut()).is_pending());
        queue.task_done().unwrap();
        queue.try_put(2).unwrap();
        let mut late = pin!(queue.join());
        assert!(poll_once(late.as_mut()).is_pending(), "who comes now waits for the second");
        assert!(poll_once(early).is_ready());
        queue.task_done().unwrap();
        assert!(poll_once(late).is_ready());
    }

    #[test]
    fn a_job_is_done_when_it_is_dropped_also_by_a_panic() {
        let queue = Q::unbounded();
        (0..3).for_each(|i| queue.try_put(i).unwrap());
        let job = queue.try_take().unwrap();
        assert!(format!("{job:?}").starts_with("Job("));
        assert_eq!(queue.unfinished(), 3);
        drop(job);
        assert_eq!(queue.unfinished(), 2);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _job = queue.try_take().unwrap();
            panic!("the work's own panic");
        }));
        assert!(panic.is_err());
        assert_eq!(queue.unfinished(), 1);
        let mut job = queue.try_take().unwrap();
        *job += 10;
        assert!(job.into_inner() >= 10);
        assert_eq!(queue.unfinished(), 0);
    }

    #[test]
    fn a_job_that_is_one_too_many_keeps_quiet() {
        let queue = Q::unbounded();
        queue.try_put(1).unwrap();
        let job = queue.try_take().unwrap();
        queue.task_done().unwrap();
        drop(job);
        assert_eq!(queue.unfinished(), 0);
    }

    #[test]
    fn waiting_to_join_does_not_keep_items_from_moving() {
        let queue = Q::bounded(1);
        queue.try_put(1).unwrap();
        let mut join = pin!(queue.join());
        assert!(poll_once(join.as_mut()).is_pending());
        for i in 0..10 {
            queue.try_get().unwrap();
            queue.try_put(i).unwrap();
            queue.task_done().unwrap();
            assert!(poll_once(join.as_mut()).is_pending());
        }
        drop(queue.try_take());
        assert!(poll_once(join).is_ready());
    }
}
