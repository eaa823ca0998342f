//! Download many URLs politely.

use std::process::ExitCode;

mod args;
mod console;
mod demo;
mod flags;
mod get;
mod input;
mod report;
mod run;
mod serve;
mod signals;
mod status;
mod usage;

use args::Command;
use usage::{Doing as _, Usage};

fn main() -> ExitCode {
    let command = match args::parse() {
        Ok(command) => command,
        Err(exit) => return exit,
    };
    run(command).unwrap_or_else(Usage::report)
}

fn run(command: Command) -> Result<ExitCode, Usage> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .doing("cannot start threads")?;
    let ended = match command {
        Command::Demo(args) => runtime.block_on(demo::run_demo(args)),
        Command::Flags(args) => runtime.block_on(flags::run_flags(args)),
        Command::Get(args) => runtime.block_on(get::run_get(args)),
        Command::Serve(args) => runtime.block_on(serve::run(args)),
    };
    // A name that is being looked up cannot be cancelled; nobody needs the answer any more.
    runtime.shutdown_background();
    ended
}
