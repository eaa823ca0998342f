//! Contexts inside contexts and scopes.

use super::*;

async fn nest(log: &Log, body: impl AsyncFnOnce() -> Result<(), BoxError>) -> Result<(), BoxError> {
    with(log.door("a"), async |_| {
        with(log.door("b"), async |_| {
            timeout(ms(60_000), with(log.door("c"), async |_| body().await)).await?
        })
        .await
    })
    .await
}

fn exits(log: &Log) -> Vec<String> {
    let lines = log.lines().into_iter().skip_while(|line| line != "c is open").skip(1);
    lines.map(|line| line.split(':').next().unwrap().to_owned()).collect()
}

const INNERMOST_FIRST: [&str; 6] =
    ["c shuts", "c is shut", "b shuts", "b is shut", "a shuts", "a is shut"];

#[test]
fn contexts_are_left_innermost_first() {
    on_both(|| async {
        for how in 0..5 {
            let log = Log::default();
            let work = cancel_scope(async |scope| {
                nest(&log, async || match how {
                    0 => Ok(()),
                    1 => Err("no".into()),
                    2 => panic!("no"),
                    3 => {
                        scope.cancel("enough");
                        forever().await
                    }
                    _ => forever().await,
                })
                .await
            });
            match how {
                0 | 1 => assert_eq!(work.await.unwrap().is_ok(), how == 0),
                2 => assert_eq!(panic_of(work).await, "no"),
                3 => assert!(work.await.is_err()),
                _ => {
                    let mut work = Box::pin(work);
                    poll_fn(|cx| {
                        assert!(work.as_mut().poll(cx).is_pending());
                        if log.has("c is open") { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                    drop(work);
                    until(|| log.has("a is shut")).await;
                }
            }
            assert_eq!(exits(&log), INNERMOST_FIRST, "{how}");
        }
    });
}

#[test]
fn a_context_waits_for_the_shields_inside_it() {
    paused(async {
        let log = Log::default();
        let late = timeout(
            ms(10),
            with(log.door("a"), async |open| {
                shield(async {
                    sleep(ms(100)).await;
                    open.log.add("finished");
                })
                .await;
                forever::<()>().await
            }),
        );
        assert!(late.await.is_err());
        assert_eq!(log.lines()[2..], ["finished", "a shuts: Cancelled(Deadline)", "a is shut"]);
    });
}

#[test]
fn siblings_in_one_scope_are_all_left() {
    on_both(|| async {
        let log = Log::default();
        let cancelled = cancel_scope(async |scope| {
            let wait = async |name| with(log.door(name), async |_| forever::<()>().await).await;
            let cancel = async {
                until(|| ["a", "b"].iter().all(|it| log.has(&format!("{it} is open")))).await;
                scope.cancel("enough");
                forever::<()>().await
            };
            let _ = tokio::join!(wait("a"), wait("b"), cancel);
        });
        assert!(cancelled.await.is_err());
        assert!(log.has("a is shut") && log.has("b is shut"));
    });
}

#[test]
fn a_scope_inside_can_end_without_the_context() {
    paused(async {
        let log = Log::default();
        let outcome = with(log.door("a"), async |_| {
            let hint = move_on_after(ms(10), with(log.door("b"), async |_| forever::<()>().await));
            assert!(hint.await.is_none());
            assert!(log.has("b is shut") && !log.has("a is shut"));
            Ok::<_, BoxError>(5)
        });
        assert_eq!(outcome.await.unwrap(), 5);
    });
}

#[test]
fn the_body_is_in_the_scope_around() {
    paused(async {
        let start = Instant::now();
        let work = timeout(ms(100), async {
            let around = current_scope();
            with(Log::default().door("a"), async |_| {
                assert_eq!(current_scope(), around);
                assert_eq!(Deadline::ambient().remaining(), Some(ms(100)));
                current_scope().unwrap().extend(ms(100));
                sleep(ms(150)).await;
                Ok::<_, BoxError>(5)
            })
            .await
        });
        assert_eq!(work.await.unwrap().unwrap(), 5);
        assert_eq!(start.elapsed(), ms(150));
        let free = with(Log::default().door("a"), async |_| {
            assert!(current_scope().is_none());
            Ok::<_, BoxError>(())
        });
        free.await.unwrap();
    });
}

#[test]
fn an_explicit_cancellation_inside_a_timeout_reaches_the_scope_around_through_a_context() {
    paused(async {
        let log = Log::default();
        let none = move_on_after(ms(1000), async {
            with(log.door("a"), async |_| {
                let work = timeout(ms(500), pending::<()>());
                work.handle().cancel("enough");
                work.await?;
                Ok::<_, BoxError>(())
            })
            .await
        });
        let handle = none.handle();
        assert!(none.await.is_none());
        assert_eq!(handle.reason(), Some(CancelReason::from("enough")));
        assert!(log.has("a is shut"));
    });
}
