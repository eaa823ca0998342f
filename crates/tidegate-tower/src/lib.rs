#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub mod classify;
mod hints;

pub use hints::{Hints, PushBack, QuotaPolicy, ServiceLimit, XRateLimit};
