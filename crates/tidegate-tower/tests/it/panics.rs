// A panic of what the user brings goes through, and changes nothing in the gate.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tidegate_test::block_on;
use tidegate_time_lock::{KeyedTimeLockBuilder, Reopen, RetryBudget, State, TimeLock, Verdict};
use tidegate_tower::{ConcurrencyLimitLayer, Retry, TimeLockLayer};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{get, ok, refuse};

type Response = http::Response<String>;
type Request = http::Request<String>;

/// A gate that waits for a probe's verdict.
fn probing() -> TimeLock {
    let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    gate.lock();
    gate.unlock();
    gate
}

fn panics(client: impl Service<Request, Response = Response, Future: Sized>) -> bool {
    catch_unwind(AssertUnwindSafe(|| drop(block_on(client.oneshot(get("x")))))).is_err()
}

// R16
#[test]
fn a_panic_changes_nothing_in_the_gate() {
    let fine = || service_fn(async |_: Request| Ok::<_, Infallible>(ok()));
    let untouched = |gate: &TimeLock| {
        assert_eq!((gate.snapshot().state, gate.epoch(), gate.waiters()), (State::Probing, 1, 0));
        assert!(gate.try_acquire().unwrap().is_probe(), "the next one is");
    };

    let gate = probing();
    let judge = |_: &Result<Response, Infallible>| -> Verdict { panic!("the classifier") };
    let client = TimeLockLayer::new(gate.clone()).classify(judge).max_waiters(1).layer(fine());
    assert!(panics(client.clone()) && panics(client));
    untouched(&gate);

    let gate = probing();
    let copy = |_: &Request| -> Option<Request> { panic!("the copy") };
    let retry = Retry::new(RetryBudget::new()).copy_with(copy);
    assert!(panics(TimeLockLayer::new(gate.clone()).retry(retry).layer(fine())));
    untouched(&gate);

    let gate = probing();
    let hosts = KeyedTimeLockBuilder::<String>::new().parent(gate.clone()).build();
    let key = |_: &Request| -> String { panic!("the key") };
    assert!(panics(TimeLockLayer::new(hosts.clone()).key(key).layer(fine())));
    untouched(&gate);
    assert!(hosts.is_empty());

    let gate = probing();
    let inner = service_fn(async |_: Request| -> Result<Response, Infallible> { panic!("inner") });
    assert!(panics(TimeLockLayer::new(gate.clone()).layer(inner)));
    untouched(&gate);
}

#[test]
fn a_panic_after_the_verdict_does_not_take_it_back() {
    let gate = TimeLock::new();
    let inner = service_fn(async |_: Request| Ok::<_, Infallible>(refuse(5)));
    let layer = TimeLockLayer::new(gate.clone());
    assert!(panics(layer.info(|_: &mut Response, _| panic!("the info")).layer(inner)));
    assert_eq!((gate.is_locked(), gate.epoch()), (true, 1));
}

#[test]
fn a_panic_gives_a_permit_back() {
    let limit = ConcurrencyLimitLayer::new(1);
    let inner = service_fn(|_: Request| -> std::future::Ready<Result<Response, Infallible>> {
        panic!("the call")
    });
    assert!(panics(limit.layer(inner)));
    let inner = service_fn(async |_: Request| -> Result<Response, Infallible> { panic!("inner") });
    assert!(panics(limit.layer(inner)));
    assert_eq!(limit.limiter().borrowed(), 0);
}

#[test]
#[should_panic = "`poll_ready` comes first"]
fn a_limit_that_was_not_asked_says_so() {
    let limit = ConcurrencyLimitLayer::new(1);
    let inner = service_fn(async |()| Ok::<_, Infallible>(()));
    drop(limit.layer(inner).call(()));
}
