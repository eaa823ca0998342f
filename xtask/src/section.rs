//! A part of a page that is written by another program than the rest.

const BEGIN: &str = "<!-- time-lock: written by `cargo xtask bench time-lock --write` -->\n";
const END: &str = "<!-- time-lock: end -->\n";

/// The section, with its marks, if the page has one.
pub(crate) fn find(page: &str) -> Option<&str> {
    let begin = page.find(BEGIN)?;
    let end = begin + page[begin..].find(END)? + END.len();
    Some(&page[begin..end])
}

/// The page with this text as the section, in its old place or at the end.
pub(crate) fn replace(page: &str, text: &str) -> String {
    let section = format!("{BEGIN}\n{}\n\n{END}", text.trim());
    match find(page) {
        Some(old) => page.replacen(old, &section, 1),
        None => append(page, &section),
    }
}

/// A page that was written anew, with the section of the one before.
pub(crate) fn keep(before: &str, page: &str) -> String {
    find(before).map_or(page.to_owned(), |section| append(page, section))
}

fn append(page: &str, section: &str) -> String {
    format!("{}\n\n{section}", page.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_where_it_is() {
        let page = replace("# Page\n", "old");
        assert!(page.starts_with("# Page\n\n") && page.contains("\nold\n"));
        let page = format!("{page}\n## After\n");
        let page = replace(&page, "new");
        assert!(page.contains("\nnew\n") && !page.contains("old"));
        assert!(page.find("new") < page.find("## After"));
        assert_eq!(page, replace(&page, "new"));
    }

    #[test]
    fn a_page_that_is_written_anew_keeps_the_section() {
        let before = replace("# Page\n\nold\n", "the section");
        let page = keep(&before, "# Page\n\nnew\n");
        assert!(page.contains("the section") && page.contains("\nnew\n") && !page.contains("old"));
        assert_eq!(keep("# Page\n", "new\n"), "new\n");
    }
}
