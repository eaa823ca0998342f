// Response futures that are dropped, everywhere.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate_semaphore::OwnedSlot;
use tidegate_test::{Explorer, cut_everywhere, hold};
use tidegate_time_lock::{
    Applied, KeyedTimeLock, KeyedTimeLockBuilder, Reopen, RetryBudget, State, TimeLock,
};
use tidegate_tower::{
    ConcurrencyLimitLayer, DeadlineExceeded, DeadlineLayer, Retry, ShedLayer, TimeLockLayer,
};
use tokio::task::coop::unconstrained;
use tokio::time::sleep;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{Server, get, ms, ok, refuse, secs};

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

struct World {
    runtime: tokio::runtime::Runtime,
    gate: TimeLock,
    sent: Arc<AtomicUsize>,
}

impl World {
    /// By the runtime's clock.
    fn inside(&self, what: impl FnOnce(&TimeLock)) {
        let _inside = self.runtime.enter();
        what(&self.gate);
    }
}

// R8, R14: whatever is dropped when, the next one is the probe, and nobody is left in line.
#[test]
fn a_dropped_response_leaves_no_trace() {
    let schedules = Explorer::new(|| World {
        runtime: paused(),
        gate: TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build(),
        sent: Arc::default(),
    })
    .future(|world| {
        let sent = world.sent.clone();
        let client = TimeLockLayer::new(world.gate.clone()).max_waiters(1).max_wait(secs(9)).layer(
            service_fn(move |_: http::Request<String>| {
                sent.fetch_add(1, Ordering::SeqCst);
                async {
                    tokio::task::yield_now().await;
                    Ok::<_, Infallible>(ok())
                }
            }),
        );
        let mut call = Box::pin(client.oneshot(get("x")));
        hold(poll_fn(move |cx| {
            let _inside = world.runtime.enter();
            call.as_mut().poll(cx)
        }))
    })
    .step(|world| world.inside(|gate| assert_eq!(gate.lock().applied, Applied::Started)))
    .step(|world| world.inside(|gate| assert!(gate.unlock())))
    .step(|world| world.inside(|gate| assert_eq!(gate.lock_for(ms(10)).applied, Applied::Started)))
    .step(|world| world.runtime.block_on(async { sleep(ms(11)).await }))
    .check(|world| {
        assert!(world.sent.load(Ordering::SeqCst) <= 1);
        world.inside(|gate| {
            assert_eq!(gate.waiters(), 0);
            let next = gate.try_acquire().unwrap();
            assert!(next.is_probe());
            next.ok();
            assert_eq!(gate.snapshot().state, State::Open);
        });
    })
    .run();
    assert_eq!(schedules, 32 * 6);
}

#[test]
fn a_response_may_be_cut_after_any_number_of_polls() {
    let cuts = cut_everywhere(|cut| {
        paused().block_on(async {
            let probe = TimeLock::builder().reopen(Reopen::Probe { n: 1 });
            let gates: KeyedTimeLock<String> =
                KeyedTimeLockBuilder::new().template(probe).parent(probe.build()).build();
            let server = Server::new(|it| if it.nth < 2 { refuse(1) } else { ok() });
            let limit = ConcurrencyLimitLayer::new(1);
            let client = ServiceBuilder::new()
                .layer(DeadlineLayer::new().timeout(secs(60)))
                .layer(
                    TimeLockLayer::new(gates.clone())
                        .retry(Retry::new(RetryBudget::new()))
                        .max_waiters(2),
                )
                .layer(limit.clone())
                .layer(DeadlineLayer::new().timeout(secs(5)))
                .service(server.clone());
            let neighbour = tokio::spawn({
                let client = client.clone();
                async move {
                    sleep(ms(5)).await;
                    client.oneshot(get("neighbour")).await.unwrap()
                }
            });
            drop(cut.short(client.clone().oneshot(get("x"))).await);
            assert_eq!(neighbour.await.unwrap().status(), 200);
            assert_eq!(client.oneshot(get("last")).await.unwrap().status(), 200);
            let key = "http://a.example".to_owned();
            assert_eq!((gates.gate(&key).waiters(), gates.global().waiters()), (0, 0));
            assert_eq!(gates.gate(&key).snapshot().state, State::Open);
            assert_eq!((limit.limiter().borrowed(), limit.limiter().waiters()), (0, 0));
        });
    });
    assert!(cuts >= 6, "{cuts}");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_never_polled_is_nothing() {
    let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    let mut client = TimeLockLayer::new(gate.clone()).layer(Server::new(|_| ok()));
    gate.lock();
    gate.unlock();
    drop(client.call(get("x")));
    assert!(gate.try_acquire().unwrap().is_probe());
}

// What was dropped in the middle of a hundred thousand waiters is no longer among them.
#[tokio::test(start_paused = true)]
async fn crowds_come_and_go() {
    let gate = TimeLock::new();
    let client = TimeLockLayer::new(gate.clone())
        .max_waiters(10_000)
        .layer(service_fn(async |_: http::Request<String>| Ok::<_, Infallible>(ok())));
    gate.lock();
    let mut crowd: Vec<_> =
        (0..10_000).map(|_| Box::pin(client.clone().oneshot(get("x")))).collect();
    // One task that does what ten thousand do, and is not told to let others go first.
    unconstrained(async {
        for call in &mut crowd {
            assert!(tidegate_test::poll_once(call.as_mut()).is_pending());
        }
    })
    .await;
    assert_eq!(gate.waiters(), 10_000);
    assert!(client.clone().oneshot(get("x")).await.is_err(), "no room");
    let mut n = 0;
    crowd.retain(|_| {
        n += 1;
        n % 3 == 0
    });
    assert_eq!(gate.waiters(), 3333);
    gate.unlock();
    for call in crowd {
        call.await.unwrap();
    }
    assert_eq!(gate.waiters(), 0);
}

#[test]
fn a_dropped_limit_gives_everything_back() {
    struct World {
        limit: ConcurrencyLimitLayer,
        held: std::cell::RefCell<Option<OwnedSlot>>,
    }
    let schedules =
        Explorer::new(|| World { limit: ConcurrencyLimitLayer::new(1), held: Default::default() })
            .future(|world| {
                let inner = service_fn(async |()| {
                    tokio::task::yield_now().await;
                    Ok::<_, Infallible>(())
                });
                hold(world.limit.layer(inner).oneshot(()))
            })
            .step(|world| {
                *world.held.borrow_mut() = world.limit.limiter().clone().try_acquire_owned()
            })
            .step(|_| {})
            .step(|world| drop(world.held.borrow_mut().take()))
            .step(|_| {})
            .check(|world| {
                let limiter = world.limit.limiter();
                assert_eq!((limiter.borrowed(), limiter.waiters()), (0, 0));
                limiter.set_total(3);
                assert!(limiter.try_acquire().is_some());
            })
            .run();
    assert_eq!(schedules, 32 * 6);
}

// The deadline passes at each point, too.
#[test]
fn a_dropped_deadline_drops_its_request() {
    struct World {
        runtime: tokio::runtime::Runtime,
        sent: Arc<()>,
    }
    Explorer::new(|| World { runtime: paused(), sent: Arc::default() })
        .future(|world| {
            let sent = world.sent.clone();
            let inner = service_fn(move |()| {
                let sent = sent.clone();
                async move {
                    let _sent = sent;
                    std::future::pending::<Result<(), Infallible>>().await
                }
            });
            let layer = DeadlineLayer::new().timeout(ms(10));
            let mut call = Box::pin(layer.layer(inner).oneshot(()));
            hold(poll_fn(move |cx| {
                let _inside = world.runtime.enter();
                call.as_mut().poll(cx).map(|response| {
                    assert!(
                        response.unwrap_err().downcast::<DeadlineExceeded>().unwrap().was_sent()
                    );
                })
            }))
        })
        .step(|world| world.runtime.block_on(async { sleep(ms(6)).await }))
        .step(|world| world.runtime.block_on(async { sleep(ms(6)).await }))
        .step(|world| world.runtime.block_on(async { sleep(ms(6)).await }))
        .check(|world| {
            assert_eq!(Arc::strong_count(&world.sent), 1);
        })
        .run();
}

#[test]
fn a_dropped_response_of_a_server_hands_its_probe_on() {
    Explorer::new(|| {
        let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
        gate.lock();
        gate.unlock();
        gate
    })
    .future(|gate| {
        let inner = service_fn(async |_: http::Request<String>| {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(ok())
        });
        hold(ShedLayer::new(gate.clone()).layer(inner).oneshot(get("x")))
    })
    .step(|_| {})
    .step(|_| {})
    .check(|gate| {
        let next = gate.try_acquire().unwrap();
        assert!(next.is_probe() || gate.snapshot().state == State::Open);
    })
    .run();
}
