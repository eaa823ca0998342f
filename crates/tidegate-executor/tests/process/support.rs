use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tidegate_executor::process::{ProcessPool, ProcessPoolBuilder};
use tidegate_executor::process_fn;

process_fn! {
    /// Adds.
    pub(crate) fn add(a: u64, b: u64) -> u64 { a + b }
}
process_fn! {
    /// The id of the process that runs it.
    pub(crate) fn process_id() -> u32 { std::process::id() }
}
process_fn! {
    /// Says in a file that it has begun, and goes on for ever.
    pub(crate) fn hang(begun: String) {
        std::fs::write(begun, std::process::id().to_string()).expect("a file of the test");
        loop { std::thread::park() }
    }
}

/// A pool whose workers keep their complaints to themselves.
pub(crate) fn quiet(workers: usize) -> ProcessPoolBuilder {
    ProcessPool::builder().workers(workers).forward_stderr(false)
}

pub(crate) async fn pool(workers: usize) -> ProcessPool {
    quiet(workers).build().await.expect("a worker starts")
}

/// Waits until something that another process or thread is about to do has happened.
pub(crate) async fn until(mut happened: impl FnMut() -> bool) {
    while !happened() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// As `until`, for tests without a runtime.
pub(crate) fn until_blocking(mut happened: impl FnMut() -> bool) {
    while !happened() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A path that no other test uses, where there is no file.
pub(crate) fn file(test: &str) -> String {
    let name = format!("tidegate-process-{}-{test}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    path.to_str().expect("the folder for temporary files has a plain name").to_owned()
}

/// The process that says in this file that it has begun.
pub(crate) async fn begun(path: &str) -> u32 {
    let read = || std::fs::read_to_string(path).ok()?.parse().ok();
    until(|| read().is_some()).await;
    let id = read().expect("written a moment ago");
    std::fs::remove_file(path).expect("it was there");
    id
}

/// Whether there is such a process, be it one that nobody has reaped.
pub(crate) fn exists(id: u32) -> bool {
    if cfg!(target_os = "linux") {
        return Path::new("/proc").join(id.to_string()).exists();
    }
    let status = Command::new("kill").args(["-0", &id.to_string()]).output();
    status.expect("every Unix has kill").status.success()
}

pub(crate) fn pid(id: u32) -> Pid {
    i32::try_from(id).ok().and_then(Pid::from_raw).expect("an id of a process")
}

pub(crate) fn send(id: u32, signal: Signal) {
    kill_process(pid(id), signal).expect("there is such a process");
}

pub(crate) fn kill(id: u32) {
    send(id, Signal::KILL);
}

/// Stops a process, and waits until it has stopped.
pub(crate) async fn stop(id: u32) {
    send(id, Signal::STOP);
    until(|| state(id) == Some('T')).await;
}

/// What the system says a process does: `T` is stopped, `Z` waits to be reaped.
pub(crate) fn state(id: u32) -> Option<char> {
    let id = id.to_string();
    if cfg!(target_os = "linux") {
        let line = std::fs::read_to_string(Path::new("/proc").join(id).join("stat")).ok()?;
        return line.rsplit_once(") ")?.1.chars().next();
    }
    let line = Command::new("ps").args(["-o", "stat=", "-p", &id]).output().ok()?;
    line.stdout.first().map(|state| char::from(*state))
}

/// Whether this test has a process to itself; if not, it is run in one, as `how` says, and has to succeed there.
pub(crate) fn alone(test: &str, how: impl FnOnce(&mut Command)) -> bool {
    const ALONE: &str = "TIDEGATE_ALONE";
    if std::env::var_os(ALONE).is_some() {
        // It does not outlive a test run that is broken off.
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).expect("a signal");
        return true;
    }
    let mut alone = Command::new(std::env::current_exe().expect("this binary has a path"));
    alone.stdout(Stdio::null());
    how(&mut alone);
    let child = alone.args([test, "--exact", "--quiet"]).env(ALONE, "1").spawn();
    let status = child.and_then(|mut child| child.wait());
    assert!(status.expect("this binary can be run").success());
    false
}

/// How many threads of pools there are in this process.
#[cfg(target_os = "linux")]
pub(crate) fn own_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux has it");
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    tasks.filter_map(|task| name(task.ok()?)).filter(|name| name.starts_with("tidegate-")).count()
}
