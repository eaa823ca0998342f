//! What has to be said of every public item: how it is used, and of what is awaited, what becomes of it when it is
//! dropped.
//!
//! Compilers know nothing of that, so the text is read; what is `pub` can be reached (`unreachable_pub` sees to it).
//!
//! - An item has an example, or is in one of its module (a builder's methods are in the builder's), or links to the item that
//!   has one: in its first line ("The future of [`Lock::lock`]") or as its example ("See [`Lock`]").
//! - A function that returns a future has a section "Cancel safety", or the future has, or its sibling to which it
//!   points: "As [`acquire`](Self::acquire), …".

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use anyhow::ensure;
use xshell::Shell;

use crate::layers;

pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    let (mut count, mut missing) = (0, Vec::new());
    for sources in layers::published_sources(sh)? {
        let texts = sources.iter().map(|it| sh.read_file(it)).collect::<Result<Vec<_>, _>>()?;
        let parsed: Vec<_> = texts.iter().map(|it| items(it)).collect();
        let graded = parsed.iter().flatten().filter(|it| it.is_graded()).map(Item::name).collect();
        let futures = texts.iter().flat_map(|it| futures(it)).collect::<BTreeSet<_>>();
        let ungraded = &futures - &graded;
        for (file, items) in sources.iter().zip(&parsed) {
            let beside = sources.iter().zip(&parsed).filter(|it| module(it.0) == module(file));
            let shown = beside.flat_map(|(_, it)| it).flat_map(Item::shown).collect();
            for item in items {
                count += 1;
                let file = layers::shown(sh, file);
                let mut miss = |what| missing.push(format!("{file}:{}: {what}", item.line));
                if !item.has_example(&shown) {
                    miss("there is no example of it");
                }
                if item.is_awaited(&ungraded) && !item.is_graded() {
                    miss("it is not said what becomes of it when it is dropped");
                }
            }
        }
    }
    ensure!(missing.is_empty(), "these items lack something\n  {}", missing.join("\n  "));
    println!("docs: {count} public items have an example, and what is awaited its grade");
    Ok(())
}

/// The module of a crate that a file is part of: `queue` for `src/queue.rs` and for `src/queue/line.rs`.
fn module(file: &Path) -> Option<&OsStr> {
    let mut inside = file.iter().skip_while(|it| *it != "src").skip(1);
    Path::new(inside.next()?).file_stem()
}

/// The types of a file that are futures.
fn futures(text: &str) -> impl Iterator<Item = &str> {
    let names = text.lines().filter_map(|it| it.split_once(" Future for ")).map(|(_, it)| word(it));
    // A macro's `$name` is none.
    names.filter(|it| !it.is_empty())
}

/// A public item that is documented.
struct Item {
    line: usize,
    docs: String,
    /// What follows `pub`, up to the body.
    code: String,
}

fn items(text: &str) -> Vec<Item> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let (mut docs, mut items) = (String::new(), Vec::new());
    for (index, line) in lines.iter().enumerate() {
        if let Some(text) = line.strip_prefix("///") {
            docs += &format!("{}\n", text.trim());
        } else if let Some(code) = line.strip_prefix("pub ").filter(|it| kind(it).is_some()) {
            let rest = lines[index + 1..].iter().copied();
            let mut code = code.to_owned();
            for more in rest.take_while(|_| !code.ends_with(['{', ';'])).collect::<Vec<_>>() {
                code += &format!(" {more}");
            }
            items.push(Item { line: index + 1, docs: std::mem::take(&mut docs), code });
        } else if !line.starts_with(['#', ')']) {
            docs.clear();
        }
    }
    // What need not be documented cannot be reached: it is sealed, or hidden.
    items.retain(|it| !it.docs.is_empty());
    items
}

/// The first word that is no qualifier, if it begins an item that has a page or a place on one.
fn kind(code: &str) -> Option<&str> {
    let kind = code.split(' ').find(|it| !["const", "async", "unsafe"].contains(it))?;
    ["fn", "struct", "enum", "trait"].contains(&kind).then_some(kind)
}

impl Item {
    fn name(&self) -> &str {
        let kind = kind(&self.code).unwrap_or_default();
        self.code.split_once(kind).map_or("", |(_, it)| word(it.trim_start()))
    }

    fn has_example(&self, shown: &BTreeSet<&str>) -> bool {
        let first = self.docs.lines().next().unwrap_or_default();
        let links = first.contains("[`") || self.docs.contains("See [`");
        links || self.docs.contains("```") || shown.contains(self.name())
    }

    /// The words of its examples that a reader sees.
    fn shown(&self) -> impl Iterator<Item = &str> {
        let code = self.docs.split("```").skip(1).step_by(2).flat_map(str::lines);
        code.filter(|it| !it.starts_with("# ")).flat_map(words)
    }

    fn is_awaited(&self, futures: &BTreeSet<&str>) -> bool {
        let signature = self.code.split(" where ").next().unwrap_or_default();
        let returned = signature.rsplit_once(" -> ").map_or("", |(_, it)| it);
        kind(&self.code) == Some("fn")
            && (self.code.starts_with("async ")
                || returned.starts_with("impl Future")
                || futures.contains(word(returned)))
    }

    fn is_graded(&self) -> bool {
        self.docs.contains("# Cancel safety") || self.docs.starts_with("As [")
    }
}

/// The name that a text begins with.
fn word(text: &str) -> &str {
    words(text).next().unwrap_or_default()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|it: char| !(it.is_alphanumeric() || it == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        /// The future of [`get`](Queue::get).
        pub struct GetFut<'a>(&'a ());
        impl<'a> Future for GetFut<'a> {}
        /// Gets one.
        #[must_use]
        pub fn get(&self) -> GetFut<'_> {
        /// Gets all.
        ///
        /// ```
        /// # get();
        /// let all = get_all();
        /// ```
        ///
        /// # Cancel safety
        pub async fn get_all(
            &self,
        ) -> Vec<T> {
        /// As [`get`](Self::get).
        pub fn get_owned<F: Fn() -> u32>(self, ready: F) -> impl Future<Output = T>
        where
            F: Send,
        {
        pub const fn hidden(&self) -> usize {
        /// Polls.
        pub(crate) fn poll(&self) -> GetFut<'_> {
        /// Gets one. See [`Queue`].
        pub const fn len(&self) -> usize {
    "#;

    #[test]
    fn items_are_found_with_what_is_said_of_them() {
        let items = items(TEXT);
        let names: Vec<_> = items.iter().map(Item::name).collect();
        assert_eq!(names, ["GetFut", "get", "get_all", "get_owned", "len"]);
        let lines: Vec<_> = items.iter().map(|it| it.line).collect();
        assert_eq!(lines, [3, 7, 16, 20, 28]);
        let shown = items.iter().flat_map(Item::shown).collect();
        let found: Vec<_> = items.iter().map(|it| it.has_example(&shown)).collect();
        assert_eq!(found, [true, false, true, true, true]);
    }

    #[test]
    fn who_returns_a_future_has_to_say_what_becomes_of_it() {
        let futures = futures(TEXT).collect();
        let found: Vec<_> = items(TEXT)
            .iter()
            .filter(|it| it.is_awaited(&futures))
            .map(|it| (it.line, it.is_graded()))
            .collect();
        assert_eq!(found, [(7, false), (16, true), (20, true)]);
    }
}
