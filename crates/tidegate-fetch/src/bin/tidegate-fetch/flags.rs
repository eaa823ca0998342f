//! `flags`: flags by country code.

use std::process::ExitCode;

use tidegate_fetch::codes::Wanted;
use tidegate_fetch::save::Existing;
use tidegate_fetch::server::{self, Server};
use tidegate_fetch::{Job, Options};
use url::Url;

use crate::args::{FlagsArgs, Site};
use crate::console::say;
use crate::run::{open_folder, run};
use crate::usage::{Doing as _, Usage};

pub(crate) async fn run_flags(args: FlagsArgs) -> Result<ExitCode, Usage> {
    let wanted = Wanted {
        named: args.codes,
        all: args.all,
        every: args.every,
        limit: args.limit.map(usize::from),
        unassigned: args.base_url.is_some(),
    };
    let codes = wanted.codes().map_err(|error| Usage(error.to_string()))?;
    let site = Place::new(args.server, args.base_url).await?;
    let folder = open_folder(&args.out)?;
    let mut options = Options::default();
    options.per_host = args.max_req;
    options.timeout = args.timeout;
    options.retries = args.retries;
    options.deadline = args.deadline;
    options.existing = if args.resume { Existing::Keep } else { Existing::Replace };

    if !args.report.json {
        say(format_args!("{} site: {}", site.label, shown(&site.url)));
        if let Some(limit) = &site.limit {
            say(limit);
        }
        announce(&codes, args.max_req);
    }
    let jobs = codes.iter().map(|code| job(&site.url, code));
    let ended = run(folder, options, args.report, codes.len() as u64, jobs, || ()).await?;
    ended.show("flag", args.report);
    site.leave().await;
    Ok(ended.exit_code())
}

/// What is searched and over how many connections.
pub(crate) fn announce(codes: &[String], at_once: usize) {
    let plural = if codes.len() == 1 { "" } else { "s" };
    let which = match codes {
        [first, .., last] if codes.len() > 10 => format!("from {first} to {last}"),
        _ => codes.join(", "),
    };
    say(format_args!("Searching for {} flag{plural}: {which}", codes.len()));
    match at_once.min(codes.len()) {
        1 => say("1 connection will be used."),
        n => say(format_args!("{n} concurrent connections will be used.")),
    }
}

/// How a server limits its clients.
pub(crate) fn limit_of(options: &server::Options) -> String {
    let (burst, rate) = (options.burst, options.rate.per_second());
    format!("It lets {burst} requests through at once and {rate} a second from then on.")
}

/// The download of one country's flag from under `base`.
pub(crate) fn job(base: &Url, code: &str) -> Job {
    let file = code.to_lowercase();
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend([&file, &format!("{file}.png")]);
    }
    Job::new(url).labelled(code)
}

/// Where the flags are.
struct Place {
    label: String,
    url: Url,
    server: Option<Server>,
    /// What is to be known about its limit.
    limit: Option<String>,
}

impl Place {
    async fn new(site: Site, base: Option<Url>) -> Result<Self, Usage> {
        let mode = match site {
            Site::Own(mode) => mode,
            Site::Remote => {
                let url = base.ok_or_else(|| Usage("REMOTE needs --base-url".to_owned()))?;
                return Ok(Self::elsewhere("REMOTE", url));
            }
        };
        if let Some(url) = base {
            return Ok(Self::elsewhere(&mode.to_string(), url));
        }
        let options = server::Options::new(mode);
        let limit = mode.is_limited().then(|| limit_of(&options));
        let server = Server::start(options).await.doing("cannot start a server")?;
        Ok(Self { label: mode.to_string(), url: server.flags_url(), server: Some(server), limit })
    }

    fn elsewhere(label: &str, url: Url) -> Self {
        Self { label: label.to_owned(), url, server: None, limit: None }
    }

    async fn leave(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}

fn shown(base: &Url) -> String {
    Job::new(base.clone()).shown_url()
}
