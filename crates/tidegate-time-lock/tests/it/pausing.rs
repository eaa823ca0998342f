use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;

use tidegate_test::{CountingWaker, poll_once, poll_with};
use tidegate_time_lock::{
    Aimd, Applied, Closed, PausingSemaphore, Reopen, RetryBudget, RunError, Scope, State, TimeLock,
    TryAcquireError, Verdict,
};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use crate::support::{ms, secs};

type Answer = Result<u32, u16>;

fn judge(answer: &Answer) -> Verdict {
    match answer {
        // P10: a refusal may come as a response, too.
        Err(429) | Ok(429) => Verdict::refused(secs(1)),
        Err(0) => Verdict::Ignore,
        _ => Verdict::Ok,
    }
}

type Judge = fn(&Answer) -> Verdict;

fn requests(permits: usize) -> PausingSemaphore<Judge> {
    PausingSemaphore::builder()
        .permits(permits)
        .without_aimd()
        .reopen(Reopen::All)
        .classify(judge as Judge)
        .build()
}

// P1
#[tokio::test(start_paused = true)]
async fn pauses_more_than_once() {
    let requests = requests(3);
    for _ in 0..5 {
        let began = Instant::now();
        assert_eq!(requests.run(async { Err(429) }).await, Err(429));
        assert_eq!(requests.run(async { Ok(1) }).await, Ok(1));
        assert!(began.elapsed() >= secs(1) && began.elapsed() <= ms(1001));
    }
    assert_eq!(requests.gate().stats().shuts, 5);
}

// P2
#[tokio::test(start_paused = true)]
async fn relock_rechecks_the_woken() {
    let requests = requests(1);
    requests.gate().lock_for(secs(1));
    let began = Instant::now();
    let sent = Rc::new(RefCell::new(Vec::new()));
    let tasks = LocalSet::new();
    for i in 0..4_u32 {
        let (requests, sent) = (requests.clone(), Rc::clone(&sent));
        tasks.spawn_local(async move {
            let send = async {
                assert!(!requests.gate().is_locked());
                sent.borrow_mut().push((i, began.elapsed().as_secs()));
                if i == 0 { Err(429) } else { Ok(i) }
            };
            let _ = requests.run(send).await;
        });
    }
    tasks.await;
    assert_eq!(*sent.borrow(), [(0, 1), (1, 2), (2, 2), (3, 2)]);
}

// P3
#[tokio::test(start_paused = true)]
async fn old_timer_does_not_end_new_pause() {
    let requests = requests(1);
    requests.gate().lock_for(ms(300));
    let waiter = tokio::spawn({
        let requests = requests.clone();
        async move { drop(requests.acquire().await.unwrap()) }
    });
    sleep(ms(150)).await;
    requests.gate().unlock();
    let began = Instant::now();
    requests.gate().lock_for(ms(300));
    waiter.await.unwrap();
    assert!(began.elapsed() >= ms(300) && began.elapsed() <= ms(301));
}

// P5
#[tokio::test(start_paused = true)]
async fn the_errors_of_requests_go_through() {
    let requests = requests(2);
    assert_eq!(requests.run(async { Err(404) }).await, Err(404));
    assert!(!requests.gate().is_locked());
    // No verdict.
    assert_eq!(requests.run(async { Err(0) }).await, Err(0));
    assert_eq!(requests.run(async { Err(429) }).await, Err(429));
    assert_eq!(requests.gate().remaining(), Some(secs(1)));
    assert_eq!(requests.permits().in_use, 0);
}

// P6, P10
#[tokio::test(start_paused = true)]
async fn classifier_sees_success_too() {
    let requests = requests(2);
    assert_eq!(requests.run(async { Ok(429) }).await, Ok(429), "a response");
    assert!(requests.gate().is_locked());
}

// P7
#[tokio::test(start_paused = true)]
async fn cancellation_is_not_a_refusal() {
    let asked = Rc::new(Cell::new(0));
    let requests = PausingSemaphore::builder()
        .permits(1)
        .classify_with(Counting(std::sync::atomic::AtomicU32::new(0)))
        .build();
    let mut request = Box::pin(requests.run(async {
        asked.set(asked.get() + 1);
        sleep(secs(1)).await;
        Err::<(), _>(429)
    }));
    assert!(poll_once(request.as_mut()).is_pending());
    assert_eq!(requests.permits().in_use, 1);
    drop(request);
    assert_eq!((asked.get(), requests.permits().in_use), (1, 0));
    assert!(!requests.gate().is_locked());
    assert!(requests.try_acquire().is_ok());
}

/// Refuses to be asked.
struct Counting(std::sync::atomic::AtomicU32);

impl<T> tidegate_time_lock::Classify<T, u16> for Counting {
    fn classify(&self, _: &Result<T, u16>) -> Verdict {
        panic!("asked about a request that was cut short {:?}", self.0);
    }
}

// P8, R16
#[tokio::test(start_paused = true)]
async fn classifier_panic() {
    for reopen in [Reopen::All, Reopen::Probe { n: 1 }] {
        let requests = PausingSemaphore::builder()
            .permits(1)
            .reopen(reopen)
            .classify(|_: &Answer| std::panic::resume_unwind(Box::new("the classifier panicked")))
            .build();
        requests.gate().lock();
        requests.gate().unlock();
        let mut request = Box::pin(requests.run(async { Err(429) }));
        let panic = catch_unwind(AssertUnwindSafe(|| poll_once(request.as_mut()).is_ready()));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"the classifier panicked"));
        drop(request);
        assert!(!requests.gate().is_locked());
        assert_eq!(requests.permits().in_use, 0);
        // If it was a probe, the next one is.
        assert!(requests.try_acquire().is_ok());
    }
}

// P9
#[tokio::test(start_paused = true)]
async fn refusal_counts_at_the_headers() {
    let requests = requests(2);
    let mut permit = requests.acquire().await.unwrap();
    let shut = permit.verdict(Verdict::refused(secs(1))).unwrap();
    assert_eq!(shut.applied, Applied::Started);
    assert!(matches!(requests.try_acquire().unwrap_err(), TryAcquireError::Shut { .. }));
    sleep(ms(30)).await; // the body
    assert_eq!(requests.permits().in_use, 1);
    // One verdict each.
    assert_eq!(permit.refused(secs(9)), None);
    assert_eq!(permit.verdict(Verdict::refused(secs(9))), None);
    permit.ok();
    assert_eq!(requests.gate().remaining(), Some(ms(970)));
    assert!(!permit.is_current() && !permit.is_probe() && !permit.is_isolated());
    drop(permit);
    assert_eq!(requests.permits().in_use, 0);
}

// P11
#[tokio::test(start_paused = true)]
async fn it_counts() {
    let requests = requests(3);
    let (most, now) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let tasks = LocalSet::new();
    for _ in 0..20 {
        let (requests, most, now) = (requests.clone(), Rc::clone(&most), Rc::clone(&now));
        tasks.spawn_local(async move {
            let send = async {
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                sleep(ms(10)).await;
                now.set(now.get() - 1);
                Ok(1)
            };
            requests.run(send).await.unwrap();
        });
    }
    let began = Instant::now();
    tasks.await;
    assert_eq!(most.get(), 3);
    assert_eq!(began.elapsed(), ms(70));
    let permits = requests.permits();
    assert_eq!((permits.limit, permits.in_use, permits.wanted), (3, 0, 3));
}

// P12
#[tokio::test(start_paused = true)]
async fn longer_pause_wins() {
    let requests = requests(2);
    let [mut long, mut short] = [requests.try_acquire().unwrap(), requests.try_acquire().unwrap()];
    long.refused(secs(5));
    assert_eq!(short.refused(secs(1)).unwrap().applied, Applied::KeptLonger);
    assert_eq!(requests.gate().remaining(), Some(secs(5)));
}

// C1, C16: nobody is sent in the pause, and nobody waits with a permit.
#[tokio::test(start_paused = true)]
async fn backoff_holds_no_slot() {
    let requests = requests(1);
    let sent = Rc::new(RefCell::new(Vec::new()));
    let began = Instant::now();
    let tasks = LocalSet::new();
    for i in 0..4_u32 {
        let (requests, sent) = (requests.clone(), Rc::clone(&sent));
        tasks.spawn_local(async move {
            let send = async {
                sent.borrow_mut().push((i, began.elapsed()));
                assert!(!requests.gate().is_locked());
                sleep(ms(10)).await;
                if i == 0 { Err(429) } else { Ok(i) }
            };
            let _ = requests.run(send).await;
        });
    }
    tasks.run_until(sleep(ms(500))).await;
    assert_eq!(requests.permits().in_use, 0, "paused");
    assert_eq!(requests.gate().waiters(), 3);
    tasks.await;
    let (order, times): (Vec<_>, Vec<_>) = sent.borrow().iter().copied().unzip();
    assert_eq!(order, [0, 1, 2, 3]);
    assert!(times[0].is_zero() && times[1] >= ms(1010) && times[3] <= ms(1033), "{times:?}");
}

// A running request keeps its permit when the gate is shut.
#[tokio::test(start_paused = true)]
async fn what_runs_goes_on_during_a_pause() {
    let requests = requests(2);
    let running = tokio::spawn({
        let requests = requests.clone();
        async move {
            requests
                .run(async {
                    sleep(ms(500)).await;
                    Ok(7)
                })
                .await
        }
    });
    sleep(ms(1)).await;
    let _ = requests.run(async { Err(429) }).await;
    assert_eq!(running.await.unwrap(), Ok(7));
    assert!(requests.gate().is_locked());
}

#[tokio::test(start_paused = true)]
async fn permits_are_given_in_order_and_never_in_advance() {
    let requests = requests(1);
    let held = requests.try_acquire().unwrap();
    let (wakes, waker) = CountingWaker::new();
    let mut first = Box::pin(requests.acquire());
    let mut second = Box::pin(requests.acquire());
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    assert!(poll_once(second.as_mut()).is_pending());
    assert!(matches!(
        requests.try_acquire().unwrap_err(),
        TryAcquireError::Queued { ahead: 2 } | TryAcquireError::Full
    ));
    drop(held);
    assert_eq!(wakes.count(), 1);
    assert!(poll_once(second.as_mut()).is_pending(), "came later");
    assert!(requests.try_acquire().is_err(), "nobody overtakes who was woken");
    // Shut before the woken one has looked.
    requests.gate().lock();
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    assert_eq!(requests.permits().in_use, 0);
    requests.gate().unlock();
    drop(first);
    assert!(poll_once(second.as_mut()).is_ready());
}

#[tokio::test(start_paused = true)]
async fn who_passes_the_gate_itself_takes_no_permit() {
    let requests = requests(1);
    let held = requests.try_acquire().unwrap();
    requests.gate().try_acquire().unwrap().ok();
    let mut waits = Box::pin(requests.acquire());
    assert!(poll_once(waits.as_mut()).is_pending());
    let mut behind = Box::pin(requests.gate().acquire());
    assert!(poll_once(behind.as_mut()).is_pending(), "one line");
    drop(held);
    let Poll::Ready(Ok(permit)) = poll_once(waits.as_mut()) else { panic!("it is free") };
    assert!(poll_once(behind.as_mut()).is_ready());
    assert_eq!(requests.permits().in_use, 1);
    drop(permit);
}

#[tokio::test(start_paused = true)]
async fn the_limit_can_be_changed_while_it_is_in_use() {
    let requests = requests(2);
    let held = [requests.try_acquire().unwrap(), requests.try_acquire().unwrap()];
    let mut waits: Vec<_> = (0..3).map(|_| Box::pin(requests.acquire())).collect();
    assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_pending()));
    requests.set_limit(4);
    let mut now = Vec::new();
    waits.retain_mut(|wait| match poll_once(wait.as_mut()) {
        Poll::Ready(permit) => {
            now.push(permit.unwrap());
            false
        }
        Poll::Pending => true,
    });
    assert_eq!((now.len(), requests.permits().in_use), (2, 4));
    requests.set_limit(1);
    assert_eq!((requests.permits().limit, requests.permits().in_use), (1, 4));
    drop(held);
    drop(now.pop());
    assert!(poll_once(waits[0].as_mut()).is_pending());
    drop(now);
    assert!(poll_once(waits[0].as_mut()).is_ready());
    requests.set_limit(0);
    assert_eq!(requests.try_acquire().unwrap_err(), TryAcquireError::Full);
}

#[tokio::test(start_paused = true)]
async fn concurrency_halves_once_per_herd_and_grows_back_where_it_is_used() {
    let requests = PausingSemaphore::builder().permits(8).reopen(Reopen::All).build();
    let limit = || requests.permits().limit;
    let herd: Vec<_> = (0..8).map(|_| requests.try_acquire().unwrap()).collect();
    for mut permit in herd {
        permit.refused(secs(1));
    }
    assert_eq!(limit(), 4, "one strike for a herd");
    sleep(secs(1)).await;
    // Not used, it does not grow.
    for _ in 0..100 {
        requests.acquire().await.unwrap().ok();
    }
    assert_eq!(limit(), 4);
    // A round of four for the fifth, of five for the sixth.
    let mut held: Vec<_> = (0..3).map(|_| requests.try_acquire().unwrap()).collect();
    for _ in 0..4 {
        assert_eq!(limit(), 4);
        requests.acquire().await.unwrap().ok();
    }
    assert_eq!(limit(), 5);
    held.push(requests.try_acquire().unwrap());
    for _ in 0..5 {
        assert_eq!(limit(), 5);
        requests.acquire().await.unwrap().ok();
    }
    assert_eq!(limit(), 6);
    // A late refusal cuts nothing.
    requests.gate().lock_for(secs(1));
    held.pop().unwrap().refused(secs(2));
    assert_eq!(limit(), 6);
    sleep(secs(2)).await;
    // Never below the floor.
    drop(held);
    for _ in 0..9 {
        let _ = requests.acquire().await.map(|mut permit| permit.refused(secs(1)));
    }
    assert_eq!((limit(), requests.permits().wanted), (1, 8));
}

#[tokio::test(start_paused = true)]
async fn concurrency_adapts_as_it_is_told_to() {
    let aimd = Aimd::new().floor(3).beta(0.75).step(4);
    let requests = PausingSemaphore::builder().permits(8).aimd(aimd).reopen(Reopen::All).build();
    let limit = || requests.permits().limit;
    for expected in [6, 4, 3, 3] {
        requests.acquire().await.unwrap().refused(secs(1));
        assert_eq!(limit(), expected);
    }
    sleep(secs(1)).await;
    let held: Vec<_> = (0..2).map(|_| requests.try_acquire().unwrap()).collect();
    for _ in 0..3 {
        requests.acquire().await.unwrap().ok();
    }
    assert_eq!(limit(), 7);
    let more: Vec<_> = (0..4).map(|_| requests.try_acquire().unwrap()).collect();
    for _ in 0..7 {
        requests.acquire().await.unwrap().ok();
    }
    assert_eq!(limit(), 8, "no more than was asked for");
    drop((held, more));
}

#[tokio::test(start_paused = true)]
async fn a_floor_of_none_is_one() {
    let aimd = Aimd { floor: 0, beta: 0.0, step: 1 };
    let requests = PausingSemaphore::builder().permits(8).aimd(aimd).build();
    requests.acquire().await.unwrap().refused(secs(1));
    assert_eq!(requests.permits().limit, 1);
}

#[test]
#[should_panic(expected = "a part is between nought and one")]
fn more_than_everything_cannot_be_left() {
    let _ = PausingSemaphore::builder().aimd(Aimd { floor: 1, beta: 1.5, step: 1 });
}

#[tokio::test(start_paused = true)]
async fn growth_lets_the_next_one_go() {
    let requests = PausingSemaphore::builder().permits(2).reopen(Reopen::All).build();
    requests.acquire().await.unwrap().refused(secs(1));
    sleep(secs(1)).await;
    let mut only = requests.try_acquire().unwrap();
    let mut next = Box::pin(requests.acquire());
    let (wakes, waker) = CountingWaker::new();
    assert!(poll_with(next.as_mut(), &waker).is_pending());
    only.ok();
    assert_eq!((requests.permits().limit, wakes.count()), (2, 1));
    assert!(poll_once(next.as_mut()).is_ready());
}

// Without a word about how to reopen, one probe goes first and the rest at a pace.
#[tokio::test(start_paused = true)]
async fn the_pace_after_a_pause_is_learned() {
    let requests = PausingSemaphore::new(4);
    let herd: Vec<_> = (0..4).map(|_| requests.try_acquire().unwrap()).collect();
    assert_eq!(requests.gate().snapshot().pace, None, "no cold start: there are permits");
    for mut permit in herd {
        permit.refused(secs(1));
    }
    sleep(secs(1)).await;
    let mut probe = requests.try_acquire().unwrap();
    assert!(probe.is_probe());
    assert_eq!(requests.try_acquire().unwrap_err(), TryAcquireError::Probing);
    probe.ok();
    assert_eq!(requests.gate().snapshot().state, State::Open);
    assert!(requests.gate().snapshot().pace.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_tried_again_from_its_old_place() {
    let requests = requests(1);
    let order = Rc::new(RefCell::new(Vec::new()));
    let budget = Rc::new(RetryBudget::new());
    let tasks = LocalSet::new();
    for i in 0..3_u32 {
        let (requests, order, budget) = (requests.clone(), Rc::clone(&order), Rc::clone(&budget));
        tasks.spawn_local(async move {
            let mut attempt = 0;
            let answer = requests.run_retrying(&budget, || {
                attempt += 1;
                order.borrow_mut().push((i, attempt));
                std::future::ready(if i == 0 && attempt == 1 { Err(429) } else { Ok(i) })
            });
            assert_eq!(answer.await, Ok(i));
        });
    }
    tasks.await;
    assert_eq!(*order.borrow(), [(0, 1), (0, 2), (1, 1), (2, 1)]);
}

#[tokio::test(start_paused = true)]
async fn retries_end() {
    let requests = requests(1);
    let sent = Cell::new(0);
    let send = |answer: Answer| {
        sent.set(sent.get() + 1);
        std::future::ready(answer)
    };
    let three = RetryBudget::new().attempts(3);
    let refused = requests.run_retrying(&three, || send(Err(429))).await;
    assert_eq!((refused, sent.take()), (Err(RunError::Refused(429)), 3));
    // Other failures are not tried again.
    let failed = requests.run_retrying(&three, || send(Err(500))).await;
    assert_eq!((failed, sent.take()), (Err(RunError::Failed(500)), 1));
    // A response that is a refusal is given back as such.
    assert_eq!((requests.run_retrying(&three, || send(Ok(429))).await, sent.take()), (Ok(429), 3));
    // A budget that is shared: two to begin with, and a half for each request.
    let shared = RetryBudget::new().share(0.5, 2);
    let _ = requests.run_retrying(&shared, || send(Err(429))).await;
    assert_eq!(sent.take(), 3);
    let _ = requests.run_retrying(&shared, || send(Err(429))).await;
    assert_eq!(sent.take(), 1, "half a retry");
    let _ = requests.run_retrying(&shared, || send(Err(429))).await;
    assert_eq!(sent.take(), 2, "a whole one");
    let none = RetryBudget::new().attempts(0);
    let _ = requests.run_retrying(&none, || send(Err(429))).await;
    assert_eq!(sent.take(), 1, "sent once whatever the budget is");
}

#[test]
fn small_parts_of_a_retry_add_up() {
    let budget = RetryBudget::new().share(0.0004, 0);
    let retries = (0..10_000).filter(|_| budget.begin().another()).count();
    assert_eq!(retries, 4);
}

// C11
#[tokio::test(start_paused = true)]
async fn a_request_that_is_refused_for_its_own_sake_fails_alone() {
    let requests = requests(4);
    let budget = RetryBudget::new().attempts(u32::MAX);
    let poisoned = tokio::spawn({
        let requests = requests.clone();
        async move {
            requests
                .run_retrying(&budget, || async {
                    sleep(ms(50)).await;
                    Err::<u32, u16>(429)
                })
                .await
        }
    });
    let others: Vec<_> = (0..40)
        .map(|_| {
            let requests = requests.clone();
            tokio::spawn(async move {
                requests
                    .run(async {
                        sleep(ms(10)).await;
                        Ok(1)
                    })
                    .await
            })
        })
        .collect();
    assert_eq!(poisoned.await.unwrap(), Err(RunError::RequestRefused(429)));
    for other in others {
        assert_eq!(other.await.unwrap(), Ok(1));
    }
    assert_eq!(requests.gate().stats().shuts, 2);
}

#[tokio::test(start_paused = true)]
async fn closing_reaches_who_waits_for_a_permit() {
    let requests = requests(1);
    let held = requests.try_acquire().unwrap();
    let mut waits = Box::pin(requests.acquire());
    assert!(poll_once(waits.as_mut()).is_pending());
    requests.gate().close();
    assert!(matches!(poll_once(waits.as_mut()), Poll::Ready(Err(Closed))));
    assert_eq!(requests.try_acquire().unwrap_err(), TryAcquireError::Closed);
    let retrying = requests.run_retrying(&RetryBudget::new(), || async { Ok(1) }).await;
    assert_eq!(retrying, Err(RunError::Closed));
    drop(held);
    assert_eq!(requests.permits().in_use, 0);
}

#[tokio::test(start_paused = true)]
#[should_panic = "not closed"]
async fn running_at_a_closed_gate_panics() {
    let requests = requests(1);
    requests.gate().close();
    let _ = requests.run(async { Ok(1) }).await;
}

#[tokio::test(start_paused = true)]
async fn a_permit_keeps_its_place_only_while_it_has_one() {
    let requests = requests(1);
    let mut told = requests.try_acquire().unwrap();
    told.ok();
    requests.gate().lock();
    let mut first = Box::pin(requests.acquire());
    assert!(poll_once(first.as_mut()).is_pending());
    let mut last = Box::pin(requests.acquire_again(told.requeue()));
    assert!(poll_once(last.as_mut()).is_pending());
    requests.gate().unlock();
    assert!(poll_once(last.as_mut()).is_pending());
    assert!(poll_once(first.as_mut()).is_ready());
}

#[tokio::test(flavor = "current_thread")]
async fn permits_in_a_hot_loop_starve_nobody() {
    let requests = requests(1);
    let other = Rc::new(Cell::new(false));
    let set = Rc::clone(&other);
    LocalSet::new()
        .run_until(async {
            tokio::task::spawn_local(async move { set.set(true) });
            for _ in 0..100_000 {
                requests.run(async { Ok(1) }).await.unwrap();
                if other.get() {
                    return;
                }
            }
            panic!("the other task never ran");
        })
        .await;
}

#[test]
fn a_verdict_says_whom_it_is_about() {
    let Verdict::Refused { after, scope } = Verdict::refused(secs(2)) else { panic!("refused") };
    assert_eq!((after, scope), (Some(secs(2)), Scope::Key));
    let builder = PausingSemaphore::builder().gate(TimeLock::builder());
    assert!(format!("{builder:?} {:?}", builder.build()).contains("permits: 1"));
}
