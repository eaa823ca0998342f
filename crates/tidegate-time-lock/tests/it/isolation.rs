use tidegate_time_lock::{Applied, Pass, Refused, Reopen, TimeLock};
use tokio::time::advance;

use crate::support::{line, look, ms, secs};

/// One that is refused each time, with eight others that are not between two refusals.
async fn poisoned(gate: &TimeLock, refusals: u32) -> Refused {
    let mut refused = gate.acquire().await.unwrap().refused(secs(1));
    for _ in 1..refusals {
        let pass = gate.acquire_again(refused.requeue()).await.unwrap();
        if pass.is_probe() {
            // Alone at the gate: nobody to compare it with.
            gate.unlock_now();
        }
        for _ in 0..8 {
            gate.acquire().await.unwrap().ok();
        }
        refused = pass.refused(secs(1));
    }
    refused
}

// C11, R15
#[tokio::test(start_paused = true)]
async fn poisoned_request() {
    let gate = TimeLock::new();
    assert!(!poisoned(&gate, 2).await.is_isolated());
    gate.unlock();
    let refused = poisoned(&gate, 3).await;
    assert!(refused.is_isolated());
    assert_eq!(refused.shut().applied, Applied::Nothing);
    assert!(!gate.is_locked(), "open for the others");
    assert_eq!((gate.stats().isolated, gate.stats().shuts), (1, 4));
    // For as long as it comes back.
    let again = gate.acquire_again(refused.requeue()).await.unwrap().refused(secs(1));
    assert!(again.is_isolated() && !gate.is_locked());
    // Somebody else is taken seriously.
    assert_eq!(gate.acquire().await.unwrap().refused(secs(1)).shut().applied, Applied::Started);
}

// C11: also if it is the probe each time.
#[tokio::test(start_paused = true)]
async fn a_poisoned_probe_lets_another_go_first() {
    let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    let mut refused = gate.try_acquire().unwrap().refused(secs(1));
    let mut others = line(&gate, 9);
    for round in 1.. {
        let mut again = Box::pin(gate.acquire_again(refused.requeue()));
        assert!(look(&mut again).is_none());
        advance(secs(1)).await;
        let mut passes: Vec<Pass> = Vec::new();
        if round == 1 {
            // The first time, it has its old place.
            passes.extend(look(&mut again));
            assert!(passes[0].is_probe());
        } else {
            let mut probe = others.remove(0);
            look(&mut probe).expect("the other goes first").ok();
            passes.extend(look(&mut again));
            others.drain(..).for_each(|mut other| look(&mut other).unwrap().ok());
        }
        refused = passes.pop().unwrap().refused(secs(1));
        if round == 2 {
            break;
        }
    }
    assert!(refused.is_isolated());
    assert!(!gate.is_locked());
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_isolates_nobody() {
    let gate = TimeLock::new();
    // Refused often, but nobody fares better.
    for _ in 0..10 {
        let refused = poisoned_alone(&gate).await;
        assert!(!refused.is_isolated());
        gate.unlock_now();
    }
    assert_eq!(gate.stats().isolated, 0);
    // Those who were sent before its first refusal count for nothing, whenever they are answered.
    let gate = TimeLock::new();
    let early: Vec<_> = (0..50).map(|_| gate.try_acquire().unwrap()).collect();
    let mut refused = gate.try_acquire().unwrap().refused(secs(1));
    early.into_iter().for_each(Pass::ok);
    for _ in 0..5 {
        refused = gate.acquire_again(refused.requeue()).await.unwrap().refused(secs(1));
    }
    assert!(!refused.is_isolated());
    assert_eq!(gate.stats().isolated, 0);
}

/// Sends `size` at a time, all at once, to a server that accepts `room` of them; one is never among those.
async fn herd(gate: &TimeLock, size: usize, room: usize, rounds: u32) {
    let mut unlucky = gate.acquire().await.unwrap();
    let mut others: Vec<Pass> = (1..size).map(|_| gate.try_acquire().unwrap()).collect();
    for _ in 0..rounds {
        let refused = unlucky.refused(secs(1));
        assert!(!refused.is_isolated());
        others.drain(..room).for_each(Pass::ok);
        let places: Vec<_> = others.drain(..).map(|it| it.refused(secs(1)).requeue()).collect();
        unlucky = gate.acquire_again(refused.requeue()).await.unwrap();
        for place in places {
            others.push(gate.acquire_again(place).await.unwrap());
        }
        others.extend((0..room).map(|_| gate.try_acquire().unwrap()));
    }
    assert_eq!(gate.stats().isolated, 0);
}

#[tokio::test(start_paused = true)]
async fn one_of_a_herd_is_not_blamed() {
    for (size, room) in [(64, 10), (64, 1), (16, 10), (16, 13)] {
        herd(&TimeLock::new(), size, room, 100).await;
    }
}

async fn poisoned_alone(gate: &TimeLock) -> Refused {
    let mut refused = gate.acquire().await.unwrap().refused(ms(100));
    for _ in 0..5 {
        refused = gate.acquire_again(refused.requeue()).await.unwrap().refused(ms(100));
    }
    refused
}

// Answers that come late count, if they were sent late enough.
#[tokio::test(start_paused = true)]
async fn others_count_by_when_they_were_sent() {
    let gate = TimeLock::new();
    let mut refused = gate.acquire().await.unwrap().refused(secs(1));
    let again = gate.acquire_again(refused.requeue()).await.unwrap();
    let others: Vec<_> = (0..8).map(|_| gate.try_acquire().unwrap()).collect();
    refused = again.refused(secs(1));
    // The gate is shut by now, and they are of an earlier epoch than this pause, but later than the first refusal.
    others.into_iter().for_each(Pass::ok);
    assert!(gate.is_locked());
    refused = gate.acquire_again(refused.requeue()).await.unwrap().refused(secs(1));
    assert!(refused.is_isolated());
}

#[tokio::test(start_paused = true)]
async fn isolation_can_be_turned_off() {
    let gate = TimeLock::builder().isolation(u32::MAX, 0).build();
    assert!(!poisoned(&gate, 9).await.is_isolated());
    assert!(gate.is_locked());
    let gate = TimeLock::builder().isolation(2, 4).build();
    assert!(poisoned(&gate, 2).await.is_isolated());
}

// The slot of a probe that is isolated is not lost.
#[tokio::test(start_paused = true)]
async fn an_isolated_probe_hands_its_slot_on() {
    let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).isolation(3, 8).build();
    let refused = poisoned(&gate, 2).await;
    let mut again = Box::pin(gate.acquire_again(refused.requeue()));
    assert!(look(&mut again).is_none());
    advance(secs(1)).await;
    let probe = look(&mut again).unwrap();
    assert!(probe.is_probe());
    let mut next = line(&gate, 1);
    assert!(probe.refused(secs(1)).is_isolated());
    let next = look(&mut next[0]).expect("its turn");
    assert!(next.is_probe());
    next.ok();
}
