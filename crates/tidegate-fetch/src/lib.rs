// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`Fetcher`]: crate::Fetcher
//! [`Progress`]: crate::Progress
//! [`Summary`]: crate::Summary
//! [`Stop`]: crate::Stop
//! [`Watch`]: crate::Watch
//! [`save`]: crate::save
//! [`server`]: crate::server
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod claims;
pub mod codes;
mod download;
mod engine;
mod host;
pub mod names;
mod outcome;
mod progress;
pub mod save;
pub mod server;
mod summary;
mod urls;
mod watch;

pub use engine::{ClientError, Fetcher, Options, Stop};
pub use outcome::{Failure, Outcome};
pub use progress::{Job, Progress};
pub use summary::Summary;
pub use urls::{BadUrl, parse_url};
pub use watch::{HostStatus, Watch};
