//! All go well.

use super::*;

#[test]
fn body_and_children_succeed() {
    on_both(|| async {
        let value = Group::scope(async |group| {
            let one = group.spawn(async { Ok(1) });
            let two = group.spawn(async { Ok(2) });
            Ok(one.await? + two.await?)
        });
        assert_eq!(value.await.unwrap(), 3);
    });
}

#[test]
fn a_group_without_children_gives_the_bodys_value() {
    on_both(|| async {
        assert_eq!(Group::scope(async |_| Ok(5)).await.unwrap(), 5);
    });
}

#[test]
fn the_scope_returns_only_when_every_child_has_ended() {
    on_both(|| async {
        let ended = Counter::default();
        Group::scope(async |group| {
            for _ in 0..10 {
                let ended = ended.clone();
                drop(group.spawn(async move {
                    breathe().await;
                    ended.add();
                    Ok(())
                }));
            }
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(ended.get(), 10);
    });
}

#[test]
fn children_may_add_children_while_the_scope_waits() {
    on_both(|| async {
        let ended = Counter::default();
        let outer = ended.clone();
        Group::scope(async move |group| {
            let spawner = group.clone();
            drop(group.spawn(async move {
                breathe().await;
                let again = spawner.clone();
                drop(spawner.spawn(async move {
                    breathe().await;
                    drop(again.spawn(async move {
                        breathe().await;
                        ended.add();
                        Ok(())
                    }));
                    Ok(())
                }));
                Ok(())
            }));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(outer.get(), 1);
    });
}

#[test]
fn nothing_is_kept_alive_by_the_group_after_its_end() {
    // B-G15
    on_both(|| async {
        let alive = Alive::default();
        let (value, kept) = (alive.clone(), alive.clone());
        let mut handle = None;
        let errors: ErrorGroup = Group::scope(async |group| {
            handle = Some(group.clone());
            drop(group.spawn(async move {
                let _kept = kept;
                Err::<(), BoxError>("boom".into())
            }));
            drop(group.spawn(async move { Ok(value) }));
            Ok(())
        })
        .await
        .unwrap_err();
        drop(errors);
        assert_eq!(alive.count(), 0);
    });
}
