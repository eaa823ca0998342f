//! A context that writes down what is done to it.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};

use tidegate_timeout::{AsyncContext, Exit};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// What has happened so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn has(&self, line: &str) -> bool {
        self.lines().iter().any(|it| it == line)
    }

    pub(crate) fn door(&self, name: &'static str) -> Door {
        Door { name, log: self.clone(), enter: How::Slowly, exit: How::Slowly }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Slowly,
    Fails,
    Panics,
    /// Before there is a future.
    PanicsAtOnce,
    Hangs,
    DropPanics,
}

impl How {
    async fn go(self, what: &'static str) -> Result<(), Stuck> {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        match self {
            Self::Slowly | Self::DropPanics => Ok(()),
            Self::Fails => Err(Stuck(what)),
            Self::Panics | Self::PanicsAtOnce => panic!("{what} broke"),
            Self::Hangs => std::future::pending().await,
        }
    }
}

/// Enters and leaves slowly, and writes it down.
pub(crate) struct Door {
    name: &'static str,
    log: Log,
    enter: How,
    exit: How,
}

impl Door {
    pub(crate) fn enter(self, enter: How) -> Self {
        Self { enter, ..self }
    }

    pub(crate) fn exit(self, exit: How) -> Self {
        Self { exit, ..self }
    }
}

/// An open [`Door`].
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) name: &'static str,
    pub(crate) log: Log,
    exit: How,
    left: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.left {
            self.log.add(format!("{} is dropped", self.name));
        }
        if self.exit == How::DropPanics {
            panic!("the drop broke");
        }
    }
}

/// A [`Door`] does not open, or does not shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stuck(pub(crate) &'static str);

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is stuck", self.0)
    }
}

impl Error for Stuck {}

impl From<Stuck> for String {
    fn from(stuck: Stuck) -> Self {
        stuck.to_string()
    }
}

/// What was reported to nobody; an error cannot name the log of its door.
static UNREPORTED: Mutex<Vec<Stuck>> = Mutex::new(Vec::new());

/// How often the error that says `what` was returned to nobody.
pub(crate) fn unreported(what: &str) -> usize {
    UNREPORTED.lock().unwrap().iter().filter(|stuck| stuck.0 == what).count()
}

impl AsyncContext for Door {
    type Guard = Open;
    type Error = Stuck;

    fn enter(self) -> impl Future<Output = Result<Open, Stuck>> + Send {
        self.log.add(format!("{} opens", self.name));
        assert!(self.enter != How::PanicsAtOnce, "enter broke at once");
        async move {
            self.enter.go(self.name).await?;
            self.log.add(format!("{} is open", self.name));
            Ok(Open { name: self.name, log: self.log.clone(), exit: self.exit, left: false })
        }
    }

    fn exit(open: Open, why: Exit) -> impl Future<Output = Result<(), Stuck>> + Send {
        open.log.add(format!("{} shuts: {why:?}", open.name));
        assert!(open.exit != How::PanicsAtOnce, "exit broke at once");
        async move {
            let mut open = open;
            open.exit.go(open.name).await?;
            open.log.add(format!("{} is shut", open.name));
            open.left = true;
            Ok(())
        }
    }

    fn unreported(error: Stuck) {
        UNREPORTED.lock().unwrap().push(error);
    }
}
