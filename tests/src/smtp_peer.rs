//! An SMTP server that misbehaves as programmed: it hangs, closes, refuses, shows a bad certificate.
//!
//! `SmtpPeer::start(Manner::default())` accepts every mail. `peer.on(SmtpStep::Rcpt, Act::reply("451 later"))` is valid
//! until `peer.behave()`; `once` for one time, `on_line` for lines that contain a text; `down` and `up`
//! refuse connections and accept them again. It has its own threads: sync and async tests can use it.
//! Next: `smtp_talk.rs` for its side of a conversation, `received.rs` for reading mails.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::{Builder, Runtime},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

pub use crate::certificates::Certificate;
use crate::{Received, certificates::Authority, smtp_talk::talk, until};

/// A step of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpStep {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// After the final dot; its line is the list of recipients.
    End,
    Rset,
    Quit,
}

/// The peer's action at a step, instead of a good server's.
#[derive(Clone, Debug, Default)]
pub struct Act {
    pub(crate) reply: Option<String>,
    pub(crate) every: Option<Duration>,
    pub(crate) closes: bool,
    pub(crate) stores: bool,
}

impl Act {
    /// Answers with this text; a final reply of class 2 keeps the mail.
    pub fn reply(text: &str) -> Self {
        Self { reply: Some(text.to_owned()), stores: text.starts_with('2'), ..Self::default() }
    }

    /// Stays silent from then on.
    pub fn hang() -> Self {
        Self::default()
    }

    /// Closes the connection without an answer.
    pub fn close() -> Self {
        Self { closes: true, ..Self::default() }
    }

    /// Answers byte by byte, with a pause between them.
    pub fn drip(text: &str, every: Duration) -> Self {
        Self { every: Some(every), ..Self::reply(text) }
    }

    /// Returns the same action, with the connection closed afterwards.
    #[must_use]
    pub fn and_close(self) -> Self {
        Self { closes: true, ..self }
    }

    /// Returns the same action, with the mail kept: at the final dot, an acceptance that the client does not learn of.
    #[must_use]
    pub fn and_store(self) -> Self {
        Self { stores: true, ..self }
    }
}

/// The protection of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    None,
    StartTls,
    Implicit,
}

/// The kind of server.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub tls: Tls,
    pub certificate: Certificate,
    /// The user and password that it requires.
    pub login: Option<(&'static str, &'static str)>,
    /// The login mechanisms that it offers.
    pub mechanisms: &'static str,
    /// Whether it takes several commands at once.
    pub pipelining: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            tls: Tls::None,
            certificate: Certificate::Good,
            login: None,
            mechanisms: "PLAIN LOGIN",
            pipelining: false,
        }
    }
}

/// One connection, as the peer saw it.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// The lines received without TLS: commands and logins, but not mails.
    pub clear: Vec<String>,
    /// The lines received with TLS.
    pub encrypted: Vec<String>,
    pub ended: bool,
}

struct Rule {
    step: SmtpStep,
    line: String,
    once: bool,
    act: Act,
}

/// The state shared by a peer's conversations.
pub(crate) struct PeerState {
    pub(crate) manner: Manner,
    pub(crate) acceptor: TlsAcceptor,
    rules: Mutex<Vec<Rule>>,
    pub(crate) sessions: Mutex<Vec<Session>>,
    pub(crate) mails: Mutex<Vec<Received>>,
}

impl PeerState {
    /// Returns the latest instruction for this step, or a good server's action.
    pub(crate) fn order(&self, step: SmtpStep, line: &str, usual: &str) -> Act {
        let mut rules = self.rules.lock().unwrap();
        match rules.iter().rposition(|rule| rule.step == step && line.contains(&rule.line)) {
            Some(n) if rules[n].once => rules.remove(n).act,
            Some(n) => rules[n].act.clone(),
            None => Act::reply(usual),
        }
    }

    /// Returns whether there is an instruction for this step.
    pub(crate) fn is_told(&self, step: SmtpStep) -> bool {
        self.rules.lock().unwrap().iter().any(|rule| rule.step == step)
    }
}

enum Door {
    Open(JoinHandle<()>),
    /// A socket that is bound and not listening: the port stays reserved, and refuses connections.
    Shut(TcpSocket),
}

/// A running peer; it ends when dropped.
pub struct SmtpPeer {
    address: SocketAddr,
    shared: Arc<PeerState>,
    door: Mutex<Option<Door>>,
    runtime: Option<Runtime>,
    authority: Authority,
}

impl SmtpPeer {
    /// Starts a peer on a free port of loopback.
    pub fn start(manner: Manner) -> Self {
        let authority = Authority::new();
        let acceptor = authority.issue(manner.certificate).acceptor();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (rules, sessions, mails) = Default::default();
        let shared = Arc::new(PeerState { manner, acceptor, rules, sessions, mails });
        let socket = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = socket.local_addr().unwrap();
        let door = Mutex::new(Some(Door::Shut(socket)));
        let peer = Self { address, shared, door, runtime: Some(runtime), authority };
        peer.up();
        peer
    }

    /// Returns the URL that leads to it, login and trust included.
    pub fn url(&self) -> String {
        let Manner { tls, login, .. } = self.shared.manner;
        let login = login.map(|(user, password)| format!("{user}:{password}@")).unwrap_or_default();
        let (scheme, trust) = match tls {
            Tls::None => ("smtp", String::new()),
            Tls::StartTls => ("smtp+starttls", format!("?ssl-ca={}", self.ca_file().display())),
            Tls::Implicit => ("smtps", format!("?ssl-ca={}", self.ca_file().display())),
        };
        format!("{scheme}://{login}{}{trust}", self.address)
    }

    /// Returns the authority to trust, a PEM file.
    pub fn ca_file(&self) -> PathBuf {
        self.authority.file()
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sets the action at a step, from now on.
    pub fn on(&self, step: SmtpStep, act: Act) {
        self.on_line(step, "", act);
    }

    /// Sets the action at a step whose line contains a text, an address for example.
    pub fn on_line(&self, step: SmtpStep, line: &str, act: Act) {
        self.rule(Rule { step, line: line.to_owned(), once: false, act });
    }

    /// Sets the action for the next time that a step comes.
    pub fn once(&self, step: SmtpStep, act: Act) {
        self.rule(Rule { step, line: String::new(), once: true, act });
    }

    fn rule(&self, rule: Rule) {
        self.shared.rules.lock().unwrap().push(rule);
    }

    /// Forgets all instructions.
    pub fn behave(&self) {
        self.shared.rules.lock().unwrap().clear();
    }

    /// Refuses connections, and cuts the existing ones.
    pub fn down(&self) {
        let mut door = self.door.lock().unwrap();
        *door = Some(match door.take().unwrap() {
            Door::Open(task) => {
                task.abort();
                until("the peer's end", || task.is_finished().then_some(()));
                Door::Shut(bound(self.address))
            }
            shut @ Door::Shut(_) => shut,
        });
    }

    /// Accepts connections again.
    pub fn up(&self) {
        let runtime = self.runtime.as_ref().unwrap();
        let _inside = runtime.enter();
        let mut door = self.door.lock().unwrap();
        *door = Some(match door.take().unwrap() {
            Door::Shut(socket) => {
                let listener = socket.listen(64).unwrap();
                Door::Open(runtime.spawn(accept(listener, Arc::clone(&self.shared))))
            }
            open @ Door::Open(_) => open,
        });
    }

    /// Returns the mails that it has accepted, oldest first.
    pub fn mails(&self) -> Vec<Received> {
        self.shared.mails.lock().unwrap().clone()
    }

    /// Returns those with a recipient.
    pub fn mails_to(&self, address: &str) -> Vec<Received> {
        self.mails().into_iter().filter(|mail| mail.recipients == [address]).collect()
    }

    /// Waits until it has `count` mails to an address.
    pub fn wait_for_mails(&self, address: &str, count: usize) -> Vec<Received> {
        let what = format!("{count} mails to {address} at the peer");
        until(&what, || Some(self.mails_to(address)).filter(|mails| mails.len() >= count))
    }

    /// Returns all connections so far, oldest first.
    pub fn sessions(&self) -> Vec<Session> {
        self.shared.sessions.lock().unwrap().clone()
    }
}

impl Drop for SmtpPeer {
    fn drop(&mut self) {
        // Unlike dropping it, this works inside another runtime.
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn accept(listener: TcpListener, shared: Arc<PeerState>) {
    let mut talks = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        talks.spawn(talk(stream, Arc::clone(&shared)));
    }
}
