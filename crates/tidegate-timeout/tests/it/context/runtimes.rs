//! Runtimes that are missing, or are gone.

use super::*;

#[test]
fn without_a_runtime_the_exit_runs_where_it_was_entered_or_not_at_all() {
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let mut work = Box::pin(with(log.door("a"), async |_| forever::<()>().await));
    runtime.block_on(poll_fn(|cx| {
        assert!(work.as_mut().poll(cx).is_pending());
        if log.has("a is open") { Poll::Ready(()) } else { Poll::Pending }
    }));
    // Outside of the runtime.
    drop(work);
    runtime.block_on(until(|| log.has("a is shut")));

    let log = Log::default();
    let mut work = Box::pin(with(log.door("a"), async |_| forever::<()>().await));
    runtime.block_on(poll_fn(|cx| {
        assert!(work.as_mut().poll(cx).is_pending());
        if log.has("a is open") { Poll::Ready(()) } else { Poll::Pending }
    }));
    drop(runtime);
    drop(work);
    assert_eq!(log.lines()[2..], ["a is dropped"]);

    let nowhere = Log::default();
    let mut work = Box::pin(with(nowhere.door("b"), async |_| forever::<()>().await));
    // `yield_now` needs no runtime.
    until_polled(|| {
        assert!(poll_once(work.as_mut()).is_pending());
        nowhere.has("b is open")
    });
    drop(work);
    assert_eq!(nowhere.lines()[2..], ["b is dropped"]);
}

fn until_polled(mut done: impl FnMut() -> bool) {
    while !done() {}
}

#[test]
fn a_runtime_that_is_shut_down_drops_the_guard() {
    let log = Log::default();
    let runtime = crate::support::paused_runtime();
    runtime.block_on(async {
        let inside = log.clone();
        tokio::spawn(async move { with(inside.door("a"), async |_| forever::<()>().await).await });
        until(|| log.has("a is open")).await;
    });
    drop(runtime);
    assert!(log.has("a is dropped") && !log.has("a is shut"));
}

// Its body is gone, and it would be pending for ever.
#[test]
fn a_context_that_a_scope_has_ended_says_so_where_it_is_polled_again() {
    on_both(|| async {
        let log = Log::default();
        let mut work = Box::pin(with(log.door("a"), async |_| forever::<()>().await));
        assert!(timeout(ms(1), &mut work).await.is_err());
        // On real time the millisecond may be over before it is open.
        assert_eq!(log.has("a is shut"), log.has("a is open"));
        let said = panic_of(work).await;
        assert_eq!(said, "a context that a scope has ended is not polled outside of that scope");
    });
    on_both(|| async {
        let mut stack = Box::pin(exit_stack(async |_| forever::<()>().await));
        assert!(timeout(ms(1), &mut stack).await.is_err());
        assert!(panic_of(stack).await.starts_with("a context that a scope has ended"));
    });
    paused(async {
        let log = Log::default();
        let mut slow =
            Box::pin(with(log.door("b").enter(How::Hangs), async |_| Ok::<_, BoxError>(())));
        assert!(timeout(ms(1), &mut slow).await.is_err());
        assert!(panic_of(slow).await.starts_with("a context that a scope has ended"));
    });
}
