//! Panics.

use super::*;

#[test]
fn a_panic_goes_on_in_the_caller_with_what_it_carried() {
    #[derive(Debug, PartialEq)]
    struct Payload(u8);
    on_both(|| async {
        let (gate, closed, has_started) = Gate::new();
        let (sibling_runs, sibling_is_running) = oneshot::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let has_ended = Arc::clone(&ended);
        let work = tokio::spawn(Group::scope(async move |group| {
            drop(group.spawn_blocking::<(), _>(move |_| {
                closed.wait();
                resume_unwind(Box::new(Payload(7)))
            }));
            drop(group.spawn_blocking(move |cx| {
                sibling_runs.send(()).unwrap();
                wait_for_cancellation(cx);
                ended.store(true, Ordering::SeqCst);
                Ok(())
            }));
            forever::<()>().await
        }));
        has_started.await.unwrap();
        // A closure that no thread has begun when the panic comes is dropped instead.
        sibling_is_running.await.unwrap();
        gate.open();
        let panic = work.await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref(), Some(&Payload(7)));
        assert!(has_ended.load(Ordering::SeqCst), "everybody else has ended");
    });
}

#[test]
fn a_captured_panic_has_its_message_and_its_place() {
    on_both(|| async {
        let group = Group::builder().on_panic(OnPanic::Capture).policy(Policy::CollectAll);
        let outcome = group.scope(async |group| {
            let task: Task<()> =
                group.task("baker").spawn_blocking(|_| panic!("out of {}", "flour"));
            assert_eq!(task.await, Err(TaskError::Panicked("out of flour".into())));
            Ok(())
        });
        let errors = outcome.await.unwrap_err();
        assert!(errors.contains::<Panicked>());
        let drawing = format!("{errors:?}");
        assert!(drawing.contains("[baker] panicked: out of flour"), "{drawing}");
        assert!(drawing.contains("blocking/panics.rs:"), "{drawing}");
    });
}

#[test]
fn what_a_closure_took_may_panic_when_it_is_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    on_both(|| async {
        let (gate, closed, has_started) = Gate::new();
        let outcome = Group::builder().limit(1).on_panic(OnPanic::Capture).scope(async |group| {
            drop(group.spawn_blocking(move |_| {
                closed.wait();
                Ok(())
            }));
            has_started.await?;
            let bomb = Bomb;
            let task = group.spawn_blocking(move |_| {
                std::mem::forget(bomb);
                Ok(())
            });
            breathe().await;
            task.abort();
            gate.open();
            assert!(task.await.is_err());
            Ok(())
        });
        let _ = outcome.await;
    });
}
