//! Which of eighteen short names resolve? All are asked for at once, and each is printed when its answer is there.
//!
//! So it takes as long as the slowest answer, and not as long as all of them together. The system's resolver is a
//! function that blocks: it takes a thread for each name. With `--server 127.0.0.1:53` that name server is asked, and no
//! thread waits. Without names it is Python's short keywords, as here:
//!
//! ```text
//!   with.dev
//! + elif.dev
//! + def.dev
//!   from.dev
//!   else.dev
//!   or.dev
//!   if.dev
//!   del.dev
//! + as.dev
//!   none.dev
//!   pass.dev
//!   true.dev
//! + in.dev
//! + for.dev
//! + is.dev
//! + and.dev
//! + try.dev
//! + not.dev
//! ```
//!
//! ```sh
//! cargo run --example probe_domains -- [--server ADDRESS:PORT] [--patience SECONDS] [NAME…]
//! ```

use std::env;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};
use tidegate::prelude::*;
use tokio::net::UdpSocket;

const KEYWORDS: [&str; 18] = [
    "none", "true", "and", "as", "def", "del", "elif", "else", "for", "from", "if", "in", "is",
    "not", "or", "pass", "try", "with",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let Wanted { server, patience, names } = Wanted::from_arguments()?;
    // The pool that is shared by all may have fewer threads than there are names; then some would wait for others.
    let threads = ThreadPool::builder().threads(0..=names.len()).build();

    let mut probes = as_completed(names.iter().map(|name| {
        let threads = &threads;
        async move {
            match server {
                None => ask_system(threads, name.clone()).await,
                Some(server) => timeout(patience, ask_server(server, name)).await?,
            }
        }
    }));
    while let Some((position, found)) = probes.next().await {
        let name = &names[position];
        let found = found.unwrap_or_else(|error| {
            eprintln!("{name}: {error}");
            false
        });
        println!("{} {name}", if found { '+' } else { ' ' });
    }
    Ok(())
}

/// Waits as long as the system does.
async fn ask_system(threads: &ThreadPool, name: String) -> Result<bool, BoxError> {
    Ok(threads.run(move |_| (name, 0).to_socket_addrs().is_ok()).await?)
}

async fn ask_server(server: SocketAddr, name: &str) -> Result<bool, BoxError> {
    // One of the two will do, and most names have the first.
    Ok(has(server, name, TYPE::A).await? || has(server, name, TYPE::AAAA).await?)
}

/// Whether the name has an address of this kind. Asks until there is an answer.
async fn has(server: SocketAddr, name: &str, kind: TYPE) -> Result<bool, BoxError> {
    // A port of its own and a number by chance: hard to guess for whoever would like to answer instead.
    let any =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(server).await?;
    let number = RandomState::new().hash_one(name) as u16;
    let mut query = Packet::new_query(number);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    query.questions.push(Question::new(Name::new(name)?, kind.into(), CLASS::IN.into(), false));
    let query = query.build_bytes_vec()?;
    loop {
        socket.send(&query).await?;
        // One of the two may be lost on its way.
        if let Ok(answer) = timeout(Duration::from_secs(1), answer(&socket, number)).await {
            return answer;
        }
    }
}

/// What comes as an answer to the query with this number: whether it has an address in it.
async fn answer(socket: &UdpSocket, number: u16) -> Result<bool, BoxError> {
    let mut buffer = [0; 1500];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let Ok(answer) = Packet::parse(&buffer[..length]) else { continue };
        if answer.id() != number || !answer.has_flags(PacketFlag::RESPONSE) {
            continue;
        }
        let mut records = answer.answers.iter();
        return match answer.rcode() {
            RCODE::NoError => {
                Ok(records.any(|it| matches!(it.rdata, RData::A(_) | RData::AAAA(_))))
            }
            RCODE::NameError => Ok(false),
            other => Err(format!("the server has no answer: {other:?}").into()),
        };
    }
}

struct Wanted {
    server: Option<SocketAddr>,
    patience: Duration,
    names: Vec<String>,
}

impl Wanted {
    fn from_arguments() -> Result<Self, BoxError> {
        let mut wanted = Self { server: None, patience: Duration::from_secs(5), names: Vec::new() };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} is followed by a value"));
            match argument.as_str() {
                "--server" => wanted.server = Some(value()?.parse()?),
                "--patience" => wanted.patience = Duration::from_secs(value()?.parse()?),
                _ => wanted.names.push(argument),
            }
        }
        if wanted.names.is_empty() {
            wanted.names = KEYWORDS.map(|keyword| format!("{keyword}.dev")).to_vec();
        }
        Ok(wanted)
    }
}
