#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(tidegate_loom, tidegate_shuttle))]
compile_error!("one model checker at a time: either tidegate_loom or tidegate_shuttle");

#[cfg(not(tidegate_loom))]
mod cell;

#[cfg(not(any(tidegate_loom, tidegate_shuttle)))]
mod real;
#[cfg(not(any(tidegate_loom, tidegate_shuttle)))]
pub use real::*;

#[cfg(tidegate_loom)]
mod modelled;
#[cfg(tidegate_loom)]
pub use modelled::*;

#[cfg(tidegate_shuttle)]
mod scheduled;
#[cfg(tidegate_shuttle)]
pub use scheduled::*;

/// Declares a function that is `const` in a normal build and plain under loom.
///
/// Loom's types are given an identity when they are made, so their constructors cannot be `const`; shuttle's can.
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

/// As [`std::thread_local!`] with a `const` initializer, which loom's own does not take.
#[cfg(tidegate_loom)]
#[macro_export]
macro_rules! thread_local {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = const $init:block $(;)?) => {
        $crate::__thread_local! { $(#[$meta])* $vis static $name: $type = $init }
    };
}
