//! Servers that refuse, in virtual time, and the gates that a learned pace must pass with them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tidegate_test::server::{Limit, Says, Server};
use tidegate_time_lock::{Hint, LearnedPace, Rate, Reopen, TimeLock};
use tokio::time::{Instant, sleep};

/// A server, and what came of asking it. Times are seconds since its start.
struct Asked {
    server: RefCell<Server>,
    started: Instant,
    accepted: Cell<u32>,
    last_accepted: Cell<f64>,
    refused: RefCell<Vec<f64>>,
}

impl Asked {
    fn new(limit: Limit) -> Self {
        Self {
            server: RefCell::new(Server::new(limit)),
            started: Instant::now(),
            accepted: Cell::new(0),
            last_accepted: Cell::new(0.0),
            refused: RefCell::default(),
        }
    }

    /// Answers a request; a refusal may say when to come back.
    fn answer(&self) -> Result<Duration, Option<Duration>> {
        let now = self.started.elapsed();
        let answer = self.server.borrow_mut().answer(now);
        match answer {
            Ok(_) => {
                self.accepted.set(self.accepted.get() + 1);
                self.last_accepted.set(now.as_secs_f64());
            }
            Err(_) => self.refused.borrow_mut().push(now.as_secs_f64()),
        }
        answer
    }
}

/// What a run came to.
#[derive(Debug)]
struct Run {
    /// Time over ideal time.
    ratio: f64,
    refused: usize,
    /// Before the first pause was over.
    first_herd: usize,
    pauses: u64,
}

#[derive(Clone, Copy)]
struct Load {
    requests: u32,
    workers: u32,
    /// One way, in milliseconds.
    delay: (u64, u64),
    /// Every so manyth request is dropped on the way instead of answered.
    lose: u32,
}

const LOAD: Load = Load { requests: 1000, workers: 64, delay: (10, 20), lose: u32::MAX };

/// Sends `load` through a gate with a learned pace; `None` when it is not done within twenty minutes.
fn run(limit: Limit, load: Load, pace: LearnedPace, seed: u64) -> Option<Run> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let server = Rc::new(Asked::new(limit));
        let gate = TimeLock::builder().reopen(Reopen::Learned(pace)).build();
        let random = Rc::new(Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1));
        let left = Rc::new(Cell::new(load.requests));
        let mut workers = Vec::new();
        for _ in 0..load.workers {
            let (server, gate) = (Rc::clone(&server), gate.clone());
            let (random, left) = (Rc::clone(&random), Rc::clone(&left));
            workers.push(tokio::task::spawn_local(async move {
                while left.get() > 0 {
                    left.set(left.get() - 1);
                    request(&server, &gate, &random, load).await;
                }
            }));
        }
        let all = async {
            for worker in workers {
                worker.await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(1200), all).await.ok()?;
        assert_eq!(server.accepted.get(), load.requests);
        assert_eq!(gate.waiters(), 0);
        let refused = server.refused.borrow();
        let first_herd = refused
            .first()
            .map_or(0, |first| refused.iter().filter(|&at| *at < first + 0.5).count());
        Some(Run {
            ratio: server.last_accepted.get() / limit.ideal(load.requests),
            refused: refused.len(),
            first_herd,
            pauses: gate.stats().shuts,
        })
    })
}

/// One request, sent again until it is answered.
async fn request(server: &Asked, gate: &TimeLock, random: &Cell<u64>, load: Load) {
    let delay = || {
        let (from, to) = load.delay;
        Duration::from_millis(from + next(random) % (to - from))
    };
    let mut pass = gate.acquire().await.unwrap();
    loop {
        assert!(pass.is_current() && !gate.is_locked(), "never sent while shut");
        if next(random) % u64::from(load.lose) == 1 {
            // Dropped on the way, with its pass.
            sleep(delay()).await;
            drop(pass);
            pass = gate.acquire().await.unwrap();
            continue;
        }
        sleep(delay()).await;
        let answer = server.answer();
        sleep(delay() + answer.unwrap_or_default()).await;
        match answer {
            Ok(_) => return pass.ok(),
            Err(after) => {
                let place = pass.refused(Hint::from(after)).requeue();
                pass = gate.acquire_again(place).await.unwrap();
            }
        }
    }
}

fn next(random: &Cell<u64>) -> u64 {
    let mut x = random.get();
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    random.set(x);
    x >> 16
}

/// The servers of the published table.
const TABLE: [Limit; 5] = [
    Limit::Bucket { rate: 50.0, burst: 10.0, says: Says::Seconds },
    Limit::Bucket { rate: 50.0, burst: 10.0, says: Says::Exactly },
    Limit::Bucket { rate: 50.0, burst: 10.0, says: Says::Nothing },
    Limit::Window { quota: 250, length: 5.0 },
    Limit::Penalty { rate: 50.0, burst: 10.0, penalty: 2.0 },
];

/// Servers that the pace was not tuned on.
const UNSEEN: [Limit; 7] = [
    Limit::Bucket { rate: 7.0, burst: 3.0, says: Says::Seconds },
    Limit::Bucket { rate: 120.0, burst: 30.0, says: Says::Seconds },
    Limit::Bucket { rate: 30.0, burst: 1.0, says: Says::Exactly },
    Limit::Bucket { rate: 25.0, burst: 60.0, says: Says::Nothing },
    Limit::Window { quota: 60, length: 2.0 },
    Limit::Penalty { rate: 40.0, burst: 20.0, penalty: 1.0 },
    Limit::Step { before: 60.0, after: 30.0, at: 8.0, burst: 5.0 },
];

const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// Runs all seeds, none of which may fail to finish: the mean ratio, the share of refusals, the largest first herd.
fn measure(limit: Limit, load: Load, pace: LearnedPace) -> (f64, f64, usize) {
    let runs: Vec<_> = SEEDS
        .map(|seed| {
            run(limit, load, pace, seed).unwrap_or_else(|| panic!("{limit:?} was never done"))
        })
        .collect();
    let n = runs.len() as f64;
    let ratio = runs.iter().map(|run| run.ratio).sum::<f64>() / n;
    let refused = runs.iter().map(|run| run.refused).sum::<usize>() as f64 / n;
    let herd = runs.iter().map(|run| run.first_herd).max().unwrap();
    let pauses = runs.iter().map(|run| run.pauses).sum::<u64>() as f64 / n;
    println!(
        "{ratio:.2} x ideal, {refused:.0} refused, {pauses:.1} pauses, first herd {herd}: {limit:?}"
    );
    (ratio, refused / f64::from(load.requests), herd)
}

#[test]
fn a_learned_pace_is_within_the_gates_of_the_table() {
    for limit in TABLE {
        let (ratio, waste, _) = measure(limit, LOAD, LearnedPace::default().cold_start(0));
        assert!(
            ratio <= 1.45 && waste <= 0.08,
            "{limit:?}: {ratio:.2} x ideal, {waste:.3} refused"
        );
    }
}

#[test]
fn a_cold_start_has_a_small_first_herd() {
    for limit in TABLE {
        let (ratio, waste, herd) = measure(limit, LOAD, LearnedPace::default());
        assert!(
            ratio <= 1.45 && waste <= 0.02,
            "{limit:?}: {ratio:.2} x ideal, {waste:.3} refused"
        );
        assert!(herd <= 8, "{limit:?}: {herd} refused in the first herd");
    }
}

#[test]
fn fifty_workers_are_close_to_what_a_bucket_gives() {
    for (rate, burst) in [(5.0, 5.0), (20.0, 5.0), (50.0, 20.0), (100.0, 100.0)] {
        let limit = Limit::Bucket { rate, burst, says: Says::Seconds };
        let load = Load { requests: 1500, workers: 50, ..LOAD };
        let (ratio, waste, _) = measure(limit, load, LearnedPace::default());
        assert!(ratio <= 1.3 && waste <= 0.02, "{limit:?}: {ratio:.2} x ideal, {waste:.3} refused");
    }
}

#[test]
fn servers_never_seen_before_are_served_decently() {
    for limit in UNSEEN {
        for pace in [LearnedPace::default(), LearnedPace::default().cold_start(0)] {
            let (ratio, waste, _) = measure(limit, LOAD, pace);
            assert!(
                ratio <= 2.2 && waste <= 0.08,
                "{limit:?}: {ratio:.2} x ideal, {waste:.3} refused"
            );
        }
    }
}

// Not at once: who tries for more all the time is refused all the time.
#[test]
fn a_limit_that_rises_is_found() {
    let limit = Limit::Step { before: 25.0, after: 100.0, at: 10.0, burst: 10.0 };
    let load = Load { requests: 5000, ..LOAD };
    let (ratio, waste, _) = measure(limit, load, LearnedPace::default());
    assert!(ratio <= 1.75 && waste <= 0.01, "{ratio:.2} x ideal, {waste:.3} refused");
}

#[tokio::test(start_paused = true)]
async fn a_pace_that_is_not_used_does_not_rise() {
    let gate = TimeLock::builder().reopen(Reopen::Learned(LearnedPace::new())).build();
    for _ in 0..40 {
        gate.acquire().await.unwrap().ok();
    }
    let pass = gate.acquire().await.unwrap();
    let refused_at = gate.stats().pace_now.unwrap();
    let place = pass.refused(Duration::from_secs(1)).requeue();
    gate.acquire_again(place).await.unwrap().ok();
    for _ in 0..500 {
        sleep(Duration::from_secs(1)).await;
        gate.acquire().await.unwrap().ok();
    }
    let pace = gate.stats().pace_now.unwrap();
    assert!(pace <= refused_at, "{pace} after {refused_at} was too much");
}

#[tokio::test(start_paused = true)]
async fn a_slow_start_that_is_not_used_stays_slow() {
    let gate = TimeLock::builder().reopen(Reopen::Learned(LearnedPace::new())).build();
    for _ in 0..500 {
        gate.acquire().await.unwrap().ok();
        sleep(Duration::from_secs(1)).await;
    }
    let pace = gate.stats().pace_now.unwrap();
    assert!(pace <= Rate::per_second(100.0), "{pace} with one per second");
}

// The first few are sent at once: that some of them are refused says nothing about the pace.
#[test]
fn a_bucket_of_one_is_not_taken_for_a_slow_one() {
    let limit = Limit::Bucket { rate: 50.0, burst: 1.0, says: Says::Seconds };
    let (ratio, waste, _) = measure(limit, LOAD, LearnedPace::default());
    assert!(ratio <= 2.0 && waste <= 0.02, "{ratio:.2} x ideal, {waste:.3} refused");
}

#[test]
fn slow_answers_do_not_escalate() {
    let load = Load { delay: (250, 750), ..LOAD };
    for limit in TABLE {
        let (ratio, waste, _) = measure(limit, load, LearnedPace::default());
        assert!(ratio <= 2.2 && waste <= 0.15, "{limit:?}: {ratio:.2} x ideal, {waste:.3} refused");
    }
}

// C9
#[test]
fn lost_probes_wedge_nothing() {
    // One in three is dropped with its pass, probes included.
    let load = Load { requests: 300, lose: 3, ..LOAD };
    for limit in TABLE {
        measure(limit, load, LearnedPace::default());
    }
}
