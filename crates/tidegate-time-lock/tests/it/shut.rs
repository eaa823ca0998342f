use std::time::{Duration, SystemTime};

use tidegate_time_lock::{
    Applied, Hint, Policy, Reason, RetryAfter, State, TimeLock, TryAcquireError, Until,
};
use tokio::time::{Instant, advance, sleep};

use crate::support::{line, look, ms, secs};

// T1
#[tokio::test(start_paused = true)]
async fn failed_lock_leaves_it_open() {
    let gate = TimeLock::new();
    let before = gate.snapshot();
    // Demands that come to nothing change nothing.
    gate.lock_for(Duration::ZERO);
    gate.lock_until(Instant::now() - secs(1));
    assert_eq!(gate.snapshot(), before);
    gate.try_acquire().unwrap().ok();
}

// T3
#[tokio::test(start_paused = true)]
async fn extend_keeps_old_waiters() {
    let gate = TimeLock::new();
    let began = Instant::now();
    gate.lock_for(secs(1));
    let waiters: Vec<_> = (0..3).map(|_| tokio::spawn(gate.clone().acquire_owned())).collect();
    sleep(ms(500)).await;
    assert_eq!(gate.lock_for(secs(1)).applied, Applied::Extended);
    for waiter in waiters {
        waiter.await.unwrap().unwrap().ok();
        assert!(began.elapsed() >= ms(1500) && began.elapsed() <= ms(1501));
    }
}

// T4
#[tokio::test(start_paused = true)]
async fn extend_never_shortens() {
    let gate = TimeLock::new();
    let began = Instant::now();
    gate.lock_for(secs(1));
    let second = gate.lock_with(Until::For(ms(100)), Policy::Extend, "shorter");
    assert_eq!(second.applied, Applied::KeptLonger);
    assert_eq!(gate.reason(), None, "what did not count gives no reason");
    gate.acquire().await.unwrap().ok();
    assert!(began.elapsed() >= secs(1));
}

// T5
#[tokio::test(start_paused = true)]
async fn keep_first_is_a_choice() {
    for (policy, applied, opens) in [
        (Policy::Extend, Applied::Extended, ms(1000)),
        (Policy::KeepFirst, Applied::Ignored, ms(100)),
    ] {
        let gate = TimeLock::builder().policy(policy).build();
        let began = Instant::now();
        gate.lock_for(ms(100));
        let second = gate.lock_for(secs(1));
        assert_eq!(second.applied, applied);
        assert_eq!(second.until, Some(began + opens), "the caller is told how long");
        gate.acquire().await.unwrap().ok();
        assert!(began.elapsed() >= opens && began.elapsed() <= opens + ms(1));
    }
}

// T10
#[tokio::test(start_paused = true)]
async fn bad_duration() {
    let gate = TimeLock::new();
    let nothing = gate.lock_for(Duration::ZERO);
    assert_eq!((nothing.applied, nothing.epoch, nothing.until), (Applied::Nothing, 0, None));

    let for_ever = gate.lock_for(Duration::MAX);
    assert_eq!((for_ever.applied, for_ever.until), (Applied::Started, None));
    assert_eq!(gate.remaining(), Some(Duration::MAX));
    advance(secs(10 * 365 * 24 * 3600)).await;
    assert!(gate.is_locked());
    assert!(gate.unlock());

    // Junk in a header: the gate's own default pause.
    assert_eq!(RetryAfter::parse(b"'2'"), None);
    let refused = gate.try_acquire().unwrap().refused(Hint::parse(b"'2'"));
    assert_eq!(refused.shut().until, Some(Instant::now() + ms(500)));
}

// C12, T10: an absurd header is not a lock until unlocked.
#[tokio::test(start_paused = true)]
async fn shared_pause_is_clamped_like_the_local() {
    let ten_years = secs(10 * 365 * 24 * 3600);
    let gate = TimeLock::builder().max_lock(secs(60)).build();
    for absurd in
        [Hint::from(ten_years), Hint::parse(b"99999999999999999999"), Hint::from(Duration::MAX)]
    {
        gate.try_acquire().unwrap().refused(absurd);
        assert_eq!(gate.remaining(), Some(secs(60)));
        gate.unlock();
    }
    gate.lock_for(ten_years);
    assert_eq!(gate.remaining(), Some(secs(60)));
    gate.lock_until(Instant::now() + ten_years);
    assert_eq!(gate.remaining(), Some(secs(60)));
    gate.unlock();
    TimeLock::new().lock_for(ten_years);
}

// T11
#[tokio::test(start_paused = true)]
async fn one_clock() {
    let gate = TimeLock::new();
    let began = Instant::now();
    let wall = SystemTime::now();
    gate.lock_for(secs(10));
    advance(secs(4)).await;
    // The wall clock has hardly moved; what counts is the other one.
    assert_eq!(gate.remaining(), Some(secs(6)));
    assert_eq!(gate.locked_at(), Some(began));
    assert_eq!(gate.locked_until(), Some(began + secs(10)));
    let at = gate.locked_at_wall().unwrap();
    assert!(at >= wall && at <= SystemTime::now());
}

// T14
#[tokio::test(start_paused = true)]
async fn unlock_is_idempotent() {
    let gate = TimeLock::new();
    assert!(!gate.unlock() && !gate.unlock_now() && !gate.unlock_if(0));
    gate.lock();
    assert!(gate.unlock());
    assert!(!gate.unlock());
    // Racing the deadline: the clock was first.
    gate.lock_for(ms(1));
    advance(ms(1)).await;
    assert!(!gate.unlock());
    assert_eq!(gate.stats().total_shut, ms(1));
}

#[tokio::test(start_paused = true)]
async fn a_stale_opener_opens_nothing() {
    let gate = TimeLock::new();
    let first = gate.lock().epoch;
    assert!(gate.unlock_if(first));
    let second = gate.lock().epoch;
    assert!(!gate.unlock_if(first));
    assert!(gate.is_locked());
    assert!(gate.unlock_if(second));
}

// T19, R6
#[tokio::test(start_paused = true)]
async fn deadline_is_half_open() {
    let gate = TimeLock::new();
    gate.lock_for(ms(100));
    advance(ms(100) - Duration::from_nanos(1)).await;
    assert!(gate.is_locked());
    let left = TryAcquireError::Shut { remaining: Duration::from_nanos(1) };
    assert_eq!(gate.try_acquire().unwrap_err(), left);
    advance(Duration::from_nanos(1)).await;
    assert!(!gate.is_locked());
    gate.try_acquire().unwrap().ok();
}

// T20
#[tokio::test(start_paused = true)]
async fn caller_is_told() {
    let now = Instant::now();
    let gate = TimeLock::new();
    let ask = |until, how, applied, opens: Option<Duration>| {
        let shut = gate.lock_with(until, how, "test");
        assert_eq!(shut.applied, applied, "{until:?} {how:?}");
        assert_eq!(shut.until, opens.map(|after| now + after), "{until:?} {how:?}");
        assert_eq!(shut.epoch, gate.epoch());
    };
    ask(Until::At(now), Policy::Extend, Applied::Nothing, None);
    ask(Until::For(secs(5)), Policy::Extend, Applied::Started, Some(secs(5)));
    ask(Until::For(secs(6)), Policy::Extend, Applied::Extended, Some(secs(6)));
    ask(Until::For(secs(6)), Policy::Extend, Applied::KeptLonger, Some(secs(6)));
    ask(Until::For(secs(1)), Policy::Extend, Applied::KeptLonger, Some(secs(6)));
    ask(Until::For(secs(9)), Policy::KeepFirst, Applied::Ignored, Some(secs(6)));
    ask(Until::Unlocked, Policy::KeepFirst, Applied::Ignored, Some(secs(6)));
    ask(Until::For(secs(6)), Policy::Replace, Applied::KeptLonger, Some(secs(6)));
    ask(Until::For(secs(2)), Policy::Replace, Applied::Shortened, Some(secs(2)));
    ask(Until::Unlocked, Policy::Extend, Applied::Extended, None);
    ask(Until::For(secs(2)), Policy::Extend, Applied::KeptLonger, None);
    ask(Until::For(secs(2)), Policy::Replace, Applied::Shortened, Some(secs(2)));
    ask(Until::At(now), Policy::Replace, Applied::Shortened, None);
    assert!(!gate.is_locked(), "shortened to nothing");
    gate.close();
    ask(Until::For(secs(2)), Policy::Extend, Applied::Nothing, None);
}

#[tokio::test(start_paused = true)]
async fn a_shortened_pause_lets_its_waiters_go_early() {
    let gate = TimeLock::new();
    let began = Instant::now();
    gate.lock();
    let waiter = tokio::spawn(gate.clone().acquire_owned());
    sleep(ms(1)).await;
    gate.lock_with(Until::For(ms(9)), Policy::Replace, Reason::from("enough"));
    waiter.await.unwrap().unwrap().ok();
    assert!(began.elapsed() >= ms(10) && began.elapsed() <= ms(11));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_reads_like_the_seeds() {
    let gate = TimeLock::new();
    assert_eq!(gate.to_string(), "[unlocked] 0 waiters");
    gate.lock_for(ms(12_400));
    let waiters = line(&gate, 2);
    let text = gate.to_string();
    assert!(text.starts_with("[locked at "), "{text}");
    assert!(text.ends_with(" for 12.4 s more, 2 waiters, epoch 1]"), "{text}");
    drop(waiters);
    gate.lock();
    assert!(gate.to_string().ends_with(" until unlocked, 0 waiters, epoch 1]"));
    gate.close();
    assert_eq!(gate.to_string(), "[closed]");
    assert_eq!(gate.snapshot().state, State::Closed);
    assert!(format!("{gate:?}").contains("closed"));
}

// R3
#[tokio::test(start_paused = true)]
async fn a_pass_tells_whether_the_gate_was_shut_since() {
    let gate = TimeLock::new();
    let pass = gate.acquire().await.unwrap();
    assert!(pass.is_current());
    gate.lock_for(ms(1));
    assert!(!pass.is_current());
    sleep(ms(2)).await;
    assert!(!pass.is_current(), "of an earlier epoch, although the gate is open again");
    let place = pass.requeue();
    let again = gate.acquire_again(place).await.unwrap();
    assert!(again.is_current());
    gate.close();
    assert!(!again.is_current());
}

// R4: also after passing a gate that was simply open, when no ticket was drawn.
#[tokio::test(start_paused = true)]
async fn a_refused_request_keeps_its_place() {
    let gate = TimeLock::new();
    let early = gate.try_acquire().unwrap();
    let refused = gate.try_acquire().unwrap().refused(secs(1));
    let mut later = line(&gate, 2);
    let mut first = Box::pin(gate.acquire_again(refused.requeue()));
    assert!(look(&mut first).is_none());
    let mut second = Box::pin(gate.acquire_again(early.requeue()));
    assert!(look(&mut second).is_none());
    advance(secs(1)).await;
    assert!(look(&mut later[0]).is_none(), "not its turn");
    assert!(look(&mut second).is_none());
    look(&mut first).unwrap().ok();
    look(&mut second).unwrap().ok();
    look(&mut later[0]).unwrap().ok();
    look(&mut later[1]).unwrap().ok();
}

#[tokio::test(start_paused = true)]
async fn a_place_in_another_gates_line_is_worth_nothing() {
    let gate = TimeLock::new();
    let other = TimeLock::new();
    let place = other.try_acquire().unwrap().requeue();
    gate.lock();
    let mut mine = line(&gate, 1);
    let mut stranger = Box::pin(gate.acquire_again(place));
    assert!(look(&mut stranger).is_none());
    gate.unlock();
    assert!(look(&mut stranger).is_none());
    look(&mut mine[0]).unwrap().ok();
    look(&mut stranger).unwrap().ok();
}

// C3
#[tokio::test(start_paused = true)]
async fn two_pauses_overlap() {
    let gate = TimeLock::new();
    let began = Instant::now();
    gate.lock_for(ms(500));
    gate.lock_for(ms(100));
    gate.acquire().await.unwrap().ok();
    assert!(began.elapsed() >= ms(500));
}

#[tokio::test(start_paused = true)]
async fn statistics_count_what_happened() {
    let gate = TimeLock::new();
    gate.lock_for(secs(2));
    gate.lock_for(secs(3));
    gate.lock_for(secs(1));
    drop(line(&gate, 3));
    advance(secs(3)).await;
    gate.lock_for(secs(1));
    advance(secs(1)).await;
    let stats = gate.stats();
    assert_eq!((stats.shuts, stats.extended, stats.kept, stats.ignored), (2, 1, 1, 0));
    assert_eq!((stats.total_shut, stats.longest_shut), (secs(4), secs(3)));
    assert_eq!((stats.cancelled, stats.waiters_max), (3, 3));
}

// Who waited in this epoch and passed came before those who passed when nobody waited any more.
#[tokio::test(start_paused = true)]
async fn a_place_without_a_number_comes_last_in_its_epoch() {
    let gate = TimeLock::new();
    gate.lock_for(ms(1));
    let mut waiters = line(&gate, 2);
    advance(ms(1)).await;
    let [waited, also] = [0, 1].map(|i| look(&mut waiters[i]).unwrap());
    let walked = gate.try_acquire().unwrap();
    waited.refused(secs(1));
    let mut walked = Box::pin(gate.acquire_again(walked.requeue()));
    assert!(look(&mut walked).is_none());
    let mut also = Box::pin(gate.acquire_again(also.requeue()));
    assert!(look(&mut also).is_none());
    gate.unlock();
    assert!(look(&mut walked).is_none());
    look(&mut also).unwrap().ok();
    look(&mut walked).unwrap().ok();
}

#[tokio::test(start_paused = true)]
async fn a_date_is_so_far_ahead() {
    let gate = TimeLock::new();
    assert_eq!(gate.lock_until_wall(SystemTime::now() - secs(1)).applied, Applied::Nothing);
    gate.lock_until_wall(SystemTime::now() + secs(60));
    let left = gate.remaining().unwrap();
    assert!(left > secs(50) && left <= secs(60), "{left:?}");
    gate.unlock();
    // As far as it goes, and no further than the gate can be shut.
    let far = SystemTime::now() + secs(1_000_000_000);
    assert_eq!(
        gate.lock_with(Until::Wall(far), Policy::Extend, "far").until,
        Some(Instant::now() + secs(24 * 3600)),
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_is_as_long_as_it_was_said_to_be() {
    let gate = TimeLock::new();
    let began = Instant::now();
    gate.lock_for(secs(95)); // so long that it is looked at meanwhile
    let onlooker = tokio::spawn({
        let gate = gate.clone();
        async move { gate.opened().await }
    });
    gate.acquire().await.unwrap().ok();
    onlooker.await.unwrap().unwrap();
    assert!(began.elapsed() >= secs(95) && began.elapsed() <= ms(95_001));
}

#[tokio::test(start_paused = true)]
async fn a_quota_lets_so_many_pass_and_then_nobody() {
    let gate = TimeLock::new();
    let end = Instant::now() + secs(10);
    let limited = gate.allow(2, end);
    assert_eq!((limited.applied, limited.epoch, limited.until), (Applied::Limited, 0, Some(end)));
    assert_eq!(gate.snapshot().quota, Some((2, end)));
    assert_eq!(gate.to_string(), "[unlocked, 2 left] 0 waiters");
    let passes = [gate.acquire().await.unwrap(), gate.try_acquire().unwrap()];
    assert!(!gate.is_locked() && passes.iter().all(|pass| pass.is_current()), "two were allowed");
    let began = Instant::now();
    gate.acquire().await.unwrap().ok();
    assert!(began.elapsed() >= secs(10) && began.elapsed() <= ms(10_001));
    assert_eq!((gate.epoch(), gate.snapshot().quota), (1, None));
    gate.try_acquire().unwrap().ok();
}

#[tokio::test(start_paused = true)]
async fn of_two_reports_about_a_quota_the_worse_holds() {
    let gate = TimeLock::new();
    let now = Instant::now();
    gate.allow(5, now + secs(10));
    gate.allow(3, now + secs(5));
    gate.allow(9, now + secs(7));
    assert_eq!(gate.snapshot().quota, Some((3, now + secs(10))));
    // None are left: shut at once, with a reason.
    let none = gate.allow(0, now + secs(4));
    assert_eq!((none.applied, none.until), (Applied::Started, Some(now + secs(10))));
    assert_eq!(gate.reason().unwrap().as_str(), "quota");
    gate.unlock();
    // One that is over, or past, is none.
    gate.allow(1, now + secs(1));
    advance(secs(1)).await;
    assert_eq!(gate.snapshot().quota, None);
    assert_eq!(gate.allow(1, now).applied, Applied::Nothing);
    gate.allow(1, now + secs(9));
    assert!(gate.unlock_now() && !gate.unlock_now());
    assert_eq!(gate.snapshot().quota, None);
    gate.close();
    assert_eq!(gate.allow(1, now + secs(9)).applied, Applied::Nothing);
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_unused_is_left_of_a_quota_as_before() {
    let gate = TimeLock::new();
    let left = || gate.snapshot().quota.map(|(left, _)| left);
    let end = Instant::now() + secs(10);
    gate.allow(2, end);
    let [first, second] = [gate.try_acquire().unwrap(), gate.try_acquire().unwrap()];
    assert_eq!(left(), Some(0));
    first.requeue();
    assert_eq!(left(), Some(1));
    // One that was used, or of which nobody knows, is not.
    second.ok();
    drop(gate.try_acquire().unwrap());
    assert_eq!(left(), Some(0));
    gate.unlock_now();

    // The other side said since how many are left, and did not count this one; or it was counted against another quota.
    gate.allow(5, end);
    let counted = gate.try_acquire().unwrap();
    gate.allow(2, end);
    counted.requeue();
    assert_eq!(left(), Some(2));
    let counted = gate.try_acquire().unwrap();
    gate.unlock_now();
    gate.allow(1, end);
    counted.requeue();
    assert_eq!(left(), Some(1));
    gate.unlock_now();

    // Unless that was no news, as others were on their way; and also if the gate was shut meanwhile.
    gate.allow(3, end);
    let counted = gate.try_acquire().unwrap();
    gate.allow(2, end);
    counted.requeue();
    assert_eq!(left(), Some(3));
    let counted = gate.try_acquire().unwrap();
    gate.lock_for(secs(1));
    counted.requeue();
    assert_eq!(left(), Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_quota_outlives_a_pause_within_it() {
    let gate = TimeLock::new();
    gate.allow(2, Instant::now() + secs(10));
    gate.try_acquire().unwrap().refused(secs(1));
    gate.acquire().await.unwrap().ok();
    assert_eq!(
        gate.try_acquire().unwrap_err(),
        TryAcquireError::Shut { remaining: secs(9) },
        "the second of two has gone",
    );
}
