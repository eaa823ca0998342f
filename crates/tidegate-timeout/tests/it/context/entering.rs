//! Entering.

use super::*;

#[test]
fn what_does_not_open_is_not_shut() {
    on_both(|| async {
        let log = Log::default();
        let outcome = with(log.door("a").enter(How::Fails), async |_| forever::<()>().await).await;
        assert_eq!(*outcome.unwrap_err().downcast::<Stuck>().unwrap(), Stuck("a"));
        for (how, said) in [(How::Panics, "a broke"), (How::PanicsAtOnce, "enter broke at once")] {
            let panics = with(log.door("a").enter(how), async |_| forever::<()>().await);
            assert_eq!(panic_of(panics).await, said);
        }
        let timed_out = timeout(
            Duration::ZERO,
            with(log.door("a").enter(How::Hangs), async |_| forever::<()>().await),
        );
        assert!(timed_out.await.is_err());
        assert_eq!(log.lines(), ["a opens"; 4]);
    });
}

#[test]
fn a_scope_that_is_cancelled_before_lets_a_context_begin_as_any_other_code() {
    on_both(|| async {
        let log = Log::default();
        struct AtOnce(Log);
        impl AsyncContext for AtOnce {
            type Guard = Log;
            type Error = Stuck;
            async fn enter(self) -> Result<Log, Stuck> {
                Ok(self.0)
            }
            async fn exit(log: Log, why: Exit) -> Result<(), Stuck> {
                log.add(format!("{why:?}"));
                Ok(())
            }
        }
        let cancelled = cancel_scope(async |scope| {
            scope.cancel("enough");
            with(AtOnce(log.clone()), async |log| {
                log.add("up to the first await");
                breathe().await;
                log.add("not here");
                Ok::<_, BoxError>(())
            })
            .await
        });
        assert!(cancelled.await.is_err());
        let reason = CancelReason::from("enough");
        assert_eq!(log.lines(), ["up to the first await".into(), format!("Cancelled({reason:?})")]);
    });
}
