//! The command line.

use std::path::PathBuf;

/// What to do.
#[derive(Debug)]
pub(crate) enum Verb {
    /// Compare, in every scenario whose id starts so.
    Run,
    /// Name the scenarios and who takes part.
    List,
    /// One contender's work, so many times: for callgrind, perf and the like.
    Once { contender: String, n: u64 },
    /// Instructions per operation; of all contenders if none is named.
    Count { contender: Option<String> },
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) verb: Verb,
    /// The beginning of an id; all if empty.
    pub(crate) scenario: String,
    pub(crate) rounds: usize,
    /// Check every contender's work and time nothing.
    pub(crate) smoke: bool,
    pub(crate) count: bool,
    pub(crate) markdown: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
}

pub(crate) const HELP: &str = "\
usage: tidegate-bench [run] [SCENARIO]          compare, in every scenario whose id starts so
       tidegate-bench list [SCENARIO]           name the scenarios and who takes part
       tidegate-bench count SCENARIO [WHO]      instructions per operation, under callgrind
       tidegate-bench once SCENARIO WHO N       one contender's work, N times
options of run:
  --rounds N        how many (15)
  --smoke           check the work, time nothing
  --no-count        count no instructions
  --markdown FILE   write the tables there
  --json FILE       write every figure there";

impl Options {
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            verb: Verb::Run,
            scenario: String::new(),
            rounds: 15,
            smoke: false,
            count: true,
            markdown: None,
            json: None,
        };
        let mut words = Vec::new();
        let mut args = args;
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} wants a value"));
            match arg.as_str() {
                "--rounds" => {
                    options.rounds = value()?.parse().map_err(|_| "--rounds wants a number")?;
                }
                "--smoke" => options.smoke = true,
                "--no-count" => options.count = false,
                "--markdown" => options.markdown = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                _ if arg.starts_with('-') => return Err(format!("{arg} is no option\n{HELP}")),
                _ => words.push(arg),
            }
        }
        let mut words = words.into_iter().peekable();
        let verb = match words.peek().map(String::as_str) {
            Some("run" | "list" | "once" | "count") => words.next().unwrap_or_default(),
            _ => "run".to_owned(),
        };
        options.scenario = words.next().unwrap_or_default();
        let contender = words.next();
        let n = words.next();
        options.verb = match (verb.as_str(), contender, n) {
            ("list", None, None) => Verb::List,
            ("count", contender, None) => Verb::Count { contender },
            ("once", Some(contender), Some(n)) => {
                Verb::Once { contender, n: n.parse().map_err(|_| "N is a number")? }
            }
            ("run", None, None) => Verb::Run,
            _ => return Err(HELP.to_owned()),
        };
        Ok(options)
    }
}
