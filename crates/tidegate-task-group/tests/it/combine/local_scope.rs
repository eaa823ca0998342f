//! `local_scope`.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use tidegate_task_group::{LocalScope, local_scope};
use tidegate_test::{CountingWaker, cut_everywhere, poll_with};
use tokio::sync::oneshot;

use super::support::*;
use crate::support::{Alive, on_two_workers, paused};

#[test]
fn children_read_and_write_what_is_around_the_scope() {
    let words = vec![String::from("tide"), String::from("gate")];
    let (mut total, count) = (0, AtomicUsize::new(0));
    let total_mut = &mut total;
    let letters = at_once_or_again(local_scope(async |scope| {
        for word in &words {
            let count = &count;
            scope.spawn(async move { count.fetch_add(word.len(), Ordering::Relaxed) });
        }
        scope.spawn(async { *total_mut += words.len() }).await;
        words.len()
    }));
    assert_eq!((letters, total, count.into_inner()), (2, 2, 8));
    drop(words);
}

/// What the future gives, polled for as long as it wakes its task.
fn at_once_or_again<F: Future>(future: F) -> F::Output {
    let mut future = drive(future);
    loop {
        let before = future.wakes();
        if let Poll::Ready(output) = future.poll() {
            return output;
        }
        assert!(future.wakes() > before, "nobody would poll it again");
    }
}

#[test]
fn it_returns_when_the_last_child_has_ended() {
    let (send, receive) = oneshot::channel::<()>();
    let alive = Alive::default();
    let child = alive.clone();
    let mut scope = drive(local_scope(async |scope| {
        let _child = scope.spawn(async move {
            let _child = child;
            let _ = receive.await;
        });
        5
    }));
    scope.waits();
    assert_eq!(alive.count(), 1);
    send.send(()).unwrap();
    assert_eq!(scope.ready(), 5);
    assert_eq!(alive.count(), 0);
    assert_eq!(panic_of(|| scope.poll().is_ready()), "polled again after it was ready");
}

#[test]
fn children_spawn_children_also_after_the_body_has_ended() {
    fn spawn_down<'env>(scope: &LocalScope<'env>, depth: usize, count: &'env AtomicUsize) {
        let inner = scope.clone();
        scope.spawn(async move {
            tokio::task::yield_now().await;
            count.fetch_add(1, Ordering::Relaxed);
            if depth > 0 {
                spawn_down(&inner, depth - 1, count);
                spawn_down(&inner, depth - 1, count);
            }
        });
    }
    let count = AtomicUsize::new(0);
    paused(local_scope(async |scope| spawn_down(&scope, 9, &count)));
    assert_eq!(count.into_inner(), 1023);
}

#[test]
fn nothing_runs_before_the_first_poll() {
    let runs = Cell::new(0);
    drop(local_scope(|_| {
        runs.set(1);
        async {}
    }));
    assert_eq!(runs.get(), 0);
}

#[test]
fn a_dropped_scope_drops_its_children_and_takes_no_more() {
    let alive = Alive::default();
    let kept = Mutex::new(None);
    let mut scope = drive(local_scope(async |scope| {
        for _ in 0..3 {
            let child = alive.clone();
            scope.spawn(async move {
                let _child = child;
                std::future::pending::<()>().await;
            });
        }
        *kept.lock().unwrap() = Some(scope.clone());
        std::future::pending::<()>().await;
    }));
    scope.waits();
    assert_eq!(alive.count(), 3);
    drop(scope);
    assert_eq!(alive.count(), 0);

    let late = kept.into_inner().unwrap().unwrap();
    let child = alive.clone();
    let task = late.spawn(async move { drop(child) });
    assert_eq!(alive.count(), 0);
    assert!(panic_of(|| at_once(task)).contains("dropped together with its scope"));
}

#[test]
fn children_that_were_not_taken_in_go_with_the_scope() {
    let alive = Alive::default();
    let (child, body) = (alive.clone(), alive.clone());
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        at_once(local_scope(async |scope| {
            let _body = body;
            drop(scope.spawn(async move { drop(child) }));
            panic!("boom");
        }))
    }));
    assert!(result.is_err());
    assert_eq!(alive.count(), 0);
}

#[test]
fn a_panic_in_a_child_drops_the_rest_and_goes_on() {
    let alive = Alive::default();
    let (send, receive) = oneshot::channel::<()>();
    let (child, body) = (alive.clone(), alive.clone());
    let mut scope = drive(local_scope(async |scope| {
        let _body = body;
        scope.spawn(async move {
            let _child = child;
            std::future::pending::<()>().await;
        });
        let panics = scope.spawn(async move {
            let _ = receive.await;
            panic!("boom")
        });
        panics.await
    }));
    scope.waits();
    assert_eq!(alive.count(), 2);
    send.send(()).unwrap();
    assert_eq!(
        panic_of(|| {
            let _: Poll<()> = scope.poll();
        }),
        "boom"
    );
    assert_eq!(alive.count(), 0);
}

#[test]
fn a_child_that_is_spawned_from_outside_wakes_the_scope() {
    let kept = Mutex::new(None);
    let (send, receive) = oneshot::channel::<()>();
    let mut scope = drive(local_scope(async |scope| {
        *kept.lock().unwrap() = Some(scope);
        receive.await.unwrap();
    }));
    scope.waits();
    let before = scope.wakes();
    let outside = kept.lock().unwrap().take().unwrap();
    drop(outside.spawn(async move { send.send(()).unwrap() }));
    assert_eq!(scope.wakes(), before + 1);
    while scope.poll().is_pending() {}
}

#[test]
fn whoever_spawns_from_another_thread_wakes_the_scope() {
    for _ in 0..100 {
        let count = AtomicUsize::new(0);
        let (count, hand) = (&count, &Mutex::new(None));
        std::thread::scope(|threads| {
            let (send, receive) = std::sync::mpsc::channel::<LocalScope<'_>>();
            threads.spawn(move || {
                let scope = receive.recv().unwrap();
                scope.spawn(async move {
                    count.fetch_add(1, Ordering::Relaxed);
                    let done: oneshot::Sender<()> = hand.lock().unwrap().take().unwrap();
                    let _ = done.send(());
                });
            });
            tidegate_test::block_on(local_scope(async |scope| {
                let (done, wait) = oneshot::channel();
                *hand.lock().unwrap() = Some(done);
                send.send(scope).unwrap();
                wait.await.unwrap();
            }));
        });
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn it_runs_in_a_spawned_task_and_in_another_scope() {
    on_two_workers(async {
        let words = [String::from("tide"), String::from("gate")];
        let total = local_scope(async |outer| {
            let lengths = words.iter().map(|it| {
                outer.spawn(local_scope(async move |inner| {
                    inner.spawn(tokio::task::yield_now()).await;
                    inner.spawn(async move { it.len() }).await
                }))
            });
            let mut total = 0;
            for length in lengths.collect::<Vec<_>>() {
                total += length.await;
            }
            total
        });
        assert_eq!(total.await, 8);
    });
}

#[test]
fn a_scope_that_is_dropped_anywhere_leaves_nothing_behind() {
    let runs = cut_everywhere(|cut| {
        paused(async {
            let (alive, total) = (Alive::default(), AtomicUsize::new(0));
            let scope = local_scope(async |scope| {
                let _body = alive.clone();
                for turns in 0..4 {
                    let (inner, child, total) = (scope.clone(), alive.clone(), &total);
                    scope.spawn(async move {
                        for _ in 0..turns {
                            tokio::task::yield_now().await;
                        }
                        let grandchild = child.clone();
                        inner
                            .spawn(async move {
                                tokio::task::yield_now().await;
                                drop(grandchild);
                                total.fetch_add(1, Ordering::Relaxed);
                            })
                            .await;
                        drop(child);
                    });
                }
                tokio::task::yield_now().await;
                7
            });
            if let Some(output) = cut.short(scope).await {
                assert_eq!((output, total.into_inner()), (7, 4));
            }
            assert_eq!(alive.count(), 0);
        });
    });
    assert!(runs > 4, "{runs}");
}

#[test]
fn a_thousand_children_are_polled_when_they_are_woken() {
    let polls = AtomicUsize::new(0);
    let wakers: Mutex<Vec<Option<Waker>>> = Mutex::new(vec![None; 1000]);
    let (count, waker) = CountingWaker::new();
    let mut scope = Box::pin(local_scope(async |scope| {
        for at in 0..1000 {
            let (polls, wakers) = (&polls, &wakers);
            let mut woken = false;
            scope.spawn(std::future::poll_fn(move |cx| {
                polls.fetch_add(1, Ordering::Relaxed);
                if std::mem::replace(&mut woken, true) {
                    return Poll::Ready(());
                }
                wakers.lock().unwrap()[at] = Some(cx.waker().clone());
                Poll::Pending
            }));
        }
    }));
    assert!(poll_with(scope.as_mut(), &waker).is_pending());
    for step in 1..=1000 {
        let child = wakers.lock().unwrap()[step * 7 % 1000].take().unwrap();
        child.wake();
        assert_eq!(count.count(), step);
        assert_eq!(poll_with(scope.as_mut(), &waker).is_ready(), step == 1000);
    }
    drop(scope);
    assert_eq!(polls.into_inner(), 2000);
}
