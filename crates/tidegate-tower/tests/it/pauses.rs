// One refusal, and what others do meanwhile.

use std::time::Duration;

use tidegate_test::poll_once;
use tidegate_time_lock::{KeyedTimeLock, Reopen, RetryBudget, Scope, State, TimeLock, Verdict};
use tidegate_timeout::timeout;
use tidegate_tower::{ConcurrencyLimitLayer, Retry, TimeLockError, TimeLockInfo, TimeLockLayer};
use tokio::time::{Instant, advance, sleep};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use crate::support::{Server, all, get, get_from, ms, ok, plain, refuse, secs, status};

// C1, R3
#[tokio::test(start_paused = true)]
async fn permit_then_pause() {
    let server = Server::new(|it| if it.nth == 0 { refuse(1) } else { ok() });
    // The permits of this crate, and of tower.
    let ours = ServiceBuilder::new()
        .layer(TimeLockLayer::new(plain()))
        .layer(ConcurrencyLimitLayer::new(1))
        .service(server.clone());
    let began = Instant::now();
    let statuses = all((0..4).map(|_| ours.clone().oneshot(get("x")))).await;
    assert!(statuses.iter().skip(1).all(|it| it.as_ref().unwrap().status() == 200));
    let log = server.log();
    assert_eq!((log.len(), log[0].at), (4, began));
    assert!(log[1..].iter().all(|it| it.at >= began + ms(1010)), "{log:?}");

    let server = Server::new(|it| if it.nth == 0 { refuse(1) } else { ok() });
    let theirs = ServiceBuilder::new()
        .layer(TimeLockLayer::new(plain()))
        .concurrency_limit(1)
        .buffer(2)
        .service(server.clone());
    let began = Instant::now();
    all((0..4).map(|_| theirs.clone().oneshot(get("x")))).await;
    // The buffer takes what is ready to be sent, which is one before it is refused.
    assert!(server.log()[1..].iter().all(|it| it.at >= began + ms(1010)));
}

// C2, C6
#[tokio::test(start_paused = true)]
async fn waiting_holds_no_permit() {
    let server = Server::new(|it| match &*it.host {
        "a.example" if it.nth == 0 => refuse(9),
        _ => ok(),
    });
    let limit = ConcurrencyLimitLayer::new(1);
    let client = ServiceBuilder::new()
        .layer(TimeLockLayer::new(plain()))
        .layer(limit.clone())
        .service(server.clone());
    let began = Instant::now();
    assert_eq!(client.clone().oneshot(get("x")).await.unwrap().status(), 429);
    let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(client.clone().oneshot(get("x")))).collect();
    sleep(ms(1)).await;
    assert_eq!((limit.limiter().borrowed(), limit.limiter().waiters()), (0, 0));
    assert_eq!(client.clone().oneshot(get_from("b", "y")).await.unwrap().status(), 200);
    assert_eq!(began.elapsed(), ms(10 + 1 + 10));
    for task in waiting {
        task.await.unwrap().unwrap();
    }
    assert!(server.log()[2..].iter().all(|it| it.at >= began + secs(9)));
}

// C6: also with gates that a whole crowd waits at, and a refusal that is about everybody.
#[tokio::test(start_paused = true)]
async fn one_key_never_blocks_another() {
    let hosts = plain();
    let server = Server::new(|_| ok());
    let client = ServiceBuilder::new()
        .layer(TimeLockLayer::new(hosts.clone()).max_waiters(10))
        .service(server.clone());
    hosts.gate(&"http://a.example".to_owned()).lock();
    let crowd: Vec<_> = (0..10).map(|_| tokio::spawn(client.clone().oneshot(get("x")))).collect();
    sleep(ms(1)).await;
    // There is no room at the one, which is nobody's business at the other.
    assert!(client.clone().oneshot(get("x")).await.is_err());
    assert_eq!(hosts.gate(&"http://a.example".to_owned()).stats().shed, 1);
    assert_eq!(hosts.gate(&"http://b.example".to_owned()).stats().shed, 0);
    let before = Instant::now();
    for _ in 0..100 {
        client.clone().oneshot(get_from("b", "y")).await.unwrap();
    }
    assert_eq!(before.elapsed(), ms(10 * 100));
    assert!(hosts.gate(&"http://a.example".to_owned()).unlock());
    for task in crowd {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_everybody_shuts_all_hosts() {
    let hosts = plain();
    let server = Server::new(|it| if it.nth == 0 { status(420) } else { ok() });
    let layer = TimeLockLayer::new(hosts.clone()).classify(
        |it: &Result<http::Response<String>, std::convert::Infallible>| match it {
            Ok(it) if it.status() == 420 => {
                Verdict::Refused { after: Some(secs(2)), scope: Scope::Global }
            }
            _ => Verdict::Ok,
        },
    );
    let client = layer.layer(server.clone());
    let began = Instant::now();
    client.clone().oneshot(get("x")).await.unwrap();
    assert!(hosts.global().is_locked());
    client.clone().oneshot(get_from("b", "y")).await.unwrap();
    assert!(began.elapsed() >= secs(2));
}

// C9
#[tokio::test(start_paused = true)]
async fn probe_lost() {
    // What comes of the first probe: dropped, a panic, no answer at all, an answer that says nothing.
    for fate in ["dropped", "panics", "silent", "broken"] {
        let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
        let server = Server::new(move |it| match (fate, it.nth) {
            ("panics", 0) => panic!("on purpose"),
            ("broken", 0) => status(503),
            _ => ok(),
        });
        let server = match fate {
            "silent" => server.latency(secs(3600)),
            _ => server,
        };
        let client = TimeLockLayer::new(gate.clone()).layer(server.clone());
        gate.lock();
        let mut probe = Box::pin(client.clone().oneshot(get("probe")));
        assert!(poll_once(probe.as_mut()).is_pending());
        let next = tokio::spawn(client.clone().oneshot(get("next")));
        sleep(ms(1)).await;
        gate.unlock();
        assert!(poll_once(probe.as_mut()).is_pending());
        assert_eq!(
            (server.names(), gate.snapshot().state),
            (vec!["probe".to_owned()], State::Probing)
        );
        match fate {
            "dropped" => drop(probe),
            "silent" => {
                sleep(ms(10_002)).await;
                assert_eq!(server.names(), ["probe", "next"]);
                next.abort();
                continue;
            }
            _ => assert_eq!(tokio::spawn(probe).await.is_err(), fate == "panics"),
        }
        next.await.unwrap().unwrap();
        assert_eq!(server.names(), ["probe", "next"], "{fate}");
        assert_eq!(gate.snapshot().state, State::Open, "{fate}");
    }
}

// C10
#[tokio::test(start_paused = true)]
async fn only_one_probe() {
    let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    let server = Server::new(|_| ok());
    let client = TimeLockLayer::new(gate.clone()).layer(server.clone());
    gate.lock_for(secs(1));
    let began = Instant::now();
    let crowd: Vec<_> = (0..1000).map(|_| tokio::spawn(client.clone().oneshot(get("x")))).collect();
    sleep(ms(1005)).await;
    assert_eq!(server.log().len(), 1);
    for task in crowd {
        task.await.unwrap().unwrap();
    }
    assert_eq!(server.log().len(), 1000);
    assert!(began.elapsed() < secs(2));
}

// C11, R15
#[tokio::test(start_paused = true)]
async fn poisoned_request() {
    let server = Server::new(|it| if it.name == "poison" { refuse(1) } else { ok() });
    let gate = TimeLock::builder().isolation(3, 8).build();
    let layer =
        TimeLockLayer::new(gate.clone()).retry(Retry::new(RetryBudget::new().attempts(1000)));
    let client = layer.layer(server.clone());
    let poisoned = tokio::spawn(client.clone().oneshot(get("poison")));
    let others = (0..100).map(|n| {
        let client = client.clone();
        async move {
            sleep(ms(n * 100)).await;
            let response = client.oneshot(get("good")).await.unwrap();
            assert_eq!(response.status(), 200);
        }
    });
    all(others).await;
    let response = poisoned.await.unwrap().unwrap();
    let info: &TimeLockInfo = response.extensions().get().unwrap();
    assert_eq!((response.status().as_u16(), info.isolated), (429, true));
    assert!(info.attempts < 10, "{info:?}");
    assert!(!gate.is_locked());
}

// C14, R13
#[tokio::test(start_paused = true)]
async fn queue_has_an_end() {
    let gate = TimeLock::new();
    let server = Server::new(|_| ok());
    let layer = TimeLockLayer::new(gate.clone()).max_wait(secs(5)).max_waiters(2);
    let client = layer.layer(server.clone());
    let began = Instant::now();
    let why = async || {
        let error = client.clone().oneshot(get("x")).await.unwrap_err();
        *error.downcast_ref::<TimeLockError>().unwrap()
    };
    gate.lock_for(secs(60));
    assert_eq!(why().await, TimeLockError::TooLong { remaining: secs(60) });
    gate.unlock();
    gate.lock_for(secs(3));
    let two: Vec<_> = (0..2).map(|_| tokio::spawn(client.clone().oneshot(get("x")))).collect();
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert_eq!(gate.waiters(), 2);
    assert_eq!(why().await, TimeLockError::Shed { remaining: Some(secs(3)) });
    assert_eq!(Instant::now(), began, "all at once");
    assert_eq!(why().await.remaining(), Some(secs(3)));
    assert_eq!((gate.stats().shed, gate.stats().timed_out), (2, 1));
    // Room is made by whoever leaves, however.
    two[0].abort();
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    let third = tokio::spawn(client.clone().oneshot(get("x")));
    for task in two.into_iter().skip(1).chain([third]) {
        task.await.unwrap().unwrap();
    }
    assert!(began.elapsed() >= secs(3));
    // Nobody says how long.
    gate.lock();
    let before = Instant::now();
    assert_eq!(why().await, TimeLockError::Elapsed);
    assert_eq!(before.elapsed(), secs(5));
    assert_eq!(server.log().len(), 2);
    gate.close();
    assert_eq!(why().await, TimeLockError::Closed);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_may_wait_an_open_gate_is_passed() {
    let gate = TimeLock::new();
    let server = Server::new(|_| ok()).latency(Duration::ZERO);
    let layer = TimeLockLayer::new(gate.clone()).max_waiters(0).max_wait(Duration::ZERO);
    let client = layer.layer(server.clone());
    // More than tokio lets a task do at a time.
    for _ in 0..1000 {
        client.clone().oneshot(get("x")).await.unwrap();
    }
    gate.lock();
    let error = client.oneshot(get("x")).await.unwrap_err();
    let shed = TimeLockError::Shed { remaining: Some(Duration::MAX) };
    assert_eq!(error.downcast_ref(), Some(&shed));
    assert_eq!(gate.waiters(), 0);
}

// C16, C1
#[tokio::test(start_paused = true)]
async fn backoff_holds_no_slot() {
    let server = Server::new(|it| match &*it.host {
        "a.example" if it.nth < 2 => refuse(5),
        _ => ok(),
    });
    let limit = ConcurrencyLimitLayer::new(1);
    let client = ServiceBuilder::new()
        .layer(TimeLockLayer::new(plain()).retry(Retry::new(RetryBudget::new())))
        .layer(limit.clone())
        .service(server.clone());
    let refused = tokio::spawn(client.clone().oneshot(get("x")));
    sleep(ms(11)).await;
    assert_eq!(limit.limiter().borrowed(), 0);
    let before = Instant::now();
    client.clone().oneshot(get_from("b", "y")).await.unwrap();
    assert_eq!(before.elapsed(), ms(10));
    assert_eq!(refused.await.unwrap().unwrap().status(), 200);
}

// C12
#[tokio::test(start_paused = true)]
async fn a_pause_of_ten_years_is_one_of_a_day() {
    let server = Server::new(|_| refuse(10 * 365 * 86_400));
    let hosts = KeyedTimeLock::<String>::new();
    let client = TimeLockLayer::new(hosts.clone()).layer(server);
    client.clone().oneshot(get("x")).await.unwrap();
    let (_, look) = hosts.locked().remove(0);
    assert_eq!(look.remaining, Some(secs(86_400)));
}

// R4
#[tokio::test(start_paused = true)]
async fn requests_are_sent_in_the_order_in_which_they_began_to_wait() {
    let gate = TimeLock::new();
    let server = Server::new(|_| ok());
    let mut client = TimeLockLayer::new(gate.clone()).layer(server.clone());
    gate.lock_for(secs(1));
    // Made in another order than they are first polled in.
    let mut calls: Vec<_> = (0..5).map(|n| Box::pin(client.call(get(&n.to_string())))).collect();
    for n in [3, 1, 4, 0, 2] {
        assert!(poll_once(calls[n].as_mut()).is_pending());
    }
    advance(secs(1)).await;
    all(calls).await;
    assert_eq!(server.names(), ["3", "1", "4", "0", "2"]);
}

#[tokio::test(start_paused = true)]
async fn services_of_a_layer_and_their_clones_share_its_gates() {
    let gates = plain();
    let server = Server::new(|it| if it.nth == 0 { refuse(2) } else { ok() });
    let layer = TimeLockLayer::new(gates);
    let one = layer.layer(server.clone());
    let other = layer.clone().layer(server.clone());
    let began = Instant::now();
    one.clone().oneshot(get("x")).await.unwrap();
    let response = other.clone().oneshot(get("x")).await.unwrap();
    assert!(began.elapsed() >= secs(2));
    let info = *response.extensions().get::<TimeLockInfo>().unwrap();
    assert_eq!((info.attempts, info.epoch, info.isolated), (1, 1, false));
    assert!(info.waited >= secs(2) && info.waited < ms(2010), "{info:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_says_nothing_changes_nothing() {
    let gate = TimeLock::new();
    let server = Server::new(|_| status(503));
    let client = TimeLockLayer::new(gate.clone()).layer(server.clone());
    assert_eq!(client.oneshot(get("x")).await.unwrap().status(), 503);
    assert_eq!((gate.epoch(), gate.is_locked()), (0, false));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_the_time_is_told_even_if_there_was_none() {
    let gate = TimeLock::new();
    let client =
        TimeLockLayer::new(gate.clone()).max_wait(Duration::ZERO).layer(Server::new(|_| ok()));
    gate.lock_for(secs(60));
    let error = client.clone().oneshot(get("x")).await.unwrap_err();
    let too_long = TimeLockError::TooLong { remaining: secs(60) };
    assert_eq!(error.downcast_ref(), Some(&too_long));
    // Made longer while somebody waits.
    gate.unlock();
    gate.lock_for(secs(3));
    let client = TimeLockLayer::new(gate.clone()).max_wait(secs(5)).layer(Server::new(|_| ok()));
    let mut wait = Box::pin(client.oneshot(get("x")));
    assert!(poll_once(wait.as_mut()).is_pending());
    gate.lock_for(secs(9));
    let before = Instant::now();
    let error = wait.await.unwrap_err();
    // Whoever waits looks when it would have opened.
    let remaining = secs(9) - before.elapsed();
    assert_eq!(error.downcast_ref(), Some(&TimeLockError::TooLong { remaining }));
    assert!(before.elapsed() <= secs(5));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_gate_that_opens_after_the_deadline() {
    let gate = TimeLock::new();
    let server = Server::new(|_| refuse(9));
    let layer = TimeLockLayer::new(gate.clone()).within_deadline();
    let client = layer.retry(Retry::new(RetryBudget::new())).layer(server.clone());
    let began = Instant::now();
    // The refusal, and not an error: that is what there is.
    let response = timeout(secs(5), client.clone().oneshot(get("x"))).await.unwrap().unwrap();
    assert_eq!(response.status(), 429);
    let error = timeout(secs(5), client.clone().oneshot(get("x"))).await.unwrap().unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&TimeLockError::TooLong { remaining: secs(9) }));
    assert_eq!(began.elapsed(), ms(10));
    // There is time enough, and without a deadline there is all of it.
    timeout(secs(10), client.clone().oneshot(get("x"))).await.unwrap().unwrap();
    assert_eq!(server.log().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn quotas_are_heeded_before_there_is_a_refusal() {
    let hosts = plain();
    let server = Server::new(|it| {
        let left = 2_u64.saturating_sub(it.nth as u64);
        let response = http::Response::builder().header("x-ratelimit-remaining", left);
        response.header("x-ratelimit-reset-after", "30").body(String::new()).unwrap()
    });
    let deaf = TimeLockLayer::new(hosts.clone()).layer(server.clone());
    deaf.oneshot(get("x")).await.unwrap();
    assert!(hosts.is_empty(), "not unless it is told to");
    let client = TimeLockLayer::new(hosts.clone()).heed_quotas().layer(server.clone());
    let began = Instant::now();
    for _ in 0..3 {
        client.clone().oneshot(get("x")).await.unwrap();
    }
    let log = server.log();
    assert!(log[2].at < began + secs(1) && log[3].at >= began + secs(30), "{log:?}");
    let before = Instant::now();
    client.clone().oneshot(get_from("b", "x")).await.unwrap();
    assert_eq!(before.elapsed(), ms(10), "another host");
}

// A refusal says by itself for how long, and is what a learned pace learns from.
#[tokio::test(start_paused = true)]
async fn the_quota_of_a_refusal_is_its_pause() {
    let gate = TimeLock::new();
    let server = Server::new(|_| {
        let response = http::Response::builder().status(429).header("retry-after", "2");
        let response = response.header("ratelimit", r#""default";r=0;t=60"#);
        response.body(String::new()).unwrap()
    });
    let client = TimeLockLayer::new(gate.clone()).heed_quotas().layer(server);
    client.oneshot(get("x")).await.unwrap();
    assert_eq!((gate.remaining(), gate.epoch(), gate.stats().refused), (Some(secs(2)), 1, 1));
}
