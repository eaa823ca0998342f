//! nginx, if it is installed, with a limit on each of its ports.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::{Context, bail};

/// Requests per second, and how many more at once.
pub(crate) const RATE: f64 = 50.0;
pub(crate) const BURST: u32 = 10;

/// A server that ends with this, also in a panic.
pub(crate) struct Nginx {
    child: Child,
    dir: PathBuf,
    ports: Vec<u16>,
}

impl Nginx {
    /// Starts one with so many ports; `None` if it is not installed.
    pub(crate) fn start(ports: usize) -> anyhow::Result<Option<Self>> {
        let Some(program) = program() else { return Ok(None) };
        let dir = env::temp_dir().join(format!("tidegate-nginx-{}", std::process::id()));
        fs::create_dir_all(dir.join("html"))?;
        fs::write(dir.join("html/answer"), "yes\n")?;
        let ports = free_ports(ports)?;
        fs::write(dir.join("nginx.conf"), config(&ports))?;
        let child = Command::new(program)
            .arg("-p")
            .arg(&dir)
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .spawn()
            .context("nginx does not start")?;
        let mut nginx = Self { child, dir, ports };
        nginx.wait_until_up()?;
        Ok(Some(nginx))
    }

    pub(crate) fn urls(&self) -> impl Iterator<Item = String> {
        self.ports.iter().map(|port| format!("http://127.0.0.1:{port}/"))
    }

    fn wait_until_up(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let last = SocketAddr::from(([127, 0, 0, 1], *self.ports.last().context("no ports")?));
        while TcpStream::connect(last).is_err() {
            if self.child.try_wait()?.is_some() || begun.elapsed() > Duration::from_secs(10) {
                let log = fs::read_to_string(self.dir.join("error.log")).unwrap_or_default();
                bail!("nginx does not listen: {log}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // One process, see its configuration: nothing is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// nginx's version, as it says itself.
pub(crate) fn version() -> Option<String> {
    let said = Command::new(program()?).arg("-v").output().ok()?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    Some(said.trim().rsplit("nginx/").next()?.to_owned())
}

fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Where Debian has it, which is not in everybody's path.
    let dirs = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    dirs.map(|dir| dir.join("nginx")).find(|it| is_file(it))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|it| it.is_file())
}

/// Ports that are free now.
fn free_ports(n: usize) -> anyhow::Result<Vec<u16>> {
    // All at once, so that none comes twice.
    let listeners = (0..n).map(|_| TcpListener::bind("127.0.0.1:0"));
    let listeners: Vec<_> = listeners.collect::<Result<_, _>>()?;
    listeners.iter().map(|it| Ok(it.local_addr()?.port())).collect()
}

fn config(ports: &[u16]) -> String {
    let listen: String =
        ports.iter().map(|port| format!("    listen 127.0.0.1:{port};\n")).collect();
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
error_log error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  limit_req_zone $server_port zone=one:1m rate={RATE}r/s;
  limit_req_status 429;
  server {{
{listen}    root html;
    error_page 429 = @limited;
    location @limited {{
      internal;
      add_header Retry-After 1 always;
      return 429 \"no\\n\";
    }}
    location / {{
      limit_req zone=one burst={BURST} nodelay;
      rewrite ^ /answer break;
    }}
  }}
}}
"
    )
}

#[cfg(test)]
mod tests;
