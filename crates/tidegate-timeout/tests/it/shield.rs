//! What must be finished.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::task::Poll;

use tidegate_timeout::{
    CancelReason, Deadline, ScopeExt, cancel_scope, cancelled, checkpoint, current_scope,
    move_on_after, shield, shield_for, timeout,
};
use tokio::time::{Instant, sleep};

use crate::support::{OnDrop, ms, paused};

// trio 27
#[test]
fn a_shield_is_finished_and_then_the_scope_ends() {
    paused(async {
        let start = Instant::now();
        let finished = Cell::new(false);
        let after = Cell::new(false);
        let work = timeout(ms(100), async {
            shield(async {
                sleep(ms(300)).await;
                finished.set(true);
            })
            .await;
            sleep(ms(1)).await;
            after.set(true);
        });
        assert!(work.await.is_err());
        assert!(finished.get() && !after.get());
        assert_eq!(start.elapsed(), ms(300));
    });
}

#[test]
fn a_value_that_is_ready_when_the_shield_ends_is_kept() {
    paused(async {
        let work = timeout(ms(100), async {
            shield(sleep(ms(300))).await;
            5
        });
        assert_eq!(work.await, Ok(5));
    });
}

// B-T2
#[test]
fn inside_a_shield_there_is_no_deadline_but_ones_own() {
    paused(async {
        let start = Instant::now();
        let outcome = timeout(ms(100), async {
            shield(async {
                assert!(current_scope().is_none());
                assert_eq!(Deadline::ambient(), Deadline::NEVER);
                sleep(ms(200)).await;
                assert!(checkpoint().is_ok());
                // Cleaning up with a timeout of its own works, in a scope that is long cancelled.
                let clean_up = timeout(ms(50), pending::<()>()).named("clean-up").await;
                assert_eq!(clean_up.unwrap_err().name(), Some("clean-up"));
                assert_eq!(start.elapsed(), ms(250));
            })
            .await;
            pending::<()>().await;
        });
        assert!(outcome.await.is_err());
        assert_eq!(start.elapsed(), ms(250));
    });
}

#[test]
fn grace_bounds_a_stuck_shield() {
    for grace in [0, 500] {
        paused(async {
            let start = Instant::now();
            let dropped = Cell::new(false);
            let work = timeout(
                ms(50),
                shield(async {
                    let _on_drop = OnDrop(|| dropped.set(true));
                    pending::<()>().await;
                }),
            );
            assert!(work.grace(ms(grace)).await.is_err());
            assert_eq!(start.elapsed(), ms(50 + grace));
            assert!(dropped.get());
        });
    }
}

#[test]
fn grace_counts_from_an_explicit_cancellation_too() {
    paused(async {
        let start = Instant::now();
        let work = move_on_after(ms(1000), shield(pending::<()>())).grace(ms(30));
        let handle = work.handle();
        let (outcome, ()) = tokio::join!(work, async {
            sleep(ms(20)).await;
            handle.cancel("enough");
        });
        assert_eq!(outcome, None);
        assert_eq!(start.elapsed(), ms(50));
    });
}

#[test]
fn the_grace_of_the_outer_scope_ends_a_shield_in_the_inner_one() {
    paused(async {
        let start = Instant::now();
        let inner = timeout(ms(10), shield(pending::<()>()));
        let outer = timeout(ms(50), inner).grace(ms(100));
        let handle = outer.handle();
        assert!(outer.await.unwrap_err().is_from(&handle));
        assert_eq!(start.elapsed(), ms(150));
    });
}

#[test]
fn a_shield_with_a_limit_gives_up() {
    paused(async {
        let start = Instant::now();
        let line = line!() + 1;
        let stuck = shield_for(ms(20), pending::<()>()).await.unwrap_err();
        assert_eq!((stuck.after(), stuck.location().line()), (ms(20), line));
        assert_eq!(stuck.location().file(), file!());
        assert_eq!(shield_for(ms(20), async { 5 }).await, Ok(5));

        let outcome = timeout(ms(100), async {
            let stuck = shield_for(ms(300), pending::<()>()).await;
            assert!(stuck.is_err());
            pending::<()>().await;
        });
        assert!(outcome.await.is_err());
        assert_eq!(start.elapsed(), ms(320));
    });
}

// trio 34
#[test]
fn a_cancelled_scope_that_waits_for_a_shield_is_not_polled_for_nothing() {
    paused(async {
        let polls = Cell::new(0);
        let work = timeout(ms(100), async {
            let counted = poll_fn(|_| {
                polls.set(polls.get() + 1);
                Poll::<()>::Pending
            });
            tokio::join!(counted, shield(sleep(ms(100_000))));
        });
        assert!(work.await.is_err());
        // Twice each at the deadline, of which it learns, and at the end, which may have left something.
        assert!(polls.get() <= 5, "{}", polls.get());
    });
}

#[test]
fn a_shield_reaches_up_through_all_scopes_of_the_task() {
    paused(async {
        let start = Instant::now();
        let finished = Cell::new(false);
        let outcome = cancel_scope(async |scope| {
            let scope = scope.clone();
            let work = timeout(
                ms(500),
                move_on_after(ms(600), async {
                    shield(async {
                        sleep(ms(100)).await;
                        finished.set(true);
                    })
                    .await;
                    pending::<()>().await;
                }),
            );
            tokio::join!(work, async {
                sleep(ms(10)).await;
                scope.cancel("enough");
            })
            .0
        });
        assert_eq!(outcome.await.unwrap_err().reason(), CancelReason::from("enough"));
        assert!(finished.get());
        assert_eq!(start.elapsed(), ms(100));
    });
}

#[test]
fn a_scope_waits_for_a_shield_in_a_task_that_took_it_along() {
    paused(async {
        let start = Instant::now();
        let work = timeout(ms(100), async {
            tokio::spawn(shield(sleep(ms(250))).in_current_scope());
            pending::<()>().await;
        });
        assert!(work.await.is_err());
        assert_eq!(start.elapsed(), ms(250));
    });
}

#[test]
fn a_shield_entered_after_the_cancellation_is_waited_for() {
    paused(async {
        let start = Instant::now();
        let work = timeout(ms(100), async {
            tidegate_timeout::cancelled().await;
            shield(sleep(ms(50))).await;
            "cleaned up"
        });
        assert_eq!(work.await, Ok("cleaned up"));
        assert_eq!(start.elapsed(), ms(150));
    });
}

#[test]
fn deadline_first_lets_shields_finish_and_drops_the_value() {
    paused(async {
        let start = Instant::now();
        let finished = Cell::new(false);
        let work = timeout(ms(100), async {
            shield(sleep(ms(200))).await;
            finished.set(true);
        });
        assert!(work.deadline_first().await.is_err());
        assert_eq!(start.elapsed(), ms(200));
    });
}

// trio 27
#[test]
fn of_shields_in_shields_each_is_finished() {
    paused(async {
        let start = Instant::now();
        let log = RefCell::new(Vec::new());
        let note = |what: &'static str| log.borrow_mut().push((what, start.elapsed()));
        let work = timeout(ms(10), async {
            shield(async {
                shield(async {
                    shield(sleep(ms(100))).await;
                    note("innermost");
                    sleep(ms(100)).await;
                    note("inner");
                })
                .await;
                sleep(ms(100)).await;
                note("outer");
            })
            .await;
            sleep(ms(1)).await;
            note("after");
        });
        assert!(work.await.is_err());
        let seen = [("innermost", ms(100)), ("inner", ms(200)), ("outer", ms(300))];
        assert_eq!(*log.borrow(), seen);
        assert_eq!(start.elapsed(), ms(300));
    });
}

// trio 27: a shield hides what is around it, and nothing else.
#[test]
fn inside_a_shield_scopes_end_as_anywhere() {
    paused(async {
        let start = Instant::now();
        let work = timeout(ms(10), async {
            shield(async {
                assert!(timeout(ms(50), pending::<()>()).await.is_err());
                let own = cancel_scope(async |scope| {
                    sleep(ms(50)).await;
                    scope.cancel("its own");
                    pending::<()>().await;
                });
                assert_eq!(own.await.unwrap_err().reason(), CancelReason::from("its own"));
                assert_eq!(move_on_after(ms(50), cancelled()).await, Some(CancelReason::Deadline));
                // And what is around hides behind it for those further inside, too.
                let inside = timeout(ms(200), async {
                    sleep(ms(50)).await;
                    checkpoint()
                });
                assert_eq!(inside.await, Ok(Ok(())));
            })
            .await;
            checkpoint()
        });
        // The shield is over: what is around shows at once.
        assert_eq!(work.await.unwrap().unwrap_err().reason(), CancelReason::Deadline);
        assert_eq!(start.elapsed(), ms(200));
    });
}

// B-T2
#[test]
fn a_timeout_in_the_clean_up_of_a_cancelled_scope_is_a_timeout() {
    paused(async {
        let outcome = cancel_scope(async |scope| {
            scope.cancel("stop");
            cancelled().await;
            let clean_up = shield(timeout(ms(10), pending::<()>())).await;
            let bounded = shield_for(ms(10), pending::<()>()).await;
            (clean_up.unwrap_err().after(), bounded.unwrap_err().after())
        });
        assert_eq!(outcome.await, Ok((ms(10), ms(10))));
    });
}

// B-W1
#[test]
fn clean_up_has_ended_when_the_timeout_is_seen() {
    paused(async {
        let cleaned = Cell::new(0);
        let clean = |n: u64| {
            let cleaned = &cleaned;
            shield(async move {
                for _ in 0..n {
                    sleep(ms(10)).await;
                    cleaned.set(cleaned.get() + 1);
                }
            })
        };
        // One after the other, and two at the same time.
        let one = timeout(ms(10), async {
            cancelled().await;
            clean(3).await;
            pending::<()>().await;
        });
        assert!(one.await.is_err());
        assert_eq!(cleaned.get(), 3);
        let two =
            move_on_after(ms(10), async { tokio::join!(clean(2), clean(5), pending::<()>()) });
        assert!(two.await.is_none());
        assert_eq!(cleaned.get(), 10);
    });
}

// B-W2
#[test]
fn an_error_of_the_clean_up_comes_out() {
    paused(async {
        let work = timeout(ms(10), async {
            cancelled().await;
            shield(async {
                sleep(ms(10)).await;
                Err::<(), _>("the clean-up failed")
            })
            .await?;
            pending::<Result<(), &str>>().await
        });
        assert_eq!(work.await, Ok(Err("the clean-up failed")));
    });
}

#[test]
fn a_shield_that_is_over_holds_nobody_though_it_is_kept() {
    paused(async {
        let start = Instant::now();
        let work = timeout(ms(10), async {
            let mut kept = std::pin::pin!(shield(sleep(ms(50))));
            kept.as_mut().await;
            pending::<()>().await;
        });
        assert!(timeout(ms(1000), work).await.unwrap().is_err());
        assert_eq!(start.elapsed(), ms(50));
    });
}
