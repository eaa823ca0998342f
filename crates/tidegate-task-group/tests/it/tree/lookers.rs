//! Who takes a tree: from inside, from another thread, without a runtime.

use super::*;

#[test]
fn a_tree_is_taken_from_inside_of_a_poll_and_a_drop() {
    struct Looks(Group);
    impl Drop for Looks {
        fn drop(&mut self) {
            assert!(self.0.tree().to_string().starts_with("group"));
        }
    }
    on_both(|| async {
        let group = Group::scope(async |group| {
            let looks = Looks(group.clone());
            drop(group.spawn(async move {
                let looks = looks;
                let mut polls = 0;
                poll_fn(|cx| {
                    polls += 1;
                    let _ = (looks.0.tree(), current_scope());
                    cx.waker().wake_by_ref();
                    if polls > 3 { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                forever::<()>().await
            }));
            breathe().await;
            group.cancel("enough");
            Ok(())
        });
        group.await.unwrap();
    });
}

#[test]
fn the_tree_of_a_paused_clock_is_taken_from_a_thread_without_one() {
    paused(async {
        Group::scope(async |group| {
            let child = group.spawn(forever::<()>());
            sleep(100 * HOUR).await;
            let looks = group.clone();
            let tree = std::thread::spawn(move || looks.tree()).join().unwrap();
            assert_eq!(tree.tasks[0].age, 100 * HOUR);
            child.abort();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn nobody_is_held_up_while_ten_thousand_come_and_go_and_another_thread_draws() {
    let children = if cfg!(miri) { 100 } else { 10_000 };
    let test = move || async move {
        let over = Arc::new(AtomicBool::new(false));
        Group::builder()
            .policy(Policy::Supervise)
            .scope(async |group| {
                let (looks, stop) = (group.clone(), Arc::clone(&over));
                let drawer = std::thread::spawn(move || {
                    let mut drawn = 0;
                    while !stop.load(Ordering::Relaxed) || drawn == 0 {
                        let tree = looks.tree();
                        assert!(tree.tasks.windows(2).all(|pair| pair[0].id < pair[1].id));
                        assert!(!tree.to_string().is_empty());
                        drawn += 1;
                    }
                    drawn
                });
                for round in 0..children / 100 {
                    for i in 0..100 {
                        drop(group.spawn(async move {
                            match i % 4 {
                                0 => {}
                                1 => tokio::task::yield_now().await,
                                2 => _ = timeout(HOUR, tokio::task::yield_now()).await,
                                _ => {
                                    let inner = Group::scope(async |inner| {
                                        drop(inner.task("inner").spawn(async {
                                            tokio::task::yield_now().await;
                                            Ok(())
                                        }));
                                        Ok(())
                                    });
                                    inner.await?;
                                }
                            }
                            if i == round % 100 { fails("one").await } else { Ok(()) }
                        }));
                    }
                    tokio::task::yield_now().await;
                }
                until(|| group.is_empty()).await;
                assert!(group.tree().tasks.is_empty());
                over.store(true, Ordering::Relaxed);
                assert!(drawer.join().unwrap() > 0);
                Ok(())
            })
            .await
            .unwrap();
    };
    paused(test());
    on_two_workers(test());
}

#[test]
fn a_stranger_who_polls_a_group_by_hand_is_shown_as_well() {
    // No runtime, and so no children; the clock is the machine's.
    let group = Group::scope(async |group| {
        let tree = group.tree();
        assert!(tree.body && tree.tasks.is_empty());
        Ok(())
    });
    assert!(tidegate_test::poll_once(pin!(group)).is_ready());
}
