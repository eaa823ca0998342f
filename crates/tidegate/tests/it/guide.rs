//! The guide names all that asyncio has, and its links lead to the same places on docs.rs and on GitHub.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Pages that link to names; the programs' page links to files.
const PAGES: [&str; 7] =
    ["README", "asyncio", "choosing", "cancellation", "deadlines", "testing", "performance"];
const ON_DOCS_RS: &str = "https://docs.rs/tidegate/latest/tidegate";

#[test]
fn every_public_name_of_asyncio_and_its_neighbours_has_a_row() {
    let page = read("asyncio.md");
    let mut missing = Vec::new();
    let mut section = "";
    let mut named = BTreeSet::new();
    for line in include_str!("asyncio_names.txt").lines() {
        if let Some(whose) = line.strip_prefix("# ") {
            // All of asyncio is anywhere on the page; its neighbours have a heading each.
            section = whose.split(", of ").next().expect("a title");
            named = first_column(if section == "asyncio" { &page } else { under(&page, section) });
        } else if !named.contains(line) {
            missing.push(format!("{line} ({section})"));
        }
    }
    assert!(missing.is_empty(), "no row for {}", missing.join(", "));
}

#[test]
fn a_search_for_a_word_of_asyncio_finds_the_page() {
    let (page, links) = (include_str!("../../src/guide.rs"), links());
    let names = include_str!("asyncio_names.txt").lines().skip(1);
    let names = names.take_while(|it| !it.starts_with('#'));
    let mut words = names.filter(|it| !it.starts_with('_') && !it.contains('.'));
    // What has the same name here is found by itself.
    let missing = words
        .find(|it| !links.contains_key(&format!("`{it}`")) && !page.contains(&format!("\"{it}\"")));
    assert_eq!(missing, None, "an alias is missing");
}

/// With `TIDEGATE_WRITE=1` the pages are mended.
#[test]
fn links_lead_to_the_same_place_on_docs_rs_and_on_github() {
    let links = links();
    for page in PAGES {
        let text = read(&format!("{page}.md"));
        let (body, definitions) = split(&text);
        let used = used(body);
        // What is defined in the page alone is somebody else's.
        let mut expected: BTreeMap<&str, String> =
            definitions.iter().filter(|(it, _)| !links.contains_key(**it)).map(owned).collect();
        for label in used {
            match links.get(label) {
                Some(target) => drop(expected.insert(label, address(target, &links))),
                None => assert!(expected.contains_key(label), "{page}.md: who is {label}?"),
            }
        }
        let expected: String = expected.iter().map(|(it, to)| format!("[{it}]: {to}\n")).collect();
        let mended = format!("{}\n\n{expected}", body.trim_end());
        if env::var_os("TIDEGATE_WRITE").is_some() {
            let draft = folder().join(format!("{page}.draft")); // Other tests read the page meanwhile.
            fs::write(&draft, mended).expect("written");
            fs::rename(draft, folder().join(format!("{page}.md"))).expect("renamed");
        } else {
            assert!(mended == text, "{page}.md: set TIDEGATE_WRITE=1 to have it mended");
        }
    }
}

#[test]
fn no_link_is_kept_that_no_page_needs() {
    let pages: Vec<_> = PAGES.iter().map(|it| read(&format!("{it}.md"))).collect();
    let used: BTreeSet<_> = pages.iter().flat_map(|it| used(split(it).0)).collect();
    for label in links().keys() {
        let owner =
            used.iter().any(|it| it.starts_with(&format!("{}::", label.trim_end_matches('`'))));
        assert!(used.contains(label.as_str()) || owner, "nobody links to {label}");
    }
}

/// What rustdoc hides GitHub shows.
#[test]
fn no_example_has_hidden_lines() {
    for page in PAGES {
        let text = read(&format!("{page}.md"));
        let code = text.split("```").skip(1).step_by(2);
        let hidden = code.flat_map(str::lines).find(|it| it.starts_with("# "));
        assert_eq!(hidden, None, "{page}.md");
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide")
}

fn read(file: &str) -> String {
    let page = fs::read_to_string(folder().join(file)).expect("a page");
    page.replace("\r\n", "\n") // as git has it on Windows
}

/// Labels and what they stand for in rustdoc: `` `Lock` ``, `struct@crate::lock::Lock`.
fn links() -> HashMap<String, String> {
    let text = read("links.txt") + &read("links_process.txt");
    text.lines().filter_map(definition).map(|(it, to)| (it.to_owned(), to.to_owned())).collect()
}

fn owned<'a>((label, to): (&&'a str, &&str)) -> (&'a str, String) {
    (label, (*to).to_owned())
}

fn definition(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('[')?.split_once("]: ")
}

/// A page's text, and the definitions at its end.
fn split(page: &str) -> (&str, BTreeMap<&str, &str>) {
    let end = page.lines().rev().take_while(|it| definition(it).is_some());
    let at = page.len() - end.map(|it| it.len() + 1).sum::<usize>();
    (&page[..at], page[at..].lines().filter_map(definition).collect())
}

/// The labels that a text links to; code aside.
fn used(text: &str) -> BTreeSet<&str> {
    let prose = text.split("```").step_by(2);
    let links = prose.flat_map(|it| it.match_indices('[').map(move |(at, _)| &it[at + 1..]));
    let labels = links.filter_map(|it| it.split_once(']'));
    // `[text](address)` needs no label, and in `[text][label]` the text is none.
    let labels = labels.filter(|(_, rest)| !rest.starts_with(['(', '[']));
    // A name in code, or a page; not an attribute in code.
    let is_label = |it: &&str| it.starts_with('`') || it.chars().all(char::is_alphabetic);
    labels.map(|(label, _)| label).filter(is_label).collect()
}

/// Where rustdoc puts what a link stands for.
fn address(target: &str, links: &HashMap<String, String>) -> String {
    let (kind, path) = target.split_once('@').expect("a kind");
    let path = path.strip_prefix("crate::").expect("one of ours");
    if let Some(page) = path.strip_prefix("guide::") {
        return format!("{page}.md");
    }
    if kind == "mod" {
        return format!("{ON_DOCS_RS}/{}/index.html", path.replace("::", "/"));
    }
    let (parent, name) = path.rsplit_once("::").expect("in a module");
    let parent_kind = |of: &str| {
        let is = |it: &&String| it.ends_with(&format!("@crate::{of}"));
        links.values().find(is).expect("its type is listed").split_once('@').expect("a kind").0
    };
    let folder = parent.replace("::", "/");
    match kind {
        "method" | "variant" | "const" => {
            let (module, owner) = parent.rsplit_once("::").expect("in a module");
            let module = module.replace("::", "/");
            let part = if kind == "const" { "associatedconstant" } else { kind };
            format!("{ON_DOCS_RS}/{module}/{}.{owner}.html#{part}.{name}", parent_kind(parent))
        }
        kind => format!("{ON_DOCS_RS}/{folder}/{kind}.{name}.html"),
    }
}

/// What is under a heading, up to the next one.
fn under<'a>(page: &'a str, title: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("\n## {title}\n")).expect("a heading");
    rest.split("\n## ").next().expect("there is something")
}

/// What the first cells of all tables name in code.
fn first_column(page: &str) -> BTreeSet<&str> {
    let rows = page.lines().filter_map(|it| it.strip_prefix("| "));
    let cells = rows.filter_map(|it| it.split(" | ").next());
    cells.flat_map(|it| it.split('`').skip(1).step_by(2)).collect()
}
