//! On the runtimes that people use; the queues themselves know none.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tidegate_queue::Shutdown;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

fn one_thread() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

each_queue! {
    #[test]
    fn workers_get_all_that_producers_put_and_join_knows_when_it_is_done() {
        for runtime in [one_thread(), two_threads()] {
            runtime.block_on(async {
                let queue = Arc::new(Q::bounded(2));
                let workers: Vec<_> = (0..3)
                    .map(|_| {
                        let queue = Arc::clone(&queue);
                        tokio::spawn(async move {
                            let mut sum = 0;
                            while let Ok(job) = queue.take().await {
                                tokio::task::yield_now().await;
                                sum += *job;
                            }
                            sum
                        })
                    })
                    .collect();
                let producers: Vec<_> = (0..3)
                    .map(|_| {
                        let queue = Arc::clone(&queue);
                        tokio::spawn(async move {
                            for i in 1..=500 {
                                queue.put(i).await.unwrap();
                            }
                        })
                    })
                    .collect();
                for it in producers {
                    it.await.unwrap();
                }
                queue.join().await;
                assert_eq!((queue.len(), queue.unfinished()), (0, 0));
                queue.shutdown(Shutdown::Drain);
                let mut sum = 0;
                for it in workers {
                    sum += it.await.unwrap();
                }
                assert_eq!((sum, queue.waiters()), (3 * 125_250, 0));
            });
        }
    }

    // anyio 21: the loser of each round is dropped, perhaps with an item or a slot that it has not looked at.
    #[test]
    fn a_select_loop_that_asks_anew_in_each_round_loses_nothing() {
        for runtime in [one_thread(), two_threads()] {
            runtime.block_on(async {
                let queues = Arc::new([Q::bounded(1), Q::bounded(1)]);
                let producers = [0, 1].map(|side| {
                    let queues = Arc::clone(&queues);
                    tokio::spawn(async move {
                        for i in 1..=500_u64 {
                            queues[side].put(i).await.unwrap();
                        }
                        queues[side].join().await;
                        queues[side].shutdown(Shutdown::Drain);
                    })
                });
                let [left, right] = &*queues;
                let mut sums = [0, 0];
                while !(left.is_shutdown() && right.is_shutdown()) {
                    tokio::select! {
                        Ok(job) = left.take() => sums[0] += *job,
                        Ok(job) = right.take() => sums[1] += *job,
                        else => {}
                    }
                }
                for it in producers {
                    it.await.unwrap();
                }
                assert_eq!(sums, [125_250; 2]);
                assert!(queues.iter().all(|it| it.waiters() == 0 && it.unfinished() == 0));
            });
        }
    }

    #[test]
    fn what_times_out_leaves_the_line_and_neither_puts_nor_gets() {
        paused().block_on(async {
            let second = Duration::from_secs(1);
            let queue = Q::bounded(1);
            assert!(timeout(second, queue.get()).await.is_err());
            assert!(timeout(second, Box::pin(queue.stream()).next()).await.is_err());
            assert_eq!(timeout(second, queue.put(1)).await, Ok(Ok(())));
            assert!(timeout(second, queue.put(2)).await.is_err());
            assert!(timeout(second, queue.join()).await.is_err());
            assert_eq!((queue.waiters(), queue.len(), queue.unfinished()), (0, 1, 1));
            assert_eq!(timeout(second, queue.get()).await, Ok(Ok(1)));
            queue.task_done().unwrap();
            assert!(timeout(second, queue.join()).await.is_ok());
            assert!(!queue.is_full());
        });
    }

    #[test]
    fn tasks_that_are_aborted_in_line_leave_nothing() {
        for runtime in [one_thread(), two_threads()] {
            runtime.block_on(async {
                let queue = Arc::new(Q::bounded(1));
                for round in 0..100 {
                    let getters: Vec<_> =
                        (0..3).map(|_| tokio::spawn(Arc::clone(&queue).get_owned())).collect();
                    let putters: Vec<_> =
                        (0..3).map(|i| tokio::spawn(Arc::clone(&queue).put_owned(i))).collect();
                    if round % 2 == 0 {
                        tokio::task::yield_now().await;
                    }
                    let (mut put, mut got) = (0, 0);
                    for it in putters {
                        it.abort();
                        put += usize::from(it.await.is_ok());
                    }
                    for it in getters {
                        it.abort();
                        got += usize::from(it.await.is_ok());
                    }
                    // A task that got an item and was aborted after it has its item dropped by the runtime.
                    assert!(queue.len() + got <= put);
                    while queue.try_get().is_ok() {}
                    let statistics = queue.statistics();
                    assert_eq!((queue.waiters(), statistics.reserved), (0, 0));
                    assert!(!queue.is_full());
                }
            });
        }
    }
}
