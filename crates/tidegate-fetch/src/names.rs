//! File names out of URLs, safe on every system.

// How it works
//
// A name is one path component and nothing else: whatever could lead out of a folder, hide a file, mean a
// device, reorder text on a terminal or be too long is replaced before the name meets the file system. Many
// URLs may come to one name; which file belongs to which URL is the business of `save`, not of this file.

use url::Url;

/// No name is longer than this, in bytes.
///
/// Common file systems take 255; the rest is room for what tells two URLs of one name apart.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::names;
///
/// let url = format!("http://example.com/{}.png", "x".repeat(1000)).parse().unwrap();
/// assert_eq!(names::file_name(&url).len(), names::MAX_LEN);
/// ```
pub const MAX_LEN: usize = 180;

/// What a URL without a last segment is called.
const NAMELESS: &str = "index";

/// An ending longer than this is not kept when a name has to be cut.
const MAX_EXTENSION: usize = 16;

/// The file name for what a URL leads to: its last segment, made safe.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::names::file_name;
///
/// let name = |url: &str| file_name(&url.parse().unwrap());
/// assert_eq!(name("http://example.com/flags/se/se.png?size=2"), "se.png");
/// assert_eq!(name("http://example.com/a%20b.txt"), "a b.txt");
/// assert_eq!(name("http://example.com/..%2F..%2Fetc%2Fpasswd"), "_._.._etc_passwd");
/// assert_eq!(name("http://example.com/"), "index");
/// ```
pub fn file_name(url: &Url) -> String {
    let segment = url.path().rsplit('/').next().unwrap_or_default();
    let decoded = percent_decoded(segment);
    let plain: String = decoded.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    // Windows drops dots and spaces at the end, so that two names would be one.
    let trimmed = plain.trim_start_matches(' ').trim_end_matches(['.', ' ']);
    let name = match trimmed.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None if is_device(trimmed) => format!("_{trimmed}"),
        None if trimmed.is_empty() => NAMELESS.to_owned(),
        None => trimmed.to_owned(),
    };
    shortened(&name)
}

/// The same name with a mark before its ending: `se.png` marked `1f` is `se-1f.png`.
pub(crate) fn marked(name: &str, mark: &str) -> String {
    let (stem, extension) = split(name);
    format!("{stem}-{mark}{extension}")
}

fn percent_decoded(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(hex_byte);
        decoded.push(escape.unwrap_or(bytes[at]));
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digit = |d: u8| char::from(d).to_digit(16);
    u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()
}

fn is_plain(c: char) -> bool {
    let separates = matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let unseen = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !(separates || unseen || c.is_control() || c == char::REPLACEMENT_CHARACTER)
}

/// Windows opens a device for these, whatever the ending.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_uppercase();
    let port = |prefix: &str| {
        let number = stem.strip_prefix(prefix).map(|rest| rest.chars());
        number.is_some_and(|mut n| {
            matches!((n.next(), n.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
        })
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || port("COM")
        || port("LPT")
}

fn shortened(name: &str) -> String {
    if name.len() <= MAX_LEN {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    let extension = if extension.len() <= MAX_EXTENSION { extension } else { "" };
    let mut end = MAX_LEN - extension.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &stem[..end])
}

/// A name's stem and its ending with the dot, which may be empty.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests;
