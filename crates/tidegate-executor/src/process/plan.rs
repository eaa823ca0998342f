use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What a pool is to be like.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) workers: usize,
    pub(super) queue: usize,
    pub(super) max_tasks: u64,
    pub(super) keep_alive: Duration,
    pub(super) max_frame: usize,
    pub(super) start_timeout: Duration,
    pub(super) stderr_tail: usize,
    pub(super) forward_stderr: bool,
    /// Whether workers have this process's standard output.
    pub(super) forward_stdout: bool,
    /// Another program than this one.
    pub(super) program: Option<PathBuf>,
    pub(super) args: Vec<OsString>,
    pub(super) envs: Vec<(OsString, OsString)>,
}
