use super::*;

fn name(url: &str) -> String {
    file_name(&url.parse().unwrap())
}

#[test]
fn the_last_segment_is_the_name() {
    assert_eq!(name("http://h/flags/ad/ad.png"), "ad.png");
    assert_eq!(name("http://h/ad.png?a=/b/c.txt#/d/e"), "ad.png");
    assert_eq!(name("http://h/archive.tar.gz"), "archive.tar.gz");
    assert_eq!(name("http://h/%E5%9B%BD%E6%97%97.gif"), "国旗.gif");
}

#[test]
fn a_url_without_a_last_segment_has_a_name_too() {
    for url in ["http://h", "http://h/", "http://h/a/", "http://h/?q=1", "http://h/a/.."] {
        assert_eq!(name(url), "index", "{url}");
    }
}

#[test]
fn no_name_leads_out_of_its_folder() {
    for segment in [
        "%2e%2e",
        "..%2f",
        "%2F..%2F..%2Fetc%2Fpasswd",
        "..%5c..%5cboot.ini",
        "%2e",
        "a%2f..%2fb",
        "C%3A%5Cx",
        "%00",
        "a%00b",
        "%0a%0d",
        "~root%2f",
        "%252e%252e%252f",
        "....%2f%2f....",
        "%2e%2e%20",
    ] {
        let name = name(&format!("http://h/x/{segment}"));
        let mut components = std::path::Path::new(&name).components();
        assert!(
            matches!(components.next(), Some(std::path::Component::Normal(_))),
            "{segment} -> {name}"
        );
        assert_eq!(components.next(), None, "{segment} -> {name}");
        assert!(!name.starts_with('.'), "{segment} -> {name}");
        assert!(!name.contains(['/', '\\', ':', '\0', '\n', '\r']), "{segment} -> {name}");
    }
}

#[test]
fn no_name_is_hidden_or_taken_for_one_of_our_temporary_files() {
    assert_eq!(name("http://h/.bashrc"), "_bashrc");
    assert_eq!(name("http://h/.tidegate-1-2.part"), "_tidegate-1-2.part");
}

#[test]
fn no_name_is_a_device_on_windows() {
    for device in [
        "con",
        "NUL",
        "aux.txt",
        "Com1.png",
        "lpt9",
        "nul.tar.gz",
        "COM%C2%B9.x",
        "prn%20.txt",
        "conin$",
    ] {
        assert!(name(&format!("http://h/{device}")).starts_with('_'), "{device}");
    }
    for fine in ["console.txt", "com10.txt", "nulls", "com.png"] {
        assert_eq!(name(&format!("http://h/{fine}")), fine);
    }
}

#[test]
fn what_windows_would_drop_at_the_end_is_dropped_here() {
    assert_eq!(name("http://h/a.txt..."), "a.txt");
    assert_eq!(name("http://h/a.txt%20"), "a.txt");
    assert_eq!(name("http://h/...%20..."), "index");
}

#[test]
fn a_long_name_is_cut_between_characters_and_keeps_its_ending() {
    let cut = name(&format!("http://h/{}.png", "%C3%A9".repeat(300)));
    assert!(cut.len() <= MAX_LEN && cut.ends_with("é.png"), "{cut}");
    let cut = name(&format!("http://h/x.{}", "y".repeat(300)));
    assert!(cut.len() <= MAX_LEN, "{cut}");
    let cut = name(&format!("http://h/{}.{}", "x".repeat(300), "y".repeat(300)));
    assert!(cut.len() <= MAX_LEN, "{cut}");
    assert!(marked(&cut, &"f".repeat(32)).len() < 255);
}

#[test]
fn text_that_plays_with_the_terminal_is_replaced() {
    assert_eq!(name("http://h/%1b%5b31m.txt"), "_[31m.txt");
    assert_eq!(name("http://h/a%E2%80%AEgnp.exe"), "a_gnp.exe");
    assert_eq!(name("http://h/%ff%fe.bin"), "__.bin");
}

#[test]
fn half_an_escape_is_plain_text() {
    assert_eq!(name("http://h/100%"), "100%");
    assert_eq!(name("http://h/%4"), "%4");
    assert_eq!(name("http://h/%zz%4x"), "%zz%4x");
}

#[test]
fn a_mark_stands_before_the_ending() {
    assert_eq!(marked("a.png", "1f"), "a-1f.png");
    assert_eq!(marked("a.tar.gz", "1f"), "a.tar-1f.gz");
    assert_eq!(marked("README", "1f"), "README-1f");
}
