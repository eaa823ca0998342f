#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod contenders;
mod count;
mod guarantee;
mod measure;
mod memory;
mod options;
mod poll;
mod report;
mod run;
mod scenarios;
mod stage;

pub use memory::main as memory;
pub use run::main as run;
