//! Files that are whole or not there.

// How it works
//
// A body is written to a temporary file in the folder it is meant for, and gets its name when it is complete:
// by a hard link, which never replaces what is there, or by a rename, where replacing is asked for. So under
// its name a file is whole from the first moment on.
//
//     .tidegate-PID-N.part  --write, write, write-->  complete  --link, unlink-->  se.png
//              |                                          |
//              '-- dropped at any point: removed ---------'
//
// Two URLs may have one name. The first to be complete gets `se.png` and is tagged with its origin (a hash of
// its URL, kept as an attribute of the file); another gets `se-HASH.png`. A later run reads the tags, so it
// knows which URLs are there already and keeps them.
//
// A temporary file is locked while somebody writes it. One that is not locked was left by a process that was
// killed; opening the folder removes it.
//
// Everything here blocks: it is called from thread jobs.

mod folder;
mod origin;
mod temporary;

pub use folder::{Disk, Existing, Folder, RealDisk, Target};
pub(crate) use origin::Origin;
pub use temporary::Temporary;

#[cfg(test)]
mod tests;
