//! What other code may rely on.

use std::future::{Future, Pending, Ready};
use std::marker::PhantomPinned;

use tidegate_task_group::{
    AsCompleted, GatherFut, GatherSettledFut, LocalScope, LocalTask, RaceFut, Wait, WaitFut,
    Waited, for_each_concurrent, gather, local_scope,
};

fn send<T: Send>() {}
fn send_sync<T: Send + Sync>() {}
fn unpin<T: Unpin>() {}

#[test]
fn auto_traits() {
    type Try = Ready<Result<String, std::io::Error>>;
    send_sync::<GatherFut<Try, String>>();
    send_sync::<GatherSettledFut<Try>>();
    send_sync::<AsCompleted<Try>>();
    send_sync::<RaceFut<Try>>();
    send_sync::<WaitFut<Try>>();
    send_sync::<Waited<Try>>();
    send_sync::<Wait<std::rc::Rc<()>>>();
    send::<GatherSettledFut<Pending<std::cell::Cell<u8>>>>();

    struct Pinned(PhantomPinned);
    impl Future for Pinned {
        type Output = Result<PhantomPinned, ()>;
        fn poll(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Self::Output> {
            std::task::Poll::Ready(Ok(self.0))
        }
    }
    unpin::<GatherFut<Pinned, PhantomPinned>>();
    unpin::<GatherSettledFut<Pinned>>();
    unpin::<AsCompleted<Pinned>>();
    unpin::<RaceFut<Pinned>>();
    unpin::<WaitFut<Pinned>>();
}

#[test]
fn a_scope_and_a_loop_may_be_sent_if_their_parts_may() {
    send_sync::<LocalScope<'_>>();
    send_sync::<LocalTask<String>>();
    fn sendable<T: Send>(_: T) {}
    sendable(local_scope(async |scope| scope.spawn(async { 1 }).await));
    sendable(for_each_concurrent(
        futures_util::stream::iter(0..3),
        2,
        |it| async move { it },
        |_| async { Ok::<_, ()>(()) },
    ));
}

/// The closure of a `map` that borrows is where others lose `Send`.
#[test]
fn what_is_mapped_from_borrowed_values_may_be_spawned() {
    fn spawnable<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) {
        drop(future);
    }
    async fn length(word: &str) -> Result<usize, ()> {
        Ok(word.len())
    }
    spawnable(async {
        let words = [String::from("tide"), String::from("gate")];
        gather(words.iter().map(|it| length(it))).await
    });
}
