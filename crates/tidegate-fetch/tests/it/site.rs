//! Our own server, for tests that are not async themselves.

use std::net::{IpAddr, Ipv4Addr};

use tidegate_fetch::server::{Mode, Options, Server, Statistics};
use tokio::runtime::Runtime;

/// A server that runs as long as this is here.
pub(crate) struct Site {
    runtime: Runtime,
    server: Option<Server>,
}

impl Site {
    pub(crate) fn start(mode: Mode) -> Self {
        Self::start_with(Options::new(mode))
    }

    pub(crate) fn limited(rate: &str, burst: u32) -> Self {
        let mut options = Options::new(Mode::Limited);
        options.rate = rate.parse().unwrap();
        options.burst = burst;
        Self::start_with(options)
    }

    /// Reachable by all addresses of this machine, each of which is a host of its own to a client.
    pub(crate) fn everywhere() -> Self {
        let mut options = Options::new(Mode::Local);
        options.address.set_ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Self::start_with(options)
    }

    pub(crate) fn start_with(options: Options) -> Self {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(Server::start(options)).unwrap();
        Self { runtime, server: Some(server) }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs until it is dropped")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server().address())
    }

    pub(crate) fn port(&self) -> u16 {
        self.server().address().port()
    }

    pub(crate) fn flags(&self) -> String {
        self.server().flags_url().into()
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.server().statistics()
    }

    pub(crate) fn fetch(&self, path: &str) -> Vec<u8> {
        let url = self.url(path);
        self.runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            client.get(url).send().await.unwrap().bytes().await.unwrap().into()
        })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }
}
