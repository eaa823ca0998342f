// Which URL a file came from.
//
// A hash, not the URL: a URL may hold a password or a token, and a file is copied to places where those do not
// belong. It is kept as an extended attribute; where a file system has none, in a small hidden file beside.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::{fs, io};

use url::Url;

/// What tells a URL from others: 128 bits of FNV-1a, the same in every version and on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin(u128);

impl Origin {
    pub(crate) fn of(url: &Url) -> Self {
        const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        // What follows `#` never reaches a server.
        let sent = &url[..url::Position::AfterQuery];
        Self(sent.bytes().fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME)))
    }

    /// 32 hexadecimal digits.
    pub(crate) fn tag(self) -> String {
        format!("{:032x}", self.0)
    }

    /// Whom the file at `path` belongs to, if anybody said so.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let tag = attribute::get(path).or_else(|| fs::read(beside(path)).ok())?;
        let tag = std::str::from_utf8(&tag).ok()?;
        u128::from_str_radix(tag.trim_end(), 16).ok().map(Self)
    }

    /// Tags an open file. `false` when the file system has no room for tags.
    pub(super) fn tag_file(self, file: &File) -> bool {
        attribute::set_of_file(file, &self.tag()).is_ok()
    }

    /// Tags the file at `path`.
    pub(super) fn tag_path(self, path: &Path) -> io::Result<()> {
        attribute::set(path, &self.tag()).or_else(|_| self.tag_beside(path))
    }

    pub(super) fn tag_beside(self, path: &Path) -> io::Result<()> {
        fs::write(beside(path), self.tag())
    }
}

/// `se.png` has its tag in `.se.png.origin`, which no download is ever called: names do not start with a dot.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".origin");
    path.with_file_name(name)
}

#[cfg(unix)]
mod attribute {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use xattr::FileExt as _;

    const NAME: &str = "user.tidegate.origin";

    pub(super) fn get(path: &Path) -> Option<Vec<u8>> {
        xattr::get(path, NAME).ok().flatten()
    }

    pub(super) fn set(path: &Path, tag: &str) -> io::Result<()> {
        xattr::set(path, NAME, tag.as_bytes())
    }

    pub(super) fn set_of_file(file: &File, tag: &str) -> io::Result<()> {
        file.set_xattr(NAME, tag.as_bytes())
    }
}

/// No attributes here: every tag is a file beside.
#[cfg(not(unix))]
mod attribute {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub(super) fn get(_path: &Path) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn set(_path: &Path, _tag: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn set_of_file(_file: &File, _tag: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
