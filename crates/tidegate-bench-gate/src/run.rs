//! What the program does.

use std::process::ExitCode;
use std::{env, fs};

use crate::matrix::{self, FULL, SMOKE};
use crate::options::{Options, Verb};
use crate::{real, report};

/// The program: reads the command line and does as it says.
pub fn main() -> ExitCode {
    match Options::parse(env::args().skip(1)).map_err(anyhow::Error::msg).and_then(act) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(options: Options) -> anyhow::Result<()> {
    let size = if options.smoke { SMOKE } else { FULL };
    let tables = match options.verb {
        Verb::Nginx => Vec::new(),
        Verb::All | Verb::Matrix => matrix::measure(size),
    };
    print!("{}", report::terminal(&tables));
    let rows = match options.verb {
        Verb::All | Verb::Nginx if !options.smoke => real::measure()?,
        _ => None,
    };
    match &rows {
        Some(rows) => print!("{}", report::real_terminal(rows)),
        None if options.verb != Verb::Matrix && !options.smoke => {
            println!("nginx: skipped, it is not installed (apt-get install nginx-light)");
        }
        None => {}
    }
    if let Some(file) = &options.markdown {
        fs::write(file, report::markdown(&tables, rows.as_deref(), size))?;
    }
    if let (Some(file), Some(rows)) = (&options.plot, &rows) {
        fs::write(file, report::picture(rows))?;
    }
    Ok(())
}
