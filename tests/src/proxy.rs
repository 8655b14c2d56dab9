//! A TCP proxy between one node and a server: each test chooses what happens to the link.
//!
//! For faults that no container engine offers: slow links, and one node cut off while others are not.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// How often an idle link looks for a new instruction.
const GLANCE: Duration = Duration::from_millis(20);

/// A link that can be slowed, frozen and cut; dropping it ends it.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<Link>,
}

struct Link {
    server: Mutex<SocketAddr>,
    /// The number of servers so far; connections to earlier ones are closed.
    age: AtomicU64,
    ended: AtomicBool,
    cut: AtomicBool,
    frozen: AtomicBool,
    delay_millis: AtomicU64,
    swallows: AtomicBool,
}

impl Proxy {
    /// Starts a proxy to a server.
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let state = Link {
            server: Mutex::new(server),
            age: AtomicU64::default(),
            ended: AtomicBool::default(),
            cut: AtomicBool::default(),
            frozen: AtomicBool::default(),
            swallows: AtomicBool::default(),
            delay_millis: AtomicU64::default(),
        };
        let (address, state) = (listener.local_addr().unwrap(), Arc::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.ended.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&shared);
                thread::spawn(move || link(&client, &state));
            }
        });
        Self { address, state }
    }

    /// Returns its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every connection, and every new one at once.
    pub fn cut(&self, cut: bool) {
        self.state.cut.store(cut, Ordering::SeqCst);
    }

    /// Forwards nothing: connections stay open, and new ones are accepted.
    pub fn freeze(&self, frozen: bool) {
        self.state.frozen.store(frozen, Ordering::SeqCst);
    }

    /// Forwards the client's bytes and drops the server's: a half-open link.
    pub fn swallow_answers(&self, swallows: bool) {
        self.state.swallows.store(swallows, Ordering::SeqCst);
    }

    /// Leads to another server from now on; connections to the previous one are closed.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.state.server.lock().unwrap() = server;
        self.state.age.fetch_add(1, Ordering::SeqCst);
    }

    /// Delays each piece by this time.
    pub fn delay(&self, delay: Duration) {
        self.state.delay_millis.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it notices the end.
        let _ = TcpStream::connect(self.address);
    }
}

fn link(client: &TcpStream, state: &Link) {
    if state.cut.load(Ordering::SeqCst) {
        return;
    }
    let (age, server) = (state.age.load(Ordering::SeqCst), *state.server.lock().unwrap());
    let Ok(server) = TcpStream::connect(server) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    thread::scope(|scope| {
        scope.spawn(|| pass_on(client, &server, state, age, false));
        scope.spawn(|| pass_on(&server, client, state, age, true));
    });
}

fn pass_on(mut from: &TcpStream, mut to: &TcpStream, state: &Link, age: u64, answers: bool) {
    let is_over = || {
        let ended = state.cut.load(Ordering::SeqCst) || state.ended.load(Ordering::SeqCst);
        ended || state.age.load(Ordering::SeqCst) != age
    };
    let mut piece = [0; 16_384];
    from.set_read_timeout(Some(GLANCE)).unwrap();
    while !is_over() {
        let read = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        pause(Duration::from_millis(state.delay_millis.load(Ordering::SeqCst)));
        while state.frozen.load(Ordering::SeqCst) && !is_over() {
            pause(GLANCE);
        }
        // Nothing is forwarded between the instruction and the next look.
        let swallowed = answers && state.swallows.load(Ordering::SeqCst);
        if is_over() || (!swallowed && to.write_all(&piece[..read]).is_err()) {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[expect(clippy::disallowed_methods, reason = "a link's latency, and the polling of a frozen one")]
fn pause(time: Duration) {
    thread::sleep(time); // polling interval
}
