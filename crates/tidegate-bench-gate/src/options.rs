//! The command line.

use std::path::PathBuf;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Both.
    All,
    /// The simulated servers only.
    Matrix,
    /// nginx only.
    Nginx,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) verb: Verb,
    /// Few requests, to see that everything works.
    pub(crate) smoke: bool,
    pub(crate) markdown: Option<PathBuf>,
    pub(crate) plot: Option<PathBuf>,
}

pub(crate) const HELP: &str = "\
usage: tidegate-bench-gate [matrix|nginx]       both if neither is named
options:
  --smoke           few requests, and no nginx
  --markdown FILE   write the tables there
  --plot FILE       draw requests over time there";

impl Options {
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { verb: Verb::All, smoke: false, markdown: None, plot: None };
        while let Some(arg) = args.next() {
            let mut file = || args.next().ok_or(format!("{arg} wants a file"));
            match arg.as_str() {
                "matrix" => options.verb = Verb::Matrix,
                "nginx" => options.verb = Verb::Nginx,
                "--smoke" => options.smoke = true,
                "--markdown" => options.markdown = Some(file()?.into()),
                "--plot" => options.plot = Some(file()?.into()),
                _ => return Err(HELP.to_owned()),
            }
        }
        Ok(options)
    }
}
