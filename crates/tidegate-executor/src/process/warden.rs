// How it works
//
// Each worker has a thread in the pool's process, its warden, which starts the process, greets it, hands it to
// the pool, waits until it has ended, for whatever reason, reaps it, and tells. Nobody else reaps. That makes a
// worker's end independent of any runtime; and since on Linux a child is told of the end of the *thread* that
// started it, it is a thread that lasts.
//
// The slot of the pool (a permit) goes along: with the start, also if nobody waits for it any more; with the
// call; with the process that is to end. So there are never more processes than slots.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::Builder;
use std::time::Instant;

use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::core::Core;
use super::engaged::Worker;
use super::error::{Fate, StartError};
use super::frame::{self, Kind};
use super::identity;
use super::leash::Leash;
use super::link::Link;
use super::plan::Plan;
use super::stderr::{Pump, Tail};

/// A worker, in its slot.
pub(super) type Started = (Worker, OwnedSemaphorePermit);

/// Starts a worker. If nobody waits for it in the end, it goes to the idle ones.
pub(super) async fn start(
    core: &Arc<Core>,
    permit: OwnedSemaphorePermit,
) -> Result<Started, StartError> {
    let (report, reported) = oneshot::channel();
    let core = Arc::clone(core);
    let warden = Builder::new().name("tidegate-warden".to_owned()).stack_size(256 << 10);
    let Some(expected) = core.expect() else { return Err(StartError::Closed) };
    let work = move || {
        guard(&core, permit, report);
        drop(expected);
    };
    drop(warden.spawn(work)?);
    reported.await.unwrap_or(Err(StartError::Closed))
}

fn guard(
    core: &Arc<Core>,
    permit: OwnedSemaphorePermit,
    report: oneshot::Sender<Result<Started, StartError>>,
) {
    let (mut child, socket) = match spawn(&core.plan) {
        Ok(spawned) => spawned,
        Err(error) => {
            let _ = report.send(Err(error.into()));
            return;
        }
    };
    let leash = Arc::new(Leash::new(&child));
    let number = core.tie(&leash);
    let tail = Tail::new(core.plan.stderr_tail);
    let pump = child.stderr.take().expect("it was asked for");
    let pump = Pump::start(pump, &tail, core.plan.forward_stderr);
    let (tell, fate) = watch::channel(None);

    let greeted = match &pump {
        Ok(_) => greet(&socket, &core.plan),
        Err(error) => Err(StartError::System(error.kind())),
    };
    let failed = match greeted {
        Ok(()) => {
            let link = Link::new(Arc::clone(&socket));
            let (leash, tail) = (Arc::clone(&leash), Arc::clone(&tail));
            let worker = Worker { number, leash, link, idle_since: Instant::now(), tail, fate };
            if let Err(Ok((worker, permit))) = report.send(Ok((worker, permit))) {
                core.give_back(worker, permit);
            }
            None
        }
        Err(error) => {
            leash.kill();
            Some((report, permit, error))
        }
    };

    wait(&child);
    let (status, spoils) = leash.reap(&mut child);
    // A process that the worker forked may hold its end.
    let _ = socket.shutdown(Shutdown::Both);
    if let Ok(pump) = pump {
        pump.finish();
    }
    let fate = Fate { status, tail: tail.text() };
    // Struck out first: whoever is told may start another at once.
    core.untie(number);
    tell.send_replace(Some(fate.clone()));
    drop(spoils);
    if let Some((report, permit, error)) = failed {
        drop(permit);
        let _ = report.send(Err(match error {
            StartError::Closed if !core.is_closed() => fate.at_the_start(),
            other => other,
        }));
    }
}

/// Held while a worker's end of its socket is open here. Another that is started meanwhile would have a copy of it
/// until it runs its own program, and that long nobody would hear of the first one's death.
static STARTING: Mutex<()> = Mutex::new(());

fn spawn(plan: &Plan) -> io::Result<(Child, Arc<UnixStream>)> {
    let _starting = STARTING.lock();
    let (ours, theirs) = UnixStream::pair()?;
    let program = plan.program.clone().unwrap_or_else(identity::program);
    let child = Command::new(program)
        .arg0(super::worker::NAME)
        .args(&plan.args)
        .envs(plan.envs.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(if plan.forward_stdout { Stdio::inherit() } else { Stdio::null() })
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    Ok((child, Arc::new(ours)))
}

/// Greets the worker; `Closed` if it hung up.
fn greet(socket: &UnixStream, plan: &Plan) -> Result<(), StartError> {
    socket.set_read_timeout(Some(plan.start_timeout))?;
    let welcome = frame::greeting(identity::build(), Some(plan.max_frame));
    let hello = frame::write_all(socket, &frame::frame(Kind::Welcome, 0, &welcome))
        .and_then(|()| frame::read(socket, 64));
    let (header, body) = hello.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => StartError::TimedOut,
        io::ErrorKind::Other => StartError::Protocol(error.to_string()),
        _ => StartError::Closed,
    })?;
    let greeting = frame::read_greeting(&body).filter(|_| header.kind == Kind::Hello);
    let Some((protocol, build, _)) = greeting else {
        return Err(StartError::Protocol(format!("{:?} is not a greeting", header.kind)));
    };
    // Another program is another build, and was asked for.
    if protocol != frame::PROTOCOL || (plan.program.is_none() && build != identity::build()) {
        return Err(StartError::OtherBuild);
    }
    socket.set_read_timeout(None)?;
    Ok(socket.set_nonblocking(true)?)
}

/// Waits until the process has ended, and leaves it to be reaped.
fn wait(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let Some(pid) = pid else { return };
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(Errno::INTR) = waitid(WaitId::Pid(pid), ended) {}
}
