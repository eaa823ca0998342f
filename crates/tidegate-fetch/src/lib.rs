#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub mod codes;
pub mod names;
pub mod save;
pub mod server;
mod urls;

pub use urls::{BadUrl, parse_url};
