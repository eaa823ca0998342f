#[cfg(not(any(tidegate_loom, tidegate_shuttle)))]
pub use std::thread::spawn;

#[cfg(tidegate_loom)]
pub use loom::thread::spawn;

#[cfg(tidegate_shuttle)]
pub use shuttle::thread::spawn;

/// Runs a scenario: its interleavings under `--cfg tidegate_loom`, random ones of them under
/// `--cfg tidegate_shuttle`, a few hundred ordinary runs otherwise.
///
/// One test body serves all. `cargo test` keeps it compiling and catches the coarse bugs;
/// `cargo xtask loom` proves it, up to three forced thread switches per run (`LOOM_MAX_PREEMPTIONS`
/// changes that), which is where loom's authors found the bugs to be; `cargo xtask shuttle` looks behind
/// those three.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use tidegate_test::{race, spawn};
///
/// // The types of `tidegate-shim` instead of std's, and loom sees what they do.
/// race(|| {
///     let count = Arc::new(AtomicUsize::new(0));
///     let other = spawn({
///         let count = Arc::clone(&count);
///         move || count.fetch_add(1, Ordering::Relaxed)
///     });
///     count.fetch_add(1, Ordering::Relaxed);
///     other.join().unwrap();
///     assert_eq!(count.load(Ordering::Relaxed), 2);
/// });
/// ```
pub fn race(scenario: impl Fn() + Send + Sync + 'static) {
    #[cfg(tidegate_loom)]
    {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = model.preemption_bound.or(Some(3));
        model.check(scenario);
    }

    #[cfg(tidegate_shuttle)]
    crate::crowd::schedules(10_000, scenario);

    #[cfg(not(any(tidegate_loom, tidegate_shuttle)))]
    (0..if cfg!(miri) { 8 } else { 256 }).for_each(|_| scenario());
}
