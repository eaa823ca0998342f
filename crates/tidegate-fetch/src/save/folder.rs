use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, process};

use parking_lot::Mutex;
use url::Url;

use super::origin::Origin;
use super::temporary::{Place, Temporary};
use crate::names;

/// The folder that downloads go to.
///
/// Clones are the same folder.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::save::{Existing, Folder, Target};
///
/// # let dir = std::env::temp_dir().join(format!("tidegate-doc-folder-{}", std::process::id()));
/// let folder = Folder::open(&dir)?;
/// let target = Target::new(&"http://example.com/se.png".parse().unwrap(), Existing::Keep);
/// assert_eq!(folder.kept(&target), None);
///
/// let path = folder.begin()?.publish(&target)?;
/// assert_eq!(folder.kept(&target), Some(path));
/// # std::fs::remove_dir_all(dir)?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct Folder(Arc<Shared>);

pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) disk: Box<dyn Disk>,
    /// Held while a look at the folder and a change of it must be one step.
    pub(super) naming: Mutex<()>,
    begun: Mutex<Begun>,
}

/// The temporary files that may be there now.
struct Begun {
    next: u64,
    live: HashSet<u64>,
    /// Set for good by `abandon`: nothing more is begun.
    abandoned: bool,
}

impl Folder {
    /// Opens a folder, making it if need be.
    ///
    /// Temporary files in it that a killed process left are removed.
    ///
    /// # Errors
    ///
    /// When it cannot be made or no file can be made in it.
    ///
    /// # Examples
    ///
    /// See [`Folder`].
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::on(RealDisk, path)
    }

    /// As [`open`](Self::open), with every byte going through `disk`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    ///
    /// # Examples
    ///
    /// See [`Disk`].
    pub fn on(disk: impl Disk, path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        fs::create_dir_all(&path)?;
        let begun = Begun { next: 0, live: HashSet::new(), abandoned: false };
        let folder = Self(Arc::new(Shared {
            path,
            disk: Box::new(disk),
            naming: Mutex::new(()),
            begun: Mutex::new(begun),
        }));
        folder.sweep()?;
        // Whether a file can be made here is known only after making one.
        drop(folder.begin()?);
        Ok(folder)
    }

    /// Where it is.
    ///
    /// # Examples
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("tidegate-doc-path-{}", std::process::id()));
    /// let folder = tidegate_fetch::save::Folder::open(&dir)?;
    /// assert_eq!(folder.path(), dir);
    /// # std::fs::remove_dir_all(dir)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Begins a file that gets its name when it is complete.
    ///
    /// # Errors
    ///
    /// When no file can be made in this folder, or after [`abandon`](Self::abandon).
    ///
    /// # Examples
    ///
    /// See [`Temporary`].
    pub fn begin(&self) -> io::Result<Temporary> {
        Temporary::create(self)
    }

    /// Where what `target` leads to is already, if it is.
    ///
    /// A file of the right name that nobody tagged counts: it is taken for this target from now on.
    ///
    /// # Examples
    ///
    /// See [`Folder`].
    pub fn kept(&self, target: &Target) -> Option<PathBuf> {
        if target.existing == Existing::Replace {
            return None;
        }
        let _look_and_tag = self.0.naming.lock();
        let mut untagged = None;
        for (place, name) in target.names().enumerate() {
            let path = self.0.path.join(name);
            if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
                continue;
            }
            match Origin::read(&path) {
                Some(origin) if origin == target.origin => return Some(path),
                // A marked name says whose it is.
                None if place > 0 => return Some(path),
                None => untagged = Some(path),
                Some(_) => {}
            }
        }
        let path = untagged?;
        // A file that may not be tagged is kept all the same.
        let _ = target.origin.tag_path(&path);
        Some(path)
    }

    /// How many files are begun and neither complete nor removed.
    ///
    /// # Examples
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("tidegate-doc-begun-{}", std::process::id()));
    /// let folder = tidegate_fetch::save::Folder::open(&dir)?;
    /// let file = folder.begin()?;
    /// assert_eq!(folder.begun(), 1);
    /// drop(file);
    /// assert_eq!(folder.begun(), 0);
    /// # std::fs::remove_dir_all(dir)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn begun(&self) -> usize {
        self.0.begun.lock().live.len()
    }

    /// Removes every file that is not complete and begins no further one.
    ///
    /// For a process that is about to end without waiting for anything.
    ///
    /// # Examples
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("tidegate-doc-abandon-{}", std::process::id()));
    /// let folder = tidegate_fetch::save::Folder::open(&dir)?;
    /// let _file = folder.begin()?;
    /// folder.abandon();
    /// assert_eq!(std::fs::read_dir(&dir)?.count(), 0);
    /// assert!(folder.begin().is_err());
    /// # std::fs::remove_dir_all(dir)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn abandon(&self) {
        let mut begun = self.0.begun.lock();
        begun.abandoned = true;
        for &number in &begun.live {
            let _ = fs::remove_file(self.0.temporary_path(number));
        }
    }

    /// Removes what killed processes left.
    pub(super) fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.0.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
                remove_if_orphaned(&entry.path());
            }
        }
        Ok(())
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folder").field("path", &self.0.path).finish_non_exhaustive()
    }
}

const PREFIX: &str = ".tidegate-";
const SUFFIX: &str = ".part";

fn remove_if_orphaned(path: &Path) {
    let Ok(file) = OpenOptions::new().write(true).open(path) else { return };
    // Whoever writes a temporary file holds its lock; the system lets go of it when they die.
    if fs4::FileExt::try_lock(&file).is_ok() {
        let _ = fs::remove_file(path);
    }
}

impl Shared {
    /// Makes a temporary file and locks it.
    ///
    /// All under one lock, so that after `abandon` no file appears any more.
    pub(super) fn make(self: &Arc<Self>) -> io::Result<(Place, File)> {
        let mut begun = self.begun.lock();
        if begun.abandoned {
            return Err(io::Error::other("the folder is abandoned"));
        }
        loop {
            let number = begun.next;
            begun.next += 1;
            let path = self.temporary_path(number);
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                // Left by a process that had our number before us.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            // Whoever opens the folder this instant may take the fresh file for an orphan and remove it.
            if let Err(fs4::TryLockError::WouldBlock) = fs4::FileExt::try_lock(&file) {
                continue;
            }
            // Or has done so already. From now on nobody does: the lock is ours.
            if path.symlink_metadata().is_err() {
                continue;
            }
            begun.live.insert(number);
            return Ok((Place { shared: Arc::clone(self), number, path }, file));
        }
    }

    pub(super) fn release(&self, number: u64) {
        self.begun.lock().live.remove(&number);
    }

    fn temporary_path(&self, number: u64) -> PathBuf {
        self.path.join(format!("{PREFIX}{}-{number}{SUFFIX}", process::id()))
    }
}

/// What a URL's file is called, and what is done about one that is there.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::save::{Existing, Target};
///
/// let target = Target::new(&"http://example.com/se.png".parse().unwrap(), Existing::Keep);
/// assert_eq!(target.name(), "se.png");
/// ```
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) existing: Existing,
}

impl Target {
    /// The target of a URL.
    ///
    /// # Examples
    ///
    /// See [`Target`].
    pub fn new(url: &Url, existing: Existing) -> Self {
        Self { name: names::file_name(url), origin: Origin::of(url), existing }
    }

    /// The name the file gets, unless another URL's file has it.
    ///
    /// # Examples
    ///
    /// See [`Target`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells this URL from others.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }
}

/// What is done about a file that is there already.
///
/// # Examples
///
/// See [`Target`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is kept. Another URL's file of the same name gets a name beside it.
    Keep,
    /// The new file takes its place, in one step.
    Replace,
}

/// What the bytes of a file go through on their way to the disk.
///
/// [`RealDisk`] passes them on. Another may count, slow or refuse them.
///
/// # Examples
///
/// A disk that is full from the start:
///
/// ```
/// use std::fs::File;
/// use std::io::{self, Write};
/// use tidegate_fetch::save::{Disk, Folder};
///
/// struct Full;
///
/// impl Disk for Full {
///     fn writer(&self, _file: File) -> Box<dyn Write + Send> {
///         Box::new(Full)
///     }
/// }
///
/// impl Write for Full {
///     fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
///         Err(io::ErrorKind::StorageFull.into())
///     }
///     fn flush(&mut self) -> io::Result<()> {
///         Ok(())
///     }
/// }
///
/// # let dir = std::env::temp_dir().join(format!("tidegate-doc-disk-{}", std::process::id()));
/// let folder = Folder::on(Full, &dir)?;
/// let error = folder.begin()?.write(b"hello").unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::StorageFull);
/// # std::fs::remove_dir_all(dir)?;
/// # io::Result::Ok(())
/// ```
pub trait Disk: Send + Sync + 'static {
    /// A writer whose bytes end in `file`.
    fn writer(&self, file: File) -> Box<dyn Write + Send>;
}

/// The disk as it is.
///
/// # Examples
///
/// See [`Disk`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn writer(&self, file: File) -> Box<dyn Write + Send> {
        Box::new(file)
    }
}
