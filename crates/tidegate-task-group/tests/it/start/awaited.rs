//! A start in a timeout, by reference, in a shield.

use super::*;

#[test]
fn many_start_at_once_and_each_has_its_own_time() {
    paused(async {
        Group::scope(async |group| {
            let starts = (0..100_u32).map(|n| {
                let started = group.start(async move |ready| {
                    sleep(SECOND * n).await;
                    let _ = ready.set(n);
                    sleep(HOUR).await;
                    Ok(n)
                });
                timeout(SECOND * 50 + SECOND / 2, started)
            });
            let started = join_all(starts).await;
            assert_eq!(started.iter().filter(|started| started.is_ok()).count(), 51);
            assert_eq!(group.len(), 51);
            for started in started.into_iter().flatten() {
                let (n, task) = started?;
                assert_eq!(task.await?, n);
            }
            assert_eq!(group.statistics().cancelled, 49);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_start_that_is_polled_by_reference_goes_on() {
    paused(async {
        Group::scope(async |group| {
            let mut started = Box::pin(group.start(|ready| async {
                sleep(5 * SECOND).await;
                serves(ready).await
            }));
            for _ in 0..4 {
                tokio::select! {
                    _ = &mut started => unreachable!(),
                    () = sleep(SECOND) => {}
                }
            }
            let (five, server) = started.await?;
            server.abort();
            assert_eq!(five, 5);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_shield_around_a_start_lets_it_finish() {
    paused(async {
        Group::scope(async |group| {
            let kept = Mutex::new(None);
            let starter = timeout(SECOND, async {
                let started = group.start(|ready| async {
                    sleep(5 * SECOND).await;
                    serves(ready).await
                });
                *kept.lock().unwrap() = Some(shield(started).await);
                sleep(HOUR).await;
            });
            assert!(starter.await.is_err());
            let (five, server) = kept.lock().unwrap().take().unwrap()?;
            assert_eq!((five, server.is_finished()), (5, false));
            server.abort();
            Ok(())
        })
        .await
        .unwrap();
    });
}
