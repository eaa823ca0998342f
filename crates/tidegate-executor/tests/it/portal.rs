//! A portal: threads and the tasks that they start.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use tidegate_executor::{BlockingFuture, Portal, Ready, WaitError};
use tidegate_test::{block_on, poll_once};
use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{CancelReason, ContextVar, Deadline, cancelled, shield};
use tokio::task::yield_now;

use crate::support::{Census, Elsewhere, Token, current_thread, multi_thread, until};

static USER: ContextVar<&str> = ContextVar::new("user");

/// A portal of each kind; a runtime stays as long as its portal.
fn portals() -> Vec<(Portal, Option<Elsewhere>)> {
    let mut portals = vec![(Portal::start(), None)];
    for runtime in Elsewhere::both() {
        let portal = {
            let _inside = runtime.handle().enter();
            Portal::current()
        };
        portals.push((portal, Some(runtime)));
    }
    portals
}

fn was_shut_down<T>(result: &Result<T, WaitError>) -> bool {
    matches!(result, Err(WaitError::Cancelled(CancelReason::Shutdown)))
}

#[test]
fn a_call_gives_what_the_future_returns_or_how_it_failed() {
    for (portal, _runtime) in portals() {
        assert_eq!(portal.call(async { 5 }), Ok(5));
        let panicked = portal.call(async { panic!("on purpose") });
        assert_eq!(panicked, Err::<(), _>(WaitError::Panicked("on purpose".into())));
        assert_eq!(portal.call(async { "5".parse::<u8>() }), Ok(Ok(5)), "it goes on");
    }
}

#[test]
fn tasks_run_at_the_same_time() {
    for (portal, _runtime) in portals() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let waits = portal.spawn(receiver);
        portal.call(async { sender.send(5).unwrap() }).unwrap();
        assert_eq!(waits.result(), Ok(Ok(5)));
    }
}

#[test]
fn a_portal_may_be_used_by_many_threads() {
    for (portal, _runtime) in portals() {
        let threads: Vec<_> = (0..50)
            .map(|number| {
                let portal = portal.clone();
                std::thread::spawn(move || portal.call(async move { number }))
            })
            .collect();
        for (number, thread) in threads.into_iter().enumerate() {
            assert_eq!(thread.join().unwrap(), Ok(number));
        }
    }
}

#[test]
fn a_call_from_the_inside_is_refused_before_it_starts() {
    for (portal, _runtime) in portals() {
        let (inner, polled) = (portal.clone(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&polled);
        let result = portal.call(async move {
            let task = async move { count.fetch_add(1, Ordering::SeqCst) };
            let called = inner.call(task).unwrap_err();
            let started = inner.start_task(|ready| async move { ready.set(()) }).unwrap_err();
            let shut = inner.shutdown(Duration::MAX).unwrap_err();
            [called, started, shut]
        });
        for error in result.unwrap() {
            assert!(matches!(error, WaitError::WouldDeadlock(_)), "{error}");
        }
        assert_eq!(polled.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn shutting_waits_for_all_that_was_started() {
    for (portal, _runtime) in portals() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let ended = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&ended);
        drop(portal.spawn(async move {
            receiver.await.unwrap_err();
            yield_now().await;
            count.fetch_add(1, Ordering::SeqCst);
        }));
        let other = portal.clone();
        let shuts = std::thread::spawn(move || other.shutdown(Duration::MAX));
        until(|| was_shut_down(&portal.call(async {})));
        assert!(!shuts.is_finished());
        drop(sender);
        assert!(shuts.join().unwrap().unwrap().is_clean());
        assert_eq!(ended.load(Ordering::SeqCst), 1);
        assert!(portal.shutdown(Duration::ZERO).unwrap().is_clean(), "and again");
    }
}

#[test]
fn the_callbacks_have_run_and_the_results_are_there_when_the_portal_is_shut() {
    for _ in 0..50 {
        for (portal, _runtime) in portals() {
            let calls = Arc::new(AtomicUsize::new(0));
            let futures: Vec<_> = (0..3)
                .map(|number| {
                    let count = Arc::clone(&calls);
                    let future = portal.spawn(async move {
                        yield_now().await;
                        number
                    });
                    future.on_done(move |_| {
                        count.fetch_add(1, Ordering::SeqCst);
                    });
                    future
                })
                .collect();
            assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
            assert_eq!(calls.load(Ordering::SeqCst), 3);
            assert!(futures.iter().all(tidegate_executor::BlockingFuture::is_done));
        }
    }
}

#[test]
fn a_task_whose_result_is_there_is_not_stuck() {
    for _ in 0..50 {
        for (portal, _runtime) in portals() {
            assert_eq!(portal.call(async { 5 }), Ok(5));
            assert!(format!("{portal:?}").contains("tasks: 0"));
        }
    }
}

#[test]
fn what_is_stuck_is_named_and_cancelled() {
    for (portal, _runtime) in portals() {
        let place = line!() + 1;
        let stuck = portal.spawn(pending::<()>());
        assert_eq!(portal.call(async { 5 }), Ok(5));
        let report = portal.shutdown(Duration::from_millis(1)).unwrap();
        assert_eq!(report.stuck.len(), 1);
        assert_eq!(
            (report.stuck[0].location.file(), report.stuck[0].location.line()),
            (file!(), place)
        );
        assert!(report.to_string().contains("portal.rs:"), "{report}");
        assert!(was_shut_down(&stuck.result()));
        assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
    }
}

// anyio #1013
#[test]
fn a_task_may_be_cancelled_after_its_portal_was_closed() {
    for (portal, _runtime) in portals() {
        let future = portal.spawn(pending::<()>());
        portal.close();
        assert!(future.cancel());
        assert!(matches!(future.result(), Err(WaitError::Cancelled(_))));
        assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
    }
}

#[test]
fn a_closed_portal_drops_what_it_is_given() {
    for (portal, _runtime) in portals() {
        portal.close();
        let census = Census::default();
        let token = census.token();
        let future = portal.spawn(async move { drop(token) });
        assert_eq!(census.alive(), 0);
        assert!(future.is_done() && !future.cancel());
        assert!(was_shut_down(&future.result()));
        let start: Result<((), _), _> = portal.start_task(|ready| async move { ready.set(()) });
        assert!(was_shut_down(&start));
    }
}

#[test]
fn the_last_clone_closes_and_tasks_go_on() {
    for (portal, _runtime) in portals() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let other = portal.clone();
        let future = portal.spawn(receiver);
        drop(portal);
        assert_eq!(other.call(async { 5 }), Ok(5));
        drop(other);
        sender.send(7).unwrap();
        assert_eq!(future.result(), Ok(Ok(7)));
    }
}

#[test]
fn the_thread_of_a_portal_ends_when_the_last_clone_is_dropped_and_its_tasks_have_ended() {
    let (portal, census) = (Portal::start(), Census::default());
    let token = census.token();
    let lives_as_long_as_the_runtime = async move {
        let _token = token;
        pending::<()>().await;
    };
    portal.call(async { drop(tokio::spawn(lives_as_long_as_the_runtime)) }).unwrap();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let future = portal.spawn(receiver);
    drop(portal);
    sender.send(()).unwrap();
    assert_eq!(future.result(), Ok(Ok(())));
    until(|| census.alive() == 0);
}

#[test]
fn the_last_handle_may_be_dropped_by_a_task_or_a_callback_of_the_portal() {
    for (portal, _runtime) in portals() {
        let (inner, (sender, receiver)) = (portal.clone(), tokio::sync::oneshot::channel::<()>());
        let future = portal.spawn(async move {
            receiver.await.unwrap_err();
            drop(inner);
            5
        });
        drop((portal, sender));
        assert_eq!(future.result(), Ok(5));
    }
    for (portal, _runtime) in portals() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let future = portal.spawn(receiver);
        let (tell, told) = channel();
        future.on_done(move |_| {
            drop(portal);
            tell.send(()).unwrap();
        });
        drop(sender);
        told.recv().unwrap();
        assert!(future.result().unwrap().is_err());
    }
}

#[test]
fn a_portal_through_portals_gives_the_innermost_result() {
    let portals: Vec<_> = portals().into_iter().chain(portals()).collect();
    fn through(mut portals: Vec<Portal>) -> Result<usize, WaitError> {
        let Some(portal) = portals.pop() else { return Ok(0) };
        portal.call(async move { through(portals) }).and_then(|inner| Ok(1 + inner?))
    }
    let handles: Vec<_> = portals.iter().map(|(portal, _)| portal.clone()).collect();
    assert_eq!(through(handles.clone()), Ok(6));
    // Back into one that waits: whichever it is but the first, which has a worker to spare.
    for again in 0..5 {
        let mut handles = handles.clone();
        handles.insert(0, handles[again].clone());
        let refused = through(handles);
        let is_refused = matches!(refused, Err(WaitError::WouldDeadlock(_)));
        let has_a_worker_to_spare = again == 2;
        assert_eq!(is_refused, !has_a_worker_to_spare, "{again}: {refused:?}");
    }
}

#[test]
fn a_task_that_is_dropped_with_its_runtime_may_call_its_portal() {
    struct Calls(Portal, std::sync::mpsc::Sender<Result<u8, WaitError>>);
    impl Drop for Calls {
        fn drop(&mut self) {
            let _ = self.1.send(self.0.call(async { 5 }));
        }
    }
    for make in [current_thread, multi_thread] {
        let runtime = make();
        let portal = {
            let _inside = runtime.enter();
            Portal::current()
        };
        let (sender, receiver) = channel();
        let (calls, (started, has_started)) = (Calls(portal.clone(), sender), channel());
        let future = portal.spawn(async move {
            let _calls = calls;
            started.send(()).unwrap();
            pending::<()>().await;
        });
        runtime.block_on(yield_now());
        has_started.recv().unwrap();
        drop(runtime);
        assert!(was_shut_down(&future.result()));
        assert!(receiver.recv().unwrap().is_err(), "refused or shut down, but told");
    }
}

#[test]
fn cancelling_a_portal_cancels_its_tasks_after_their_clean_up() {
    for (portal, _runtime) in portals() {
        let (started, has_started) = channel();
        let futures: Vec<_> = (0..10)
            .map(|_| {
                let started = started.clone();
                portal.spawn(async move {
                    started.send(()).unwrap();
                    cancelled().await
                })
            })
            .collect();
        (0..10).for_each(|_| has_started.recv().unwrap());
        portal.cancel("enough");
        for future in futures {
            assert_eq!(future.result(), Ok("enough".into()));
        }
        assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
    }
}

#[test]
fn shutting_waits_for_a_task_that_does_not_let_itself_be_cancelled() {
    for (portal, _runtime) in portals() {
        let (started, has_started) = channel();
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let future = portal.spawn(shield(async move {
            started.send(()).unwrap();
            receiver.await
        }));
        has_started.recv().unwrap();
        assert_eq!(portal.shutdown(Duration::ZERO).unwrap().stuck.len(), 1);
        let other = portal.clone();
        let shuts = std::thread::spawn(move || other.shutdown(Duration::MAX));
        drop(sender);
        assert!(future.result().unwrap().is_err());
        assert!(shuts.join().unwrap().unwrap().is_clean());
    }
}

#[test]
fn a_started_task_says_that_it_is_ready_and_goes_on() {
    for (portal, _runtime) in portals() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let serve = |ready: Ready<u16>| async move {
            yield_now().await;
            ready.set(8080);
            receiver.await
        };
        let (port, server) = portal.start_task(serve).unwrap();
        assert!(!server.is_done());
        sender.send("closed").unwrap();
        assert_eq!((port, server.result()), (8080, Ok(Ok("closed"))));
    }
}

#[test]
fn a_task_that_does_not_become_ready_says_why() {
    fn fails<F>(portal: &Portal, task: impl FnOnce(Ready<()>) -> F + Send + 'static) -> WaitError
    where
        F: Future<Output = ()> + Send + 'static,
    {
        portal.start_task(task).unwrap_err()
    }
    for (portal, _runtime) in portals() {
        let panics = |ready: Ready<()>| async {
            let _ready = ready;
            panic!("on purpose")
        };
        assert_eq!(fails(&portal, panics), WaitError::Panicked("on purpose".into()));
        let makes_nothing = |_ready: Ready<()>| -> std::future::Ready<()> { panic!("no future") };
        assert_eq!(fails(&portal, makes_nothing), WaitError::Panicked("no future".into()));
        let returns = |ready: Ready<()>| async { drop(ready) };
        assert_eq!(fails(&portal, returns), WaitError::NotReady);
        let goes_on = |ready: Ready<()>| async {
            drop(ready);
            pending().await
        };
        assert_eq!(fails(&portal, goes_on), WaitError::NotReady);
        let (started, has_started) = channel();
        let other = portal.clone();
        let cancels = std::thread::spawn(move || {
            has_started.recv().unwrap();
            other.cancel("enough");
        });
        let waits = |ready: Ready<()>| async move {
            let _ready = ready;
            started.send(()).unwrap();
            pending().await
        };
        assert_eq!(fails(&portal, waits), WaitError::Cancelled("enough".into()));
        cancels.join().unwrap();
    }
}

#[test]
fn a_task_that_ends_and_leaves_its_ready_with_others_is_not_ready() {
    for (portal, _runtime) in portals() {
        let kept = Arc::new(std::sync::Mutex::new(None));
        let keep = Arc::clone(&kept);
        let leaves = |ready: Ready<Token>| async move { *keep.lock().unwrap() = Some(ready) };
        let started = portal.start_task(leaves).map(drop);
        assert_eq!(started, Err(WaitError::NotReady));
        let census = Census::default();
        kept.lock().unwrap().take().unwrap().set(census.token());
        assert_eq!(census.alive(), 0, "nobody is told any more");
        let keep = Arc::clone(&kept);
        let panics = |ready: Ready<Token>| async move {
            *keep.lock().unwrap() = Some(ready);
            panic!("on purpose")
        };
        let started: Result<(_, BlockingFuture<()>), _> = portal.start_task(panics);
        assert_eq!(started.map(drop), Err(WaitError::Panicked("on purpose".into())));
    }
}

#[test]
fn a_task_may_have_another_say_that_it_is_ready() {
    for (portal, _runtime) in portals() {
        let hands_on = |ready: Ready<u8>| async move {
            let says = tokio::spawn(async move { ready.set(5) });
            says.await.unwrap();
            7
        };
        let (value, future) = portal.start_task(hands_on).unwrap();
        assert_eq!((value, future.result()), (5, Ok(7)));
    }
}

#[test]
fn a_task_has_the_scope_of_the_portal_and_the_variables_of_its_asker() {
    let deadline = Deadline::after(Duration::from_secs(3600));
    let scope = Scope::new().with_deadline(deadline);
    let runtime = Elsewhere::of(current_thread());
    let _inside = runtime.handle().enter();
    for portal in scope.enter(|| [Portal::start(), Portal::current()]) {
        let see = || portal.call(async { (USER.get(), Deadline::ambient()) });
        assert_eq!(USER.sync_scope("ada", see), Ok((Some("ada"), deadline)));
        scope.enter(|| assert_eq!(see(), Ok((None, deadline))));
    }
}

#[test]
fn the_scope_of_a_portal_returns_after_its_tasks_have_ended() {
    for make in [current_thread, multi_thread] {
        let runtime = Elsewhere::of(make());
        for start in [Portal::start as fn() -> _, Portal::current] {
            let _inside = runtime.handle().enter();
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let scope = Scope::new();
            let mut body = pin!(scope.run(async {
                let portal = start();
                drop(portal.spawn(receiver));
                5
            }));
            assert!(poll_once(body.as_mut()).is_pending(), "a value waits, too");
            sender.send(()).unwrap();
            assert!(matches!(block_on(body), Ended::Value(5)));
        }
    }
}

#[test]
fn the_tasks_of_a_portal_are_cancelled_with_its_scope_which_reports_itself() {
    for make in [current_thread, multi_thread] {
        let runtime = Elsewhere::of(make());
        for start in [Portal::start as fn() -> _, Portal::current] {
            let _inside = runtime.handle().enter();
            let scope = Scope::new();
            let mut body = pin!(scope.run(async {
                let portal = start();
                portal.spawn(pending::<()>()).await
            }));
            assert!(poll_once(body.as_mut()).is_pending());
            scope.handle().cancel("enough");
            let ended = block_on(body);
            assert!(
                matches!(&ended, Ended::Cancelled(why) if *why == "enough".into()),
                "{ended:?}"
            );
        }
    }
}

#[test]
fn a_runtime_that_is_dropped_ends_its_portal() {
    for make in [current_thread, multi_thread] {
        let runtime = make();
        let portal = {
            let _inside = runtime.enter();
            Portal::current()
        };
        let future = portal.spawn(pending::<()>());
        drop(runtime);
        assert!(was_shut_down(&future.result()));
        assert!(was_shut_down(&portal.call(async { 5 })));
        assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
    }
}

#[test]
fn a_portal_that_is_shut_while_others_call_runs_a_call_or_refuses_it() {
    for _ in 0..20 {
        for (portal, _runtime) in portals() {
            let ran = Arc::new(AtomicUsize::new(0));
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let (portal, ran) = (portal.clone(), Arc::clone(&ran));
                    std::thread::spawn(move || {
                        let call = || {
                            let ran = Arc::clone(&ran);
                            portal.call(async move { ran.fetch_add(1, Ordering::SeqCst) })
                        };
                        let results: Vec<_> = (0..20).map(|_| call()).collect();
                        assert!(results.iter().all(|it| it.is_ok() || was_shut_down(it)));
                        results.iter().filter(|it| it.is_ok()).count()
                    })
                })
                .collect();
            assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
            let ok: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
            assert_eq!(ran.load(Ordering::SeqCst), ok);
        }
    }
}

#[test]
fn a_thread_that_does_not_come_to_its_end_is_named_too() {
    let (started, has_started) = channel();
    let (sender, receiver) = channel::<()>();
    let place = line!() + 1;
    let portal = Portal::start();
    let blocks = async move {
        tokio::task::spawn_blocking(move || {
            started.send(()).unwrap();
            receiver.recv().unwrap_err();
        });
    };
    portal.call(blocks).unwrap();
    has_started.recv().unwrap();
    let report = portal.shutdown(Duration::from_millis(1)).unwrap();
    assert_eq!(report.stuck.len(), 1);
    assert_eq!(report.stuck[0].location.line(), place);
    drop(sender);
    assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
}

#[test]
fn debug_says_how_a_portal_is() {
    let portal = Portal::start();
    portal.close();
    let text = format!("{portal:?}");
    assert!(text.contains("is_open: false") && text.contains("tasks: 0"), "{text}");
}
