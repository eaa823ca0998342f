//! What must be finished.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::task::Poll;

use tidegate_timeout::{
    CancelReason, Deadline, ScopeExt, cancel_scope, checkpoint, current_scope, move_on_after,
    shield, shield_for, timeout,
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
        assert!(polls.get() <= 4, "to start, at the deadline, at the end: {}", polls.get());
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
