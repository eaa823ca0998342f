//! Deadlines of the group and of those around it.

use super::*;

#[test]
fn a_deadline_cancels_the_group_and_is_reported() {
    paused(async {
        let start = Instant::now();
        for body_waits in [false, true] {
            let result = Group::builder().deadline(Deadline::after(SECOND)).scope(async |group| {
                drop(group.spawn(forever::<()>()));
                if body_waits { forever().await } else { Ok(()) }
            });
            let errors = result.await.unwrap_err();
            assert_eq!(messages(&errors), ["cancelled: the deadline passed"]);
        }
        assert_eq!(start.elapsed(), 2 * SECOND);
    });
}

#[test]
fn a_deadline_in_the_past_lets_what_is_ready_pass() {
    paused(async {
        let past = Deadline::after(Duration::ZERO);
        let ready = Group::builder().deadline(past).scope(async |_| Ok(5));
        assert_eq!(ready.await.unwrap(), 5);
        let waits = Group::builder().deadline(past).scope(async |_| forever::<()>().await);
        assert!(waits.await.unwrap_err().contains::<Cancelled>());
    });
}

#[test]
fn of_two_equal_deadlines_the_outer_reports() {
    paused(async {
        for children in [0, 1] {
            let at = Instant::now() + SECOND;
            let result = tidegate_timeout::timeout_at(at, async {
                let _ = Group::builder()
                    .deadline(at.into())
                    .scope(async |group| {
                        (0..children).for_each(|_| drop(group.spawn(forever::<()>())));
                        forever::<()>().await
                    })
                    .await;
                unreachable!("the scope around takes over");
            });
            assert!(result.await.is_err());
        }
    });
}

// In a task that took its scope along, nobody minds the deadline around once the scope has ended.
#[test]
fn a_group_ends_at_its_deadline_although_an_earlier_one_around_has_passed_unnoticed() {
    paused(async {
        let start = Instant::now();
        let carried = timeout(SECOND, async {
            let builder = Group::builder().deadline(Deadline::after(2 * SECOND));
            let group = builder.scope(async |_| forever::<()>().await).in_current_scope();
            Some(tokio::spawn(group))
        });
        let group = carried.await.unwrap().unwrap();
        let errors = tokio::time::timeout(HOUR, group).await.expect("within the hour");
        assert_eq!(messages(&errors.unwrap().unwrap_err()), ["cancelled: the deadline passed"]);
        assert_eq!(start.elapsed(), 2 * SECOND);
    });
}

#[test]
fn a_deadline_around_that_is_moved_when_it_has_passed_does_not_keep_the_group() {
    paused(async {
        let start = Instant::now();
        let around = timeout(SECOND, async {
            let scope = current_scope().unwrap();
            let builder = Group::builder().deadline(Deadline::after(SECOND));
            let group = builder.scope(async |_| forever::<()>().await);
            // The group sees first that both have passed.
            tokio::join!(biased; group, async {
                sleep(SECOND).await;
                scope.extend(HOUR);
            })
        });
        assert!(around.await.is_err());
        assert_eq!(start.elapsed(), SECOND);
    });
}

#[test]
fn children_see_the_deadline_around_them() {
    on_both(|| async {
        let deadline = Deadline::after(HOUR);
        let seen = Group::builder().deadline(deadline).scope(async |group| {
            let now = group.spawn(async { Ok(Deadline::ambient()) });
            let later = group.spawn(async {
                breathe().await;
                Ok(Deadline::ambient())
            });
            Ok([now.await?, later.await?, Deadline::ambient()])
        });
        assert_eq!(seen.await.unwrap(), [deadline; 3]);
    });
    paused(async {
        let seen = timeout(SECOND, async {
            Group::scope(async |group| {
                let child = group.spawn(async {
                    breathe().await;
                    Ok(Deadline::ambient().remaining())
                });
                Ok(child.await?)
            })
            .await
        });
        assert_eq!(seen.await.unwrap().unwrap(), Some(SECOND));
    });
}

/// How long a group lasts whose deadline somebody moves after a second.
fn lasts(policy: Policy, first: Option<u32>, to: fn() -> Deadline, mover: Mover) -> Duration {
    paused(async {
        let start = Instant::now();
        let first = first.map_or(Deadline::NEVER, |first| Deadline::after(first * SECOND));
        let group = Group::builder().policy(policy).deadline(first).scope(async |group| {
            let here = group.clone();
            let moves = async move {
                sleep(SECOND).await;
                here.reschedule(to());
                assert_eq!(here.deadline(), to());
                forever::<()>().await
            };
            match mover {
                Mover::Body => return moves.await,
                Mover::Child => drop(group.spawn(moves)),
                Mover::Stranger => drop(tokio::spawn(moves)),
            }
            drop(group.spawn(forever::<()>()));
            Ok(())
        });
        let errors = tokio::time::timeout(HOUR, group).await.map(Result::unwrap_err);
        if let Ok(errors) = errors {
            assert_eq!(messages(&errors), ["cancelled: the deadline passed"]);
        }
        start.elapsed()
    })
}

#[derive(Clone, Copy, Debug)]
enum Mover {
    Body,
    Child,
    Stranger,
}

#[test]
fn a_deadline_that_is_moved_ends_the_group_then_and_not_before() {
    for policy in [Policy::FailFast, Policy::CollectAll, Policy::Supervise, Policy::FirstSuccess] {
        for mover in [Mover::Body, Mover::Child, Mover::Stranger] {
            let case = format!("{policy:?}, {mover:?}");
            let lasts = |first, to| lasts(policy, first, to, mover);
            assert_eq!(lasts(None, || Deadline::after(SECOND)), 2 * SECOND, "{case}: set");
            assert_eq!(lasts(Some(9), || Deadline::after(SECOND)), 2 * SECOND, "{case}: earlier");
            assert_eq!(lasts(Some(2), || Deadline::after(8 * SECOND)), 9 * SECOND, "{case}: later");
            assert_eq!(lasts(Some(2), || Deadline::NEVER), HOUR, "{case}: taken away");
            assert_eq!(lasts(Some(9), || Deadline::at(Instant::now())), SECOND, "{case}: now");
        }
    }
}

#[test]
fn a_deadline_that_is_moved_when_it_has_passed_ends_the_group_all_the_same() {
    paused(async {
        let start = Instant::now();
        let builder = Group::builder().deadline(Deadline::after(SECOND));
        let group = builder.scope(async |group| {
            let late = group.clone();
            drop(group.spawn(async move {
                cancelled().await;
                late.reschedule(Deadline::NEVER);
                forever::<()>().await
            }));
            Ok(())
        });
        assert_eq!(messages(&group.await.unwrap_err()), ["cancelled: the deadline passed"]);
        assert_eq!(start.elapsed(), SECOND);
    });
}

#[test]
fn children_see_that_the_deadline_was_moved() {
    paused(async {
        let seen = Group::scope(async |group| {
            let before = Deadline::ambient();
            let deadline = Deadline::after(HOUR);
            group.reschedule(deadline);
            let child = group.spawn(async { Ok(Deadline::ambient()) });
            Ok((before, [Deadline::ambient(), child.await?] == [deadline; 2]))
        });
        assert_eq!(seen.await.unwrap(), (Deadline::NEVER, true));
    });
}
