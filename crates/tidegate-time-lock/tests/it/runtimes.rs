use std::pin::pin;
use std::task::Poll;

use tidegate_test::{poll_once, poll_with};
use tidegate_time_lock::{AcquireTimeoutError, Closed, StaticTimeLock, TimeLock};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep};

use crate::support::{ms, secs};

fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

// T12
#[test]
fn made_anywhere() {
    static GATE: StaticTimeLock = TimeLock::new_static();
    GATE.lock();
    GATE.unlock();
    for _ in 0..2 {
        paused().block_on(async {
            let began = Instant::now();
            GATE.lock_for(secs(1));
            GATE.acquire().await.unwrap().ok();
            assert!(began.elapsed() >= secs(1));
        });
    }
}

// T13, P4
#[test]
fn lock_from_a_thread() {
    let runtime = paused();
    let handle = runtime.handle().clone();
    let gate = TimeLock::new();
    runtime.block_on(async {
        let began = Instant::now();
        let other = gate.clone();
        std::thread::spawn(move || {
            let _clock = handle.enter(); // the paused one
            other.lock_for(ms(100))
        })
        .join()
        .unwrap();
        assert!(gate.is_locked());
        gate.acquire().await.unwrap().ok();
        assert!(began.elapsed() >= ms(100) && began.elapsed() <= ms(101));
    });
}

// T13: the runtime is parked and has no timer that could wake it.
#[test]
fn unlock_from_a_thread_wakes_a_parked_runtime() {
    let gate = TimeLock::new();
    gate.lock();
    let other = gate.clone();
    let opener = std::thread::spawn(move || {
        while other.waiters() == 0 {
            std::thread::yield_now();
        }
        assert!(other.unlock());
    });
    Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
        gate.acquire().await.unwrap().ok();
    });
    opener.join().unwrap();
}

// R17
#[test]
fn all_but_waiting_works_without_a_runtime() {
    let gate = TimeLock::new();
    tidegate_test::block_on(gate.acquire()).unwrap().ok();
    gate.lock_for(secs(60));
    assert!(gate.is_locked() && gate.try_acquire().is_err());
    assert_eq!(tidegate_test::block_on(gate.acquire()).unwrap_err(), Closed);
    assert_eq!(tidegate_test::block_on(gate.opened()), Err(Closed));
    let timed = tidegate_test::block_on(gate.acquire_timeout(secs(90)));
    assert_eq!(timed.unwrap_err(), AcquireTimeoutError::Closed);
    assert_eq!(gate.waiters(), 0);
    assert!(gate.unlock());
    gate.try_acquire().unwrap().ok();
}

#[test]
fn waiting_for_somebody_to_unlock_takes_no_timer_and_no_runtime() {
    let gate = TimeLock::new();
    gate.lock();
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let gate = gate.clone();
            std::thread::spawn(move || tidegate_test::block_on(gate.acquire()).unwrap().ok())
        })
        .collect();
    while gate.waiters() < 3 {
        std::thread::yield_now();
    }
    gate.unlock();
    for waiter in waiters {
        waiter.join().unwrap();
    }
}

// R17: tokio itself says so with a panic, whose message its hook prints.
#[test]
fn a_runtime_without_timers_is_none() {
    let gate = TimeLock::new();
    gate.lock_for(secs(60));
    let runtime = Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(gate.acquire()).unwrap_err(), Closed);
    assert_eq!(gate.waiters(), 0);
}

// T22, R17
#[test]
fn a_runtime_that_goes_down_closes_its_waiters_only() {
    let gate = TimeLock::new();
    gate.lock_for(secs(60));
    let runtime = paused();
    let spawned = runtime.spawn(gate.clone().acquire_owned());
    let mut acquire = pin!(gate.acquire());
    let mut opened = pin!(gate.opened());
    {
        let _entered = runtime.enter();
        assert!(poll_once(acquire.as_mut()).is_pending());
        assert!(poll_once(opened.as_mut()).is_pending());
    }
    runtime.block_on(async { sleep(ms(1)).await });
    assert_eq!(gate.waiters(), 2);
    drop(runtime);
    assert_eq!(gate.waiters(), 1, "the task was dropped");
    drop(spawned);
    let waker = std::task::Waker::noop();
    assert!(matches!(poll_with(acquire.as_mut(), waker), Poll::Ready(Err(Closed))));
    assert_eq!(poll_with(opened.as_mut(), waker), Poll::Ready(Err(Closed)));
    assert_eq!(gate.waiters(), 0);
    // Others, with a runtime of their own, wait as before.
    paused().block_on(async {
        gate.lock_for(secs(61));
        gate.acquire().await.unwrap().ok();
    });
}

#[test]
fn who_outlives_the_runtime_of_its_timer_waits_on_in_another() {
    let gate = TimeLock::new();
    gate.lock_for(ms(50));
    let first = Builder::new_current_thread().enable_time().build().unwrap();
    let (mut acquire, mut behind) = (pin!(gate.acquire()), pin!(gate.acquire()));
    let mut timed = pin!(gate.acquire_timeout(secs(60)));
    let mut opened = pin!(gate.opened());
    {
        let _entered = first.enter();
        assert!(poll_once(acquire.as_mut()).is_pending());
        assert!(poll_once(behind.as_mut()).is_pending());
        assert!(poll_once(timed.as_mut()).is_pending());
        assert!(poll_once(opened.as_mut()).is_pending());
    }
    drop(first);
    let second = Builder::new_current_thread().enable_time().build().unwrap();
    second.block_on(async {
        opened.await.unwrap();
        acquire.await.unwrap().ok();
        behind.await.unwrap().ok();
        timed.await.unwrap().ok();
    });
    assert_eq!(gate.waiters(), 0);
}

#[test]
fn many_tasks_on_two_threads_pass_in_order_of_their_tickets() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let gate = TimeLock::new();
    gate.lock();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..1000).map(|_| tokio::spawn(gate.clone().acquire_owned())).collect();
        while gate.waiters() < 1000 {
            tokio::task::yield_now().await;
        }
        gate.unlock();
        for task in tasks {
            task.await.unwrap().unwrap().ok();
        }
    });
    assert_eq!(gate.stats().admitted, 1000);
    assert_eq!(gate.waiters(), 0);
}

#[test]
fn a_thread_waits_in_line_and_keeps_time_by_itself() {
    let gate = TimeLock::new();
    let began = std::time::Instant::now();
    gate.lock_for(ms(20));
    let other = gate.clone();
    let second = std::thread::spawn(move || {
        while other.waiters() == 0 {
            std::thread::yield_now();
        }
        other.blocking_acquire().unwrap().ok();
        assert!(!other.is_locked());
    });
    gate.blocking_acquire().unwrap().ok();
    assert!(began.elapsed() >= ms(20));
    second.join().unwrap();
    assert_eq!(gate.waiters(), 0);
}

#[test]
fn a_thread_that_waits_hears_of_every_change() {
    let gate = TimeLock::new();
    for (change, passes) in [
        (&(|gate: &TimeLock| assert!(gate.unlock())) as &(dyn Fn(&TimeLock) + Sync), true),
        (&|gate: &TimeLock| gate.close(), false),
    ] {
        // First for ever, then for a time, then not at all.
        gate.lock();
        std::thread::scope(|threads| {
            let waiter = threads.spawn(|| gate.blocking_acquire());
            while gate.waiters() == 0 {
                std::thread::yield_now();
            }
            let hour = tidegate_time_lock::Until::For(secs(3600));
            let shut = gate.lock_with(hour, tidegate_time_lock::Policy::Replace, "less");
            assert_eq!(shut.applied, tidegate_time_lock::Applied::Shortened);
            change(&gate);
            assert_eq!(waiter.join().unwrap().is_ok(), passes);
        });
        assert_eq!(gate.waiters(), 0);
    }
}
