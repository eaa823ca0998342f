#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(tidegate_loom))]
mod real;
#[cfg(not(tidegate_loom))]
pub use real::*;

#[cfg(tidegate_loom)]
mod modelled;
#[cfg(tidegate_loom)]
pub use modelled::*;

/// Declares a function that is `const` in a normal build and plain under the model checker.
///
/// Loom's types are given an identity when they are made, so their constructors cannot be `const`.
///
/// # Examples
///
/// ```
/// use tidegate_shim::{Mutex, const_fn};
///
/// pub struct Counter(Mutex<u32>);
///
/// impl Counter {
///     const_fn! {
///         /// Starts at nought.
///         pub const fn new() -> Self {
///             Self(Mutex::new(0))
///         }
///     }
/// }
///
/// static COUNTER: Counter = Counter::new();
/// *COUNTER.0.lock() += 1;
/// ```
#[macro_export]
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        $crate::__const_fn! { { $(#[$meta])* } { $vis } { $($rest)* } }
    };
}

#[cfg(not(tidegate_loom))]
#[doc(hidden)]
#[macro_export]
macro_rules! __const_fn {
    ({ $(#[$meta:meta])* } { $vis:vis } { $($rest:tt)* }) => {
        $(#[$meta])* $vis const fn $($rest)*
    };
}

#[cfg(tidegate_loom)]
#[doc(hidden)]
#[macro_export]
macro_rules! __const_fn {
    ({ $(#[$meta:meta])* } { $vis:vis } { $($rest:tt)* }) => {
        $(#[$meta])* $vis fn $($rest)*
    };
}
