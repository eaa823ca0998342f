use std::pin::pin;

use tidegate_test::poll_once;

use super::*;

fn len(claims: &Claims<u32>) -> usize {
    claims.0.lock().len()
}

#[test]
fn a_claim_is_held_by_one_at_a_time_and_others_are_free() {
    let claims = Claims::default();
    let mut first = pin!(claims.claim(1));
    let std::task::Poll::Ready(claim) = poll_once(first.as_mut()) else { panic!("it waits") };
    let mut second = pin!(claims.claim(1));
    assert!(poll_once(second.as_mut()).is_pending());
    assert!(poll_once(pin!(claims.claim(2))).is_ready());
    drop(claim);
    assert!(poll_once(second.as_mut()).is_ready());
}

#[test]
fn nothing_is_remembered_of_what_nobody_holds() {
    let claims = Claims::default();
    for key in 0..1000 {
        assert!(poll_once(pin!(claims.claim(key))).is_ready());
    }
    assert_eq!(len(&claims), 0);
}

#[test]
fn who_is_dropped_in_line_makes_room() {
    let claims = Claims::default();
    let mut first = pin!(claims.claim(1));
    let std::task::Poll::Ready(claim) = poll_once(first.as_mut()) else { panic!("it waits") };
    {
        let mut dropped = pin!(claims.claim(1));
        assert!(poll_once(dropped.as_mut()).is_pending());
    }
    let mut third = pin!(claims.claim(1));
    assert!(poll_once(third.as_mut()).is_pending());
    drop(claim);
    assert!(poll_once(third.as_mut()).is_ready());
    assert_eq!(len(&claims), 0);
}

#[test]
fn who_is_dropped_after_it_was_granted_passes_it_on() {
    let claims = Claims::default();
    let mut first = pin!(claims.claim(1));
    let std::task::Poll::Ready(claim) = poll_once(first.as_mut()) else { panic!("it waits") };
    let mut third = pin!(claims.claim(1));
    {
        let mut granted = pin!(claims.claim(1));
        assert!(poll_once(granted.as_mut()).is_pending());
        assert!(poll_once(third.as_mut()).is_pending());
        drop(claim);
    }
    assert!(poll_once(third.as_mut()).is_ready());
    assert_eq!(len(&claims), 0);
}
