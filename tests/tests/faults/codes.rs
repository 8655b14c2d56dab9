//! Faults of Redis that neither open nor lose an account: it is killed, frozen, cut off, flushed,
//! failed over to an empty replica, and full.

use auth_tests::{
    OTHER, PASSWORD, Server,
    container::{self, Service},
    stack::{redis_command, server},
    until,
};

use crate::world::{World, is_out_of_order, is_unavailable, outage, serves_again};

const ADA: &str = "ada@example.org";

fn world(redis: &Service) -> World {
    World::on(&server("AUTH_TEST_MYSQL_URL"), &redis.redis_url())
}

/// Visitors who have lost their code ask for another, and that one works.
fn a_new_code_helps(world: &World, node: &Server, address: &str, lost: &str) {
    let answer = node.activate(address, PASSWORD, lost);
    assert_eq!(answer.problem(), "code-expired", "{answer:?}");
    assert!(answer.json()["detail"].as_str().unwrap().contains("new"), "{answer:?}");
    assert_eq!(node.activate(address, OTHER, lost).problem(), "credentials-refused", "its account is there");
    let before = world.codes_to(address).len();
    node.wait_until_nothing_is_due();
    node.shift_clock(130);
    assert_eq!(node.resend(address).status, 202);
    let codes = || Some(world.codes_to(address)).filter(|codes| codes.len() > before);
    let code = until("a new code", codes).pop().unwrap();
    assert_eq!(node.activate(address, PASSWORD, &code).status, 200);
}

fn killed_and_frozen(redis: &Service) {
    let world = world(redis);
    let node = world.node(&[]);
    let restarts = || {
        redis.start();
        redis.wait_for_redis();
    };
    let acknowledged = outage(&node, ("codes", "killed"), || redis.kill(), restarts);
    // It came back empty: codes mailed before are refused, and a new mail helps.
    let [first, rest @ ..] = &acknowledged[..] else { panic!("nothing was acknowledged") };
    let lost = world.code_to(first);
    node.wait_until_nothing_is_due();
    a_new_code_helps(&world, &node, first, &lost);
    for address in rest {
        let code = world.code_to(address);
        assert_eq!(
            node.activate(address, OTHER, &code).problem(),
            "credentials-refused",
            "{address} is there"
        );
    }
    let acknowledged = outage(&node, ("codes", "frozen"), || redis.pause(), || redis.unpause());
    world.nothing_is_lost(&node, &acknowledged);
}

#[test]
fn redis_killed_and_frozen_fails_closed_and_loses_no_account() {
    killed_and_frozen(&container::redis(&[]));
}

#[test]
fn valkey_killed_and_frozen_fails_closed_and_loses_no_account() {
    killed_and_frozen(&container::valkey(&[]));
}

#[test]
fn redis_that_keeps_its_data_loses_no_code_when_it_is_killed() {
    let redis = container::redis(&["--appendonly", "yes", "--appendfsync", "always"]);
    let world = world(&redis);
    let node = world.node(&[]);
    assert_eq!(node.register(ADA, PASSWORD).status, 201);
    let code = world.code_to(ADA);
    node.wait_until_nothing_is_due();
    redis.kill();
    redis.start();
    redis.wait_for_redis();
    serves_again(&node);
    assert_eq!(node.activate(ADA, PASSWORD, &code).status, 200);
}

#[test]
fn redis_behind_a_black_hole_fails_closed_and_loses_no_account() {
    let redis = container::redis(&[]);
    let world = world(&redis);
    let own = format!("redis://{}:6379", redis.inner_address());
    let node = world.node(&[("AUTH_REDIS_URL", &own)]);
    let mut acknowledged = outage(&node, ("codes", "hole"), || redis.cut_off(6379), || redis.reconnect(6379));
    acknowledged.extend(outage(&node, ("codes", "reset"), || redis.refuse(6379), || redis.accept(6379)));
    world.nothing_is_lost(&node, &acknowledged);
}

#[test]
fn flushed_redis_asks_for_a_new_code_and_loses_no_account_and_no_session() {
    let redis = container::redis(&[]);
    let world = world(&redis);
    let node = world.node(&[]);
    assert_eq!(node.register("bob@example.org", PASSWORD).status, 201);
    assert_eq!(node.activate("bob@example.org", PASSWORD, &world.code_to("bob@example.org")).status, 200);
    let session = node.token("bob@example.org", PASSWORD);
    assert_eq!(node.register(ADA, PASSWORD).status, 201);
    let lost = world.code_to(ADA);
    node.wait_until_nothing_is_due();
    redis_command(&redis.redis_url(), &["FLUSHALL"]);
    redis_command(&redis.redis_url(), &["SCRIPT", "FLUSH"]);
    assert_eq!(node.session(&session).status, 200);
    a_new_code_helps(&world, &node, ADA, &lost);
}

#[test]
fn failover_to_an_empty_replica_asks_for_a_new_code_and_loses_no_account() {
    let (old, new) = (container::redis(&[]), container::redis(&[]));
    let world = world(&old);
    // The address follows the primary, as a load balancer or a DNS name does.
    let proxy = auth_tests::proxy::Proxy::to(old.at(6379));
    let node = world.node(&[("AUTH_REDIS_URL", &format!("redis://{}", proxy.address()))]);
    assert_eq!(node.register(ADA, PASSWORD).status, 201);
    let lost = world.code_to(ADA);
    node.wait_until_nothing_is_due();
    // The old primary becomes a replica: its connections stay open and accept no writes.
    redis_command(&old.redis_url(), &["REPLICAOF", &new.inner_address(), "6379"]);
    is_unavailable(|| node.register("bob@example.org", PASSWORD));
    proxy.lead_to(new.at(6379));
    serves_again(&node);
    a_new_code_helps(&world, &node, ADA, &lost);
}

#[test]
fn redis_without_memory_fails_closed_and_loses_no_account() {
    let redis = container::redis(&["--maxmemory-policy", "noeviction"]);
    let world = world(&redis);
    let node = world.node(&[]);
    assert_eq!(node.register(ADA, PASSWORD).status, 201);
    let code = world.code_to(ADA);
    node.wait_until_nothing_is_due();
    redis_command(&redis.redis_url(), &["CONFIG", "SET", "maxmemory", "1"]);
    is_out_of_order(&node, "codes");
    redis_command(&redis.redis_url(), &["CONFIG", "SET", "maxmemory", "0"]);
    serves_again(&node);
    assert_eq!(node.activate(ADA, PASSWORD, &code).status, 200, "codes from before are still stored");
}

#[test]
fn redis_that_comes_up_after_the_node_is_found() {
    let redis = container::redis(&[]);
    redis.kill();
    let world = world(&redis);
    let node = world.node(&[]);
    is_out_of_order(&node, "codes");
    redis.start();
    redis.wait_for_redis();
    serves_again(&node);
}
