//! `serve`: the server alone.

use std::process::ExitCode;

use tidegate_fetch::server::{Options, Server};

use crate::args::ServeArgs;
use crate::console::say;
use crate::signals::Signals;
use crate::usage::{Doing as _, Usage};

pub(crate) async fn run(args: ServeArgs) -> Result<ExitCode, Usage> {
    let mut options = Options::new(args.mode);
    options.address = args.address();
    options.rate = args.rate.unwrap_or(options.rate);
    options.burst = args.burst.unwrap_or(options.burst);
    options.flags = args.flags;
    if let Some(folder) = &options.flags {
        std::fs::read_dir(folder).doing(format_args!("cannot serve {}", folder.display()))?;
    }
    let mut signals = Signals::new().doing("cannot wait for Ctrl-C")?;
    let address = options.address;
    let server = Server::start(options).await.doing(format_args!("cannot listen on {address}"))?;
    say(format_args!("{} site: {}", args.mode, server.flags_url()));
    signals.next().await;
    say(server.stop().await);
    Ok(ExitCode::SUCCESS)
}
