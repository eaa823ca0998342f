//! The bridge to tokio-util's tokens.

use std::future::pending;

use tidegate_timeout::scope::Scope;
use tidegate_timeout::{CancelReason, cancel_scope, move_on_after};
use tokio_util::sync::CancellationToken;

use crate::support::{ms, on_both, paused};

#[test]
fn a_token_is_cancelled_with_its_scope_from_wherever_that_comes() {
    let outer = Scope::new();
    let inner = outer.enter(Scope::new).handle();
    let (early, other) = (inner.token(), inner.token());
    other.cancel();
    assert!(!early.is_cancelled() && !inner.is_cancelled(), "each has a token of its own");
    outer.handle().cancel("enough");
    assert!(early.is_cancelled() && inner.token().is_cancelled());

    let late = Scope::new().handle();
    late.cancel("enough");
    assert!(late.token().is_cancelled(), "it was cancelled before anybody asked for one");
}

#[test]
fn a_deadline_cancels_tokens_too_and_whoever_waits_is_woken() {
    paused(async {
        let mut token = None;
        let late = move_on_after(ms(10), async {
            token = tidegate_timeout::current_scope().map(|scope| scope.token());
            pending::<()>().await;
        });
        assert!(late.await.is_none());
        token.unwrap().cancelled().await;
    });
}

#[test]
fn a_token_does_not_keep_its_scope_and_is_not_cancelled_by_its_end() {
    on_both(|| async {
        let token = cancel_scope(async |scope| scope.token()).await.unwrap();
        assert!(!token.is_cancelled());
    });
}

#[test]
fn a_scope_can_be_cancelled_by_a_token() {
    on_both(|| async {
        let token = CancellationToken::new();
        let work = cancel_scope(async |scope| {
            let _stop = scope.cancel_on(token.clone(), "stop");
            token.cancel();
            pending::<()>().await;
        });
        assert_eq!(work.await.unwrap_err().reason(), CancelReason::from("stop"));
        let work = cancel_scope(async |scope| {
            let _stop = scope.cancel_on(token.clone(), "at once");
            pending::<()>().await;
        });
        assert_eq!(work.await.unwrap_err().reason(), CancelReason::from("at once"));
    });
}

#[test]
fn a_token_that_was_taken_away_cancels_nothing() {
    let token = CancellationToken::new();
    let handle = Scope::new().handle();
    let stops = handle.cancel_on(token.clone(), "stop");
    assert_eq!(format!("{stops:?}"), "CancelOn { .. }");
    drop(stops);
    token.cancel();
    assert!(!handle.is_cancelled());
}

// Two that cancel each other do not go round in circles.
#[test]
fn a_token_and_a_scope_may_cancel_each_other() {
    let token = CancellationToken::new();
    let handle = Scope::new().handle();
    let _stops = handle.cancel_on(token.clone(), "stop");
    let other = Scope::new().handle();
    let _back = other.cancel_on(handle.token(), "back");
    let _forth = handle.cancel_on(other.token(), "forth");
    token.cancel();
    assert_eq!(other.reason(), Some(CancelReason::from("back")));
    assert_eq!(handle.reason(), Some(CancelReason::from("stop")));
}
