#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod contenders;
mod dominance;
mod load;
mod matrix;
mod nginx;
mod options;
mod plot;
mod random;
mod real;
mod report;
mod run;
mod servers;
mod wire;

pub use run::main as run;
