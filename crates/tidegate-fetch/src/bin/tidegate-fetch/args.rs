//! The command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use url::Url;

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
    /// Show all of it: a server that limits, delays and fails, and a download that copes
    Demo(DemoArgs),
    /// Download flags by country code
    Flags(FlagsArgs),
    /// Download URLs
    Get(GetArgs),
    /// Run the server alone
    Serve(ServeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FlagsArgs {
    /// Country codes, or first letters of some; the 20 most populous countries if there are none
    #[arg(value_name = "CC")]
    pub(crate) codes: Vec<String>,
    /// Every country's flag (AD to ZW)
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Every pair of letters (AA to ZZ); most are not found
    #[arg(short, long)]
    pub(crate) every: bool,
    /// At most the first N of them
    #[arg(short, long, value_name = "N", value_parser = at_least_one)]
    pub(crate) limit: Option<NonZeroUsize>,
    /// At most N requests at a time, 1 to 1000
    #[arg(short, long, value_name = "N", default_value = "5", value_parser = at_once)]
    pub(crate) max_req: usize,
    /// Which server: LOCAL, REMOTE, DELAY, ERROR or LIMITED; all but REMOTE are started here
    #[arg(short, long, value_name = "SERVER", default_value = "LOCAL", value_parser = site)]
    pub(crate) server: Site,
    /// Where the flags are, as http://host/flags; needed for REMOTE
    #[arg(long, value_name = "URL", value_parser = url)]
    pub(crate) base_url: Option<Url>,
    /// Folder to save to
    #[arg(long, value_name = "DIR", default_value = "downloaded")]
    pub(crate) out: PathBuf,
    /// How long one request may take
    #[arg(long, value_name = "TIME", default_value = "3.1s", value_parser = time)]
    pub(crate) timeout: Duration,
    /// How often a request that failed is tried again
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) retries: u32,
    /// How long all of it may take
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) deadline: Option<Duration>,
    /// Keep the flags that are there already instead of downloading them again
    #[arg(long)]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// What to download
    #[arg(value_name = "URL", required_unless_present = "input")]
    pub(crate) urls: Vec<String>,
    /// Read URLs from a file, one a line; - is the standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// At most N requests at a time to one host, 1 to 1000
    #[arg(short = 'm', long, visible_alias = "max-req", value_name = "N", default_value = "5", value_parser = at_once)]
    pub(crate) per_host: usize,
    /// Folder to save to; what is there already is kept
    #[arg(long, value_name = "DIR", default_value = "downloaded")]
    pub(crate) out: PathBuf,
    /// How long one request may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(crate) timeout: Duration,
    /// How often a request that failed is tried again
    #[arg(long, value_name = "N", default_value = "2")]
    pub(crate) retries: u32,
    /// How long all of it may take
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) deadline: Option<Duration>,
    /// How long a server may ask to wait before its files are given up
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = time)]
    pub(crate) max_wait: Duration,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
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

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ReportArgs {
    /// A line for each file instead of a bar
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Nothing but one JSON object at the end
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where flags come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// A server that is started for this run.
    Own(Mode),
    /// One that runs elsewhere.
    Remote,
}

fn site(text: &str) -> Result<Site, &'static str> {
    let own = [Mode::Local, Mode::Delay, Mode::Error, Mode::Limited];
    match text.parse() {
        Ok(mode) if own.contains(&mode) => Ok(Site::Own(mode)),
        _ if text.eq_ignore_ascii_case("REMOTE") => Ok(Site::Remote),
        _ => Err("a server is one of LOCAL, REMOTE, DELAY, ERROR, LIMITED"),
    }
}

fn mode(text: &str) -> Result<Mode, tidegate_fetch::server::UnknownMode> {
    text.parse()
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "it takes a number from 1 on")
}

fn at_once(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(n @ 1..=1000) => Ok(n),
        _ => Err("it takes a number from 1 to 1000"),
    }
}

fn url(text: &str) -> Result<Url, String> {
    tidegate_fetch::parse_url(text).map_err(|error| error.to_string())
}

/// `10`, `2.5s`, `500ms`, `2m` or `1h`; a bare number counts seconds.
fn time(text: &str) -> Result<Duration, &'static str> {
    const WRONG: &str = "a time looks like 10, 2.5s, 500ms, 2m or 1h";
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| WRONG)?;
    let seconds = match unit {
        "" | "s" => number,
        "ms" => number / 1000.0,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(WRONG),
    };
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err(WRONG),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_grammar_has_no_contradictions() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_time_has_a_number_and_perhaps_a_unit() {
        for (text, millis) in
            [("10", 10_000), ("2.5s", 2_500), ("500ms", 500), ("2m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for junk in [
            "",
            "s",
            "-1",
            "0",
            "0ms",
            "1d",
            "1e3",
            "inf",
            "nan",
            "1 s",
            ".",
            "99999999999999999999999",
        ] {
            assert!(time(junk).is_err(), "{junk:?}");
        }
    }
}
