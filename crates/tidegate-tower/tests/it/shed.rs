use std::convert::Infallible;
use std::time::Duration;

use http::{Request, header};
use tidegate_time_lock::{KeyedTimeLock, Rate, Reopen, State, TimeLock};
use tidegate_tower::{ShedLayer, TimeLockLayer};
use tower::{Layer, Service, ServiceExt};

use crate::support::{Server, get, get_from, ms, ok, secs, status};

#[tokio::test(start_paused = true)]
async fn what_is_shut_says_for_how_long_in_whole_seconds() {
    let gate = TimeLock::new();
    let server = Server::new(|_| ok());
    let app = TimeLockLayer::new(gate.clone()).shed().layer(server.clone());
    let ask = async || app.clone().oneshot(get("x")).await.unwrap();
    assert_eq!(ask().await.status(), 200);
    for (pause, said) in [(ms(1), "1"), (ms(1000), "1"), (ms(1001), "2"), (secs(90), "90")] {
        gate.lock_for(pause);
        let response = ask().await;
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[header::RETRY_AFTER], said);
        gate.unlock();
    }
    // Until somebody opens it, or for good: nobody knows when.
    gate.lock();
    assert!(ask().await.headers().get(header::RETRY_AFTER).is_none());
    gate.unlock();
    assert_eq!(ask().await.status(), 200);
    gate.close();
    let response = ask().await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().get(header::RETRY_AFTER).is_none());
    assert_eq!((server.log().len(), gate.waiters()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_being_worked_on_goes_on() {
    let gate = TimeLock::new();
    let mut app = ShedLayer::new(gate.clone()).layer(Server::new(|_| ok()));
    let call = app.ready().await.unwrap().call(get("x"));
    gate.lock();
    assert_eq!(call.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_opens_carefully_is_told_how_it_went() {
    let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    let server = Server::new(|it| if it.nth == 0 { status(500) } else { ok() });
    let app = ShedLayer::new(gate.clone()).layer(server.clone());
    gate.lock();
    gate.unlock();
    let mut broken = Box::pin(app.clone().oneshot(get("x")));
    assert!(tidegate_test::poll_once(broken.as_mut()).is_pending());
    let meanwhile = app.clone().oneshot(get("y")).await.unwrap();
    assert_eq!(
        (meanwhile.status().as_u16(), &meanwhile.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    assert_eq!(broken.await.unwrap().status(), 500);
    assert_eq!(gate.snapshot().state, State::Probing);
    assert_eq!(app.oneshot(get("x")).await.unwrap().status(), 200);
    assert_eq!(gate.snapshot().state, State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_paced_gate_is_a_rate_limit() {
    let gate = TimeLock::builder().reopen(Reopen::Paced(Rate::per_second(0.5))).build();
    let app = ShedLayer::new(gate.clone()).layer(Server::new(|_| ok()));
    gate.lock();
    gate.unlock();
    let statuses = async || {
        let mut statuses = Vec::new();
        for _ in 0..2 {
            let response = app.clone().oneshot(get("x")).await.unwrap();
            let after =
                response.headers().get("retry-after").map(|it| it.to_str().unwrap().to_owned());
            statuses.push((response.status().as_u16(), after));
        }
        statuses
    };
    statuses().await;
    tokio::time::sleep(secs(4)).await;
    assert_eq!(statuses().await, [(200, None), (503, Some("2".to_owned()))]);
}

#[tokio::test(start_paused = true)]
async fn one_tenant_is_shut_and_others_are_not() {
    let tenants: KeyedTimeLock<String> =
        KeyedTimeLock::<String>::builder().template(TimeLock::builder()).build();
    let app = TimeLockLayer::new(tenants.clone())
        .key(|it: &Request<String>| it.uri().host().unwrap().to_owned())
        .shed()
        .layer(Server::new(|_| ok()));
    tenants.lock_for(&"a.example".to_owned(), secs(7));
    let response = app.clone().oneshot(get("x")).await.unwrap();
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(app.clone().oneshot(get_from("b", "x")).await.unwrap().status(), 200);
    tenants.global().lock_for(Duration::from_secs(9));
    assert_eq!(app.oneshot(get_from("b", "x")).await.unwrap().headers()["retry-after"], "9");
    assert_eq!(tenants.len(), 1, "nobody is remembered for having been sent away");
}

#[test]
fn it_fails_only_as_the_server_does() {
    fn infallible<S: Service<Request<String>, Error = Infallible>>(_: S) {}
    infallible(ShedLayer::new(TimeLock::new()).layer(Server::new(|_| ok())));
}
