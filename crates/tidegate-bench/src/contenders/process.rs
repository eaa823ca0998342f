//! Pools of worker processes: ours, and Python's, which is asked to time itself.

use std::borrow::BorrowMut;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tidegate_executor::process::ProcessPool;
use tidegate_executor::process_fn;
use tokio::runtime::Builder;

use super::Contender;
use crate::guarantee::{Guarantee, Who};
use crate::stage::On;

/// Processes for what may crash.
pub(crate) trait Processes: Contender {
    /// How long each of so many calls takes, one after the other, in a worker that is warm.
    fn calls(on: On, n: u64) -> Vec<Duration>;
    /// How long it takes to make a pool, call its first worker, and end it; so many times.
    fn starts(n: u64) -> Vec<Duration>;
}

/// How many calls there are before those that count.
const WARM: u64 = 50;

process_fn! { fn add(a: u64, b: u64) -> u64 { a + b } }

pub(crate) struct Tidegate;

impl Contender for Tidegate {
    const WHO: Who = Who::ours("tidegate", Guarantee::Fifo);
}

impl Tidegate {
    async fn pool() -> ProcessPool {
        ProcessPool::builder().workers(1).build().await.expect("a worker starts")
    }

    async fn call(pool: &ProcessPool) {
        assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
    }
}

impl Processes for Tidegate {
    fn calls(on: On, n: u64) -> Vec<Duration> {
        let work = async move {
            let pool = Self::pool().await;
            let mut took = Vec::new();
            for call in 0..WARM + n {
                let start = Instant::now();
                Self::call(&pool).await;
                if call >= WARM {
                    took.push(start.elapsed());
                }
            }
            took
        };
        let mut builder = builder(on);
        let runtime = builder.borrow_mut().enable_io().build().expect("a runtime");
        runtime.block_on(async { tokio::spawn(work).await.expect("no task panics") })
    }

    fn starts(n: u64) -> Vec<Duration> {
        let work = async {
            let mut took = Vec::new();
            for _ in 0..n {
                let start = Instant::now();
                let pool = Self::pool().await;
                Self::call(&pool).await;
                pool.shutdown(Duration::MAX).await;
                took.push(start.elapsed());
            }
            took
        };
        builder(On::Current).enable_io().build().expect("a runtime").block_on(work)
    }
}

/// The stage's runtimes have no use for sockets, and waiting for those takes longer.
fn builder(on: On) -> Builder {
    match on {
        On::Current => Builder::new_current_thread(),
        On::Two => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(2);
            builder
        }
    }
}

pub(crate) struct Python;

impl Contender for Python {
    const WHO: Who = Who::peer("Python ProcessPoolExecutor", Guarantee::Fifo)
        .note("`submit` and `result`, timed in Python; on Linux before 3.14 its workers are forks");
}

const PYTHON: &str = r#"
import sys, time
from concurrent.futures import ProcessPoolExecutor

def add(a, b):
    return a + b

def timed(work):
    start = time.perf_counter_ns()
    work()
    return time.perf_counter_ns() - start

def call(pool):
    assert pool.submit(add, 1, 2).result() == 3

def start():
    with ProcessPoolExecutor(max_workers=1) as pool:
        call(pool)

if __name__ == '__main__':
    verb, warm, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if verb == 'start':
        print(*(timed(start) for _ in range(n)))
    else:
        with ProcessPoolExecutor(max_workers=1) as pool:
            for _ in range(warm):
                call(pool)
            print(*(timed(lambda: call(pool)) for _ in range(n)))
"#;

impl Python {
    /// What it is, if it is there.
    pub(crate) fn version() -> Option<&'static str> {
        static VERSION: OnceLock<Option<String>> = OnceLock::new();
        let ask = || {
            let asked = Command::new("python3").arg("--version").output().ok()?;
            let said = String::from_utf8(asked.stdout).ok()?;
            asked.status.success().then(|| said.trim().to_owned())
        };
        VERSION.get_or_init(ask).as_deref()
    }

    fn time(verb: &str, n: u64) -> Vec<Duration> {
        // A program that its workers can import, should they not be forks.
        let name = format!("tidegate-bench-{}.py", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, PYTHON).expect("there is a folder for temporary files");
        let numbers = [WARM, n].map(|it| it.to_string());
        let asked = Command::new("python3").arg(&file).arg(verb).args(numbers).output();
        let asked = asked.expect("python3 is there");
        let said = String::from_utf8_lossy(&asked.stdout);
        let nanos = said.split_whitespace().map(|it| it.parse().expect("a number"));
        let took: Vec<_> = nanos.map(Duration::from_nanos).collect();
        assert_eq!(took.len() as u64, n, "{}", String::from_utf8_lossy(&asked.stderr));
        took
    }
}

impl Processes for Python {
    fn calls(_: On, n: u64) -> Vec<Duration> {
        Self::time("call", n)
    }

    fn starts(n: u64) -> Vec<Duration> {
        Self::time("start", n)
    }
}
