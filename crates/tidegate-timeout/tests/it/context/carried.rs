//! Tasks that took their scope along.

use super::*;

#[test]
fn in_a_task_that_took_its_scope_along_the_body_goes_on() {
    on_both(|| async {
        let log = Log::default();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let (task, cancelled) = {
            let log = log.clone();
            let mut task = None;
            let cancelled = cancel_scope(async |scope| {
                let body = async move {
                    with(log.door("a"), async |open| {
                        let _ = gone.await;
                        open.log.add("went on");
                        Ok::<_, BoxError>(5)
                    })
                    .await
                };
                task = Some(tokio::spawn(body.in_current_scope()));
                scope.cancel("enough");
                forever::<()>().await
            })
            .await;
            (task, cancelled)
        };
        // The scope did not wait, and the body goes on.
        assert!(cancelled.is_err());
        until(|| log.has("a is open")).await;
        go.send(()).unwrap();
        assert_eq!(task.unwrap().await.unwrap().unwrap(), 5);
        assert_eq!(log.lines()[2..], ["went on", "a shuts: Ok", "a is shut"]);
    });
}

#[test]
fn a_timeout_of_such_a_task_ends_a_context_although_the_scope_was_cancelled_before() {
    paused(async {
        let (start, log) = (Instant::now(), Log::default());
        let task = {
            let log = log.clone();
            let mut task = None;
            let _ = cancel_scope(async |scope| {
                let body = async move {
                    timeout(ms(100), with(log.door("a"), async |_| forever::<()>().await)).await
                };
                task = Some(tokio::spawn(body.in_current_scope()));
                breathe().await;
                scope.cancel("enough");
                forever::<()>().await
            })
            .await;
            task.unwrap()
        };
        assert_eq!(start.elapsed(), ms(0), "nobody waited for it");
        assert!(task.await.unwrap().is_err());
        assert_eq!(start.elapsed(), ms(100));
        assert!(log.has("a is shut"));
    });
}
