// Random programs: clients that come and go, servers that refuse, and what must be true all the time.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use proptest::prelude::*;
use tidegate_time_lock::{KeyedTimeLock, LearnedPace, Reopen, RetryBudget, State, TimeLock};
use tidegate_tower::{
    ConcurrencyLimitLayer, DeadlineExceeded, DeadlineLayer, Retry, TimeLockError, TimeLockLayer,
};
use tokio::time::{sleep, timeout};
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::support::{get_from, ms, ok, refuse, secs, status};

#[derive(Clone, Debug)]
struct Call {
    at: u64,
    host: usize,
    /// Dropped after so many milliseconds, if it is not there by then.
    patience: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Well,
    /// For so many seconds.
    Refusal(u64),
    Broken,
    /// Not within its time-out.
    Never,
}

fn call() -> impl Strategy<Value = Call> {
    (0..3000_u64, 0..3_usize, proptest::option::weighted(0.3, 0..4000_u64))
        .prop_map(|(at, host, patience)| Call { at, host, patience })
}

fn answer() -> impl Strategy<Value = (u64, Answer)> {
    let what = prop_oneof![
        6 => Just(Answer::Well),
        3 => (0..3_u64).prop_map(Answer::Refusal),
        1 => Just(Answer::Broken),
        1 => Just(Answer::Never),
    ];
    (1..500_u64, what)
}

fn reopen() -> impl Strategy<Value = Reopen> {
    prop_oneof![
        Just(Reopen::All),
        Just(Reopen::Probe { n: 1 }),
        Just(Reopen::Learned(LearnedPace::new())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_sent_in_a_pause_and_nothing_is_left_behind(
        calls in proptest::collection::vec(call(), 1..40),
        answers in proptest::collection::vec(answer(), 1..40),
        reopen in reopen(),
        limit in 1..5_usize,
        attempts in 1..5_u32,
        most in proptest::option::of(0..5_usize),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let rules = TimeLock::builder().reopen(reopen);
            let hosts = KeyedTimeLock::<String>::builder().template(rules).build();
            let violations = Arc::new(Mutex::new(Vec::new()));
            let nth = Arc::new(AtomicUsize::new(0));
            let server = service_fn({
                let (hosts, violations) = (hosts.clone(), violations.clone());
                move |request: Request<String>| {
                    let key = format!("http://{}", request.uri().host().unwrap());
                    let shut = hosts.snapshot(&key).is_some_and(|it| it.state == State::Shut);
                    if shut {
                        violations.lock().unwrap().push(request.uri().clone());
                    }
                    let nth = nth.fetch_add(1, Ordering::SeqCst);
                    // In the end it is well, or some would go on for as long as there is time.
                    let (latency, answer) = match nth {
                        ..200 => answers[nth % answers.len()],
                        _ => (1, Answer::Well),
                    };
                    async move {
                        sleep(ms(latency)).await;
                        Ok::<Response<String>, Infallible>(match answer {
                            Answer::Well => ok(),
                            Answer::Refusal(seconds) => refuse(seconds),
                            Answer::Broken => status(503),
                            Answer::Never => std::future::pending().await,
                        })
                    }
                }
            });
            let permits = ConcurrencyLimitLayer::new(limit);
            let layer = TimeLockLayer::new(hosts.clone())
                .retry(Retry::new(RetryBudget::new().attempts(attempts)))
                .max_wait(secs(600));
            let layer = match most {
                Some(most) => layer.max_waiters(most),
                None => layer,
            };
            let client = ServiceBuilder::new()
                .layer(layer)
                .layer(permits.clone())
                .layer(DeadlineLayer::new().timeout(secs(2)))
                .service(server);
            let tasks: Vec<_> = calls.into_iter().map(|Call { at, host, patience }| {
                let client = client.clone();
                tokio::spawn(async move {
                    sleep(ms(at)).await;
                    let call = client.oneshot(get_from(&format!("h{host}"), "x"));
                    match patience {
                        Some(patience) => timeout(ms(patience), call).await.ok(),
                        None => Some(timeout(secs(3600), call).await.expect("it hangs")),
                    }
                })
            }).collect();
            for task in tasks {
                if let Some(Err(error)) = task.await.unwrap() {
                    let shed = error.downcast_ref::<TimeLockError>();
                    assert!(
                        error.is::<DeadlineExceeded>()
                            || most.is_some() && matches!(shed, Some(TimeLockError::Shed { .. })),
                        "{error}",
                    );
                }
            }
            assert_eq!(*violations.lock().unwrap(), Vec::<http::Uri>::new());
            assert_eq!((permits.limiter().borrowed(), permits.limiter().waiters()), (0, 0));
            assert_eq!(hosts.global().waiters(), 0);
            for host in 0..3 {
                assert_eq!(hosts.gate(&format!("http://h{host}.example")).waiters(), 0);
            }
        });
    }
}
