//! `get`: any URLs.

use std::process::ExitCode;

use tidegate_fetch::Options;

use crate::args::GetArgs;
use crate::console::say;
use crate::input::Input;
use crate::run::{open_folder, run};
use crate::usage::Usage;

pub(crate) async fn run_get(args: GetArgs) -> Result<ExitCode, Usage> {
    let input = Input::new(&args.urls, args.input.as_deref())?;
    let folder = open_folder(&args.out)?;
    let mut options = Options::default();
    options.per_host = args.per_host;
    options.timeout = args.timeout;
    options.retries = args.retries;
    options.max_wait = args.max_wait;
    options.deadline = args.deadline;

    let count = input.count;
    if !args.report.json {
        let plural = if count == 1 { "" } else { "s" };
        say(format_args!("Downloading {count} file{plural} to {}", folder.path().display()));
        match args.per_host {
            1 => say("1 connection to each host will be used."),
            n => say(format_args!("{n} concurrent connections to each host will be used.")),
        }
    }
    let ended = run(folder, options, args.report, count, input.jobs()?, || ()).await?;
    ended.show("file", args.report);
    Ok(ended.exit_code())
}
