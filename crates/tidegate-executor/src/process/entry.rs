use std::ffi::OsString;

/// Where workers of a test binary begin, made by [`process_fn!`](crate::process_fn).
#[derive(Debug)]
pub struct TestEntry {
    module: &'static str,
}

inventory::collect!(TestEntry);

impl TestEntry {
    /// The entry in this module, for [`process_fn!`](crate::process_fn).
    pub const fn new(module: &'static str) -> Self {
        Self { module }
    }
}

/// What a test binary is started with, so that it runs nothing but its entry.
pub(super) fn args() -> Option<Vec<OsString>> {
    let entry = inventory::iter::<TestEntry>.into_iter().next()?;
    // The harness leaves out the name of the crate.
    let module = entry.module.split_once("::").map(|(_, module)| format!("{module}::"));
    let test = format!("{}tidegate_worker_entry", module.unwrap_or_default());
    let options = ["--exact", "--nocapture", "--quiet", "--test-threads=1"];
    Some([test.as_str()].into_iter().chain(options).map(OsString::from).collect())
}

/// Lets the tests of this binary have process pools.
///
/// A test binary's `main` is not its own, so a worker is told to run one test and nothing else: this makes that
/// test, `tidegate_worker_entry`, which calls [`init`](crate::process::init) and is otherwise empty. Once per test
/// binary, in any module. A binary with a `main` of its own (`harness = false`) calls `init` itself.
///
/// # Examples
///
/// ```
/// #[cfg(test)]
/// mod tests {
///     use tidegate_executor::process::ProcessPool;
///     use tidegate_executor::{process_fn, process_test_entry};
///
///     process_test_entry!();
///
///     process_fn! { fn add(a: u64, b: u64) -> u64 { a + b } }
///
///     #[tokio::test]
///     async fn another_process_adds() {
///         let pool = ProcessPool::builder().workers(1).build().await.unwrap();
///         assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
///     }
/// }
/// ```
#[macro_export]
macro_rules! process_test_entry {
    () => {
        #[test]
        fn tidegate_worker_entry() {
            $crate::process::init_for_test();
        }

        $crate::process::__private::inventory::submit! {
            $crate::process::__private::TestEntry::new(::core::module_path!())
        }
    };
}
