use std::pin::pin;
use std::task::Poll;

use tidegate_test::poll_once;
use tidegate_time_lock::{KeyedTimeLockBuilder, Rate, Reopen, TimeLock, TimeLockBuilder};
use tokio::time::{Instant, advance};

use super::*;

const LONG: Duration = Duration::from_secs(120);
const REFUSED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

fn host(per_host: usize) -> Arc<Host> {
    Hosts::new(per_host).of(&"http://h:80/x".parse().unwrap())
}

/// The only host of a run, whose gate is of this kind.
fn host_with(rules: TimeLockBuilder, per_host: usize) -> Arc<Host> {
    let gates = KeyedTimeLockBuilder::new().template(rules).build();
    Hosts::with_gates(per_host, gates).of(&"http://h/".parse().unwrap())
}

/// What the headers of a refusal say that has this `Retry-After`.
fn after(pause: impl Into<Option<Duration>>) -> Hints {
    let mut hints = Hints::default();
    hints.retry_after = pause.into();
    hints
}

fn is_locked(host: &Host) -> bool {
    host.gates.gate(&host.origin).is_locked()
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Leave to send, which is there at once.
#[track_caller]
fn enter(host: &Host) -> Entry<'_> {
    match poll_once(pin!(host.enter(None))) {
        Poll::Ready(entry) => entry.unwrap(),
        Poll::Pending => panic!("it waits"),
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_permit_looks_at_the_gate_again() {
    // C1: one permit, and the request that has it is refused.
    let host = host(1);
    let first = enter(&host);
    let mut second = pin!(host.enter(None));
    assert!(poll_once(second.as_mut()).is_pending());
    let start = Instant::now();
    first.refused(REFUSED, &after(secs(2)), LONG).unwrap();
    let second = second.await.unwrap();
    assert!(start.elapsed() >= secs(2), "it was sent {:?} into the pause", start.elapsed());
    assert_eq!(second.epoch().epoch, 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_at_the_gate_holds_no_permit() {
    // C2, C16.
    let host = host(1);
    enter(&host).refused(REFUSED, &after(secs(2)), LONG).unwrap();
    let mut waiting = pin!(host.enter(None));
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(host.permits.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn passes_that_waited_for_a_permit_are_not_used_all_at_once() {
    let pace = Reopen::Paced(Rate::per_second(10.0));
    let host = host_with(TimeLock::builder().reopen(pace), 5);
    let _ = host.gates.lock_for(&host.origin, Duration::from_millis(1));
    let mut busy = Vec::new();
    for _ in 0..5 {
        busy.push(host.enter(None).await.unwrap());
    }
    let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(host.enter(None))).collect();
    for _ in 0..50 {
        // Time for all of them to pass the gate.
        waiting.iter_mut().for_each(|entry| assert!(poll_once(entry.as_mut()).is_pending()));
        advance(Duration::from_millis(100)).await;
    }
    assert_eq!((host.waiting(), host.permits.waiters()), (0, 5));
    drop(busy);
    let start = Instant::now();
    let mut entries = Vec::new();
    for entry in waiting {
        entries.push(entry.await.unwrap());
    }
    assert!(start.elapsed() >= Duration::from_millis(350), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_permit_with_the_turn_that_others_wait_for() {
    // Whoever was refused twice has the permit, and lets one other go first, who has none.
    let host = host_with(TimeLock::builder().reopen(Reopen::Probe { n: 1 }), 1);
    let place = enter(&host).refused(REFUSED, &after(secs(1)), LONG).unwrap().place;
    let again = host.enter(Some(place)).await.unwrap();
    let mut other = pin!(host.enter(None));
    assert!(poll_once(other.as_mut()).is_pending());
    let place = again.refused(REFUSED, &after(secs(1)), LONG).unwrap().place;
    let mut again = pin!(host.enter(Some(place)));
    assert!(poll_once(again.as_mut()).is_pending());
    assert_eq!((host.waiting(), host.permits.waiters()), (2, 0));

    advance(secs(2)).await;
    assert!(poll_once(other.as_mut()).is_pending());
    let Poll::Ready(again) = poll_once(again.as_mut()) else { panic!("nothing is sent") };
    drop(again.unwrap().accepted());
    assert!(poll_once(other.as_mut()).is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_loses_its_place_in_neither_line() {
    let host = host(1);
    let first = enter(&host);
    let mut others: Vec<_> = (0..3).map(|_| Box::pin(host.enter(None))).collect();
    others.iter_mut().for_each(|it| assert!(poll_once(it.as_mut()).is_pending()));
    let place = first.refused(REFUSED, &after(secs(1)), LONG).unwrap().place;
    let mut again = pin!(host.enter(Some(place)));
    for _ in 0..3 {
        others.iter_mut().for_each(|it| assert!(poll_once(it.as_mut()).is_pending()));
        assert!(poll_once(again.as_mut()).is_pending());
        advance(Duration::from_millis(300)).await;
    }
    advance(secs(1)).await;
    others.iter_mut().for_each(|it| assert!(poll_once(it.as_mut()).is_pending()));
    assert!(poll_once(again.as_mut()).is_ready());
}

#[tokio::test(start_paused = true)]
async fn the_permit_stays_until_the_answer_is_complete() {
    let host = host(1);
    let permit = enter(&host).accepted();
    // Longer than the pace of a gate that starts slowly lets anybody wait.
    advance(secs(1)).await;
    let mut second = pin!(host.enter(None));
    assert!(poll_once(second.as_mut()).is_pending());
    assert_eq!(host.permits.waiters(), 1);
    drop(permit);
    second.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_is_dropped_in_line_takes_nothing_along() {
    let host = host(1);
    let first = enter(&host);
    {
        let mut dropped = pin!(host.enter(None));
        assert!(poll_once(dropped.as_mut()).is_pending());
    }
    drop(first);
    assert_eq!((host.permits.available_permits(), host.waiting()), (1, 0));
    advance(secs(1)).await;
    drop(enter(&host));
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_goes_first_when_the_gate_opens() {
    let host = host(4);
    let refused = enter(&host).refused(REFUSED, &after(secs(1)), LONG).unwrap();
    assert!(refused.began.is_some_and(|pause| pause >= secs(1)));
    let mut newcomer = pin!(host.enter(None));
    assert!(poll_once(newcomer.as_mut()).is_pending());
    let mut again = pin!(host.enter(Some(refused.place)));
    assert!(poll_once(again.as_mut()).is_pending());
    advance(secs(3)).await;
    assert!(poll_once(newcomer.as_mut()).is_pending());
    assert!(poll_once(again.as_mut()).is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_pause_has_one_beginning() {
    let host = host(4);
    let [first, second] = [enter(&host), enter(&host)];
    assert!(first.refused(REFUSED, &after(secs(1)), LONG).unwrap().began.is_some());
    assert!(second.refused(REFUSED, &after(secs(1)), LONG).unwrap().began.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_asks_for_too_long_is_given_up_for_everybody() {
    let host = host(1);
    let first = enter(&host);
    let mut waiting = pin!(host.enter(None));
    assert!(poll_once(waiting.as_mut()).is_pending());
    let failure = first.refused(REFUSED, &after(secs(121)), LONG).unwrap_err();
    assert!(matches!(failure, Failure::WaitTooLong(asked) if asked == secs(121)));
    assert!(matches!(waiting.await.unwrap_err(), Failure::WaitTooLong(_)));
    assert!(matches!(host.enter(None).await.unwrap_err(), Failure::WaitTooLong(_)));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_ends_too_late_is_tried_before() {
    let limit = |seconds: u64| {
        let text = format!("\"default\";r=0;t={seconds}");
        let headers = [("ratelimit".parse().unwrap(), text.parse().unwrap())];
        Hints::from_headers(&headers.into_iter().collect(), std::time::SystemTime::now())
    };
    let host = host(1);
    let began = enter(&host).refused(REFUSED, &limit(100), LONG).unwrap().began;
    assert_eq!(began, Some(secs(100)));
    let began = host.enter(None).await.unwrap().refused(REFUSED, &limit(121), LONG).unwrap().began;
    assert!(began.is_some_and(|pause| pause <= secs(2)), "{began:?}");
}

/// How many refusals it takes until the host is given up.
async fn refusals_of(host: &Host, pause: Option<Duration>) -> u32 {
    let mut place = None;
    for count in 1.. {
        let entry = host.enter(place.take()).await.unwrap();
        match entry.refused(REFUSED, &after(pause), LONG) {
            Ok(refused) => place = Some(refused.place),
            Err(failure) => {
                assert!(matches!(failure, Failure::AlwaysRefused(REFUSED)));
                return count;
            }
        }
    }
    unreachable!("it is given up")
}

#[tokio::test(start_paused = true)]
async fn a_host_that_refuses_everything_is_given_up() {
    for (pause, refusals) in
        [(None, FEW_PAUSES), (Some(secs(10)), FEW_PAUSES), (Some(Duration::ZERO), MOST_PAUSES)]
    {
        let host = host(1);
        assert_eq!(refusals_of(&host, pause).await, refusals, "{pause:?}");
        assert!(matches!(host.enter(None).await.unwrap_err(), Failure::AlwaysRefused(REFUSED)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_back_after_ten_seconds_is_not_given_up() {
    let host = host(1);
    for _ in 0..10 {
        host.enter(None).await.unwrap().refused(REFUSED, &after(secs(1)), LONG).unwrap();
    }
    drop(host.enter(None).await.unwrap().accepted());
    assert_eq!(refusals_of(&host, Some(secs(1))).await, MOST_PAUSES);
}

#[tokio::test(start_paused = true)]
async fn an_answer_now_and_then_keeps_a_host_from_being_given_up() {
    let host = host(1);
    for _ in 0..3 * MOST_PAUSES {
        host.enter(None).await.unwrap().refused(REFUSED, &after(None), LONG).unwrap();
        drop(host.enter(None).await.unwrap().accepted());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_before_the_pause_is_no_sign_of_life() {
    let host = host(2);
    let [old, new] = [enter(&host), enter(&host)];
    new.refused(REFUSED, &after(secs(1)), LONG).unwrap();
    drop(old.accepted());
    assert_eq!(host.refusals.lock().refusing.unwrap().pauses, 1);
    assert!(is_locked(&host));
}

#[tokio::test(start_paused = true)]
async fn silence_holds_nobody_up_where_nothing_was_refused() {
    let host = host(1000);
    let silent: Vec<Entry<'_>> = (0..4).map(|_| enter(&host)).collect();
    let mut next = pin!(host.enter(None));
    assert!(poll_once(next.as_mut()).is_pending(), "it starts slowly");
    drop(silent);
    let start = Instant::now();
    drop(next.await.unwrap());
    for _ in 0..100 {
        std::mem::forget(host.enter(None).await.unwrap());
    }
    // At the pace of a slow start, which a request without an answer does not stop.
    assert!(start.elapsed() < secs(10));
}

#[tokio::test(start_paused = true)]
async fn silence_after_a_refusal_is_no_leave_for_everybody() {
    let host = host(1000);
    enter(&host).refused(REFUSED, &after(secs(1)), LONG).unwrap();
    let probe = host.enter(None).await.unwrap();
    let mut next = pin!(host.enter(None));
    assert!(poll_once(next.as_mut()).is_pending());
    drop(probe);
    let Poll::Ready(next) = poll_once(next.as_mut()) else { panic!("nobody goes in its stead") };
    assert!(poll_once(pin!(host.enter(None))).is_pending());
    drop(next);
}

#[test]
fn a_host_is_scheme_name_and_port() {
    let hosts = Hosts::new(1);
    let of = |url: &str| hosts.of(&url.parse().unwrap());
    assert!(Arc::ptr_eq(&of("http://h/a"), &of("http://H:80/b?c")));
    assert!(Arc::ptr_eq(&of("http://me:secret@h/a"), &of("http://h/")));
    assert!(!Arc::ptr_eq(&of("http://h/a"), &of("http://h:81/a")));
    assert!(!Arc::ptr_eq(&of("http://h/a"), &of("http://g/a")));
    assert_eq!(of("http://me:secret@h:81/a").name(), "h:81");
}

#[tokio::test(start_paused = true)]
async fn hosts_without_a_history_are_forgotten_and_shut_ones_are_not() {
    let hosts = Hosts::new(1);
    let of = |n: usize| hosts.of(&format!("http://h{n}/").parse().unwrap());
    enter(&of(0)).refused(REFUSED, &after(secs(60)), LONG).unwrap();
    for n in 1..20 * MANY {
        drop(enter(&of(n)).accepted());
        tokio::task::yield_now().await;
    }
    assert!(hosts.table.lock().hosts.len() <= 2 * MANY);
    assert!(hosts.gates.len() <= GATES, "{}", hosts.gates.len());
    assert!(is_locked(&of(0)));
    assert_eq!(of(0).refusals.lock().refusing.unwrap().pauses, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_hosts_that_refuse_is_bounded() {
    let hosts = Hosts::new(1);
    let of = |n: usize| hosts.of(&format!("http://h{n}/").parse().unwrap());
    let in_use: Vec<_> = (0..10).map(of).collect();
    for n in 0..5 * REMEMBERED {
        let host = of(n);
        let asks = if n % 2 == 0 { secs(60) } else { secs(600) };
        let refused = enter(&host).refused(REFUSED, &after(asks), LONG);
        assert_eq!(refused.is_err(), n % 2 == 1);
        advance(Duration::from_millis(50)).await;
    }
    let known = hosts.table.lock().hosts.len();
    assert!(known <= 2 * (REMEMBERED + in_use.len()), "{known}");
    // Those that were seen last are known still, and who has one has it.
    assert!(matches!(of(5 * REMEMBERED - 1).enter(None).await, Err(Failure::WaitTooLong(_))));
    (0..10).for_each(|n| assert!(Arc::ptr_eq(&of(n), &in_use[n])));
    // No gate is kept for one that is forgotten, though nobody has seen whether it may open.
    let look = hosts.gates.snapshot(&of(20).origin);
    assert!(look.is_none_or(|look| look.state == State::Open));
    // One that asks for too long shuts nothing.
    assert!(hosts.gates.locked().len() <= 60 * 20 / 2 + 1, "{}", hosts.gates.locked().len());
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_hosts_share_stays_shut_for_the_others_when_one_is_given_up() {
    let gates = KeyedTimeLockBuilder::new().capacity(1).template(TimeLock::builder()).build();
    let hosts = Hosts::with_gates(3, gates);
    let of = |name: &str| hosts.of(&format!("http://{name}/").parse().unwrap());
    enter(&of("alone")).refused(REFUSED, &after(secs(9)), LONG).unwrap();

    let (a, b) = (of("a"), of("b"));
    let [first, second] = [enter(&a), enter(&a)];
    first.refused(REFUSED, &after(secs(60)), LONG).unwrap();
    let mut of_a = pin!(a.enter(None));
    let mut of_b = pin!(b.enter(None));
    assert!(poll_once(of_a.as_mut()).is_pending());
    assert!(poll_once(of_b.as_mut()).is_pending());
    second.refused(REFUSED, &after(secs(121)), LONG).unwrap_err();
    let Poll::Ready(gone) = poll_once(of_a.as_mut()) else { panic!("it waits for nothing") };
    assert!(matches!(gone, Err(Failure::WaitTooLong(_))));
    assert!(poll_once(of_b.as_mut()).is_pending());
    of_b.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_gate_is_kept_for_a_host_that_is_given_up() {
    let hosts = Hosts::new(3);
    let host = hosts.of(&"http://h/".parse().unwrap());
    let [first, second] = [enter(&host), enter(&host)];
    first.refused(REFUSED, &after(secs(60)), LONG).unwrap();
    assert!(is_locked(&host));
    second.refused(REFUSED, &after(secs(121)), LONG).unwrap_err();
    assert!(!is_locked(&host));
    assert!(matches!(host.enter(None).await, Err(Failure::WaitTooLong(_))));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_shut_says_for_how_long_why_and_who_waits() {
    let hosts = Hosts::new(4);
    let of = |name: &str| hosts.of(&format!("http://{name}/").parse().unwrap());
    // What pace a gate has found is its own affair.
    let without_pace = |host: &HostStatus| HostStatus { pace: None, ..host.clone() }.to_string();
    let lines = || hosts.shut().iter().map(without_pace).collect::<Vec<_>>();
    let (a, b) = (of("host-a"), of("host-b"));
    let [first, second] = [enter(&a), enter(&a)];
    drop(enter(&b).accepted());
    assert_eq!(lines(), [""; 0]);

    first.refused(REFUSED, &after(secs(15)), LONG).unwrap();
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(a.enter(None))).collect();
    waiting.iter_mut().for_each(|it| assert!(poll_once(it.as_mut()).is_pending()));
    advance(secs(3)).await;
    assert_eq!(lines(), ["host-a  shut 12 s more (429, Retry-After 15)  3 waiting"]);

    // A pause that is longer is what it is shut for from now on; a shorter one is not.
    second.refused(StatusCode::SERVICE_UNAVAILABLE, &after(secs(20)), LONG).unwrap();
    enter(&b).refused(StatusCode::SERVICE_UNAVAILABLE, &after(None), LONG).unwrap();
    assert_eq!(
        lines(),
        [
            "host-a  shut 20 s more (503, Retry-After 20)  3 waiting",
            "host-b  shut 1 s more (503)  0 waiting",
        ]
    );

    // One request goes to see, and the others wait for what becomes of it.
    let probe = waiting.remove(0).await.unwrap();
    assert_eq!(lines()[..1], ["host-a  trying one request (503, Retry-After 20)  2 waiting"]);
    drop(probe.accepted());
    assert_eq!(hosts.shut().iter().filter(|it| it.host == "host-a").count(), 0);

    // Nobody waits for one that is given up.
    let failed = waiting.remove(0).await.unwrap().refused(REFUSED, &after(secs(121)), LONG);
    assert!(failed.is_err());
    assert_eq!(hosts.shut().iter().filter(|it| it.host == "host-a").count(), 0);
}
