//! Sessions on several nodes, of which one dies in the middle or is cut off.

use auth_tests::{
    OTHER, PASSWORD, Server,
    proxy::Proxy,
    stack::{address_of, server, with_address},
    until,
};

use crate::world::{World, is_unavailable};

const ADA: &str = "ada@example.org";

fn shared() -> World {
    World::on(&server("AUTH_TEST_MYSQL_URL"), &server("AUTH_TEST_REDIS_URL"))
}

/// Registers and activates at a node; returns the tokens of two sessions.
fn entered(shared: &World, node: &Server) -> [String; 2] {
    assert_eq!(node.register(ADA, PASSWORD).status, 201);
    assert_eq!(node.activate(ADA, PASSWORD, &shared.code_to(ADA)).status, 200);
    [(); 2].map(|()| node.token(ADA, PASSWORD))
}

/// Asserts that every node says the same of a session.
fn counts(nodes: &[&Server], token: &str, expected: bool) {
    for node in nodes {
        let status = node.session(token).status;
        assert_eq!(status, if expected { 200 } else { 401 }, "{}", node.log());
    }
}

#[test]
fn what_one_node_ends_is_over_at_every_node_at_once() {
    let shared = shared();
    let nodes = [shared.node(&[]), shared.node(&[]), shared.node(&[])];
    let all: Vec<&Server> = nodes.iter().collect();
    let [first, second] = entered(&shared, &nodes[0]);
    counts(&all, &first, true);
    assert_eq!(nodes[1].with_token("DELETE", "/v1/session", &first).status, 204);
    counts(&all, &first, false);
    counts(&all, &second, true);
    let third = nodes[2].token(ADA, PASSWORD);
    assert_eq!(nodes[0].with_token("DELETE", "/v1/sessions", &third).status, 204);
    counts(&all, &second, false);
    counts(&all, &third, false);
}

/// The node dies before its commit, and after it while nobody knows yet: the account is as before, or everything is over.
#[test]
fn logging_out_everywhere_at_a_node_that_dies_is_done_or_not_done() {
    for (stop, over) in [("before:1:CommitAccount", false), ("after:1:CommitAccount", true)] {
        let shared = shared();
        let other = shared.node(&[]);
        let tokens = entered(&shared, &other);
        let mut doomed = shared.node(&[("AUTH_TEST_STOP", stop)]);
        let head = format!(
            "DELETE /v1/sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
            tokens[0]
        );
        doomed.raw(head.as_bytes());
        doomed.wait();
        // A transaction that its node left behind ends with the node's connection.
        until("the row to be free", || (other.login(ADA, PASSWORD).status == 200).then_some(()));
        for token in &tokens {
            counts(&[&other], token, !over);
        }
        // Repeated elsewhere, it is done in any case.
        let fresh = other.token(ADA, PASSWORD);
        assert_eq!(other.with_token("DELETE", "/v1/sessions", &fresh).status, 204);
        tokens.iter().for_each(|token| counts(&[&other], token, false));
    }
}

/// A command that dies before its commit, and after it while nobody knows yet; repeated, it is done in any case.
#[test]
fn whom_an_operator_blocks_is_out_at_every_node_at_once() {
    for (stop, over) in [("before:1:CommitAccount", false), ("after:1:CommitAccount", true)] {
        let shared = shared();
        let nodes = [shared.node(&[]), shared.node(&[])];
        let all: Vec<&Server> = nodes.iter().collect();
        let tokens = entered(&shared, &nodes[0]);
        let (status, ..) = nodes[0].run_with(&[("AUTH_TEST_STOP", stop)], &["account", "block", ADA]);
        assert_ne!(status, 0, "{stop}");
        tokens.iter().for_each(|token| counts(&all, token, !over));
        // A transaction that the command left behind ends with its connection.
        let (status, out, err) = until("the row to be free", || {
            Some(nodes[1].run(&["account", "block", ADA])).filter(|ran| ran.0 == 0)
        });
        assert!(out.contains("blocked"), "{status} {out}{err}");
        tokens.iter().for_each(|token| counts(&all, token, false));
        assert!(nodes.iter().all(|node| node.login(ADA, PASSWORD).status == 403), "{stop}");
        assert_eq!(nodes[0].run(&["account", "unblock", ADA]).0, 0);
        tokens.iter().for_each(|token| counts(&all, token, false));
        nodes[1].token(ADA, PASSWORD);
    }
}

/// Threat: a node that knows no better lets in whom another one has logged out.
#[test]
fn node_that_is_cut_off_from_the_database_recognises_nobody() {
    let shared = shared();
    let proxy = Proxy::to(address_of(&server("AUTH_TEST_MYSQL_URL")));
    let url = with_address(&shared.stack.database.url, proxy.address());
    let (cut_off, other) = (shared.node(&[("AUTH_DATABASE_URL", &url)]), shared.node(&[]));
    let [first, second] = entered(&shared, &other);
    counts(&[&cut_off, &other], &first, true);
    proxy.cut(true);
    is_unavailable(|| cut_off.session(&first));
    is_unavailable(|| cut_off.with_token("DELETE", "/v1/sessions", &first));
    assert_eq!(other.with_token("DELETE", "/v1/sessions", &second).status, 204);
    is_unavailable(|| cut_off.session(&first));
    proxy.cut(false);
    until("the node to know", || (cut_off.session(&first).status == 401).then_some(()));
    counts(&[&cut_off, &other], &second, false);
}

/// Sessions are in the database alone. What a flushed Redis loses is in `codes.rs`.
#[test]
fn nobody_is_logged_out_by_the_loss_of_redis() {
    let shared = shared();
    let proxy = Proxy::to(address_of(&server("AUTH_TEST_REDIS_URL")));
    let node = shared.node(&[("AUTH_REDIS_URL", &format!("redis://{}", proxy.address()))]);
    let [token, other] = entered(&shared, &node);
    counts(&[&node], &token, true);
    proxy.cut(true);
    counts(&[&node], &token, true);
    assert!(node.is_degraded());
    assert_eq!(node.with_token("GET", "/v1/sessions", &token).status, 200);
    assert_eq!(node.with_token("DELETE", "/v1/session", &other).status, 204, "and everybody can log out");
    // Guesses cannot be counted, so none is compared.
    is_unavailable(|| node.login(ADA, PASSWORD));
    is_unavailable(|| node.confirm(&token, OTHER));
    proxy.cut(false);
    until("the node to be whole", || node.is_whole().then_some(()));
    assert_eq!(node.login(ADA, PASSWORD).status, 200);
}

#[test]
fn guesses_are_counted_over_all_nodes() {
    let shared = shared();
    let nodes = [shared.node(&[]), shared.node(&[])];
    let [token, _] = entered(&shared, &nodes[0]);
    let refused = (0..20).filter(|n| nodes[n % 2].login(ADA, OTHER).status == 401).count();
    assert_eq!(refused, 10);
    let refused = (0..20).filter(|n| nodes[n % 2].confirm(&token, OTHER).status == 403).count();
    assert_eq!(refused, 10);
}
