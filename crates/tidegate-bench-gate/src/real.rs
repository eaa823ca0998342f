//! The contenders against nginx, in real time.
//!
//! Each has a port with a limit of its own, and a few run at a time: all of them together send some hundred requests
//! per second.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::contenders::{ALL, Contender, REAL_ONLY, Setting};
use crate::load::{self, Load};
use crate::matrix::{Cell, Run};
use crate::nginx::{BURST, Nginx, RATE};
use crate::wire::{Http, Wire};

/// So many requests at a time.
pub(crate) const WORKERS: usize = 50;
/// So many contenders at a time.
pub(crate) const LANES: usize = 4;
/// After so long a contender is sent away.
const LONG: Duration = Duration::from_secs(150);

/// How one of them fared.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) contender: &'static Contender,
    pub(crate) requests: u32,
    pub(crate) cell: Cell,
    pub(crate) run: Run,
}

/// The least time that so many requests can take.
pub(crate) fn ideal(requests: u32) -> f64 {
    // One is in time, and so many more are let through at once.
    f64::from(requests - 1 - BURST) / RATE
}

/// Runs them all; `None` if nginx is not installed.
pub(crate) fn measure() -> anyhow::Result<Option<Vec<Row>>> {
    let all: Vec<_> = ALL.iter().chain(REAL_ONLY).collect();
    let Some(nginx) = Nginx::start(all.len())? else { return Ok(None) };
    let mut jobs: Vec<_> = all.into_iter().zip(nginx.urls()).enumerate().collect();
    // The long ones first.
    jobs.sort_by_key(|(_, (contender, _))| std::cmp::Reverse(contender.requests));
    let jobs = Arc::new(Mutex::new(VecDeque::from(jobs)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rows = runtime.block_on(async {
        let mut lanes = tokio::task::JoinSet::new();
        for _ in 0..LANES {
            let jobs = Arc::clone(&jobs);
            lanes.spawn(async move {
                let mut rows = Vec::new();
                loop {
                    let job = jobs.lock().expect("nothing panics in here").pop_front();
                    let Some((place, (contender, url))) = job else { return rows };
                    eprintln!("nginx: {}, {} requests …", contender.name, contender.requests);
                    rows.push((place, once(contender, url).await));
                }
            });
        }
        lanes.join_all().await.into_iter().flatten().collect::<Vec<_>>()
    });
    rows.sort_by_key(|(place, _)| *place);
    Ok(Some(rows.into_iter().map(|(_, row)| row).collect()))
}

async fn once(contender: &'static Contender, url: String) -> Row {
    let load = Load { requests: contender.requests, workers: WORKERS };
    let wire = Arc::new(Http::new(url));
    let setting = Setting { wire: wire.clone(), workers: WORKERS, rate: RATE, seed: 1 };
    let client = (contender.make)(&setting);
    let course = tokio::time::timeout(LONG, load::run(&client, load)).await.ok();
    let (answers, pauses) = (wire.log().answers(), client.pauses());
    let refused = answers.refused.len() as f64;
    let requests = f64::from(load.requests);
    let cell = Cell {
        never: u32::from(course.is_none()),
        gave_up: course.map_or(0.0, |it| f64::from(it.gave_up)) / requests,
        time: answers.accepted.last().copied().unwrap_or(0.0) / ideal(load.requests),
        refused: refused / requests,
        per_pause: pauses.filter(|n| *n > 0).map(|n| refused / n as f64),
        longest: course.map_or(0.0, |it| it.longest),
    };
    Row { contender, requests: load.requests, cell, run: Run { course, answers, pauses } }
}
