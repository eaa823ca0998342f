// How it works
//
// The text of each page is in guide/*.md, where it is read on GitHub as well. There the definitions at its end lead to
// docs.rs; here those of guide/links.txt come first and win, so that rustdoc checks every name. tests/it/guide.rs sees
// that both lead to the same places. Nothing of this is compiled but for documentation and its tests.

//! # The guide
#![doc = include_str!("guide/links.txt")]
#![doc = include_str!("guide/README.md")]

/// A page: a module without anything in it.
macro_rules! page {
    ($name:ident, $text:literal) => {
        #[doc = include_str!("guide/links.txt")]
        #[cfg_attr(all(unix, feature = "process"), doc = include_str!("guide/links_process.txt"))]
        #[doc = include_str!($text)]
        pub mod $name {}
    };
}

page!(asyncio, "guide/asyncio.md");
page!(choosing, "guide/choosing.md");
page!(cancellation, "guide/cancellation.md");
page!(deadlines, "guide/deadlines.md");
page!(testing, "guide/testing.md");
page!(performance, "guide/performance.md");

// Its links are files of the repository, some of which are called as functions are.
#[doc = include_str!("guide/programs.md")]
pub mod programs {}
