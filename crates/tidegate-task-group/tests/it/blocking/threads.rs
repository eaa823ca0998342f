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
