//! The command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use tidegate_fetch::server::{Mode, Rate};

use crate::usage::Usage;

/// The command, or how to end if there is none to run.
pub(crate) fn parse() -> Result<Command, ExitCode> {
    match Cli::try_parse() {
        Ok(cli) => Ok(cli.command),
        Err(asked)
            if matches!(asked.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            let _ = asked.print();
            Err(ExitCode::SUCCESS)
        }
        Err(error) => Err(Usage(first_paragraph(&error.to_string())).report()),
    }
}

/// clap's own message without the usage and the tip below it.
fn first_paragraph(message: &str) -> String {
    let lines = message.lines().take_while(|line| !line.is_empty());
    let text = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    text.strip_prefix("error: ").map_or_else(|| text.clone(), str::to_owned)
}

/// Download many URLs politely: limits, pauses on 429, deadlines, a progress bar.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = false, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server alone
    Serve(ServeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// How clients are treated: LOCAL, DELAY, ERROR, LIMITED or DEMO
    #[arg(long, default_value = "LOCAL", value_parser = mode)]
    pub(crate) mode: Mode,
    /// How many requests it lets through, as 50/s or 90/m; for LIMITED and DEMO
    #[arg(long, value_name = "N/s")]
    pub(crate) rate: Option<Rate>,
    /// How many requests may come at once after a quiet time; for LIMITED and DEMO
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) burst: Option<u32>,
    /// Serve cc.png files from this folder instead of drawings
    #[arg(long, value_name = "DIR")]
    pub(crate) flags: Option<PathBuf>,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) host: IpAddr,
    /// Port to listen on; 0 is any free one
    #[arg(long, value_name = "PORT", default_value = "8000")]
    pub(crate) port: u16,
}

impl ServeArgs {
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

fn mode(text: &str) -> Result<Mode, tidegate_fetch::server::UnknownMode> {
    text.parse()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_grammar_has_no_contradictions() {
        Cli::command().debug_assert();
    }
}
