use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::function::{FNV, fnv};

/// This very program, also if its file was replaced or removed since it was started, where the system has a name
/// for that.
pub(super) fn program() -> PathBuf {
    if cfg!(any(target_os = "linux", target_os = "android")) {
        return PathBuf::from("/proc/self/exe");
    }
    // Empty is no program, and the system says so.
    std::env::current_exe().unwrap_or_default()
}

/// Tells this build of this program from others. Taken once: the first time is at the start of `main`.
///
/// Where a program is started again by its name, the time of its last change is a part of it. Linux starts the very
/// file that runs, which cannot be written to meanwhile; it may be touched.
pub(super) fn build() -> u64 {
    static BUILD: OnceLock<u64> = OnceLock::new();
    *BUILD.get_or_init(|| {
        let version = fnv(env!("CARGO_PKG_VERSION").as_bytes(), FNV);
        let Ok(file) = fs::metadata(program()) else { return version };
        let by_name = !program().starts_with("/proc");
        let (seconds, nanos) = if by_name { (file.mtime(), file.mtime_nsec()) } else { (0, 0) };
        let numbers = [file.dev(), file.ino(), file.size(), seconds as u64, nanos as u64];
        numbers.iter().fold(version, |hash, number| fnv(&number.to_le_bytes(), hash))
    })
}
