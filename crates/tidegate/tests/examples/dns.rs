//! A name server on loopback that answers a name when it is told to.

// How it works
//
// A thread receives. What is asked about a name that was not released yet is kept, and answered when it is; then what
// comes later about that name (the other kind of address, or the same again) is answered at once. That every name was
// asked for before the first is answered is what shows that a client asks for all at once: no clock is needed.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

/// Longer than anything here takes.
const WATCHDOG: Duration = Duration::from_secs(60);

/// What there is to say about a name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    Addresses,
    /// An address of the newer kind only.
    OnlyV6,
    /// There is such a name, and it has no address.
    NoAddress,
    /// There is no such name.
    Nothing,
    /// Nobody can tell.
    Failure,
}

/// Ends with the test's process.
pub(crate) struct Server {
    shared: Arc<Shared>,
    /// Each name that is asked for, the first time.
    asked: Receiver<String>,
}

struct Shared {
    socket: UdpSocket,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    asked: HashSet<String>,
    released: HashMap<String, Name>,
    held: Vec<(String, Vec<u8>, SocketAddr)>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback is there");
        let shared = Arc::new(Shared { socket, state: Mutex::default() });
        let (sender, asked) = channel();
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            let mut buffer = [0; 1500];
            loop {
                // Where a client is gone that was answered, some systems say so here.
                let Ok((length, from)) = serving.socket.recv_from(&mut buffer) else { continue };
                let Some(name) = serving.receive(&buffer[..length], from) else { continue };
                if sender.send(name).is_err() {
                    break;
                }
            }
        });
        Self { shared, asked }
    }

    pub(crate) fn address(&self) -> String {
        self.shared.socket.local_addr().expect("it is bound").to_string()
    }

    /// Waits until so many names were asked for.
    pub(crate) fn wait_for(&self, names: usize) -> HashSet<String> {
        let next = || self.asked.recv_timeout(WATCHDOG).expect("it is asked for more names");
        (0..names).map(|_| next()).collect()
    }

    /// Answers what was asked and what will be asked about a name.
    pub(crate) fn release(&self, name: &str, what: Name) {
        let mut state = self.shared.state.lock().unwrap();
        state.released.insert(name.to_owned(), what);
        let (now, held) = state.held.drain(..).partition(|(other, ..)| other == name);
        state.held = held;
        drop(state);
        let now: Vec<(String, Vec<u8>, SocketAddr)> = now;
        now.iter().for_each(|(_, query, from)| self.shared.answer(query, *from, what).unwrap());
    }
}

impl Shared {
    /// The name that is asked for, if it is for the first time.
    fn receive(&self, query: &[u8], from: SocketAddr) -> Option<String> {
        let name = Packet::parse(query).ok()?.questions.first()?.qname.to_string();
        let mut state = self.state.lock().unwrap();
        let released = state.released.get(&name).copied();
        if released.is_none() {
            state.held.push((name.clone(), query.to_vec(), from));
        }
        let is_new = state.asked.insert(name.clone());
        drop(state);
        if let Some(what) = released {
            let _ = self.answer(query, from, what);
        }
        is_new.then_some(name)
    }

    fn answer(&self, query: &[u8], to: SocketAddr, what: Name) -> io::Result<()> {
        let mut packet = Packet::parse(query).expect("it was read before").into_reply();
        packet.set_flags(PacketFlag::RECURSION_AVAILABLE);
        let question = packet.questions[0].clone();
        let address = match (what, question.qtype) {
            (Name::Addresses, QTYPE::TYPE(TYPE::A)) => Some(RData::A(Ipv4Addr::LOCALHOST.into())),
            (Name::Addresses | Name::OnlyV6, QTYPE::TYPE(TYPE::AAAA)) => {
                Some(RData::AAAA(Ipv6Addr::LOCALHOST.into()))
            }
            _ => None,
        };
        let record = |data| ResourceRecord::new(question.qname, simple_dns::CLASS::IN, 60, data);
        packet.answers.extend(address.map(record));
        *packet.rcode_mut() = match what {
            Name::Nothing => RCODE::NameError,
            Name::Failure => RCODE::ServerFailure,
            _ => RCODE::NoError,
        };
        let bytes = packet.build_bytes_vec_compressed().expect("it is a small one");
        self.socket.send_to(&bytes, to).map(drop)
    }
}
