use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tidegate_test::{cut_everywhere, poll_once};
use tidegate_time_lock::{
    Applied, Hint, KeyedError, KeyedPass, KeyedTimeLock, KeyedTimeLockBuilder, Overflow, Policy,
    Rate, Reopen, Scope, State, TimeLock, TimeLockBuilder, TryAcquireError, Until, Verdict,
};
use tokio::time::{Instant, advance, sleep};

use crate::support::{ms, secs};

fn plain<K>() -> KeyedTimeLockBuilder<K> {
    KeyedTimeLockBuilder::new().template(TimeLock::builder())
}

type Wait<'a> = Pin<Box<dyn Future<Output = Result<KeyedPass<u64>, KeyedError>> + 'a>>;

/// One who has been polled once and waits.
fn waits<'a>(hosts: &'a KeyedTimeLock<u64>, key: &'a u64) -> Wait<'a> {
    let mut wait: Wait<'a> = Box::pin(hosts.acquire(key));
    assert!(poll_once(wait.as_mut()).is_pending());
    wait
}

fn passes(wait: &mut Wait<'_>) -> bool {
    match poll_once(wait.as_mut()) {
        Poll::Ready(pass) => {
            pass.unwrap().ok();
            true
        }
        Poll::Pending => false,
    }
}

// C6, P13
#[tokio::test(start_paused = true)]
async fn one_key_never_blocks_another() {
    let hosts = plain().build();
    hosts.acquire(&1_u64).await.unwrap().refused(secs(9));
    let began = Instant::now();
    let mut shut = waits(&hosts, &1);
    for _ in 0..100 {
        hosts.acquire(&2).await.unwrap().ok();
    }
    assert_eq!(Instant::now(), began);
    assert!(!passes(&mut shut));
    shut.await.unwrap().ok();
    assert!(began.elapsed() >= secs(9) && began.elapsed() <= ms(9001));
}

// C2, C16: who waits at one key holds nothing that another needs.
#[tokio::test(start_paused = true)]
async fn waiting_holds_no_permit() {
    // The global gate lets one probe go at a time.
    let parent = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    let hosts = plain().parent(parent).build();
    hosts.gate(&1_u64).lock();
    hosts.global().lock();
    hosts.global().unlock();
    let mut shut = waits(&hosts, &1);
    let other = hosts.acquire(&2).await.unwrap();
    assert!(other.is_probe(), "the one who waits is not");
    other.ok();
    assert_eq!(hosts.global().snapshot().state, State::Open);
    hosts.gate(&1).unlock();
    assert!(passes(&mut shut));
}

// C5
#[tokio::test(start_paused = true)]
async fn guard_really_held() {
    let hosts = plain().build();
    let began = Instant::now();
    let refused = hosts.acquire(&1_u64).await.unwrap();
    let bystander = hosts.acquire(&2).await.unwrap();
    let refused = refused.refused_in(Scope::Global, secs(1));
    assert_eq!(refused.shut().applied, Applied::Started);
    assert!(!bystander.is_current());
    assert!(hosts.locked().is_empty(), "no key is shut");
    let mut others = [waits(&hosts, &2), waits(&hosts, &3)];
    sleep(ms(999)).await;
    assert!(others.iter_mut().all(|other| !passes(other)));
    hosts.acquire_again(&1, refused.requeue()).await.unwrap().ok();
    assert!(began.elapsed() >= secs(1));
    for other in others {
        other.await.unwrap().ok();
    }
}

#[tokio::test(start_paused = true)]
async fn the_global_gate_is_looked_at_again_after_a_wait_for_a_key() {
    let hosts = plain().build();
    hosts.lock_for(&1_u64, secs(1));
    let began = Instant::now();
    let mut wait = waits(&hosts, &1);
    advance(ms(500)).await;
    hosts.global().lock_for(secs(1));
    advance(ms(501)).await;
    assert!(!passes(&mut wait), "the key's is open, the other one is not");
    // And the other way round: shut while it waits there.
    hosts.lock_for(&1, secs(1));
    advance(ms(500)).await;
    assert!(!passes(&mut wait));
    wait.await.unwrap().ok();
    assert!(began.elapsed() >= ms(2001) && began.elapsed() <= ms(2003));
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_keeps_its_places() {
    let hosts = plain().build();
    let refused = hosts.acquire(&1_u64).await.unwrap().refused(secs(1));
    let mut later = waits(&hosts, &1);
    let places = refused.requeue();
    let mut first: Wait<'_> = Box::pin(hosts.acquire_again(&1, places));
    assert!(!passes(&mut first));
    advance(secs(1)).await;
    assert!(!passes(&mut later));
    assert!(passes(&mut first) && passes(&mut later));
    let unused = hosts.acquire(&1).await.unwrap().requeue();
    hosts.acquire_again(&1, unused).await.unwrap().unknown();
}

#[tokio::test(start_paused = true)]
async fn verdicts_go_to_both_gates() {
    let rules = TimeLock::builder().reopen(Reopen::Probe { n: 1 });
    let hosts = KeyedTimeLockBuilder::new().template(rules).parent(rules.build()).build();
    let probing = |hosts: &KeyedTimeLock<u64>| {
        for gate in [hosts.gate(&1), hosts.global().clone()] {
            gate.lock();
            gate.unlock();
        }
    };
    let states = || (hosts.global().snapshot().state, hosts.gate(&1).snapshot().state);
    probing(&hosts);
    assert_eq!(hosts.acquire(&1).await.unwrap().key(), &1);
    assert_eq!(states(), (State::Probing, State::Probing), "no verdict");
    hosts.acquire(&1).await.unwrap().verdict(Verdict::Ignore);
    assert_eq!(states(), (State::Probing, State::Probing));
    hosts.acquire(&1).await.unwrap().verdict(Verdict::Ok);
    assert_eq!(states(), (State::Open, State::Open));
    probing(&hosts);
    // A key that is refused is an answer for everybody else.
    hosts.acquire(&1).await.unwrap().verdict(Verdict::refused(secs(1)));
    assert_eq!(states(), (State::Open, State::Shut));
    hosts.gate(&1).unlock();
    probing(&hosts);
    let global = Verdict::Refused { after: Some(secs(1)), scope: Scope::Global };
    let refused = hosts.acquire(&1).await.unwrap().verdict(global).unwrap();
    assert!(!refused.is_isolated());
    assert_eq!(states(), (State::Shut, State::Probing));
}

// C8
#[tokio::test(start_paused = true)]
async fn key_map_is_bounded() {
    for (hosts, keys) in [(plain().build(), 1_000_000), (KeyedTimeLock::new(), 50_000)] {
        // Shut ones are never forgotten.
        for key in 0..100_u64 {
            hosts.gate(&key).lock();
        }
        let mut most = 0;
        for key in 100..keys {
            hosts.acquire(&key).await.unwrap().ok();
            if key % 1000 == 0 {
                most = most.max(hosts.len());
            }
        }
        assert!(most <= 4096 + 16, "{most}");
        let mut locked: Vec<_> = hosts.locked().into_iter().map(|(key, _)| key).collect();
        locked.sort_unstable();
        assert!(locked.into_iter().eq(0..100));
    }
}

#[tokio::test(start_paused = true)]
async fn keys_of_which_nothing_is_known_are_forgotten_at_once() {
    let hosts = plain().build();
    let pass = hosts.acquire(&1_u64).await.unwrap();
    assert_eq!(hosts.len(), 1);
    drop(pass);
    assert!(hosts.is_empty());
    hosts.acquire(&1).await.unwrap().ok();
    assert!(hosts.is_empty());
    // A refusal is remembered, until it is over and something went well.
    hosts.acquire(&1).await.unwrap().refused(secs(1));
    assert_eq!(hosts.len(), 1);
    for _ in 0..8 {
        assert_eq!(hosts.len(), 1);
        hosts.acquire(&1).await.unwrap().ok();
    }
    assert_eq!((hosts.len(), hosts.evicted()), (0, 0));
    assert_eq!(hosts.lock_for(&1, Duration::ZERO).applied, Applied::Nothing);
    assert!(hosts.is_empty());
    // A pass that is out keeps its gate, so that a late refusal is known to be late.
    let late = hosts.acquire(&1).await.unwrap();
    drop(hosts.acquire(&1).await.unwrap());
    assert_eq!(hosts.len(), 1, "in use");
    hosts.acquire(&1).await.unwrap().refused(ms(100));
    sleep(ms(100)).await;
    hosts.acquire(&1).await.unwrap().ok();
    assert_eq!(late.refused(secs(9)).shut().applied, Applied::Nothing);
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_is_kept_for_a_while() {
    let hosts = KeyedTimeLock::<u64>::builder().idle_ttl(secs(60)).capacity(64).build();
    hosts.acquire(&1).await.unwrap().ok();
    assert_eq!(hosts.len(), 1, "its pace is known");
    let pace = hosts.gate(&1).stats().pace_now;
    assert!(pace.is_some());
    for key in 2..64 {
        hosts.acquire(&key).await.unwrap().ok();
    }
    sleep(secs(61)).await;
    // Used again, it is young.
    assert!(hosts.gate(&1).stats().pace_now.is_some());
    hosts.acquire(&100).await.unwrap().ok();
    hosts.acquire(&101).await.unwrap().ok();
    assert_eq!((hosts.len(), hosts.evicted()), (3, 62));
    assert!(hosts.gate(&1).stats().pace_now.is_some());
}

#[tokio::test(start_paused = true)]
async fn who_was_not_used_for_longest_goes_first() {
    let hosts = KeyedTimeLock::<u64>::builder().capacity(3).build();
    for key in [1, 2, 3] {
        hosts.acquire(&key).await.unwrap().ok();
        sleep(secs(1)).await;
    }
    hosts.gate(&2).lock(); // shut
    let out = hosts.acquire(&1).await.unwrap(); // in use
    hosts.acquire(&4).await.unwrap().ok(); // in the place of 3
    assert_eq!((hosts.len(), hosts.evicted()), (3, 1));
    assert!(hosts.gate(&1).stats().pace_now.is_some());
    drop(out);
    hosts.gate(&2).unlock();
    // Not known to be open again: a probe decides.
    for key in 10..20 {
        hosts.acquire(&key).await.unwrap().ok();
    }
    assert_eq!(hosts.gate(&2).snapshot().state, State::Probing);
}

#[tokio::test(start_paused = true)]
async fn when_all_are_shut_the_rest_share_a_gate_or_are_turned_away() {
    let hosts = plain().capacity(2).build();
    let strict = plain().capacity(2).overflow(Overflow::Reject).build();
    for hosts in [&hosts, &strict] {
        hosts.gate(&1_u64).lock();
        hosts.gate(&2).lock();
    }
    assert_eq!(strict.acquire(&3).await.unwrap_err(), KeyedError::Full);
    assert!(strict.gate(&1).is_locked());

    hosts.acquire(&3).await.unwrap().refused(secs(1));
    let mut other = waits(&hosts, &4);
    sleep(secs(1)).await;
    assert!(passes(&mut other));
    assert_eq!(hosts.len(), 2);
    // To shut it is never refused, and merging it into another would be to shut everybody.
    assert_eq!(strict.lock_for(&3, secs(1)).applied, Applied::Started);
    hosts.merge(&3, &1);
    hosts.acquire(&4).await.unwrap().ok();
    hosts.gate(&1).unlock();
    hosts.acquire(&5).await.unwrap().ok();
}

#[tokio::test(start_paused = true)]
async fn merged_waiters_keep_their_order() {
    let hosts = plain().build();
    let (a, b) = (1, 2);
    // Different histories, so that the numbers of their epochs say nothing.
    for _ in 0..3 {
        hosts.gate(&b).lock();
        hosts.gate(&b).unlock();
    }
    hosts.gate(&a).lock();
    hosts.gate(&b).lock();
    let mut line: Vec<_> = [a, b, a, a, b, a]
        .iter()
        .map(|key| if *key == a { &1 } else { &2 })
        .map(|key| waits(&hosts, key))
        .collect();
    hosts.merge(&a, &b);
    // In whatever order they are woken.
    for i in [3, 0, 5, 2] {
        assert!(!passes(&mut line[i]), "{i} is behind a shut gate");
    }
    assert_eq!(hosts.gate(&b).waiters(), 6);
    assert!(hosts.gate(&b).unlock());
    for i in 0..6 {
        for later in &mut line[i + 1..] {
            assert!(!passes(later));
        }
        assert!(passes(&mut line[i]), "{i}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_merge_takes_the_longer_pause_and_sends_everybody_on() {
    let hosts = plain().build();
    let began = Instant::now();
    hosts.gate(&1_u64).lock_with(Until::For(secs(3)), Policy::Extend, "bucket");
    hosts.lock_for(&2, secs(1));
    let out = hosts.acquire(&3).await.unwrap();
    hosts.merge(&1, &2);
    hosts.merge(&1, &2); // again
    hosts.merge(&2, &1); // and back
    assert_eq!(hosts.gate(&2).remaining(), Some(secs(3)));
    assert_eq!(hosts.gate(&2).reason().unwrap().as_str(), "bucket");
    hosts.acquire(&1).await.unwrap().ok();
    assert!(began.elapsed() >= secs(3));
    // What was sent through a gate that is no more.
    hosts.merge(&3, &2);
    assert!(!out.is_current());
    let late = out.refused(Hint::from(secs(1)));
    assert_eq!(late.shut().applied, Applied::Started);
    assert!(hosts.gate(&1).is_locked() && hosts.gate(&3).is_locked());
    // A chain.
    hosts.merge(&2, &4);
    let mut wait = waits(&hosts, &3);
    assert_eq!(hosts.gate(&4).waiters(), 1);
    sleep(secs(1)).await;
    assert!(passes(&mut wait));
}

#[tokio::test(start_paused = true)]
async fn closing_one_key_or_all() {
    let hosts = plain().build();
    hosts.gate(&1_u64).close();
    assert_eq!(hosts.acquire(&1).await.unwrap_err(), KeyedError::Closed);
    hosts.acquire(&2).await.unwrap().ok();
    hosts.lock_for(&2, secs(1));
    let wait = waits(&hosts, &2);
    hosts.global().close();
    assert_eq!(wait.await.unwrap_err(), KeyedError::Closed);
    assert_eq!(hosts.acquire(&3).await.unwrap_err(), KeyedError::Closed);
}

#[test]
fn a_wait_may_be_cut_after_any_number_of_polls() {
    let cuts = cut_everywhere(|cut| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let probe = TimeLock::builder().reopen(Reopen::Probe { n: 1 });
            let hosts = KeyedTimeLockBuilder::new().template(probe).parent(probe.build()).build();
            hosts.lock_for(&1_u64, ms(10));
            hosts.global().lock_for(ms(5));
            let neighbour = tokio::spawn({
                let hosts = hosts.clone();
                async move { hosts.acquire(&1).await.unwrap().ok() }
            });
            let shutter = async {
                sleep(ms(8)).await;
                hosts.global().lock_for(ms(9));
                sleep(ms(4)).await;
                hosts.merge(&1, &2);
            };
            let (pass, ()) = tokio::join!(cut.short(hosts.acquire(&1)), shutter);
            drop(pass);
            neighbour.await.unwrap();
            hosts.acquire(&1).await.unwrap().ok();
            assert_eq!((hosts.gate(&2).waiters(), hosts.global().waiters()), (0, 0));
        });
    });
    assert!(cuts >= 4, "{cuts}");
}

// T21, C14
#[tokio::test(start_paused = true)]
async fn a_wait_for_a_key_has_an_end() {
    let hosts = plain().build();
    let began = Instant::now();
    let soon = began + secs(1);
    let too_long = |left| KeyedError::TooLong { remaining: secs(left) };
    // The key's gate, then the one for all.
    hosts.lock_for(&1_u64, secs(60));
    assert_eq!(hosts.acquire_before(&1, soon).await.unwrap_err(), too_long(60));
    let late = hosts.acquire(&2).await.unwrap();
    hosts.global().lock_for(secs(30));
    assert_eq!(hosts.acquire_before(&2, soon).await.unwrap_err(), too_long(30));
    let places = late.refused(None).requeue();
    assert_eq!(hosts.acquire_again_before(&2, places, soon).await.unwrap_err(), too_long(30));
    assert_eq!(Instant::now(), began, "at once");
    // Nobody says how long it is shut.
    hosts.global().unlock();
    hosts.gate(&3).lock();
    assert_eq!(hosts.acquire_before(&3, soon).await.unwrap_err(), KeyedError::Elapsed);
    assert!(began.elapsed() >= secs(1) && began.elapsed() <= ms(1001));
    // What needs no waiting is given even when the time is up.
    hosts.acquire_before(&4, soon).await.unwrap().ok();
    assert_eq!((hosts.global().waiters(), hosts.gate(&3).waiters()), (0, 0));
    // One that goes somewhere else takes its limit along.
    hosts.lock_for(&5, secs(2));
    let (five, end) = (5, Instant::now() + secs(3));
    let mut wait: Wait<'_> = Box::pin(hosts.acquire_before(&five, end));
    assert!(poll_once(wait.as_mut()).is_pending());
    hosts.lock_for(&6, secs(9));
    hosts.merge(&5, &6);
    assert_eq!(wait.await.unwrap_err(), too_long(9));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_wait_leaves_no_trace() {
    let rules = TimeLock::builder().reopen(Reopen::Probe { n: 1 });
    let builder = KeyedTimeLockBuilder::new().template(TimeLock::builder()).capacity(1);
    let hosts = builder.overflow(Overflow::Reject).parent(rules.build()).build();
    let pass = hosts.try_acquire(&1_u64).unwrap();
    assert_eq!((pass.key(), pass.epoch(), hosts.len()), (&1, 0, 1));
    assert_eq!(hosts.try_acquire(&2).unwrap_err(), TryAcquireError::NoRoom);
    pass.ok();
    assert!(hosts.is_empty());
    // It is the probe at the one and does not get through the other: the next one is the probe.
    hosts.lock_for(&1, secs(9));
    hosts.global().lock();
    assert_eq!(
        hosts.try_acquire(&1).unwrap_err(),
        TryAcquireError::Shut { remaining: Duration::MAX },
    );
    hosts.global().unlock();
    for _ in 0..3 {
        let shut = hosts.try_acquire(&1).unwrap_err();
        assert_eq!(shut, TryAcquireError::Shut { remaining: secs(9) });
    }
    hosts.gate(&1).unlock();
    let probe = hosts.try_acquire(&1).unwrap();
    assert!(probe.is_probe());
    assert_eq!(hosts.try_acquire(&1).unwrap_err(), TryAcquireError::Probing);
    assert_eq!(probe.epoch(), 1);
    probe.ok();
    hosts.gate(&1).lock();
    let first = waits(&hosts, &1);
    hosts.gate(&1).unlock();
    assert_eq!(hosts.try_acquire(&1).unwrap_err(), TryAcquireError::Queued { ahead: 1 });
    drop(first);
    hosts.global().close();
    assert_eq!(hosts.try_acquire(&1).unwrap_err(), TryAcquireError::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_look_at_a_key_makes_no_gate_and_keeps_none() {
    let hosts = plain().build();
    assert!(hosts.snapshot(&1_u64).is_none());
    assert!(hosts.is_empty());

    let pass = hosts.acquire(&1).await.unwrap();
    assert_eq!(hosts.snapshot(&1).map(|look| look.state), Some(State::Open));
    pass.refused(secs(9));
    let waiting = waits(&hosts, &1);
    let look = hosts.snapshot(&1).unwrap();
    assert_eq!((look.state, look.remaining, look.waiters), (State::Shut, Some(secs(9)), 1));
    drop(waiting);

    let pass = hosts.acquire(&2).await.unwrap();
    assert!(hosts.snapshot(&2).is_some(), "it is in use");
    pass.ok();
    assert!(hosts.snapshot(&2).is_none(), "nothing is known of it any more");
    assert_eq!(hosts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_look_at_a_key_that_was_merged_is_one_at_where_it_went() {
    let hosts = plain().build();
    hosts.lock_for(&1_u64, secs(9));
    hosts.merge(&1, &2);
    hosts.merge(&2, &3);
    assert_eq!(hosts.snapshot(&1).unwrap().remaining, Some(secs(9)));
    assert_eq!(hosts.snapshot(&1), hosts.snapshot(&3));
}

fn paced(per_second: f64) -> TimeLockBuilder {
    TimeLock::builder().reopen(Reopen::Paced(Rate::per_second(per_second)))
}

#[tokio::test(start_paused = true)]
async fn turns_at_two_gates_that_never_coincide_are_not_waited_for() {
    let global = paced(10.0).build();
    let hosts =
        KeyedTimeLock::<u64>::builder().parent(global.clone()).template(paced(10.0)).build();
    // Turns at one are in the middle between turns at the other.
    global.lock_for(ms(1000));
    hosts.lock_for(&1, ms(1050));
    let began = Instant::now();
    for _ in 0..20 {
        hosts.acquire(&1).await.unwrap().ok();
    }
    assert!(began.elapsed() >= ms(2900) && began.elapsed() <= ms(3100), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_is_not_sent_for_the_sake_of_the_key_is_no_probe_of_the_global_gate() {
    let global = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    let hosts = KeyedTimeLock::<u64>::builder()
        .parent(global.clone())
        .template(TimeLock::builder())
        .build();
    global.lock();
    global.unlock();
    hosts.lock_for(&1, secs(60));
    assert!(hosts.try_acquire(&1).is_err());
    let mut waiter = Box::pin(hosts.acquire(&1));
    assert!(poll_once(waiter.as_mut()).is_pending());
    // Silence is no consent when nobody asked.
    advance(secs(5)).await;
    assert_eq!(global.snapshot().state, State::Probing);
    assert_eq!(global.stats().probes_lost, 0);
    assert!(hosts.acquire(&2).await.unwrap().is_probe());
}

#[tokio::test(start_paused = true)]
async fn who_is_not_sent_for_lack_of_room_is_no_probe_of_the_global_gate() {
    let global = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    let none = plain().capacity(0).overflow(Overflow::Reject).parent(global.clone());
    let hosts = none.build();
    global.lock();
    global.unlock();
    assert_eq!(hosts.try_acquire(&1).unwrap_err(), TryAcquireError::NoRoom);
    assert_eq!(hosts.acquire(&1).await.unwrap_err(), KeyedError::Full);
    advance(secs(5)).await;
    assert_eq!((global.snapshot().state, global.stats().probes_lost), (State::Probing, 0));
}

#[tokio::test(start_paused = true)]
async fn keys_that_nobody_came_back_to_make_room() {
    let hosts = KeyedTimeLock::<u64>::builder().capacity(10).overflow(Overflow::Reject).build();
    for host in 0..10 {
        hosts.acquire(&host).await.unwrap().refused(secs(1));
    }
    assert_eq!(hosts.acquire(&10).await.unwrap_err(), KeyedError::Full);
    advance(secs(700)).await;
    hosts.acquire(&10).await.unwrap().ok();
    assert_eq!((hosts.len(), hosts.evicted()), (1, 10));
}

#[test]
fn a_chain_of_merges_may_be_longer_than_the_stack() {
    const MANY: u64 = 50_000;
    let hosts = KeyedTimeLock::<u64>::builder().capacity(2 * MANY as usize).build();
    let first = hosts.gate(&0);
    for host in 0..MANY {
        hosts.merge(&host, &(host + 1));
    }
    drop(hosts);
    drop(first);
}
