//! Links from Markdown: READMEs are read on crates.io and docs.rs too, so they link to the web, where nobody looks
//! whether there is something. Here it is looked for in the tree and among the pages that were just built.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use xshell::{Shell, cmd};

const REPOSITORY: &str = "https://github.com/tidegate/tidegate/";

pub(crate) fn check(sh: &Shell, built: &str) -> anyhow::Result<()> {
    let root = sh.current_dir();
    let pages = cmd!(sh, "git ls-files *.md").quiet().read()?;
    let (mut count, mut broken) = (0, Vec::new());
    for page in pages.lines() {
        let text = sh.read_file(page)?;
        for link in links(&text) {
            let Some((target, heading)) = target(&root, built, page, link) else { continue };
            count += 1;
            if !target.exists() || heading.is_some_and(|it| !has_heading(sh, &target, it)) {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    ensure!(broken.is_empty(), "these links lead nowhere\n  {}", broken.join("\n  "));
    println!("docs: {count} links in Markdown lead somewhere");
    Ok(())
}

/// What is linked to: `[text](link)` and `[text]: link`, outside of code.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    let lines = text.lines().filter(move |it| {
        let fence = it.trim_start().starts_with("```");
        is_code ^= fence;
        !is_code && !fence
    });
    lines.flat_map(|line| {
        let definition = line.strip_prefix('[').and_then(|it| it.split_once("]: "));
        let inline = line.split("](").skip(1).filter_map(|it| it.split_once(')'));
        definition.map(|(_, it)| it).into_iter().chain(inline.map(|(it, _)| it))
    })
}

/// The file behind a link and the heading in it, if we have the file.
fn target<'a>(
    root: &Path,
    built: &str,
    page: &str,
    link: &'a str,
) -> Option<(PathBuf, Option<&'a str>)> {
    let (link, heading) =
        link.split_once('#').map_or((link, None), |(link, heading)| (link, Some(heading)));
    let path = if let Some(path) = link.strip_prefix(REPOSITORY) {
        let path = path.strip_prefix("blob/main/").or_else(|| path.strip_prefix("tree/main/"))?;
        root.join(path)
    } else if let Some(path) = link.strip_prefix("https://docs.rs/tidegate") {
        // https://docs.rs/tidegate-lock/latest/tidegate_lock/struct.Lock.html
        let (_, path) = path.split_once("/latest/")?;
        return Some((root.join(built).join(path), None));
    } else if link.is_empty() {
        root.join(page)
    } else if ["://", "::", "mailto:"].iter().any(|it| link.contains(it)) {
        // Elsewhere, or a path in code, which rustdoc follows.
        return None;
    } else {
        root.join(page).with_file_name(link)
    };
    Some((path, heading))
}

/// Whether a page of Markdown has this heading, by the name that GitHub gives it.
fn has_heading(sh: &Shell, page: &Path, name: &str) -> bool {
    let named = |it: &str| -> String {
        let it = it.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        it.chars().filter(|it| it.is_alphanumeric() || ['-', '_'].contains(it)).collect()
    };
    let text = sh.read_file(page).unwrap_or_default();
    text.lines().any(|it| it.starts_with('#') && named(it) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "a [b](c.md) and [d](e.md#f)\n```rust\n[g](h)\n```\n[`i`]: https://j";
        assert_eq!(links(text).collect::<Vec<_>>(), ["c.md", "e.md#f", "https://j"]);
    }

    #[test]
    fn a_link_is_followed_to_a_file() {
        let follow = |link| target(Path::new("/clone"), "doc", "docs/README.md", link);
        assert_eq!(follow("A.md#b"), Some(("/clone/docs/A.md".into(), Some("b"))));
        assert_eq!(follow("#b"), Some(("/clone/docs/README.md".into(), Some("b"))));
        assert_eq!(
            follow("https://github.com/tidegate/tidegate/blob/main/a"),
            Some(("/clone/a".into(), None))
        );
        assert_eq!(
            follow("https://docs.rs/tidegate-x/latest/tidegate_x/fn.y.html"),
            Some(("/clone/doc/tidegate_x/fn.y.html".into(), None))
        );
        assert_eq!(follow("https://docs.rs/loom"), None);
        assert_eq!(follow("fn@crate::timeout"), None);
    }
}
