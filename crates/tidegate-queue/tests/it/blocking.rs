use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tidegate_queue::{Closed, Shutdown};
use tidegate_test::poll_once;

each_queue! {
    #[test]
    fn threads_and_tasks_stand_in_one_line() {
        let queue = Arc::new(Q::unbounded());
        let mut task = pin!(queue.get());
        assert!(poll_once(task.as_mut()).is_pending());
        let thread = std::thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.get_blocking()
        });
        while queue.waiters() < 2 {
            std::thread::yield_now();
        }
        queue.put_blocking(1).unwrap();
        assert!(!thread.is_finished());
        assert_eq!(poll_once(task), Poll::Ready(Ok(1)));
        queue.put_blocking(2).unwrap();
        assert_eq!(thread.join().unwrap(), Ok(2));
    }

    #[test]
    fn threads_pass_every_item_through_a_queue_of_one() {
        let queue = Q::bounded(1);
        let total: u64 = std::thread::scope(|threads| {
            let getters = [(); 2].map(|()| {
                threads.spawn(|| {
                    let mut sum = 0;
                    while let Ok(item) = queue.take_blocking() {
                        sum += *item;
                    }
                    sum
                })
            });
            let putters = [(); 2].map(|()| {
                threads.spawn(|| (1..=500).for_each(|i| queue.put_blocking(i).unwrap()))
            });
            putters.into_iter().for_each(|it| it.join().unwrap());
            queue.join_blocking();
            assert_eq!(queue.unfinished(), 0);
            queue.shutdown(Shutdown::Drain);
            getters.map(|it| it.join().unwrap()).into_iter().sum()
        });
        assert_eq!((total, queue.waiters(), queue.len()), (2 * 125_250, 0, 0));
    }

    #[test]
    fn a_thread_gives_up_at_its_deadline_and_leaves_nothing() {
        let queue = Q::bounded(1);
        let soon = || Instant::now() + Duration::from_millis(2);
        assert!(queue.get_blocking_until(soon()).is_none());
        assert!(queue.take_blocking_until(soon()).is_none());
        assert_eq!(queue.put_blocking_until(1, Instant::now()), Some(Ok(())));
        assert!(queue.put_blocking_until(2, soon()).is_none());
        assert!(queue.join_blocking_until(soon()).is_none());
        assert_eq!((queue.waiters(), queue.len(), queue.is_full()), (0, 1, true));
        assert_eq!(queue.get_blocking_until(Instant::now()), Some(Ok(1)));
        queue.task_done().unwrap();
        assert_eq!(queue.join_blocking_until(Instant::now()), Some(()));
        queue.shutdown(Shutdown::Drain);
        assert_eq!(queue.put_blocking_until(3, Instant::now()), Some(Err(Closed(3))));
        assert_eq!(queue.get_blocking_until(Instant::now()), Some(Err(Closed(()))));
    }
}
