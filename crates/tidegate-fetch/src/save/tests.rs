use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// A folder of its own for each test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "tidegate-save-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self) -> Folder {
        Folder::open(&self.0).unwrap()
    }

    /// Name and contents of every file, hidden ones too.
    fn files(&self) -> Vec<(String, String)> {
        let read = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
        };
        let mut files: Vec<_> = fs::read_dir(&self.0).unwrap().map(read).collect();
        files.sort();
        files
    }

    fn names(&self) -> Vec<String> {
        self.files().into_iter().map(|(name, _)| name).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn keep(url: &str) -> Target {
    Target::new(&url.parse().unwrap(), Existing::Keep)
}

fn replace(url: &str) -> Target {
    Target::new(&url.parse().unwrap(), Existing::Replace)
}

fn save(folder: &Folder, target: &Target, text: &str) -> PathBuf {
    let mut file = folder.begin().unwrap();
    file.write(text.as_bytes()).unwrap();
    file.publish(target).unwrap()
}

#[test]
fn a_file_has_its_name_only_when_it_is_complete() {
    let scratch = Scratch::new();
    let folder = scratch.open();
    let mut file = folder.begin().unwrap();
    file.write(b"half").unwrap();
    assert!(!scratch.0.join("a.txt").exists());
    file.write(b" and half").unwrap();
    file.publish(&keep("http://h/a.txt")).unwrap();
    assert_eq!(scratch.files(), [("a.txt".into(), "half and half".into())]);
    assert_eq!(folder.begun(), 0);
}

#[test]
fn a_file_that_is_dropped_leaves_nothing() {
    let scratch = Scratch::new();
    let folder = scratch.open();
    let mut file = folder.begin().unwrap();
    file.write(b"half").unwrap();
    drop(file);
    assert_eq!(scratch.names(), [""; 0]);
    assert_eq!(folder.begun(), 0);
}

#[test]
fn two_urls_of_one_name_keep_both_files() {
    let scratch = Scratch::new();
    let folder = scratch.open();
    save(&folder, &keep("http://h/a/x.txt"), "a");
    save(&folder, &keep("http://h/b/x.txt"), "b");
    let mut texts: Vec<_> = scratch.files().into_iter().map(|(_, text)| text).collect();
    texts.sort();
    assert_eq!(texts, ["a", "b"]);
}

#[test]
fn a_later_run_knows_which_url_each_file_came_from() {
    let scratch = Scratch::new();
    let first = save(&scratch.open(), &keep("http://h/a/x.txt"), "a");
    // Another process, which is asked for another URL of the same name.
    let folder = scratch.open();
    assert_eq!(folder.kept(&keep("http://h/b/x.txt")), None);
    let second = save(&folder, &keep("http://h/b/x.txt"), "b");
    assert_ne!(first, second);
    let folder = scratch.open();
    assert_eq!(folder.kept(&keep("http://h/b/x.txt")), Some(second));
    assert_eq!(folder.kept(&keep("http://h/a/x.txt")), Some(first));
    assert_eq!(folder.kept(&keep("http://h/c/x.txt")), None);
}

#[test]
fn a_query_makes_another_url_and_a_fragment_does_not() {
    let scratch = Scratch::new();
    let folder = scratch.open();
    let path = save(&folder, &keep("http://h/x?1"), "1");
    assert_eq!(folder.kept(&keep("http://h/x?2")), None);
    assert_eq!(folder.kept(&keep("http://h/x?1#top")), Some(path));
}

#[test]
fn the_same_url_saved_twice_at_once_is_one_file() {
    let scratch = Scratch::new();
    let folder = scratch.open();
    let mut files = [folder.begin().unwrap(), folder.begin().unwrap()];
    for file in &mut files {
        file.write(b"x").unwrap();
    }
    let paths = files.map(|file| file.publish(&keep("http://h/x")).unwrap());
    assert_eq!(paths[0], paths[1]);
    assert_eq!(scratch.names(), ["x"]);
}

#[test]
fn a_file_that_nobody_tagged_is_kept_for_the_first_url_that_asks() {
    let scratch = Scratch::new();
    let folder = scratch.open();
    fs::write(scratch.0.join("x"), "by hand").unwrap();
    assert_eq!(folder.kept(&keep("http://h/a/x")), Some(scratch.0.join("x")));
    assert_eq!(folder.kept(&keep("http://h/b/x")), None);
    save(&folder, &keep("http://h/b/x"), "b");
    assert_eq!(fs::read_to_string(scratch.0.join("x")).unwrap(), "by hand");
    assert_eq!(scratch.names().len(), 2);
}

#[test]
fn what_is_no_plain_file_is_neither_kept_nor_touched() {
    let scratch = Scratch::new();
    let folder = scratch.open();
    fs::create_dir(scratch.0.join("x")).unwrap();
    assert_eq!(folder.kept(&keep("http://h/x")), None);
    let path = save(&folder, &keep("http://h/x"), "x");
    assert_ne!(path, scratch.0.join("x"));
    assert!(scratch.0.join("x").is_dir());
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_out_of_the_folder_is_not_followed() {
    let scratch = Scratch::new();
    let outside = Scratch::new();
    fs::create_dir_all(&outside.0).unwrap();
    let secret = outside.0.join("secret");
    let folder = scratch.open();
    for target in [keep("http://h/x"), replace("http://h/x")] {
        std::os::unix::fs::symlink(&secret, scratch.0.join("x")).unwrap();
        assert_eq!(folder.kept(&target), None);
        let path = save(&folder, &target, "x");
        assert!(path.symlink_metadata().unwrap().is_file());
        assert!(!secret.exists());
        let _ = fs::remove_file(scratch.0.join("x"));
    }
}

#[test]
fn replacing_is_one_step() {
    let scratch = Scratch::new();
    let folder = scratch.open();
    fs::write(scratch.0.join("x"), "old").unwrap();
    assert_eq!(folder.kept(&replace("http://h/x")), None);
    let mut file = folder.begin().unwrap();
    file.write(b"new").unwrap();
    assert_eq!(fs::read_to_string(scratch.0.join("x")).unwrap(), "old");
    file.publish(&replace("http://h/x")).unwrap();
    assert_eq!(scratch.files(), [("x".into(), "new".into())]);
}

#[test]
fn racing_urls_of_one_name_all_keep_their_file() {
    let scratch = Scratch::new();
    let folder = scratch.open();
    std::thread::scope(|scope| {
        for n in 0..16 {
            let folder = &folder;
            scope
                .spawn(move || save(folder, &keep(&format!("http://h/{n}/x.txt")), &n.to_string()));
        }
    });
    let mut texts: Vec<u32> =
        scratch.files().iter().map(|(_, text)| text.parse().unwrap()).collect();
    texts.sort_unstable();
    assert_eq!(texts, (0..16).collect::<Vec<_>>());
}

#[test]
fn two_processes_in_one_folder_do_not_harm_each_other() {
    let scratch = Scratch::new();
    let one = scratch.open();
    let mut file = one.begin().unwrap();
    file.write(b"x").unwrap();
    // The second one takes nothing away that the first is still writing.
    let two = scratch.open();
    save(&two, &keep("http://h/x"), "theirs");
    let path = file.publish(&keep("http://other/x")).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "x");
    assert_eq!(scratch.names().len(), 2);
}

#[test]
fn whoever_opens_a_folder_takes_no_file_away_that_is_just_begun() {
    let scratch = Scratch::new();
    let folder = scratch.open();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                folder.sweep().unwrap();
            }
        });
        let saved = (0..5_000).try_for_each(|_| {
            let file = folder.begin()?;
            file.publish(&replace("http://h/x")).map(drop)
        });
        done.store(true, Ordering::Relaxed);
        saved.unwrap();
    });
    assert_eq!(scratch.names(), ["x"]);
}

#[test]
fn what_a_killed_process_left_is_removed() {
    let scratch = Scratch::new();
    fs::create_dir_all(&scratch.0).unwrap();
    fs::write(scratch.0.join(".tidegate-1-7.part"), "half").unwrap();
    fs::write(scratch.0.join("mine.part"), "mine").unwrap();
    let _folder = scratch.open();
    assert_eq!(scratch.names(), ["mine.part"]);
}

#[test]
fn nothing_is_left_or_begun_after_abandoning() {
    let scratch = Scratch::new();
    let folder = scratch.open();
    let mut file = folder.begin().unwrap();
    file.write(b"half").unwrap();
    folder.abandon();
    assert_eq!(scratch.names(), [""; 0]);
    assert!(folder.begin().is_err());
    // A thread that was writing meanwhile fails without harm.
    assert!(file.publish(&keep("http://h/x")).is_err());
    assert_eq!(scratch.names(), [""; 0]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_refused_at_once() {
    for path in ["/dev/null/out", "/proc/out"] {
        assert!(Folder::open(path).is_err(), "{path}");
    }
}

/// Takes so many bytes in all, then it is full.
struct Small(Arc<AtomicU64>);

impl Disk for Small {
    fn writer(&self, file: File) -> Box<dyn Write + Send> {
        Box::new(SmallFile { room: Arc::clone(&self.0), file })
    }
}

struct SmallFile {
    room: Arc<AtomicU64>,
    file: File,
}

impl Write for SmallFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room.load(Ordering::Relaxed);
        let taken = bytes.len().min(usize::try_from(room).unwrap());
        if taken == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room.store(room - taken as u64, Ordering::Relaxed);
        self.file.write(&bytes[..taken])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_half_file() {
    let scratch = Scratch::new();
    let folder = Folder::on(Small(Arc::new(AtomicU64::new(10))), &scratch.0).unwrap();
    save(&folder, &keep("http://h/fits"), "123456");
    let mut file = folder.begin().unwrap();
    let error = file.write(b"123456").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    drop(file);
    assert_eq!(scratch.names(), ["fits"]);
}
