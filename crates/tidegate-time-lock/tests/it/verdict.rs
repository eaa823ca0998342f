use std::cell::Cell;
use std::rc::Rc;

use tidegate_test::{CountingWaker, poll_once, poll_with};
use tidegate_time_lock::{
    Applied, LearnedPace, Policy, Rate, Reopen, State, TimeLock, TryAcquireError,
};
use tokio::time::{Instant, advance, sleep};

use crate::support::{line, look, ms, secs};

fn probing(n: u32) -> TimeLock {
    TimeLock::builder().reopen(Reopen::Probe { n }).build()
}

// T17, R9
#[tokio::test(start_paused = true)]
async fn late_refusal_of_an_old_era() {
    let gate = TimeLock::new();
    let a = gate.acquire().await.unwrap();
    let b = gate.acquire().await.unwrap();
    let c = gate.acquire().await.unwrap();
    sleep(ms(10)).await;
    a.refused(ms(200));
    sleep(ms(90)).await;
    // While shut: the server wants more.
    let late = c.refused(ms(130));
    assert_eq!(late.shut().applied, Applied::Extended);
    assert_eq!(gate.remaining(), Some(ms(130)));
    sleep(ms(150)).await;
    assert!(!gate.is_locked());
    let late = b.refused(ms(200));
    assert_eq!(late.shut().applied, Applied::Nothing);
    assert!(!gate.is_locked(), "not shut again");
    assert_eq!((gate.stats().stale, gate.stats().shuts, gate.epoch()), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn late_refusals_count_for_nothing_where_that_is_wanted() {
    let gate = TimeLock::builder().late_refusals(false).build();
    let late = gate.try_acquire().unwrap();
    gate.try_acquire().unwrap().refused(secs(1));
    assert_eq!(late.refused(secs(9)).shut().applied, Applied::Nothing);
    assert_eq!((gate.remaining(), gate.stats().stale), (Some(secs(1)), 1));
}

#[tokio::test(start_paused = true)]
async fn a_late_refusal_shortens_nothing_and_respects_keep_first() {
    for (policy, applied) in
        [(Policy::Replace, Applied::KeptLonger), (Policy::KeepFirst, Applied::Ignored)]
    {
        let gate = TimeLock::builder().policy(policy).build();
        let late = gate.try_acquire().unwrap();
        gate.try_acquire().unwrap().refused(secs(5));
        assert_eq!(late.refused(secs(1)).shut().applied, applied);
        assert_eq!(gate.remaining(), Some(secs(5)));
    }
}

// T18
#[tokio::test(start_paused = true)]
async fn late_success_of_an_old_era() {
    for gate in [TimeLock::new(), probing(1)] {
        let first = gate.acquire().await.unwrap();
        let second = gate.acquire().await.unwrap();
        first.refused(secs(1));
        second.ok();
        assert_eq!(gate.remaining(), Some(secs(1)), "stays shut");
        advance(secs(1)).await;
        // And strikes were not reset: the next back-off is the second one.
        let next = gate.acquire().await.unwrap().refused(None);
        assert_eq!(next.shut().until, Some(Instant::now() + secs(1)));
    }
}

// R10, R11
#[tokio::test(start_paused = true)]
async fn the_back_off_doubles_once_per_epoch_and_success_resets_it() {
    let gate = TimeLock::builder().backoff(ms(500), secs(2)).build();
    for expected in [500, 1000, 2000, 2000] {
        let herd: Vec<_> = (0..5).map(|_| gate.try_acquire().unwrap()).collect();
        for pass in herd {
            pass.refused(None);
        }
        assert_eq!(gate.remaining(), Some(ms(expected)));
        advance(ms(expected)).await;
    }
    gate.try_acquire().unwrap().ok();
    gate.try_acquire().unwrap().refused(None);
    assert_eq!(gate.remaining(), Some(ms(500)));
}

// R11: a server that says "now" is not taken at its word.
#[tokio::test(start_paused = true)]
async fn a_refusal_always_makes_a_pause() {
    let gate = TimeLock::new();
    gate.try_acquire().unwrap().refused(ms(0));
    assert_eq!(gate.remaining(), Some(ms(100)));
    advance(ms(100)).await;
    let gate = TimeLock::builder().min_pause(secs(2)).build();
    gate.try_acquire().unwrap().refused(secs(1));
    assert_eq!(gate.remaining(), Some(secs(2)));
}

// R13
#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_longer_than_the_cap_is_given_it() {
    let gate = TimeLock::builder().backoff(ms(500), secs(2)).build();
    gate.try_acquire().unwrap().refused(secs(90));
    assert_eq!(gate.remaining(), Some(secs(90)));
}

// C10, R14
#[tokio::test(start_paused = true)]
async fn only_one_probe() {
    let gate = probing(1);
    gate.lock_for(secs(1));
    let mut waiters = line(&gate, 1000);
    advance(secs(1)).await;
    let probe = look(&mut waiters[0]).unwrap();
    assert!(probe.is_probe());
    assert!(waiters[1..].iter_mut().all(|waiter| look(waiter).is_none()));
    assert_eq!(gate.snapshot().state, State::Probing);
    assert!(!gate.is_locked());
    probe.ok();
    for waiter in &mut waiters[1..] {
        assert!(!look(waiter).unwrap().is_probe());
    }
    assert_eq!((gate.stats().probes_ok, gate.waiters()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn as_many_probes_as_asked_for() {
    let gate = probing(3);
    gate.lock_for(secs(1));
    advance(secs(1)).await;
    let probes: Vec<_> = (0..3).map(|_| gate.try_acquire().unwrap()).collect();
    assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::Probing);
    assert!(probes.iter().all(tidegate_time_lock::Pass::is_probe));
    let mut probes = probes.into_iter();
    probes.next().unwrap().unknown();
    let again = gate.try_acquire().unwrap();
    assert!(again.is_probe());
    assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::Probing);
    again.ok();
    assert!(!gate.try_acquire().unwrap().is_probe());
}

#[tokio::test(start_paused = true)]
async fn a_refused_probe_is_a_new_pause() {
    let gate = probing(1);
    gate.lock_for(secs(1));
    let mut waiters = line(&gate, 2);
    let (wakes, waker) = CountingWaker::new();
    advance(secs(1)).await;
    let probe = look(&mut waiters[0]).unwrap();
    assert!(poll_with(waiters[1].as_mut(), &waker).is_pending());
    let refused = probe.refused(secs(3));
    assert_eq!((refused.shut().applied, refused.shut().epoch), (Applied::Started, 2));
    assert_eq!(wakes.count(), 1, "the head must learn of the new deadline");
    // The refused one goes first the next time.
    let mut again = Box::pin(gate.acquire_again(refused.requeue()));
    assert!(look(&mut again).is_none());
    advance(secs(3)).await;
    assert!(look(&mut waiters[1]).is_none());
    look(&mut again).unwrap().ok();
    look(&mut waiters[1]).unwrap().ok();
    assert_eq!(gate.stats().probes_refused, 1);
}

// C9
#[tokio::test(start_paused = true)]
async fn probe_lost() {
    let gate = probing(1);
    let drop_it = |pass| drop::<tidegate_time_lock::Pass>(pass);
    let panic_with_it = |pass: tidegate_time_lock::Pass| {
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _pass = pass;
            std::panic::resume_unwind(Box::new("the request failed"));
        }));
    };
    let give_it_back = |pass: tidegate_time_lock::Pass| drop(pass.requeue());
    for lose in [&drop_it as &dyn Fn(tidegate_time_lock::Pass), &panic_with_it, &give_it_back] {
        gate.lock_for(secs(1));
        let mut waiters = line(&gate, 2);
        advance(secs(1)).await;
        let (wakes, waker) = CountingWaker::new();
        let probe = look(&mut waiters[0]).unwrap();
        assert!(poll_with(waiters[1].as_mut(), &waker).is_pending());
        lose(probe);
        assert_eq!(wakes.count(), 1);
        let next = look(&mut waiters[1]).unwrap();
        assert!(next.is_probe());
        next.ok();
        assert_eq!(gate.snapshot().state, State::Open);
    }
    assert_eq!(gate.stats().probes_lost, 2, "what is given back is not lost");
}

// C9: never answers.
#[tokio::test(start_paused = true)]
async fn a_silent_probe_is_given_up_but_its_verdict_counts() {
    let gate = probing(1);
    gate.lock_for(secs(1));
    let silent = gate.acquire().await.unwrap();
    let began = Instant::now();
    let second = gate.acquire().await.unwrap();
    assert!(second.is_probe());
    assert!(began.elapsed() >= secs(10) && began.elapsed() <= secs(10) + ms(1));
    // Given up, it takes no slot, and its end gives none back.
    assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::Probing);
    drop(silent);
    assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::Probing);
    let mut third = line(&gate, 1);
    advance(secs(10)).await;
    let third = look(&mut third[0]).unwrap();
    second.ok();
    assert_eq!(gate.snapshot().state, State::Open, "late, but of this epoch");
    third.unknown();
    assert_eq!(gate.snapshot().state, State::Open);
    gate.try_acquire().unwrap().ok();
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_pass_wedges_nothing() {
    let gate = probing(1);
    for _ in 0..3 {
        gate.lock_for(secs(1));
        std::mem::forget(gate.acquire().await.unwrap());
        gate.acquire().await.unwrap().ok();
        assert_eq!(gate.snapshot().state, State::Open);
    }
}

// R14: callers that never report.
#[tokio::test(start_paused = true)]
async fn silence_after_dropped_probes_is_consent() {
    let gate = probing(1);
    gate.lock_for(secs(1));
    gate.acquire().await.unwrap().unknown();
    sleep(ms(500)).await;
    gate.acquire().await.unwrap().unknown();
    assert_eq!(gate.snapshot().state, State::Probing);
    sleep(ms(500)).await;
    assert_eq!(gate.snapshot().state, State::Open);
    assert!(!gate.try_acquire().unwrap().is_probe());
}

#[tokio::test(start_paused = true)]
async fn consent_waits_for_a_probe_that_is_out() {
    let gate = probing(1);
    gate.lock_for(secs(1));
    gate.acquire().await.unwrap().unknown();
    let out = gate.acquire().await.unwrap();
    sleep(secs(5)).await;
    assert_eq!(gate.snapshot().state, State::Probing);
    out.refused(secs(1));
    assert!(gate.is_locked());
}

// R7
#[tokio::test(start_paused = true)]
async fn unlock_goes_through_the_reopening_and_unlock_now_does_not() {
    let gate = probing(1);
    gate.lock();
    assert!(gate.unlock());
    assert_eq!(gate.snapshot().state, State::Probing);
    assert!(!gate.unlock(), "is opening already");
    let probe = gate.try_acquire().unwrap();
    assert!(gate.unlock_now());
    assert_eq!(gate.snapshot().state, State::Open);
    drop(probe);
    assert_eq!(gate.snapshot().state, State::Open);
}

#[tokio::test(start_paused = true)]
async fn unlock_now_ends_a_pace_until_the_next_pause() {
    let slow = Rate::per_second(0.01);
    for reopen in [
        Reopen::Paced(slow),
        Reopen::Ramp { start: slow, double_every: secs(1000) },
        Reopen::Learned(LearnedPace::default()),
    ] {
        let gate = TimeLock::builder().reopen(reopen).build();
        gate.acquire().await.unwrap().refused(secs(1));
        gate.acquire().await.unwrap().ok();
        let mut next = std::pin::pin!(gate.acquire());
        assert!(poll_once(next.as_mut()).is_pending() && gate.snapshot().pace.is_some());
        assert!(gate.unlock_now() && !gate.unlock_now(), "{reopen:?}");
        assert_eq!(gate.snapshot().pace, None);
        assert!(poll_once(next.as_mut()).is_ready());
        gate.lock();
        gate.unlock();
        gate.acquire().await.unwrap().ok();
        assert!(gate.snapshot().pace.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_back_was_never_out() {
    let gate = probing(1);
    gate.lock();
    gate.unlock();
    let place = gate.try_acquire().unwrap().requeue();
    advance(secs(5)).await;
    assert_eq!((gate.snapshot().state, gate.stats().probes_lost), (State::Probing, 0));
    assert!(gate.acquire_again(place).await.unwrap().is_probe());
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_given_back_is_the_next_ones() {
    let gate = TimeLock::builder().reopen(Reopen::Paced(Rate::per_second(1.0))).build();
    gate.lock_for(secs(1));
    let began = Instant::now();
    let pass = gate.acquire().await.unwrap();
    let mut next = std::pin::pin!(gate.acquire());
    assert!(poll_once(next.as_mut()).is_pending());
    drop(pass.requeue());
    assert!(poll_once(next.as_mut()).is_ready());
    gate.acquire().await.unwrap().ok();
    assert!(began.elapsed() >= secs(2) && began.elapsed() <= ms(2001));
}

#[tokio::test(start_paused = true)]
async fn turns_that_are_over_when_they_are_given_back_are_not_saved_up() {
    let gate = TimeLock::builder().reopen(Reopen::Paced(Rate::per_second(1.0))).build();
    gate.lock_for(secs(1));
    let mut passes = Vec::new();
    for _ in 0..5 {
        passes.push(gate.acquire().await.unwrap());
    }
    // All of them wait for something else, and go back.
    advance(secs(60)).await;
    let began = Instant::now();
    for pass in passes {
        gate.acquire_again(pass.requeue()).await.unwrap().ok();
    }
    assert!(began.elapsed() >= ms(3900), "{:?}", began.elapsed());
}

// R8
#[tokio::test(start_paused = true)]
async fn a_dropped_plain_pass_does_nothing() {
    let gate = TimeLock::new();
    gate.lock_for(secs(1));
    gate.acquire().await.unwrap().unknown();
    let before = gate.snapshot();
    gate.acquire().await.unwrap().unknown();
    assert_eq!(gate.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn a_cold_start_lets_a_few_go_and_waits_for_their_verdict() {
    let pace = LearnedPace::default().cold_start(2);
    let gate = TimeLock::builder().reopen(Reopen::Learned(pace)).build();
    assert!(!gate.is_locked());
    gate.opened().await.unwrap();
    let first = gate.try_acquire().unwrap();
    let _second = gate.try_acquire().unwrap();
    assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::Probing);
    first.ok();
    assert!(matches!(gate.try_acquire().unwrap_err(), TryAcquireError::Paced { .. }));
    assert!(gate.stats().pace_now.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_learned_pace_without_a_cold_start_is_none_until_the_first_refusal() {
    let pace = LearnedPace::default().cold_start(0);
    let gate = TimeLock::builder().reopen(Reopen::Learned(pace)).build();
    for _ in 0..100 {
        gate.try_acquire().unwrap().ok();
    }
    assert_eq!(gate.stats().pace_now, None);
    gate.try_acquire().unwrap().refused(secs(1));
    gate.acquire().await.unwrap().ok();
    // What was accepted in the second before the refusal.
    let pace = gate.stats().pace_now.unwrap().as_per_second();
    assert!((90.0..=110.0).contains(&pace), "{pace}");
}

#[tokio::test(start_paused = true)]
async fn the_first_slot_after_a_good_probe_is_one_interval_later() {
    let pace = LearnedPace::default().cold_start(0);
    let gate = TimeLock::builder().reopen(Reopen::Learned(pace)).build();
    gate.try_acquire().unwrap().refused(secs(1));
    gate.acquire().await.unwrap().ok();
    let interval = gate.stats().pace_now.unwrap().interval();
    let opened = Instant::now();
    gate.acquire().await.unwrap().ok();
    assert!(opened.elapsed() >= interval);
}

#[tokio::test(start_paused = true)]
async fn a_pace_that_nobody_uses_does_not_rise() {
    let gate = TimeLock::builder().reopen(Reopen::Learned(LearnedPace::default())).build();
    let pace = || gate.stats().pace_now.unwrap().as_per_second();
    // In a slow start.
    gate.acquire().await.unwrap().ok();
    sleep(secs(3600)).await;
    let idle = pace();
    assert!(idle <= 100.0, "{idle}");
    // In a search.
    for _ in 0..2 {
        for _ in 0..100 {
            gate.acquire().await.unwrap().ok();
        }
        gate.acquire().await.unwrap().refused(secs(1));
    }
    gate.acquire().await.unwrap().ok();
    sleep(secs(100)).await;
    let settled = pace();
    sleep(secs(3600)).await;
    assert!((pace() - settled).abs() < 0.1, "{settled} became {}", pace());
    // Used, it rises.
    for _ in 0..50_000 {
        gate.acquire().await.unwrap().ok();
    }
    assert!(pace() > settled * 2.0, "{settled} became {}", pace());
}

// C1: the pause begins while tasks wait for a permit.
#[tokio::test(start_paused = true)]
async fn permit_then_pause() {
    let gate = TimeLock::new();
    let permits = Rc::new(tokio::sync::Semaphore::new(1));
    let sent_while_shut = Rc::new(Cell::new(0));
    let tasks = tokio::task::LocalSet::new();
    for i in 0..4 {
        let (gate, permits, sent) =
            (gate.clone(), Rc::clone(&permits), Rc::clone(&sent_while_shut));
        tasks.spawn_local(async move {
            let mut pass = gate.acquire().await.unwrap();
            let permit = loop {
                let permit = permits.acquire().await.unwrap();
                if pass.is_current() {
                    break permit;
                }
                drop(permit); // waiting holds no permit
                pass = gate.acquire_again(pass.requeue()).await.unwrap();
            };
            sent.set(sent.get() + u32::from(gate.is_locked()));
            sleep(ms(10)).await;
            match i {
                0 => drop(pass.refused(secs(1))),
                _ => pass.ok(),
            }
            drop(permit);
        });
    }
    tasks.await;
    assert_eq!(sent_while_shut.get(), 0);
}

// Passes through a simply open gate have equal places; the one that leaves first must still hand on.
#[tokio::test(start_paused = true)]
async fn the_head_hands_on_to_one_with_an_equal_place() {
    let gate = TimeLock::new();
    let [a, b, c] = std::array::from_fn(|_| gate.try_acquire().unwrap());
    a.refused(secs(1));
    let mut first = Box::pin(gate.acquire_again(b.requeue()));
    assert!(look(&mut first).is_none());
    let mut second = Box::pin(gate.acquire_again(c.requeue()));
    assert!(look(&mut second).is_none());
    gate.unlock();
    drop(first);
    look(&mut second).unwrap().ok();
}

// The head has a timer for the probe's time-out, long after the new pause is over.
#[tokio::test(start_paused = true)]
async fn a_pause_during_probing_sets_the_timer_of_the_head_anew() {
    let gate = probing(1);
    gate.lock_for(secs(1));
    advance(secs(1)).await;
    let _silent = gate.try_acquire().unwrap();
    let waiter = tokio::spawn(gate.clone().acquire_owned());
    sleep(ms(1)).await;
    let began = Instant::now();
    gate.lock_for(ms(5));
    assert!(waiter.await.unwrap().unwrap().is_probe());
    assert!(began.elapsed() <= ms(6));
}

#[tokio::test(start_paused = true)]
async fn a_pause_sets_the_timer_for_a_slot_anew() {
    let slow = tidegate_time_lock::Rate::per_second(0.01);
    let gate = TimeLock::builder().reopen(Reopen::Paced(slow)).build();
    gate.lock_for(ms(1));
    gate.acquire().await.unwrap().unknown();
    let waiter = tokio::spawn(gate.clone().acquire_owned());
    sleep(ms(1)).await;
    let began = Instant::now();
    gate.lock_for(ms(5));
    waiter.await.unwrap().unwrap().unknown();
    assert!(began.elapsed() <= ms(6));
}
