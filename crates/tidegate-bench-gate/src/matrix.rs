//! Every contender against every simulated server.
//!
//! The clock is tokio's, paused: it goes on when all tasks wait for it, to the next instant that one of them waits
//! for. So a run of minutes takes milliseconds, and is the same each time.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use crate::contenders::{ALL, Contender, Setting};
use crate::load::{self, Course, Load};
use crate::servers::{self, KNOWN, Named, UNSEEN};
use crate::wire::{Answers, Simulated, Wire};

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) requests: u32,
    pub(crate) workers: &'static [usize],
    pub(crate) seeds: u64,
    /// After so long a run is cut short.
    pub(crate) long: Duration,
}

pub(crate) const FULL: Size =
    Size { requests: 1000, workers: &[64, 16], seeds: 5, long: Duration::from_secs(1200) };
pub(crate) const SMOKE: Size =
    Size { requests: 60, workers: &[16], seeds: 1, long: Duration::from_secs(60) };

/// One server and so many workers.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) known: bool,
    pub(crate) server: Named,
    pub(crate) workers: usize,
    /// As [`ALL`].
    pub(crate) cells: Vec<Cell>,
}

/// What the seeds came to in the mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    /// Of the seeds, how many were not done in time.
    pub(crate) never: u32,
    /// The part of the requests that were not answered.
    pub(crate) gave_up: f64,
    /// Time over ideal time, of those that were done.
    pub(crate) time: f64,
    /// Refusals over requests.
    pub(crate) refused: f64,
    pub(crate) per_pause: Option<f64>,
    /// The longest that a request took, in seconds, in all seeds.
    pub(crate) longest: f64,
}

/// A job that was done, or cut short.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) course: Option<Course>,
    pub(crate) answers: Answers,
    pub(crate) pauses: Option<u64>,
}

/// All of it, by as many threads as there are cores.
pub(crate) fn measure(size: Size) -> Vec<Table> {
    let sets = [(true, KNOWN), (false, UNSEEN)];
    let mut tables: Vec<Table> = Vec::new();
    for (known, servers) in sets {
        for &workers in size.workers {
            let table = |server| Table { known, server, workers, cells: Vec::new() };
            tables.extend(servers.map(table));
        }
    }
    let next = Mutex::new(tables.iter_mut());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let table = next.lock().expect("no other thread panics").next();
                    let Some(table) = table else { break };
                    let cell = |it| cell(it, table.server, table.workers, size);
                    table.cells = ALL.iter().map(cell).collect();
                }
            });
        }
    });
    tables
}

pub(crate) fn cell(contender: &Contender, server: Named, workers: usize, size: Size) -> Cell {
    let load = Load { requests: size.requests, workers };
    let ideal = server.limit.ideal(load.requests);
    let mut cell =
        Cell { never: 0, gave_up: 0.0, time: 0.0, refused: 0.0, per_pause: None, longest: 0.0 };
    let mut pauses = 0;
    for seed in 1..=size.seeds {
        let run = once(contender, server, load, seed, size.long);
        cell.refused += run.answers.refused.len() as f64;
        pauses += run.pauses.unwrap_or(0);
        match run.course {
            None => cell.never += 1,
            Some(course) => {
                cell.gave_up += f64::from(course.gave_up);
                cell.longest = cell.longest.max(course.longest);
                cell.time += run.answers.accepted.last().copied().unwrap_or(0.0) / ideal;
            }
        }
    }
    if pauses > 0 {
        cell.per_pause = Some(cell.refused / pauses as f64);
    }
    let requests = f64::from(load.requests) * size.seeds as f64;
    cell.gave_up /= requests;
    cell.refused /= requests;
    cell.time /= size.seeds as f64 - f64::from(cell.never);
    cell
}

/// One job in virtual time.
pub(crate) fn once(
    contender: &Contender,
    server: Named,
    load: Load,
    seed: u64,
    long: Duration,
) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without a network takes nothing");
    runtime.block_on(async {
        let wire = Arc::new(Simulated::new(server.limit, seed));
        let setting = Setting {
            wire: wire.clone(),
            workers: load.workers,
            rate: servers::rate(server.limit),
            seed,
        };
        let client = (contender.make)(&setting);
        let course = tokio::time::timeout(long, load::run(&client, load)).await.ok();
        let answers = wire.log().answers();
        if let Some(course) = course {
            let answered = answers.accepted.len();
            assert_eq!(answered as u32 + course.gave_up, load.requests, "{}", contender.name);
        }
        Run { course, answers, pauses: client.pauses() }
    })
}

#[cfg(test)]
mod tests;
