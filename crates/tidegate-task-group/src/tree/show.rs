use std::fmt;
use std::time::Duration;

use super::{TaskNode, TaskState, TaskTree};
use crate::policy::Policy;

/// Draws the tree, without a line break at the end.
impl fmt::Display for TaskTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.draw(f, &mut String::new())
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Waiting => "waiting for its turn",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
        })
    }
}

impl TaskTree {
    /// Draws a group; what is below it stands to the right of `margin`.
    fn draw(&self, f: &mut fmt::Formatter<'_>, margin: &mut String) -> fmt::Result {
        self.head(f)?;
        // A task is also in its first poll, or before it, without being shown.
        let hidden = self.statistics.live.saturating_sub(self.tasks.len());
        let is_group = self.policy.is_some();
        let body = (is_group && self.body) || !self.groups.is_empty();
        let mut left = usize::from(body) + self.tasks.len() + usize::from(hidden > 0);
        let mut is_last = || {
            left -= 1;
            left == 0
        };
        if body {
            let last = is_last();
            branch(f, margin, last)?;
            f.write_str(match (is_group, self.body) {
                (false, _) => "the code around",
                (true, true) => "body: running",
                (true, false) => "body: ended",
            })?;
            draw_groups(&self.groups, f, margin, last)?;
        }
        for task in &self.tasks {
            let last = is_last();
            branch(f, margin, last)?;
            task.line(f)?;
            draw_groups(&task.groups, f, margin, last)?;
        }
        if hidden > 0 {
            branch(f, margin, is_last())?;
            write!(f, "{hidden} more, not waiting for anything so far")?;
        }
        Ok(())
    }

    /// `group NAME (POLICY): COUNTS; STATE; PLACE`
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.policy.is_some() { "group" } else { "task set" })?;
        if let Some(name) = &self.name {
            write!(f, " `{}`", OneLine(name))?;
        }
        if let Some(policy) = self.policy {
            write!(f, " ({})", label(policy))?;
        }
        let it = &self.statistics;
        write!(f, ": {} live", it.live)?;
        if self.limited {
            write!(f, ", {} waiting", it.waiting)?;
        }
        if self.policy.is_none() {
            write!(f, ", {} spawned", it.spawned)?;
        }
        for (count, what) in [
            (it.succeeded, "succeeded"),
            (it.failed, "failed"),
            (it.cancelled, "cancelled"),
            (it.panicked, "panicked"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        match &self.cancelled {
            Some(why) => write!(f, "; cancelled: {}", OneLine(&why.to_string()))?,
            None if self.stopping => f.write_str("; stopping")?,
            None => {}
        }
        write!(f, "; at {}", self.location)
    }
}

impl TaskNode {
    fn line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}", OneLine(name))?,
            None => write!(f, "#{}", self.id)?,
        }
        write!(f, ": {}, {} old", self.state, Age(self.age))?;
        write!(f, ", at {}", self.location)
    }
}

/// Draws `groups` below a line that was the `last` of its kind or not.
fn draw_groups(
    groups: &[TaskTree],
    f: &mut fmt::Formatter<'_>,
    margin: &mut String,
    last: bool,
) -> fmt::Result {
    let before = margin.len();
    margin.push_str(beside(last));
    for (at, group) in groups.iter().enumerate() {
        let (last, before) = (at + 1 == groups.len(), margin.len());
        branch(f, margin, last)?;
        margin.push_str(beside(last));
        group.draw(f, margin)?;
        margin.truncate(before);
    }
    margin.truncate(before);
    Ok(())
}

/// Begins a line, the `last` of its kind or not.
fn branch(f: &mut fmt::Formatter<'_>, margin: &str, last: bool) -> fmt::Result {
    write!(f, "\n{margin}{}", if last { "└─ " } else { "├─ " })
}

/// What stands to the left of the lines below.
fn beside(last: bool) -> &'static str {
    if last { "   " } else { "│  " }
}

fn label(policy: Policy) -> &'static str {
    match policy {
        Policy::FailFast => "fail fast",
        Policy::CollectAll => "collect all",
        Policy::Supervise => "supervise",
        Policy::FirstSuccess => "first success",
    }
}

/// A text whose line breaks would tear the drawing apart.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(char::is_control) {
            let text = part.trim_end_matches(char::is_control);
            write!(f, "{text}{}", part[text.len()..].escape_debug())?;
        }
        Ok(())
    }
}

/// How long ago, as far as anybody wants to know.
struct Age(Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, tenths) = (self.0.as_secs(), self.0.subsec_millis() / 100);
        match seconds {
            0 => write!(f, "{}ms", self.0.as_millis()),
            1..60 => write!(f, "{seconds}.{tenths}s"),
            60..3600 => write!(f, "{}m {}s", seconds / 60, seconds % 60),
            3600..86400 => write!(f, "{}h {}m", seconds / 3600, seconds / 60 % 60),
            _ => write!(f, "{}d {}h", seconds / 86400, seconds / 3600 % 24),
        }
    }
}

#[cfg(test)]
mod tests;
