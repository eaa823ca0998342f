use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use tidegate_test::{CountingWaker, poll_once, poll_with};
use tidegate_time_lock::{
    AcquireTimeoutError, Closed, Policy, Rate, Reopen, Ticket, TimeLock, TryAcquireError, Until,
};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, advance, sleep};

use crate::support::{line, look, ms, secs};

// T2, P2, R2
#[tokio::test(start_paused = true)]
async fn relock_rechecks_the_woken() {
    let gate = TimeLock::new();
    gate.lock_for(secs(1));
    let order = Rc::new(RefCell::new(Vec::new()));
    let tasks = tokio::task::LocalSet::new();
    for i in 0..5 {
        let (gate, order) = (gate.clone(), Rc::clone(&order));
        tasks.spawn_local(async move {
            gate.acquire().await.unwrap().unknown();
            assert!(!gate.is_locked());
            order.borrow_mut().push(i);
            if i == 0 {
                gate.lock_for(secs(1));
            }
        });
    }
    tasks.run_until(sleep(ms(1500))).await;
    assert_eq!(*order.borrow(), [0]);
    assert_eq!(gate.waiters(), 4);
    tasks.await;
    assert_eq!(*order.borrow(), [0, 1, 2, 3, 4]);
}

// The seed's own program: 3, 6 and 9 shut the gate, and nobody slips through.
#[tokio::test(start_paused = true)]
async fn ten_tasks_pass_in_four_groups() {
    let gate = TimeLock::builder().policy(Policy::KeepFirst).build();
    let began = Instant::now();
    let passed = Rc::new(RefCell::new(Vec::new()));
    let tasks = tokio::task::LocalSet::new();
    for i in 0..10 {
        let (gate, passed) = (gate.clone(), Rc::clone(&passed));
        tasks.spawn_local(async move {
            gate.acquire().await.unwrap().unknown();
            passed.borrow_mut().push((i, began.elapsed().as_secs()));
            if [3, 6, 9].contains(&i) {
                gate.lock_for(secs(2));
            }
        });
    }
    tasks.await;
    let seconds: Vec<_> = passed.borrow().iter().map(|&(_, at)| at).collect();
    assert_eq!(seconds, [0, 0, 0, 0, 2, 2, 2, 4, 4, 4]);
    assert!(passed.borrow().iter().map(|&(i, _)| i).eq(0..10));
    assert!(gate.is_locked());
    assert_eq!(gate.waiters(), 0);
}

// T6
#[tokio::test(start_paused = true)]
async fn count_after_cancel() {
    let gate = TimeLock::new();
    gate.lock_for(secs(1));
    let mut waiters = line(&gate, 5);
    assert_eq!(gate.waiters(), 5);
    drop(waiters.remove(2));
    assert_eq!(gate.waiters(), 4);
    advance(secs(1)).await;
    for waiter in &mut waiters {
        look(waiter).unwrap().ok();
    }
    assert_eq!(gate.waiters(), 0);
    assert_eq!(gate.stats().cancelled, 1);
}

// T7
#[tokio::test(start_paused = true)]
async fn cancel_is_not_a_pass() {
    for reopen in [
        Reopen::All,
        Reopen::Probe { n: 1 },
        Reopen::Paced(Rate::per_second(1.0)),
        Reopen::Ramp { start: Rate::per_second(1.0), double_every: secs(1) },
        Reopen::Learned(Default::default()),
    ] {
        let gate = TimeLock::builder().reopen(reopen).build();
        gate.lock_for(secs(1));
        let mut waiters = line(&gate, 2);
        advance(secs(1)).await;
        let admitted = gate.stats().admitted;
        // In the tick of the opening, before it has looked.
        drop(waiters.remove(0));
        assert_eq!(gate.stats().admitted, admitted, "{reopen:?}");
        look(&mut waiters[0]).expect("no slot was consumed").unknown();
    }
}

// T8
#[tokio::test(start_paused = true)]
async fn cancel_one_not_all() {
    let gate = TimeLock::new();
    gate.lock_for(secs(1));
    let mut tasks: Vec<_> = (0..5).map(|_| tokio::spawn(gate.clone().acquire_owned())).collect();
    sleep(ms(10)).await;
    tasks.remove(0).abort();
    // One time-out is enough in the seed.
    assert!(tokio::time::timeout(ms(10), gate.acquire()).await.is_err());
    assert_eq!(gate.waiters(), 4);
    for task in tasks {
        task.await.unwrap().unwrap().ok();
    }
    gate.acquire().await.unwrap().ok();
}

// T9, C4
#[tokio::test(start_paused = true)]
async fn no_task_needed() {
    let gate = TimeLock::new();
    let began = Instant::now();
    let locker = tokio::spawn({
        let gate = gate.clone();
        async move {
            gate.lock_for(secs(1));
            gate.acquire().await.unwrap().ok();
        }
    });
    sleep(ms(1)).await;
    locker.abort();
    assert!(locker.await.unwrap_err().is_cancelled());
    assert!(gate.is_locked());
    gate.acquire().await.unwrap().ok();
    assert!(began.elapsed() >= secs(1) && began.elapsed() <= ms(1001));
}

// The first in line owns the timer; when it goes, the next one gets one.
#[tokio::test(start_paused = true)]
async fn the_timer_goes_to_the_next_in_line() {
    let gate = TimeLock::new();
    gate.lock_for(secs(1));
    let mut head = Box::pin(gate.acquire());
    assert!(poll_once(head.as_mut()).is_pending());
    let (wakes, waker) = CountingWaker::new();
    let mut next = Box::pin(gate.acquire());
    assert!(poll_with(next.as_mut(), &waker).is_pending());
    sleep(ms(10)).await;
    drop(head);
    assert_eq!(wakes.count(), 1, "told that it is first");
    assert!(poll_with(next.as_mut(), &waker).is_pending());
    sleep(secs(1)).await;
    assert_eq!(wakes.count(), 2, "by its own timer");
    assert!(poll_with(next.as_mut(), &waker).is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_in_the_middle_that_leaves_wakes_nobody() {
    let gate = TimeLock::new();
    gate.lock_for(secs(1));
    let (wakes, waker) = CountingWaker::new();
    let mut head = Box::pin(gate.acquire());
    assert!(poll_with(head.as_mut(), &waker).is_pending());
    let mut others = line(&gate, 3);
    others.clear();
    assert_eq!(wakes.count(), 0);
}

// T15
#[tokio::test(start_paused = true)]
async fn fifo_no_overtaking() {
    let gate = TimeLock::new();
    gate.lock_for(secs(1));
    let mut waiters = line(&gate, 3);
    advance(secs(1)).await;
    // A newcomer, in the tick of the opening.
    let mut fourth = Box::pin(gate.acquire());
    assert!(look(&mut fourth).is_none());
    assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::Queued { ahead: 4 });
    assert!(look(&mut waiters[1]).is_none());
    for waiter in &mut waiters {
        look(waiter).unwrap().ok();
    }
    look(&mut fourth).unwrap().ok();
}

// T16
#[tokio::test(start_paused = true)]
async fn no_herd() {
    let gate = TimeLock::builder().reopen(Reopen::Paced(Rate::per_second(50.0))).build();
    gate.lock_for(secs(1));
    let opens = Instant::now() + secs(1);
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let gate = gate.clone();
            tokio::spawn(async move {
                gate.acquire().await.unwrap().unknown();
                Instant::now()
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        let due = opens + ms(20 * n as u64);
        let at = task.await.unwrap();
        assert!(at >= due && at <= due + ms(1), "{n}: {:?} after it was due", at - due);
    }
    // The pace stays on.
    assert_eq!(gate.stats().pace_now, Some(Rate::per_second(50.0)));
    assert!(matches!(gate.try_acquire().unwrap_err(), TryAcquireError::Paced { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_pace_does_not_save_up_what_was_not_used() {
    let gate = TimeLock::builder().reopen(Reopen::Paced(Rate::per_second(10.0))).build();
    gate.lock_for(ms(1));
    sleep(secs(60)).await;
    gate.try_acquire().unwrap().unknown();
    assert!(matches!(gate.try_acquire().unwrap_err(), TryAcquireError::Paced { .. }));
    let began = Instant::now();
    for _ in 0..3 {
        gate.acquire().await.unwrap().unknown();
    }
    assert!(began.elapsed() >= ms(295));
}

#[tokio::test(start_paused = true)]
async fn a_ramp_doubles_and_ends() {
    let start = Rate::per_second(10.0);
    let gate = TimeLock::builder().reopen(Reopen::Ramp { start, double_every: secs(1) }).build();
    gate.lock_for(secs(1));
    let mut per_second = Vec::new();
    let opens = Instant::now() + secs(1);
    while per_second.len() < 4 {
        gate.acquire().await.unwrap().unknown();
        let second = (Instant::now() - opens).as_secs() as usize;
        per_second.resize(second + 1, 0);
        per_second[second] += 1;
    }
    // 10 · ∫2^t over each second: 14, 29, 58.
    for (got, want) in per_second.iter().zip([14.4, 28.9, 57.7_f64]) {
        assert!((f64::from(*got) - want).abs() <= 2.0, "{per_second:?}");
    }
    sleep(secs(20)).await;
    gate.try_acquire().unwrap().unknown();
    assert_eq!(gate.stats().pace_now, None);
    gate.try_acquire().unwrap().unknown();
}

// T21
#[tokio::test(start_paused = true)]
async fn timed_acquire() {
    let gate = TimeLock::new();
    gate.lock_for(secs(60));
    let began = Instant::now();
    let fail = gate.acquire_timeout(secs(1)).await.unwrap_err();
    assert_eq!(fail, AcquireTimeoutError::TooLong { remaining: secs(60) });
    let fail = gate.acquire_before(began + secs(59)).await.unwrap_err();
    assert_eq!(fail, AcquireTimeoutError::TooLong { remaining: secs(60) });
    assert_eq!(Instant::now(), began, "at once");
    let fail = gate.acquire_timeout(secs(1)).wait_anyway().await.unwrap_err();
    assert_eq!(fail, AcquireTimeoutError::Elapsed);
    assert!(began.elapsed() >= secs(1) && began.elapsed() <= ms(1001));
    gate.acquire_timeout(secs(60)).await.unwrap().ok();
    assert_eq!(gate.stats().timed_out, 3);
    assert_eq!(gate.stats().cancelled, 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_may_be_kept_for_so_long_only() {
    let gate = TimeLock::new();
    let began = Instant::now();
    let refused = gate.acquire().await.unwrap().refused(secs(1));
    let mut later = Box::pin(gate.acquire());
    assert!(poll_once(later.as_mut()).is_pending());
    let mut first = Box::pin(gate.acquire_again_before(refused.requeue(), began + secs(2)));
    assert!(poll_once(first.as_mut()).is_pending());
    advance(secs(1)).await;
    assert!(poll_once(later.as_mut()).is_pending(), "not its turn");
    let pass = first.await.unwrap();
    later.await.unwrap().ok();
    gate.lock();
    let fail = gate.acquire_again_before(pass.requeue(), began + secs(2)).await.unwrap_err();
    assert_eq!(fail, AcquireTimeoutError::Elapsed);
    assert!(began.elapsed() >= secs(2) && began.elapsed() <= ms(2001));
    assert_eq!(gate.waiters(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_times_out_behind_others_disturbs_nobody() {
    let gate = TimeLock::new();
    gate.lock();
    let first = tokio::spawn(gate.clone().acquire_owned());
    sleep(ms(1)).await;
    let fail = gate.acquire_timeout(ms(10)).await.unwrap_err();
    assert_eq!(fail, AcquireTimeoutError::Elapsed);
    assert_eq!(gate.waiters(), 1);
    gate.unlock();
    first.await.unwrap().unwrap().ok();
}

#[tokio::test(start_paused = true)]
async fn the_head_that_times_out_hands_on() {
    let gate = TimeLock::new();
    gate.lock_for(ms(50));
    let mut head = Box::pin(gate.acquire_timeout(ms(10)).wait_anyway());
    assert!(poll_once(head.as_mut()).is_pending());
    let next = tokio::spawn(gate.clone().acquire_owned());
    assert_eq!(head.await.unwrap_err(), AcquireTimeoutError::Elapsed);
    next.await.unwrap().unwrap().ok();
}

#[tokio::test(start_paused = true)]
async fn the_longest_timeout_is_none() {
    let gate = TimeLock::new();
    gate.lock_for(secs(1));
    gate.acquire_timeout(std::time::Duration::MAX).await.unwrap().ok();
}

// T22, R20
#[tokio::test(start_paused = true)]
async fn shutdown() {
    let gate = TimeLock::new();
    gate.lock();
    let tasks: Vec<_> = (0..3).map(|_| tokio::spawn(gate.clone().acquire_owned())).collect();
    sleep(ms(1)).await;
    gate.close();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap_err(), Closed);
    }
    assert_eq!(gate.acquire().await.unwrap_err(), Closed);
    assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert_eq!(gate.acquire_timeout(secs(1)).await.unwrap_err(), AcquireTimeoutError::Closed);
    assert_eq!(gate.opened().await, Err(Closed));
    gate.close();
    assert!(!gate.unlock() && !gate.unlock_now());
    assert_eq!(gate.waiters(), 0);
}

#[tokio::test(start_paused = true)]
async fn onlookers_see_every_opening() {
    let gate = TimeLock::new();
    gate.opened().await.unwrap();
    gate.lock_for(secs(1));
    let began = Instant::now();
    let mut onlookers: Vec<_> = (0..3).map(|_| Box::pin(gate.opened())).collect();
    for onlooker in &mut onlookers {
        assert!(poll_once(onlooker.as_mut()).is_pending());
    }
    // Open for no time at all, between two pauses, while nobody looked.
    gate.unlock();
    gate.lock_for(secs(9));
    let late = tokio::spawn({
        let gate = gate.clone();
        async move { gate.opened().await }
    });
    for onlooker in onlookers {
        onlooker.await.unwrap();
    }
    assert_eq!(Instant::now(), began);
    late.await.unwrap().unwrap();
    assert!(began.elapsed() >= secs(9) && began.elapsed() <= ms(9001));
    assert_eq!(gate.waiters(), 0, "onlookers are not in line");
}

#[tokio::test(start_paused = true)]
async fn an_onlooker_is_told_of_an_early_end() {
    let gate = TimeLock::new();
    gate.lock();
    let onlookers: Vec<_> = (0..3)
        .map(|_| {
            let gate = gate.clone();
            tokio::spawn(async move { gate.opened().await })
        })
        .collect();
    sleep(ms(1)).await;
    onlookers[0].abort();
    sleep(ms(1)).await;
    gate.unlock();
    for onlooker in onlookers.into_iter().skip(1) {
        onlooker.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_onlooker_is_told_of_a_shorter_pause() {
    let gate = TimeLock::new();
    gate.lock();
    let began = Instant::now();
    let onlooker = tokio::spawn({
        let gate = gate.clone();
        async move { gate.opened().await }
    });
    sleep(ms(1)).await;
    gate.lock_with(Until::For(ms(9)), Policy::Replace, "shorter");
    onlooker.await.unwrap().unwrap();
    assert!(began.elapsed() >= ms(10) && began.elapsed() <= ms(11));
}

#[tokio::test(start_paused = true)]
async fn the_first_onlooker_that_leaves_hands_its_timer_on() {
    let gate = TimeLock::new();
    gate.lock_for(secs(1));
    let began = Instant::now();
    let mut first = Box::pin(gate.opened());
    assert!(poll_once(first.as_mut()).is_pending());
    let second = tokio::spawn({
        let gate = gate.clone();
        async move { gate.opened().await }
    });
    sleep(ms(1)).await;
    drop(first);
    second.await.unwrap().unwrap();
    assert!(began.elapsed() >= secs(1) && began.elapsed() <= ms(1001));
}

/// Does something again and again, in a task that does nothing else, until another task has run.
async fn in_a_hot_loop(what: impl AsyncFn()) {
    let other = Rc::new(Cell::new(false));
    let set = Rc::clone(&other);
    LocalSet::new()
        .run_until(async {
            spawn_local(async move { set.set(true) });
            for _ in 0..100_000 {
                what().await;
                if other.get() {
                    return;
                }
            }
            panic!("the other task never ran");
        })
        .await;
}

// R19
#[tokio::test(flavor = "current_thread")]
async fn an_open_gate_in_a_hot_loop_starves_nobody() {
    let gate = TimeLock::new();
    in_a_hot_loop(async || gate.acquire().await.unwrap().ok()).await;
    in_a_hot_loop(async || gate.opened().await.unwrap()).await;
    let mut events = gate.events();
    gate.lock();
    assert!(events.next().await.is_some());
    let events = RefCell::new(events);
    in_a_hot_loop(async || {
        gate.unlock();
        gate.lock();
        assert!(
            std::future::poll_fn(|cx| Pin::new(&mut *events.borrow_mut()).poll_next(cx))
                .await
                .is_some()
        );
    })
    .await;
}

// R19
#[tokio::test(flavor = "current_thread")]
async fn a_gate_that_decides_in_a_hot_loop_starves_nobody() {
    let limited = TimeLock::new();
    limited.allow(u64::MAX, Instant::now() + secs(1000));
    in_a_hot_loop(async || limited.acquire().await.unwrap().ok()).await;
    let now = ms(0);
    in_a_hot_loop(async || limited.acquire_timeout(now).await.unwrap().ok()).await;
    assert_eq!((limited.waiters(), limited.stats().timed_out), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_ticket_keeps_the_place_of_who_polls() {
    let gate = TimeLock::new();
    let poll = |gate: &TimeLock, ticket: &mut Ticket| {
        gate.poll_acquire(&mut Context::from_waker(Waker::noop()), ticket)
    };
    let mut ticket = Ticket::new();
    assert!(poll(&gate, &mut ticket).is_ready());
    gate.lock();
    assert!(poll(&gate, &mut ticket).is_pending());
    let mut later = line(&gate, 1);
    assert!(poll(&gate, &mut ticket).is_pending());
    assert_eq!(gate.waiters(), 2, "one place for one ticket");
    gate.unlock();
    assert!(look(&mut later[0]).is_none(), "came later");
    let Poll::Ready(Ok(pass)) = poll(&gate, &mut ticket) else { panic!("it is the first") };
    pass.ok();
    look(&mut later[0]).unwrap().ok();

    // Used again, left, and taken to another gate.
    gate.lock();
    assert!(poll(&gate, &mut ticket).is_pending());
    ticket.leave();
    assert_eq!(gate.waiters(), 0);
    assert!(poll(&gate, &mut ticket).is_pending());
    let other = TimeLock::new();
    assert!(poll(&other, &mut ticket).is_ready());
    assert_eq!(gate.waiters(), 0);
    assert!(poll(&gate, &mut ticket).is_pending());
    drop(ticket);
    assert_eq!(gate.waiters(), 0);
    gate.close();
    assert!(matches!(poll(&gate, &mut Ticket::new()), Poll::Ready(Err(Closed))));
}

#[tokio::test(start_paused = true)]
async fn waits_are_counted_from_the_first_poll_to_the_pass() {
    let gate = TimeLock::new();
    gate.acquire().await.unwrap().ok();
    gate.lock_for(secs(1));
    let unpolled = gate.acquire();
    let mut first = line(&gate, 1).remove(0);
    advance(ms(600)).await;
    let mut others = line(&gate, 2);
    drop(others.pop());
    gate.lock_for(ms(500));
    advance(ms(401)).await;
    assert!(look(&mut first).is_none(), "its timer was set to the end of the shorter pause");
    advance(ms(99)).await;
    assert_eq!(gate.stats().wait.count(), 0);
    assert!(look(&mut first).is_some() && look(&mut others[0]).is_some());
    unpolled.await.unwrap().ok();
    let wait = gate.stats().wait;
    assert_eq!((wait.count(), wait.longest(), wait.total()), (2, ms(1100), ms(1600)));
}
