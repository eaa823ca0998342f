//! URLs from the command line, a file or the standard input.

// How it works
//
// The list is read twice: once to count it and to find bad lines before anything is downloaded, once to do the
// work. So a long list is never in memory. What can be read only once (a pipe, the standard input) is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_fetch::{Job, parse_url};
use url::Url;

use crate::usage::{Doing as _, Usage};

/// URLs that are known to be good.
#[derive(Debug)]
pub(crate) struct Input {
    urls: Vec<Url>,
    list: Option<List>,
    /// How many there are in all.
    pub(crate) count: u64,
}

#[derive(Clone, Debug)]
enum List {
    File(PathBuf),
    Memory(Arc<[u8]>),
}

impl Input {
    /// Takes the URLs of the command line and those of a list, if there is one.
    pub(crate) fn new(urls: &[String], list: Option<&Path>) -> Result<Self, Usage> {
        let parse = |text: &String| parse_url(text).map_err(|error| Usage(error.to_string()));
        let urls = urls.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let mut count = urls.len() as u64;
        let list = list.map(open).transpose()?;
        if let Some((list, name)) = &list {
            for line in lines(list).doing(format_args!("cannot read {name}"))? {
                let line = line.doing(format_args!("cannot read {name}"))?;
                parse_url(&line.text)
                    .map_err(|error| Usage(format!("{name}:{}: {error}", line.number)))?;
                count += 1;
            }
        }
        Ok(Self { urls, list: list.map(|(list, _)| list), count })
    }

    pub(crate) fn jobs(self) -> Result<impl Iterator<Item = Job>, Usage> {
        let lines =
            self.list.as_ref().map(lines).transpose().doing("cannot read the list again")?;
        // Every line was good a moment ago; one that is no longer is left out.
        let listed =
            lines.into_iter().flatten().filter_map(|line| parse_url(&line.ok()?.text).ok());
        Ok(self.urls.into_iter().chain(listed).map(Job::new))
    }
}

fn open(path: &Path) -> Result<(List, String), Usage> {
    if path == Path::new("-") {
        let mut text = Vec::new();
        io::stdin().lock().read_to_end(&mut text).doing("cannot read the standard input")?;
        return Ok((List::Memory(text.into()), "standard input".to_owned()));
    }
    let name = path.display().to_string();
    let cannot_read = format!("cannot read {name}");
    let mut file = File::open(path).doing(&cannot_read)?;
    if file.metadata().doing(&cannot_read)?.is_file() {
        return Ok((List::File(path.to_owned()), name));
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text).doing(&cannot_read)?;
    Ok((List::Memory(text.into()), name))
}

/// A line that is neither empty nor a comment.
struct Line {
    number: usize,
    text: String,
}

fn lines(list: &List) -> io::Result<impl Iterator<Item = io::Result<Line>> + use<>> {
    let reader: Box<dyn BufRead + Send> = match list {
        List::File(path) => Box::new(BufReader::new(File::open(path)?)),
        List::Memory(text) => Box::new(Cursor::new(Arc::clone(text))),
    };
    let lines = reader.split(b'\n').zip(1..).map(|(line, number)| {
        let text = String::from_utf8_lossy(&line?).trim_start_matches('\u{feff}').trim().to_owned();
        Ok(Line { number, text })
    });
    let says_something = |line: &io::Result<Line>| {
        line.as_ref().map_or(true, |line| !line.text.is_empty() && !line.text.starts_with('#'))
    };
    Ok(lines.filter(says_something))
}
