use std::any::Any;
use std::sync::Mutex;

static KEPT: Mutex<Vec<&(dyn Any + Send + Sync)>> = Mutex::new(Vec::new());

/// A `static` made at run time, for wakers and threads that need one.
///
/// Unlike with [`Box::leak`], what it leads to is not taken for a leak by `cargo xtask asan`.
///
/// # Examples
///
/// ```
/// let count: &'static std::sync::Mutex<u32> = tidegate_test::leaked(Default::default());
/// std::thread::spawn(|| *count.lock().unwrap() += 1).join().unwrap();
/// assert_eq!(*count.lock().unwrap(), 1);
/// ```
pub fn leaked<T: Send + Sync + 'static>(value: T) -> &'static T {
    let value: &'static T = Box::leak(Box::new(value));
    KEPT.lock().expect("pushing does not panic").push(value);
    value
}
