//! What a dependant relies on.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::future::{Pending, Ready};
use std::hash::Hash;
use std::marker::PhantomData;
use std::rc::Rc;

use tidegate_timeout::scope::{Ended, Guard, Run, Scope};
use tidegate_timeout::{
    CancelReason, Cancelled, ContextVar, Deadline, Elapsed, InScope, InVars, MoveOn, ScopeHandle,
    Shield, StopRequested, Timeout, VarScope, Vars, cancel_scope, cancelled, move_on_after, shield,
    shield_for, timeout,
};

/// Whether a type has a trait, decided at compile time without requiring it.
macro_rules! is {
    ($trait:ident: $type:ty) => {{
        struct Probe<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code, reason = "unused for what has it")]
        trait Otherwise {
            const IS: bool = false;
        }
        impl<T: ?Sized> Otherwise for Probe<T> {}
        #[allow(dead_code, reason = "unused for what has it not")]
        impl<T: ?Sized + $trait> Probe<T> {
            const IS: bool = true;
        }
        Probe::<$type>::IS
    }};
}

/// `Send` and `Sync` of a type, and whether it has `Debug`.
macro_rules! has {
    ($type:ty) => {
        (is!(Send: $type), is!(Sync: $type), is!(Debug: $type))
    };
}

/// A body that is neither `Send` nor `Sync` nor `Debug`, and one that is the first alone.
type Local = Ready<Rc<dyn Fn()>>;
type SendOnly = std::pin::Pin<Box<dyn Future<Output = u8> + Send>>;

#[test]
fn a_future_goes_where_its_body_goes_and_is_always_shown() {
    macro_rules! table {
        ($($future:ident)*) => {
            $(
                let name = stringify!($future);
                assert_eq!(has!($future<Ready<u8>>), (true, true, true), "{name}");
                assert_eq!(has!($future<SendOnly>), (true, false, true), "{name}");
                assert_eq!(has!($future<Local>), (false, false, true), "{name}");
            )*
        };
    }
    table!(Timeout MoveOn Shield InScope Run VarScope InVars);
}

#[test]
fn what_is_no_future_goes_everywhere() {
    assert_eq!(has!(Scope), (true, true, true));
    assert_eq!(has!(Guard), (true, true, true));
    assert_eq!(has!(ScopeHandle), (true, true, true));
    assert_eq!(has!(StopRequested), (true, true, true));
    assert_eq!(has!(Deadline), (true, true, true));
    assert_eq!(has!(CancelReason), (true, true, true));
    assert_eq!(has!(Cancelled), (true, true, true));
    assert_eq!(has!(Elapsed), (true, true, true));
    assert_eq!(has!(Vars), (true, true, true));
    assert_eq!(has!(ContextVar<std::cell::Cell<u8>>), (true, true, true));
    assert!(is!(Send: Ended<u8>) && is!(Debug: Ended<u8>));
    assert!(!is!(Send: Ended<Rc<u8>>));
    assert!(is!(Unpin: Scope) && is!(Unpin: Guard) && is!(Unpin: ScopeHandle));
    assert!(is!(Unpin: StopRequested));
}

use crate::support::ms;

fn is<T: Send + Sync + Debug + 'static>() {}
fn is_error<T: Error + Clone + Eq + Send + Sync + Display + 'static>() {}
fn is_send<T: Send>(_: &T) {}

#[test]
fn everything_goes_between_threads_as_far_as_its_body_does() {
    is::<Deadline>();
    is::<CancelReason>();
    is::<ScopeHandle>();
    is::<Timeout<Ready<u32>>>();
    is::<MoveOn<Pending<u32>>>();
    is::<InScope<Pending<u32>>>();
    is_error::<Elapsed>();
    is_error::<Cancelled>();

    fn copy<T: Copy + Ord + Hash>() {}
    copy::<Deadline>();
    fn clone<T: Clone>() {}
    clone::<ScopeHandle>();

    is_send(&timeout(ms(1), async {}));
    is_send(&move_on_after(ms(1), async {}));
    is_send(&cancel_scope(async |_| {}));
    is_send(&shield(async {}));
    is_send(&shield_for(ms(1), async {}));
    is_send(&cancelled());
}

#[test]
fn bodies_need_be_neither_send_nor_debug_nor_static() {
    let local = Rc::new(5);
    let borrowed = &local;
    crate::support::paused(async {
        assert_eq!(timeout(ms(1), async { **borrowed }).await, Ok(5));
        assert_eq!(move_on_after(ms(1), async { **borrowed }).await, Some(5));
        assert_eq!(cancel_scope(async |_| **borrowed).await, Ok(5));
        assert_eq!(shield(async { **borrowed }).await, 5);
        let shown = format!("{:?}", timeout(ms(1), async { **borrowed }).named("shown"));
        assert!(shown.contains("shown"), "{shown}");
    });
}

#[tokio::test]
async fn scopes_nest_inside_spawned_tasks() {
    let text = String::from("x");
    let task = tokio::spawn(async move {
        cancel_scope(async |scope| {
            let length = text.len();
            let inner = timeout(ms(1000), shield(async { length })).await;
            scope.cancel("done");
            inner
        })
        .await
    });
    assert_eq!(task.await.unwrap(), Ok(Ok(1)));
}
