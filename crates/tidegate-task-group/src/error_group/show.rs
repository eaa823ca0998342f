use std::error::Error;
use std::fmt::{self, Write};
use std::ops::Range;

use super::forest::{self, Entry};
use super::view::{View, chain};
use super::{Cause, ErrorGroup};
use crate::origin::Origin;

/// How many errors the one line names.
const NAMED: usize = 3;
/// How many members of a group the tree shows.
const DRAWN: usize = 64;
/// How many levels of the tree are indented.
const INDENTED: usize = 32;

/// `{}` is one line; `{:#}` is the tree.
impl<E> fmt::Display for ErrorGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return fmt::Debug::fmt(self, f);
        }
        let mut line = OneLine(f);
        line.write_str(&self.message)?;
        if self.is_empty() {
            return Ok(());
        }
        write!(line, " ({})", Count(self.len()))?;
        for (n, detail) in self.details().take(NAMED).enumerate() {
            line.write_str(if n == 0 { ": " } else { "; " })?;
            match detail.cause {
                Cause::Error(error) => write!(line, "{}", self.known_view().shown(error))?,
                Cause::Other(error) => write!(line, "{error}")?,
            }
        }
        match self.len() - self.kept.min(NAMED) {
            0 => Ok(()),
            more => write!(line, "; and {more} more"),
        }
    }
}

/// The tree, with task names, places and causes.
impl<E> fmt::Debug for ErrorGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        OneLine(f).write_str(&self.message)?;
        if self.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", Count(self.len()))?;

        let leaves = LeafCounts::of(&self.entries);
        let mut prefix = Prefix::default();
        let mut levels = vec![Level::new(self, 0..self.entries.len(), &leaves, self.omitted)];
        while let Some(level) = levels.last_mut() {
            let Some(at) = level.members.next() else {
                if level.more > 0 {
                    prefix.branch(f, true)?;
                    write!(f, "and {} more", level.more)?;
                }
                levels.pop();
                prefix.leave();
                continue;
            };
            let last = level.members.len() == 0 && level.more == 0;
            prefix.branch(f, last)?;
            prefix.enter(last);
            match &self.entries[at] {
                Entry::Group { message, origin, .. } => {
                    let under = forest::under(&self.entries, at);
                    write_task(f, origin)?;
                    OneLine(f).write_str(message)?;
                    write!(f, " ({})", Count(leaves.within(&under)))?;
                    levels.push(Level::new(self, under, &leaves, 0));
                    continue; // its members come next, one level in
                }
                Entry::Error(error, origin) => {
                    let view = self.known_view();
                    prefix.leaf(f, &view.shown(error), origin)?;
                    prefix.causes(f, view.as_error(error))?;
                }
                Entry::Other(report, origin) => prefix.leaf(f, &report.as_error(), origin)?,
            }
            prefix.leave();
        }
        Ok(())
    }
}

impl<E> ErrorGroup<E> {
    fn known_view(&self) -> View<E> {
        self.view.expect("a group with an error knows how to show it")
    }
}

/// What is left to draw of one group.
struct Level {
    members: std::vec::IntoIter<usize>,
    /// How many errors are not drawn.
    more: usize,
}

impl Level {
    fn new<E>(
        group: &ErrorGroup<E>,
        range: Range<usize>,
        leaves: &LeafCounts,
        omitted: usize,
    ) -> Self {
        let mut members = forest::members(&group.entries, range.clone());
        let more = match members.get(DRAWN) {
            Some(_) => leaves.within(&(members[DRAWN - 1] + 1..range.end)),
            None => 0,
        };
        members.truncate(DRAWN);
        Self { members: members.into_iter(), more: more + omitted }
    }
}

/// How many leaves there are before each entry.
struct LeafCounts(Vec<usize>);

impl LeafCounts {
    fn of<E>(entries: &[Entry<E>]) -> Self {
        let before = entries.iter().scan(0, |leaves, entry| {
            *leaves += usize::from(!matches!(entry, Entry::Group { .. }));
            Some(*leaves)
        });
        Self(std::iter::once(0).chain(before).collect())
    }

    fn within(&self, range: &Range<usize>) -> usize {
        self.0[range.end] - self.0[range.start]
    }
}

/// What stands to the left of the drawing.
#[derive(Default)]
struct Prefix {
    text: String,
    /// How long `text` was before each level.
    lengths: Vec<usize>,
}

impl Prefix {
    fn branch(&self, f: &mut fmt::Formatter<'_>, last: bool) -> fmt::Result {
        write!(f, "\n{}{}", self.text, if last { "└─ " } else { "├─ " })
    }

    fn enter(&mut self, last: bool) {
        self.lengths.push(self.text.len());
        if self.lengths.len() <= INDENTED {
            self.text.push_str(if last { "   " } else { "│  " });
        }
    }

    fn leave(&mut self) {
        if let Some(length) = self.lengths.pop() {
            self.text.truncate(length);
        }
    }

    fn leaf(
        &self,
        f: &mut fmt::Formatter<'_>,
        shown: &dyn fmt::Display,
        origin: &Origin,
    ) -> fmt::Result {
        write_task(f, origin)?;
        write!(Indented { f, prefix: &self.text }, "{shown}")?;
        match origin.location() {
            Some(place) => write!(f, " (at {place})"),
            None => Ok(()),
        }
    }

    fn causes(
        &self,
        f: &mut fmt::Formatter<'_>,
        error: Option<&(dyn Error + 'static)>,
    ) -> fmt::Result {
        for cause in chain(error).skip(1) {
            write!(f, "\n{}caused by: ", self.text)?;
            write!(Indented { f, prefix: &self.text }, "{cause}")?;
        }
        Ok(())
    }
}

/// "[reader] " or "[task 3] ".
fn write_task(f: &mut fmt::Formatter<'_>, origin: &Origin) -> fmt::Result {
    match (origin.name(), origin.id()) {
        (Some(name), _) => write!(f, "[{name}] "),
        (None, Some(id)) => write!(f, "[task {id}] "),
        (None, None) => Ok(()),
    }
}

/// Writes a line break as a space.
struct OneLine<'f, 'w>(&'f mut fmt::Formatter<'w>);

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (n, line) in text.split('\n').enumerate() {
            if n > 0 {
                self.0.write_char(' ')?;
            }
            self.0.write_str(line.trim_end_matches('\r'))?;
        }
        Ok(())
    }
}

/// Begins every line but the first with the prefix.
struct Indented<'f, 'w, 'p> {
    f: &'f mut fmt::Formatter<'w>,
    prefix: &'p str,
}

impl Write for Indented<'_, '_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (n, line) in text.split('\n').enumerate() {
            if n > 0 {
                write!(self.f, "\n{}", self.prefix)?;
            }
            self.f.write_str(line)?;
        }
        Ok(())
    }
}

/// "1 error", "2 errors".
struct Count(usize);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} error{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}
