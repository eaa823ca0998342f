use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::{Existing, Folder, Shared, Target};
use super::origin::Origin;
use crate::names;

/// A file that is being written and has no name yet.
///
/// Dropping it removes it.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::save::{Existing, Folder, Target};
///
/// # let dir = std::env::temp_dir().join(format!("tidegate-doc-temporary-{}", std::process::id()));
/// let folder = Folder::open(&dir)?;
/// let url = "http://example.com/hello.txt".parse().unwrap();
/// let target = Target::new(&url, Existing::Keep);
///
/// let mut file = folder.begin()?;
/// file.write(b"hello, ")?;
/// file.write(b"world")?;
/// let path = file.publish(&target)?;
///
/// assert_eq!(path.file_name().unwrap(), "hello.txt");
/// assert_eq!(std::fs::read(path)?, b"hello, world");
/// # std::fs::remove_dir_all(dir)?;
/// # std::io::Result::Ok(())
/// ```
#[must_use = "dropping a `Temporary` removes the file"]
pub struct Temporary {
    // Dropped in this order: closed before it is removed, which Windows asks for.
    writer: Box<dyn Write + Send>,
    file: File,
    place: Place,
}

impl Temporary {
    pub(super) fn create(folder: &Folder) -> io::Result<Self> {
        let (place, file) = folder.shared().make()?;
        let writer = folder.shared().disk.writer(file.try_clone()?);
        Ok(Self { writer, file, place })
    }

    /// Writes all of `bytes` after what was written before.
    ///
    /// # Errors
    ///
    /// When the disk does not take them: it is full, a quota is used up, it fails.
    ///
    /// # Examples
    ///
    /// See [`Temporary`].
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    /// Gives the complete file its name and answers where it is now.
    ///
    /// # Errors
    ///
    /// When the rest of it cannot be written or the folder takes no further name. The file is gone then.
    ///
    /// # Examples
    ///
    /// See [`Temporary`].
    pub fn publish(mut self, target: &Target) -> io::Result<PathBuf> {
        self.writer.flush()?;
        match target.existing {
            Existing::Replace => self.replace(target),
            Existing::Keep => self.link(target),
        }
    }

    fn replace(self, target: &Target) -> io::Result<PathBuf> {
        let path = self.place.shared.path.join(&target.name);
        fs::rename(&self.place.path, &path)?;
        Ok(path)
    }

    fn link(self, target: &Target) -> io::Result<PathBuf> {
        let tagged = target.origin.tag_file(&self.file);
        for name in target.names() {
            let path = self.place.shared.path.join(name);
            match fs::hard_link(&self.place.path, &path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    // Somebody else saved the same URL meanwhile: theirs is as good as ours.
                    if Origin::read(&path) == Some(target.origin) {
                        return Ok(path);
                    }
                    continue;
                }
                Err(error) if is_no_links(&error) => {
                    if !self.place.move_to(&path)? {
                        continue;
                    }
                }
                Err(error) => return Err(error),
            }
            if !tagged {
                // Without a tag the file is whole all the same; a later run takes it for what it is named.
                let _ = target.origin.tag_beside(&path);
            }
            return Ok(path);
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("every name for {} is taken", target.name),
        ))
    }
}

/// The file system has no hard links (FAT, some network and cloud folders).
fn is_no_links(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
}

impl fmt::Debug for Temporary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Temporary").field("path", &self.place.path).finish_non_exhaustive()
    }
}

/// The name of a temporary file, for as long as it may be there.
pub(super) struct Place {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u64,
    pub(super) path: PathBuf,
}

impl Place {
    /// Renames without replacing, as well as it can be done where there are no links.
    fn move_to(&self, path: &Path) -> io::Result<bool> {
        let _look_and_move = self.shared.naming.lock();
        if path.symlink_metadata().is_ok() {
            return Ok(false);
        }
        fs::rename(&self.path, path)?;
        Ok(true)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // After a link this name is one too many; after a rename there is nothing of this name.
        let _ = fs::remove_file(&self.path);
        self.shared.release(self.number);
    }
}

impl Target {
    /// The names this target may have, the nicest first.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let tag = self.origin.tag();
        [self.name.clone(), names::marked(&self.name, &tag[..8]), names::marked(&self.name, &tag)]
            .into_iter()
    }
}
