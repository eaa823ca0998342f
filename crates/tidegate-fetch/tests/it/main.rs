//! The downloader from outside: the library's server over HTTP, and the real binary against it and against
//! servers that misbehave.

mod arguments;
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
mod trouble;
