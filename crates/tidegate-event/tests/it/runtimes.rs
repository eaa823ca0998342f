//! On the runtimes that people use; the types themselves know none.

use std::sync::Arc;
use std::time::Duration;

use tidegate_event::{AutoResetEvent, Event, Latch};
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

#[test]
fn two_tasks_play_ping_pong() {
    for runtime in [one_thread(), two_threads()] {
        runtime.block_on(async {
            let table = Arc::new((AutoResetEvent::new(), AutoResetEvent::new()));
            let other = tokio::spawn({
                let table = Arc::clone(&table);
                async move {
                    for _ in 0..1_000 {
                        table.0.wait().await;
                        table.1.set();
                    }
                }
            });
            for _ in 0..1_000 {
                table.0.set();
                table.1.wait().await;
            }
            other.await.unwrap();
            assert!(!table.0.is_set() && !table.1.is_set());
        });
    }
}

#[test]
fn a_crowd_starts_together_and_is_waited_for() {
    for runtime in [one_thread(), two_threads()] {
        runtime.block_on(async {
            let (start, done) = (Arc::new(Event::new()), Arc::new(Latch::new(64)));
            let runners: Vec<_> = (0..64)
                .map(|_| {
                    let (start, done) = (Arc::clone(&start).wait_owned(), Arc::clone(&done));
                    tokio::spawn(async move {
                        start.await;
                        done.count_down(1);
                    })
                })
                .collect();
            tokio::task::yield_now().await;
            assert_eq!(done.count(), 64);
            start.set();
            done.wait().await;
            for runner in runners {
                runner.await.unwrap();
            }
        });
    }
}

// The loser of each round is dropped, perhaps with a turn that it has not looked at.
#[test]
fn a_select_loop_that_waits_anew_in_each_round_misses_no_turn() {
    for runtime in [one_thread(), two_threads()] {
        runtime.block_on(async {
            let bells = Arc::new([const { AutoResetEvent::new() }; 3]);
            let ringer = tokio::spawn({
                let bells = Arc::clone(&bells);
                async move {
                    let [front, back, heard] = &*bells;
                    for _ in 0..1_000 {
                        front.set();
                        back.set();
                        heard.wait().await;
                    }
                }
            });
            let [front, back, heard] = &*bells;
            for _ in 0..1_000 {
                let (mut at_front, mut at_back) = (false, false);
                while !(at_front && at_back) {
                    tokio::select! {
                        () = front.wait() => at_front = true,
                        () = back.wait() => at_back = true,
                    }
                }
                heard.set();
            }
            ringer.await.unwrap();
            assert!(bells.iter().all(|it| !it.is_set() && it.waiters() == 0));
        });
    }
}

#[test]
fn a_wait_that_times_out_leaves_the_line_and_takes_no_turn() {
    paused().block_on(async {
        let second = Duration::from_secs(1);
        let (event, turnstile, latch) = (Event::new(), AutoResetEvent::new(), Latch::new(1));
        assert!(timeout(second, event.wait()).await.is_err());
        assert!(timeout(second, turnstile.wait()).await.is_err());
        assert!(timeout(second, latch.wait()).await.is_err());
        assert_eq!((event.waiters(), turnstile.waiters(), latch.waiters()), (0, 0, 0));
        event.set();
        turnstile.set();
        latch.count_down(1);
        assert!(timeout(second, event.wait()).await.is_ok());
        assert!(timeout(second, turnstile.wait()).await.is_ok());
        assert!(timeout(second, latch.wait()).await.is_ok());
        assert!(timeout(second, turnstile.wait()).await.is_err(), "there was one");
    });
}
