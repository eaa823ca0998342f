//! Leaving.

use super::*;

#[test]
fn an_exit_that_fails_is_an_error() {
    on_both(|| async {
        let log = Log::default();
        let failed = with(log.door("a").exit(How::Fails), async |_| Ok::<_, BoxError>(5)).await;
        assert_eq!(*failed.unwrap_err().downcast::<Stuck>().unwrap(), Stuck("a"));
    });
}

#[test]
fn an_exit_that_panics_panics() {
    on_both(|| async {
        let log = Log::default();
        for (how, said) in [
            (How::Panics, "a broke"),
            (How::PanicsAtOnce, "exit broke at once"),
            (How::DropPanics, "the drop broke"),
        ] {
            let panics = with(log.door("a").exit(how), async |_| Ok::<_, BoxError>(5));
            assert_eq!(panic_of(panics).await, said);
            let panics = with(log.door("a").exit(how), async |_| {
                out_of_cheese();
                forever::<()>().await
            });
            assert_eq!(panic_of(panics).await, "out of cheese");
        }
    });
}

#[test]
fn a_body_whose_drop_panics_is_left_as_after_a_panic() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    on_both(|| async {
        let log = Log::default();
        let work = cancel_scope(async |scope| {
            with(log.door("a"), async |_| {
                let _bomb = Bomb;
                scope.cancel("enough");
                forever::<()>().await
            })
            .await
        });
        assert_eq!(panic_of(work).await, "bomb");
        assert_eq!(log.lines()[2..], ["a shuts: Panic(\"bomb\")", "a is shut"]);
    });
}

#[test]
fn an_exit_sees_no_cancellation_and_no_deadline() {
    struct Asks;
    impl AsyncContext for Asks {
        type Guard = ();
        type Error = Stuck;
        async fn enter(self) -> Result<(), Stuck> {
            assert_ne!(Deadline::ambient(), Deadline::NEVER);
            Ok(())
        }
        async fn exit(_: (), why: Exit) -> Result<(), Stuck> {
            assert_eq!(why, Exit::Cancelled(CancelReason::Deadline));
            assert_eq!(Deadline::ambient(), Deadline::NEVER);
            assert!(tidegate_timeout::checkpoint().is_ok() && current_scope().is_none());
            sleep(ms(100)).await;
            assert!(timeout(ms(10), pending::<()>()).await.is_err(), "its own is another matter");
            Ok(())
        }
    }
    paused(async {
        let start = Instant::now();
        let late = timeout(ms(10), with(Asks, async |_| forever::<()>().await));
        assert!(late.await.is_err());
        assert_eq!(start.elapsed(), ms(120));
    });
}

#[test]
fn the_grace_of_a_scope_bounds_the_exit() {
    paused(async {
        let (start, log) = (Instant::now(), Log::default());
        let stuck = with(log.door("a").exit(How::Hangs), async |_| forever::<()>().await);
        assert!(timeout(ms(10), stuck).grace(ms(20)).await.is_err());
        assert_eq!(start.elapsed(), ms(30));
        assert!(!log.has("a is shut"));
    });
}
