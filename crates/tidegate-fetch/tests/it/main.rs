//! The downloader from outside: the library's server over HTTP, and the real binary against it and against
//! servers that misbehave.
//!
//! Signals, pipes by name and unwritable paths are those of Unix.
#![cfg(unix)]

mod arguments;
#[cfg(target_os = "linux")]
mod crowd;
mod demo;
mod disk;
mod flags;
mod get;
mod interrupt;
mod limits;
mod odd_server;
mod output;
mod program;
mod redirects;
mod server;
mod site;
mod status;
#[cfg(target_os = "linux")]
mod stop;
mod trouble;
