//! What the program does.

use std::process::ExitCode;
use std::{env, fs};

use crate::matrix::{self, FULL, SMOKE};
use crate::options::{Options, Verb};
use crate::report;

/// The program: reads the command line and does as it says.
pub fn main() -> ExitCode {
    match Options::parse(env::args().skip(1)).and_then(act) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn act(options: Options) -> Result<(), String> {
    let size = if options.smoke { SMOKE } else { FULL };
    let tables = match options.verb {
        Verb::Nginx => Vec::new(),
        Verb::All | Verb::Matrix => matrix::measure(size),
    };
    print!("{}", report::terminal(&tables));
    if let Some(file) = &options.markdown {
        fs::write(file, report::markdown(&tables, size)).map_err(|it| it.to_string())?;
    }
    Ok(())
}
