//! The setting of every fault: nodes with real stores and a mail server, requests under way, and
//! the assertions that must hold whatever happens.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use auth_tests::{
    HttpAnswer, PASSWORD, Server,
    container::Service,
    smtp_peer::{Manner, SmtpPeer},
    stack::Stack,
    start_on, took, until, until_within,
};

/// The longest time for an answer; one second of it is for the machine that the tests run on.
pub(crate) const LONGEST: Duration = Duration::from_secs(11);
/// The longest time in which a node recovers after the part that failed.
const RECOVERY: Duration = Duration::from_secs(5);
/// Longer than a database server keeps a connection whose node it hears nothing of, with what it has locked (60 s).
const LOCKED: Duration = Duration::from_secs(90);

/// What is done to a server.
pub(crate) type Disturbance = fn(&Service);

/// The stores and the mail server that the nodes of one test share.
pub(crate) struct World {
    pub(crate) stack: Arc<Stack>,
    pub(crate) peer: SmtpPeer,
}

impl World {
    /// Returns a world on these servers, `mysql://…` and `redis://…`.
    pub(crate) fn on(database: &str, redis: &str) -> Self {
        Self { stack: Arc::new(Stack::on(database, redis)), peer: SmtpPeer::start(Manner::default()) }
    }

    /// Starts a node with more settings than the common ones.
    pub(crate) fn node(&self, more: &[(&str, &str)]) -> Server {
        let smtp = self.peer.url();
        let common = [
            ("AUTH_SMTP_URL", smtp.as_str()),
            ("AUTH_MAIL_FROM", "Accounts <no-reply@example.org>"),
            ("AUTH_CLIENT_REQUESTS_PER_MINUTE", "100000"),
            ("AUTH_DISCLOSURE", "explicit"),
        ];
        start_on(Some(Arc::clone(&self.stack)), &[&common, more].concat())
    }

    /// Returns the codes that were mailed to an address, oldest first.
    pub(crate) fn codes_to(&self, address: &str) -> Vec<String> {
        self.peer.mails_to(address).iter().filter_map(auth_tests::Received::code).collect()
    }

    /// Waits for a code; returns the newest one.
    pub(crate) fn code_to(&self, address: &str) -> String {
        until("a code", || self.codes_to(address).pop())
    }

    /// Asserts that each of these acknowledged registrations is stored, mailed, and can be activated. One whose row a
    /// transaction that was cut off has locked can be only when the server closes that connection.
    pub(crate) fn nothing_is_lost(&self, node: &Server, acknowledged: &[String]) {
        for address in acknowledged {
            let code = self.code_to(address);
            until_within(LOCKED, "the activation", || {
                let answer = node.activate(address, PASSWORD, &code);
                assert!([200, 503].contains(&answer.status), "{address}: {answer:?}\n{}", node.log());
                (answer.status == 200).then_some(())
            });
        }
    }
}

/// Asserts that a broken node answers 503 in time, and says when to try again.
pub(crate) fn is_unavailable(ask: impl FnOnce() -> HttpAnswer) {
    let (answer, took) = took(ask);
    assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"), "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert!(took < LONGEST, "{took:?}");
}

/// Asserts that a node with a broken part is alive and not ready, and answers each operation with 503.
pub(crate) fn is_out_of_order(node: &Server, part: &str) {
    is_unavailable(|| node.register("somebody@example.org", PASSWORD));
    is_unavailable(|| node.resend("somebody@example.org"));
    is_unavailable(|| node.activate("somebody@example.org", PASSWORD, "123456"));
    if part == "codes" {
        is_unavailable(|| node.login("somebody@example.org", PASSWORD));
        assert!(node.is_degraded());
    } else {
        let ready = node.get("/readyz");
        assert_eq!((ready.status, ready.problem().as_str()), (503, "unavailable"), "{ready:?}");
        assert!(ready.json()["detail"].as_str().unwrap().contains(part), "{ready:?}");
    }
    assert_eq!(node.get("/livez").status, 200);
}

/// Asserts that the node recovers in time, without any help; until then it answers only 503.
pub(crate) fn serves_again(node: &Server) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let address = format!("again{}@example.org", COUNT.fetch_add(1, Ordering::Relaxed));
    let ((), took) = took(|| {
        until("the node serving again", || {
            let answer = node.register(&address, PASSWORD);
            assert!([201, 503].contains(&answer.status), "{answer:?}");
            (answer.status == 201).then_some(())
        });
    });
    assert!(took < RECOVERY, "{took:?}");
    assert!(node.is_whole());
}

/// Sends requests while a part breaks, is found to be broken, and is repaired; then the node must
/// recover. Returns the addresses that were acknowledged.
pub(crate) fn outage(
    node: &Server,
    (part, what): (&str, &str),
    breaks: impl FnOnce(),
    repairs: impl FnOnce(),
) -> Vec<String> {
    under_load(node, what, || {
        breaks();
        is_out_of_order(node, part);
        repairs();
        serves_again(node);
    })
}

/// Registers addresses, each once, while something happens. Returns the addresses that were
/// acknowledged.
pub(crate) fn under_load(node: &Server, what: &str, happens: impl FnOnce()) -> Vec<String> {
    let (ended, acknowledged) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let visit = |visitor: u32| {
        let mut n = 0;
        while !ended.load(Ordering::SeqCst) {
            let address = format!("{what}-{visitor}-{n}@example.org");
            n += 1;
            let (answer, took) = took(|| node.register(&address, PASSWORD));
            assert!([201, 503].contains(&answer.status), "{answer:?}");
            assert!(took < LONGEST, "{took:?}");
            if answer.status == 201 {
                acknowledged.lock().unwrap().push(address);
            }
        }
    };
    let count = || acknowledged.lock().unwrap().len();
    thread::scope(|scope| {
        let visitors: Vec<_> = (0..4).map(|visitor| scope.spawn(move || visit(visitor))).collect();
        // Ends the requests also when the action panics.
        let _end = Ends(&ended);
        until("twenty registrations", || (count() >= 20).then_some(()));
        happens();
        let before = count();
        until("twenty more registrations", || (count() >= before + 20).then_some(()));
        drop(_end);
        visitors.into_iter().for_each(|visitor| visitor.join().unwrap());
    });
    acknowledged.into_inner().unwrap()
}

struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
