//! A function that blocks for a second beside a future that waits for a second: both are there after one second. Once
//! with a thread for the function, and once with a process.
//!
//! ```text
//! A and B, with a thread: … s
//! A and B, with process … s
//! ```

#[cfg(unix)]
fn main() -> Result<(), tidegate::prelude::BoxError> {
    program::main()
}

// There are pools of processes on Unix only.
#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
mod program {
    use std::time::{Duration, Instant};
    use std::{process, thread};

    use tidegate::executor::process::{ProcessPool, init};
    use tidegate::executor::process_fn;
    use tidegate::prelude::*;
    use tokio::time::sleep;

    const SECOND: Duration = Duration::from_secs(1);

    fn a() -> &'static str {
        thread::sleep(SECOND);
        "A"
    }

    async fn b() -> &'static str {
        sleep(SECOND).await;
        "B"
    }

    process_fn! {
        /// What `a` says, and which process says it.
        fn a_elsewhere() -> (String, u32) { (a().to_owned(), process::id()) }
    }

    pub(crate) fn main() -> Result<(), BoxError> {
        // A worker process is this program again, and goes no further than this.
        init();
        run()
    }

    #[tokio::main(flavor = "current_thread")]
    async fn run() -> Result<(), BoxError> {
        let threads = ThreadPool::builder().build();
        let start = Instant::now();
        let (a, b) = tokio::join!(run_in_executor(&threads, a), b());
        println!("{} and {b}, with a thread: {:.3} s", a?, start.elapsed().as_secs_f64());

        let processes = ProcessPool::builder().workers(1).build().await?;
        let start = Instant::now();
        let (a, b) = tokio::join!(processes.run(a_elsewhere, ()), self::b());
        let (a, id) = a?;
        assert_ne!(id, process::id());
        println!("{a} and {b}, with process {id}: {:.3} s", start.elapsed().as_secs_f64());
        Ok(())
    }
}
