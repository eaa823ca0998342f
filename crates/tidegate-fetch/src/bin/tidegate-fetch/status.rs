//! Who is being waited for, in few words: nobody is to take a pause for a hang, nor to drown in lines about it.

use std::collections::HashMap;
use std::time::Duration;

use tidegate_fetch::HostStatus;
use tokio::time::Instant;

/// Who has been told of is told of again only after this long.
const AGAIN: Duration = Duration::from_secs(10);

/// From one batch of lines to the next.
const APART: Duration = Duration::from_secs(1);

/// The most lines in a batch.
const LINES: usize = 4;

/// A pause that is over sooner is not worth a line.
const SHORT: Duration = Duration::from_millis(500);

/// A host that is shut, and the line that says so.
#[derive(Clone, Debug)]
pub(crate) struct Shut {
    host: String,
    remaining: Option<Duration>,
    line: String,
}

impl From<HostStatus> for Shut {
    fn from(status: HostStatus) -> Self {
        let line = status.to_string();
        Self { host: status.host, remaining: status.remaining, line }
    }
}

/// For one line that is redrawn all the time: the first host, and how many others there are.
pub(crate) fn line(shut: &[Shut]) -> String {
    match shut {
        [] => String::new(),
        [one] => one.line.clone(),
        [first, others @ ..] => format!("{}  and {}", first.line, more_hosts(others.len())),
    }
}

/// For lines that stay: now and then a few.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    /// When who was told of.
    told: HashMap<String, Instant>,
    last: Option<Instant>,
}

impl Teller {
    /// What is to be said now about the hosts that are shut.
    pub(crate) fn lines(&mut self, now: Instant, shut: &[Shut]) -> Vec<String> {
        self.told.retain(|_, told| now < *told + AGAIN);
        if self.last.is_some_and(|last| now < last + APART) {
            return Vec::new();
        }
        let is_news = |host: &&Shut| {
            host.remaining.is_some_and(|left| left >= SHORT) && !self.told.contains_key(&host.host)
        };
        let news: Vec<&Shut> = shut.iter().filter(is_news).collect();
        if news.is_empty() {
            return Vec::new();
        }
        self.last = Some(now);
        self.told.extend(news.iter().map(|host| (host.host.clone(), now)));
        let (few, others) = news.split_at(news.len().min(LINES));
        let mut lines: Vec<String> = few.iter().map(|host| host.line.clone()).collect();
        if !others.is_empty() {
            lines.push(format!("{} shut", more_hosts(others.len())));
        }
        lines
    }
}

fn more_hosts(count: usize) -> String {
    format!("{count} more host{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shut(host: &str, millis: u64) -> Shut {
        let remaining = Some(Duration::from_millis(millis));
        Shut { host: host.to_owned(), remaining, line: format!("{host}  shut {millis} ms more") }
    }

    #[test]
    fn one_line_names_the_first_and_counts_the_others() {
        assert_eq!(line(&[]), "");
        assert_eq!(line(&[shut("a", 7)]), "a  shut 7 ms more");
        assert_eq!(line(&[shut("a", 7), shut("b", 9)]), "a  shut 7 ms more  and 1 more host");
        let many = ["a", "b", "c"].map(|host| shut(host, 7));
        assert_eq!(line(&many), "a  shut 7 ms more  and 2 more hosts");
    }

    #[test]
    fn a_host_is_told_of_every_ten_seconds() {
        let (mut teller, start) = (Teller::default(), Instant::now());
        // It is shut for 25 seconds, and somebody looks four times a second.
        let lines: Vec<_> = (0..100)
            .flat_map(|n| {
                let left = 25_000 - 250 * n;
                teller.lines(start + Duration::from_millis(250 * n), &[shut("a", left)])
            })
            .collect();
        assert_eq!(
            lines,
            ["a  shut 25000 ms more", "a  shut 15000 ms more", "a  shut 5000 ms more"]
        );
    }

    #[test]
    fn a_host_that_is_shut_every_other_second_is_told_of_no_more_often() {
        let (mut teller, start) = (Teller::default(), Instant::now());
        let lines = (0..120).flat_map(|second| {
            let now = start + Duration::from_secs(second);
            teller.lines(now, if second % 2 == 0 { std::slice::from_ref(&A_SECOND) } else { &[] })
        });
        assert_eq!(lines.count(), 12);
    }

    static A_SECOND: Shut =
        Shut { host: String::new(), remaining: Some(APART), line: String::new() };

    #[test]
    fn what_is_over_soon_or_undecided_is_not_worth_a_line() {
        let (mut teller, now) = (Teller::default(), Instant::now());
        let undecided = Shut { remaining: None, ..shut("b", 0) };
        assert_eq!(teller.lines(now, &[shut("a", 499), undecided]), [""; 0]);
        assert_eq!(teller.lines(now, &[shut("a", 500)]), ["a  shut 500 ms more"]);
    }

    #[test]
    fn of_a_thousand_hosts_a_few_are_named() {
        let (mut teller, start) = (Teller::default(), Instant::now());
        let mut many: Vec<_> = (0..1000).map(|n| shut(&n.to_string(), 60_000)).collect();
        let lines = teller.lines(start, &many);
        assert_eq!(lines.len(), LINES + 1);
        assert_eq!(lines[0], "0  shut 60000 ms more");
        assert_eq!(lines[LINES], "996 more hosts shut");
        // Another one, while those have been told of: not at once, and alone.
        many.push(shut("late", 60_000));
        let soon = start + Duration::from_millis(250);
        assert_eq!(teller.lines(soon, &many), [""; 0]);
        let later = start + Duration::from_secs(1);
        assert_eq!(teller.lines(later, &many), ["late  shut 60000 ms more"]);
        // Who was told of is forgotten when it no longer matters.
        assert_eq!(teller.told.len(), 1001);
        teller.lines(later + AGAIN, &[]);
        assert!(teller.told.is_empty());
    }
}
