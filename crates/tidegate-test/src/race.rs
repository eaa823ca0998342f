#[cfg(not(tidegate_loom))]
pub use std::thread::spawn;

#[cfg(tidegate_loom)]
pub use loom::thread::spawn;

/// Runs a scenario: its interleavings under `--cfg tidegate_loom`, a few hundred ordinary runs otherwise.
///
/// One test body serves both. `cargo test` keeps it compiling and catches the coarse bugs;
/// `cargo xtask loom` proves it, up to three forced thread switches per run (`LOOM_MAX_PREEMPTIONS`
/// changes that), which is where loom's authors found the bugs to be.
pub fn race(scenario: impl Fn() + Send + Sync + 'static) {
    #[cfg(tidegate_loom)]
    {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = model.preemption_bound.or(Some(3));
        model.check(scenario);
    }

    #[cfg(not(tidegate_loom))]
    (0..if cfg!(miri) { 8 } else { 256 }).for_each(|_| scenario());
}
