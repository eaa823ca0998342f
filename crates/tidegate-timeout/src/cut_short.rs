// How it works
//
// What a scope drops because it has ended may have something in it that still cleans up: the grace is over. What
// `select!` drops may, too, and may take its time. The destructor has to tell the one from the other, and nothing in
// the tree does: a timeout that was cancelled and is dropped by `select!` looks the same from inside. So whoever drops
// a future because its time is up says so in this thread, for as long as that takes.

use std::cell::Cell;

tidegate_shim::thread_local! {
    static CUTS_SHORT: Cell<bool> = const { Cell::new(false) };
}

/// Has `drop` drop something whose time to clean up is over.
///
/// Scopes do so with their bodies. It is for those who keep a part of a body elsewhere, as the tasks of a group are.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::scope::{cut_short, is_cut_short};
///
/// struct Careful;
///
/// impl Drop for Careful {
///     fn drop(&mut self) {
///         assert!(is_cut_short());
///     }
/// }
///
/// cut_short(|| drop(Careful));
/// assert!(!is_cut_short());
/// ```
pub fn cut_short<R>(drop: impl FnOnce() -> R) -> R {
    let _before = Before(CUTS_SHORT.with(|it| it.replace(true)));
    drop()
}

/// For a destructor: whether the time to clean up is over, because a scope around has ended.
///
/// If not, somebody else drops it, such as `select!`, and what it owes may go on in a task of its own.
///
/// # Examples
///
/// See [`cut_short`].
pub fn is_cut_short() -> bool {
    CUTS_SHORT.with(Cell::get)
}

struct Before(bool);

impl Drop for Before {
    fn drop(&mut self) {
        CUTS_SHORT.with(|it| it.set(self.0));
    }
}
