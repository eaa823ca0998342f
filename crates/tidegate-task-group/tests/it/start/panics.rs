//! Panics before the child is ready.

use super::*;

async fn start_who_panics(group: &Group) -> Started<u32> {
    let child = async |_ready| {
        breathe().await;
        if true {
            std::panic::resume_unwind(Box::new("out of cheese"));
        }
        Ok(())
    };
    group.start(child).await
}

#[test]
fn a_panic_before_ready_goes_to_the_starter_and_is_captured() {
    on_both(|| async {
        let builder = Group::builder().on_panic(OnPanic::Capture);
        let result = builder.scope(async |group| {
            let started = start_who_panics(&group).await;
            let Err(StartError::Panicked(message)) = started else { panic!("it panicked") };
            assert_eq!(message, "out of cheese");
            assert_eq!(group.statistics().panicked, 1);
            Ok(5)
        });
        assert_eq!(result.await.unwrap(), 5);
    });
}

#[test]
fn a_panic_before_ready_ends_a_group_that_propagates_it() {
    on_both(|| async {
        let (tell, told) = oneshot::channel();
        let group = Group::scope(async |group| {
            let started = start_who_panics(&group).await;
            let _ = tell.send(matches!(started, Err(StartError::Panicked(_))));
            forever::<()>().await
        });
        let group = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(group));
        let panic = group.await.unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"out of cheese"));
        assert!(told.await.unwrap(), "and the starter has its answer");
    });
}

#[test]
fn a_closure_that_panics_leaves_no_child_behind() {
    paused(async {
        Group::scope(async |group| {
            #[expect(unreachable_code, reason = "the closure panics")]
            let started = group.start(|_: Ready<u32>| {
                std::panic::resume_unwind(Box::new("closure"));
                async { Ok(()) }
            });
            let started = std::panic::AssertUnwindSafe(started);
            let panic = futures_util::FutureExt::catch_unwind(started).await.unwrap_err();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"closure"));
            assert!(group.is_empty());
            Ok(())
        })
        .await
        .unwrap();
    });
}
