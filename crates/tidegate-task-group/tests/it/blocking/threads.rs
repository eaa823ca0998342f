//! Waiting for a turn and for a thread.

use super::*;

#[test]
fn a_limit_is_kept_before_a_thread_is_taken() {
    on_both(|| async {
        let (running, peak, done) = (Counter::default(), Counter::default(), Counter::default());
        let group = Group::builder().limit(2);
        let (counts, most, all) = (running.clone(), peak.clone(), done.clone());
        let outcome = group.scope(async move |group| {
            for _ in 0..1_000 {
                let (running, peak, done) = (counts.clone(), most.clone(), all.clone());
                drop(group.spawn_blocking(move |_| {
                    peak.max(running.add());
                    thread::yield_now();
                    running.sub();
                    done.add();
                    Ok(())
                }));
            }
            Ok(())
        });
        outcome.await.unwrap();
        assert_eq!(done.get(), 1_000);
        assert!((1..=2).contains(&peak.get()), "{}", peak.get());
    });
}

#[test]
fn a_closure_that_waits_for_its_turn_is_dropped_when_the_group_is_cancelled() {
    on_both(|| async {
        let (gate, closed, has_started) = Gate::new();
        let (alive, ran) = (Alive::default(), Counter::default());
        let outcome = Group::builder().limit(1).scope(async |group| {
            drop(group.spawn_blocking(move |_| {
                closed.wait();
                Ok(())
            }));
            has_started.await?;
            let queued = || {
                let (token, ran) = (alive.clone(), ran.clone());
                group.spawn_blocking(move |_| {
                    drop(token);
                    ran.add();
                    Ok(())
                })
            };
            let (one, two) = (queued(), queued());
            breathe().await;
            one.abort();
            assert!(matches!(one.await, Err(TaskError::Cancelled(_))));
            assert_eq!(alive.count(), 1);
            group.cancel("enough");
            assert!(matches!(two.await, Err(TaskError::Cancelled(_))));
            assert_eq!(alive.count(), 0, "while the first one runs");
            gate.open();
            Ok(())
        });
        outcome.await.unwrap_or_default();
        assert_eq!(ran.get(), 0);
    });
}

/// How many threads `to_thread` has at most. One test at a time may take them all.
static ALL_THREADS: Mutex<()> = Mutex::const_new(());

fn threads() -> usize {
    (4 * thread::available_parallelism().map_or(1, usize::from)).clamp(8, 64)
}

/// Takes all threads, in `group`, until the gates are dropped.
async fn occupy(group: &Group) -> Vec<Gate> {
    let (gates, starts): (Vec<_>, Vec<_>) = (0..threads())
        .map(|_| {
            let (gate, closed, has_started) = Gate::new();
            drop(group.spawn_blocking(move |_| {
                closed.wait();
                Ok(())
            }));
            (gate, has_started)
        })
        .unzip();
    for has_started in starts {
        has_started.await.expect("it starts");
    }
    gates
}

#[test]
fn a_closure_that_waits_for_a_thread_is_dropped_without_a_run() {
    on_both(|| async {
        let _all_threads = ALL_THREADS.lock().await;
        let (alive, ran) = (Alive::default(), Counter::default());
        let outcome = Group::scope(async |group| {
            let gates = occupy(&group).await;
            let queued = |group: &Group| {
                let (token, ran) = (alive.clone(), ran.clone());
                group.spawn_blocking(move |_| {
                    drop(token);
                    ran.add();
                    Ok(())
                })
            };
            let aborted = queued(&group);
            breathe().await;
            aborted.abort();
            assert!(matches!(aborted.await, Err(TaskError::Cancelled(_))));
            assert_eq!(alive.count(), 0);

            // Cancelled, it is gone before `cancel` returns.
            let inner = Group::scope(async |inner| {
                drop(queued(&inner));
                drop(queued(&inner));
                for _ in 0..10 {
                    breathe().await;
                }
                inner.cancel("enough");
                Ok(())
            });
            let _ = inner.await;
            assert_eq!(alive.count(), 0, "the group does not wait for a thread");
            drop(gates);
            Ok(())
        });
        outcome.await.unwrap();
        assert_eq!(ran.get(), 0);
    });
}

#[test]
fn children_that_wait_for_threads_all_get_one() {
    on_both(|| async {
        let _all_threads = ALL_THREADS.lock().await;
        let outcome = Group::scope(async |group| {
            let gates = occupy(&group).await;
            let tasks: Vec<_> = (0..200).map(|n| group.spawn_blocking(move |_| Ok(n))).collect();
            breathe().await;
            drop(gates);
            let mut sum = 0;
            for task in tasks {
                sum += task.await?;
            }
            Ok(sum)
        });
        assert_eq!(outcome.await.unwrap(), 199 * 200 / 2);
    });
}

#[test]
fn a_paused_clock_stands_still_while_a_blocking_child_runs() {
    paused(async {
        let start = Instant::now();
        for _ in 0..20 {
            let group = Group::builder().deadline(Deadline::after(SECOND));
            let outcome = timeout(
                SECOND,
                group.scope(async |group| {
                    let task = group.spawn_blocking(|_| {
                        thread::spawn(|| (0..100).for_each(|_| thread::yield_now()))
                            .join()
                            .unwrap();
                        Ok(7)
                    });
                    Ok(task.await?)
                }),
            );
            assert_eq!(outcome.await.unwrap().unwrap(), 7);
        }
        assert!(start.elapsed().is_zero());
        // And goes on afterwards, and while a closure waits for it.
        let outcome = Group::scope(async |group| {
            drop(group.spawn_blocking(|cx| {
                cx.block_on(sleep(HOUR));
                Ok(())
            }));
            sleep(SECOND).await;
            Ok(())
        });
        outcome.await.unwrap();
        assert_eq!(start.elapsed(), HOUR);
    });
}
