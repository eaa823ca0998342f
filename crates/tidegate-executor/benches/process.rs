//! One call in another process, there and back: `cargo bench -p tidegate-executor --features process --bench process`.
//!
//! Beside it, in turns, Python's `ProcessPoolExecutor`, where there is a `python3`. Of each batch of calls the
//! fastest counts, and of the batches the median.

#[cfg(unix)]
fn main() {
    unix::main();
}

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
mod unix {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use tidegate_executor::process::{self, ProcessPool};
    use tidegate_executor::process_fn;

    process_fn! { fn add(a: u64, b: u64) -> u64 { a + b } }

    const ROUNDS: usize = 5;
    const BATCHES: usize = 20;
    const CALLS: usize = 200;

    const PYTHON: &str = "
import sys, time
from concurrent.futures import ProcessPoolExecutor
def add(a, b): return a + b
if __name__ == '__main__':
    batches, calls = int(sys.argv[1]), int(sys.argv[2])
    with ProcessPoolExecutor(max_workers=1) as pool:
        for _ in range(100): pool.submit(add, 1, 2).result()
        least = []
        for _ in range(batches):
            times = []
            for _ in range(calls):
                start = time.perf_counter_ns()
                pool.submit(add, 1, 2).result()
                times.append(time.perf_counter_ns() - start)
            least.append(min(times))
    print(*least)
";

    pub(super) fn main() {
        process::init();
        let (mut current, mut threads, mut python, mut start) = (vec![], vec![], vec![], vec![]);
        for _ in 0..ROUNDS {
            current.extend(ours(tokio::runtime::Builder::new_current_thread()));
            threads.extend(ours(tokio::runtime::Builder::new_multi_thread().worker_threads(2)));
            python.extend(theirs());
            start.extend(starts());
        }
        say("round trip, runtime of one thread", &mut current);
        say("round trip, runtime of two threads", &mut threads);
        say("start of a worker, first call and end", &mut start);
        say("Python's ProcessPoolExecutor, round trip", &mut python);
    }

    fn say(what: &str, times: &mut [Duration]) {
        times.sort();
        match times {
            [] => println!("{what:42} not measured"),
            times => println!("{what:42} {:8.1} µs", times[times.len() / 2].as_secs_f64() * 1e6),
        }
    }

    fn ours(mut builder: impl std::borrow::BorrowMut<tokio::runtime::Builder>) -> Vec<Duration> {
        let runtime = builder.borrow_mut().enable_io().build().expect("a runtime");
        runtime.block_on(async {
            let pool = ProcessPool::builder().workers(1).build().await.expect("a worker");
            for _ in 0..100 {
                pool.run(add, (1, 2)).await.expect("a sum");
            }
            let mut least = Vec::new();
            for _ in 0..BATCHES {
                let mut fastest = Duration::MAX;
                for _ in 0..CALLS {
                    let start = Instant::now();
                    pool.run(add, (1, 2)).await.expect("a sum");
                    fastest = fastest.min(start.elapsed());
                }
                least.push(fastest);
            }
            least
        })
    }

    fn starts() -> Vec<Duration> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        runtime.expect("a runtime").block_on(async {
            let mut times = Vec::new();
            for _ in 0..BATCHES {
                let start = Instant::now();
                let pool = ProcessPool::builder().workers(1).build().await.expect("a worker");
                pool.run(add, (1, 2)).await.expect("a sum");
                pool.shutdown(Duration::MAX).await;
                times.push(start.elapsed());
            }
            times
        })
    }

    fn theirs() -> Vec<Duration> {
        let file = std::env::temp_dir().join(format!("tidegate-{}.py", std::process::id()));
        std::fs::write(&file, PYTHON).expect("a file");
        let args = [BATCHES, CALLS].map(|n| n.to_string());
        let output = Command::new("python3").arg(&file).args(args).output();
        std::fs::remove_file(&file).expect("it was there");
        let Ok(output) = output else { return Vec::new() };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split_whitespace().filter_map(|n| n.parse().ok()).map(Duration::from_nanos).collect()
    }
}
