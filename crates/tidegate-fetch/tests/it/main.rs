//! The downloader from outside: the library's server over HTTP, and the real binary against it.

mod program;
mod server;
