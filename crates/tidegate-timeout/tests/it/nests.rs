//! Random nests of timeouts, against a plain list of deadlines.
//!
//! Who is asked for is a node, who is not is a note or nothing at all; and whatever polls with wakers of its own
//! between two of them changes who has to wake whom. None of that may be seen.

use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use tidegate_timeout::{Deadline, ScopeHandle, current_scope, timeout};
use tokio::time::{Instant, sleep_until};

use crate::support::{Apart, ms, paused};

type Named = Pin<Box<dyn Future<Output = usize>>>;

/// Small, and the same each time: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

const NAMES: [&str; 14] =
    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"];

#[derive(Clone, Copy, Debug)]
struct Level {
    deadline: u64,
    picky: bool,
    /// From when on there is a handle.
    asked: Asked,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    Never,
    AtFirst,
    /// From inside, when the first of the moves comes.
    Inside,
}

#[derive(Clone, Copy, Debug)]
struct Move {
    at: u64,
    level: usize,
    to: Option<u64>,
}

/// When the nest ends, and which level says so.
fn expected(levels: &[Level], moves: &[Move]) -> Option<(u64, usize)> {
    let mut deadlines: Vec<_> = levels.iter().map(|level| Some(level.deadline)).collect();
    let mut moves = moves.iter().peekable();
    loop {
        let ends = deadlines.iter().flatten().min().copied();
        match moves.peek() {
            Some(next) if ends.is_none_or(|ends| next.at < ends) => {
                // What was moved into the past ends now.
                deadlines[next.level] = next.to.map(|to| to.max(next.at));
                moves.next();
            }
            _ => {
                return ends.map(|ends| {
                    (ends, deadlines.iter().position(|it| *it == Some(ends)).unwrap())
                });
            }
        }
    }
}

fn nest(levels: &[Level], moves: Vec<Move>) -> Named {
    let start = Instant::now();
    let handles: Arc<Mutex<Vec<Option<ScopeHandle>>>> =
        Arc::new(Mutex::new(vec![None; levels.len()]));
    // Just before the first move, and after the first look at the clock.
    let ask_at = moves.first().map(|step| start + ms(step.at - 1));
    let mut body: Named = Box::pin(pending());
    for (at, level) in levels.iter().enumerate().rev() {
        let (level, inner, asks) = (*level, body, Arc::clone(&handles));
        let work = timeout(ms(level.deadline), async move {
            let ask = async {
                match ask_at.filter(|_| level.asked == Asked::Inside) {
                    Some(ask_at) => sleep_until(ask_at).await,
                    None => pending().await,
                }
                asks.lock().unwrap()[at] = current_scope();
                pending::<usize>().await
            };
            tokio::select! { biased; named = inner => named, named = ask => named }
        });
        let work = work.named(NAMES[at]);
        if level.asked == Asked::AtFirst {
            handles.lock().unwrap()[at] = Some(work.handle());
        }
        body = Box::pin(async move {
            work.await.unwrap_or_else(|elapsed| elapsed.name().unwrap().parse().unwrap())
        });
        if level.picky {
            body = Box::pin(Apart::new(body));
        }
    }
    // Another task moves the deadlines, so that nothing but the handle can wake anybody.
    tokio::spawn(async move {
        for step in moves {
            sleep_until(start + ms(step.at)).await;
            let to = step.to.map_or(Deadline::NEVER, |to| Deadline::at(start + ms(to)));
            let handle = handles.lock().unwrap()[step.level].clone();
            handle.expect("it was asked for").reschedule(to);
        }
    });
    body
}

fn case(random: &mut Random) -> (Vec<Level>, Vec<Move>) {
    let depth = 1 + random.below(NAMES.len() as u64) as usize;
    let mut moves: Vec<Move> = (0..random.below(5))
        .map(|_| {
            // Never at the time of a deadline.
            let at = 5 + 10 * (1 + random.below(15));
            let to = (random.below(4) > 0).then(|| 10 * random.below(40));
            Move { at, level: random.below(depth as u64) as usize, to }
        })
        .collect();
    moves.sort_by_key(|step| step.at);
    moves.dedup_by_key(|step| step.at);
    let levels = (0..depth)
        .map(|at| {
            let asked = match moves.iter().any(|step| step.level == at) {
                false if random.below(4) > 0 => Asked::Never,
                _ if random.below(2) > 0 => Asked::Inside,
                _ => Asked::AtFirst,
            };
            Level { deadline: 10 * (1 + random.below(25)), picky: random.below(3) == 0, asked }
        })
        .collect();
    (levels, moves)
}

#[test]
fn a_random_nest_ends_as_a_list_of_deadlines_says() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..3_000 {
        let (levels, moves) = case(&mut random);
        let expected = expected(&levels, &moves);
        let got = paused(async {
            let start = Instant::now();
            let nest = nest(&levels, moves.clone());
            let end = tokio::time::timeout(ms(100_000), nest).await.ok()?;
            Some((start.elapsed().as_millis() as u64, end))
        });
        assert_eq!(got, expected, "{levels:?} {moves:?}");
    }
}
