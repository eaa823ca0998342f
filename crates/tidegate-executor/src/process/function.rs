use std::any::type_name;
use std::collections::HashMap;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A function that a worker process can be asked to run; made by [`process_fn!`](crate::process_fn).
///
/// # Examples
///
/// ```
/// use tidegate_executor::process::ProcessFn;
/// use tidegate_executor::process_fn;
///
/// process_fn! {
///     /// The length of a text.
///     pub fn length(text: String) -> usize { text.len() }
/// }
///
/// // It can be called right here as well.
/// assert_eq!(length::call(("abc".into(),)), 3);
/// assert!(length::NAME.ends_with("::length"));
/// ```
pub trait ProcessFn: 'static {
    /// The arguments, as a tuple.
    type Args: Serialize + DeserializeOwned;
    /// What it returns.
    type Output: Serialize + DeserializeOwned;
    /// The path of the function, for people.
    const NAME: &'static str;
    /// What the function goes by between processes: the path, and the place in the source.
    const KEY: &'static str;

    /// Runs the function in this process.
    fn call(args: Self::Args) -> Self::Output;
}

/// Makes a function that a [`ProcessPool`](super::ProcessPool) can run in another process.
///
/// It reads like a function and is a unit struct of the same name that implements
/// [`ProcessFn`](super::ProcessFn), with the arguments as a tuple. Arguments and result are serialised
/// with serde, as postcard has it; both are owned. There are no generics, and arguments are plain names.
/// Anything that is linked into the program may be used in the body; the statics in there are those of
/// the worker.
///
/// Postcard writes values and not what they are, so types that look before they read (`#[serde(untagged)]`,
/// `#[serde(flatten)]`, `serde_json::Value`) come back as [`ProcessError::Codec`](super::ProcessError::Codec). A
/// `String`, or bytes by way of `serde_bytes`, is copied whole; a long `Vec<u8>` goes byte by byte.
///
/// The function registers itself, with the crate `inventory`. Where that does not work (a linker that
/// drops what nobody refers to), list the functions in a [`Registry`](super::Registry).
///
/// # Examples
///
/// ```
/// use tidegate_executor::process::{self, ProcessPool};
/// use tidegate_executor::process_fn;
///
/// process_fn! {
///     pub fn digest(text: String, seed: u64) -> u64 {
///         text.bytes().fold(seed, |hash, byte| hash.wrapping_mul(31) ^ u64::from(byte))
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     process::init();
///     tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
///         let pool = ProcessPool::builder().workers(1).build().await?;
///         assert_eq!(pool.run(digest, ("a".into(), 1)).await?, 31 ^ 97);
///         Ok(())
///     })
/// }
/// ```
#[macro_export]
macro_rules! process_fn {
    (
        $(#[$meta:meta])*
        $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $output:ty)? $body:block
    ) => {
        $(#[$meta])*
        #[allow(non_camel_case_types, reason = "it is called by the name of a function")]
        #[derive(Clone, Copy, Debug)]
        $vis struct $name;

        impl $crate::process::ProcessFn for $name {
            type Args = ($($type,)*);
            type Output = $crate::__process_output!($($output)?);
            const NAME: &'static str =
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!($name));
            const KEY: &'static str = ::core::concat!(
                ::core::module_path!(), "::", ::core::stringify!($name), " at ",
                ::core::file!(), ":", ::core::line!(), ":", ::core::column!(),
            );

            fn call(($($arg,)*): Self::Args) -> Self::Output $body
        }

        $crate::process::__private::inventory::submit! {
            $crate::process::__private::Entry::of::<$name>()
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __process_output {
    () => {
        ()
    };
    ($output:ty) => {
        $output
    };
}

/// What a worker knows of a [`ProcessFn`].
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    key: &'static str,
    signature: fn() -> u64,
    call: Thunk,
}

/// Reads arguments, runs the function, and appends its result.
type Thunk = fn(&[u8], Vec<u8>) -> Result<Vec<u8>, String>;

inventory::collect!(Entry);

impl Entry {
    /// The entry of `F`.
    pub const fn of<F: ProcessFn>() -> Self {
        Self { key: F::KEY, signature: signature::<F>, call: thunk::<F> }
    }

    pub(super) fn run(&self, args: &[u8], reply: Vec<u8>) -> Result<Vec<u8>, String> {
        (self.call)(args, reply)
    }
}

fn thunk<F: ProcessFn>(args: &[u8], reply: Vec<u8>) -> Result<Vec<u8>, String> {
    let args = postcard::from_bytes(args).map_err(|error| format!("the arguments: {error}"))?;
    let output = F::call(args);
    postcard::to_extend(&output, reply).map_err(|error| format!("the result: {error}"))
}

/// Tells apart functions of one name that different builds disagree about (FNV-1a of the types' names).
pub(super) fn signature<F: ProcessFn>() -> u64 {
    fnv(type_name::<fn(F::Args) -> F::Output>().as_bytes(), FNV)
}

pub(super) const FNV: u64 = 0xcbf2_9ce4_8422_2325;

pub(super) fn fnv(bytes: &[u8], start: u64) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The functions that a worker knows, listed by hand.
///
/// [`init`](super::init) collects them by itself; this is for programs whose linker drops what nobody
/// refers to, and for those that want to see in one place what may run elsewhere.
///
/// # Examples
///
/// ```
/// use tidegate_executor::process::{self, Registry};
/// use tidegate_executor::process_fn;
///
/// process_fn! { fn double(n: u64) -> u64 { 2 * n } }
/// process_fn! { fn half(n: u64) -> u64 { n / 2 } }
///
/// fn main() {
///     process::init_with(Registry::new().with(double).with(half));
/// }
/// ```
#[derive(Clone, Default)]
pub struct Registry(HashMap<&'static str, Entry>);

impl Registry {
    /// Makes a registry without functions.
    ///
    /// # Examples
    ///
    /// ```
    /// let registry = tidegate_executor::process::Registry::new();
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_executor::{process::Registry, process_fn};
    /// process_fn! { fn double(n: u64) -> u64 { 2 * n } }
    ///
    /// let registry = Registry::new().with(double);
    /// ```
    #[must_use]
    pub fn with<F: ProcessFn>(mut self, _function: F) -> Self {
        self.0.insert(F::KEY, Entry::of::<F>());
        self
    }

    /// Everything that [`process_fn!`](crate::process_fn) made in this program.
    pub(super) fn collected() -> Self {
        Self(inventory::iter::<Entry>.into_iter().map(|entry| (entry.key, *entry)).collect())
    }

    pub(super) fn find(&self, key: &str, signature: u64) -> Option<&Entry> {
        self.0.get(key).filter(|entry| (entry.signature)() == signature)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
