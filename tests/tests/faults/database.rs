//! Faults of the database that lose no acknowledged registration: it is refused, killed, frozen,
//! cut off, restarted, read-only, deadlocked and full.

use testcontainers::{ImageExt, core::Mount};

use auth_tests::{
    PASSWORD, Server,
    container::{self, Service, ServiceRequest},
    stack::{SqlSession, administer, server, with_address},
    until,
};

use crate::world::{Disturbance, World, is_unavailable, outage, serves_again, under_load};

const ADA: &str = "ada@example.org";

fn world(database: &Service) -> World {
    World::on(&database.mysql_url(), &server("AUTH_TEST_REDIS_URL"))
}

/// Breaks and repairs a database that a node uses; nothing that was acknowledged is lost.
fn broken(database: &Service, node: &Server, world: &World, what: &str, [breaks, repairs]: [Disturbance; 2]) {
    let acknowledged = outage(node, ("accounts", what), || breaks(database), || repairs(database));
    world.nothing_is_lost(node, &acknowledged);
}

fn restarted(database: &Service) {
    database.start();
    database.wait_for_mysql();
}

fn killed_under_load(database: &Service) {
    let world = world(database);
    broken(database, &world.node(&[]), &world, "killed", [Service::kill, restarted]);
}

#[test]
fn mysql_killed_under_load_loses_nothing_that_was_acknowledged() {
    killed_under_load(&container::mysql(&[]));
}

#[test]
fn mariadb_killed_under_load_loses_nothing_that_was_acknowledged() {
    killed_under_load(&container::mariadb(&[]));
}

fn restarted_under_load(database: &Service) {
    let world = world(database);
    // While it stops it still answers some requests, so the test does not check that it is unavailable.
    let node = world.node(&[]);
    let acknowledged = under_load(&node, "restarted", || {
        database.stop();
        restarted(database);
        serves_again(&node);
    });
    world.nothing_is_lost(&node, &acknowledged);
}

#[test]
fn mysql_restarted_under_load_loses_nothing_that_was_acknowledged() {
    restarted_under_load(&container::mysql(&[]));
}

#[test]
fn mariadb_restarted_under_load_loses_nothing_that_was_acknowledged() {
    restarted_under_load(&container::mariadb(&[]));
}

fn frozen_under_load(database: &Service) {
    let world = world(database);
    broken(database, &world.node(&[]), &world, "frozen", [Service::pause, Service::unpause]);
}

#[test]
fn frozen_mysql_is_503_and_loses_nothing_that_was_acknowledged() {
    frozen_under_load(&container::mysql(&[]));
}

#[test]
fn frozen_mariadb_is_503_and_loses_nothing_that_was_acknowledged() {
    frozen_under_load(&container::mariadb(&[]));
}

/// Uses the server's own address: through the published port a new connection would still open.
fn cut_off_under_load(what: &str, changes: [Disturbance; 2]) {
    let database = container::mysql(&[]);
    let world = world(&database);
    let own = format!("{}:3306", database.inner_address()).parse().unwrap();
    let url = with_address(&world.stack.database.url, own) + "?ssl-mode=DISABLED";
    broken(&database, &world.node(&[("AUTH_DATABASE_URL", &url)]), &world, what, changes);
}

#[test]
fn database_behind_a_black_hole_is_503_and_loses_nothing_that_was_acknowledged() {
    cut_off_under_load("hole", [|database| database.cut_off(3306), |database| database.reconnect(3306)]);
}

#[test]
fn database_that_resets_connections_is_503_and_loses_nothing_that_was_acknowledged() {
    cut_off_under_load("reset", [|database| database.refuse(3306), |database| database.accept(3306)]);
}

#[test]
fn database_that_comes_up_within_ten_seconds_of_the_start_is_waited_for() {
    let database = container::mysql(&[]);
    let world = world(&database);
    database.kill();
    std::thread::scope(|scope| {
        let node = scope.spawn(|| world.node(&[]));
        database.start();
        let node = node.join().unwrap();
        assert!(node.log().contains("cannot be opened yet"), "{}", node.log());
        assert_eq!(node.register(ADA, PASSWORD).status, 201);
    });
}

#[test]
fn read_only_database_is_503_until_it_takes_writes_again() {
    let database = container::mysql(&[]);
    let world = world(&database);
    let node = world.node(&[]);
    assert_eq!(node.register(ADA, PASSWORD).status, 201);
    let code = world.code_to(ADA);
    let url = database.mysql_url();
    administer(&url, "SET GLOBAL super_read_only = ON".to_owned());
    is_unavailable(|| node.register("bob@example.org", PASSWORD));
    is_unavailable(|| node.resend(ADA));
    is_unavailable(|| node.activate(ADA, PASSWORD, &code));
    administer(&url, "SET GLOBAL super_read_only = OFF".to_owned());
    administer(&url, "SET GLOBAL read_only = OFF".to_owned());
    serves_again(&node);
    assert_eq!(node.activate(ADA, PASSWORD, &code).status, 200, "the code that was redeemed is still good");
}

#[test]
fn full_disk_is_503_until_there_is_room_and_loses_nothing_that_was_acknowledged() {
    const DATA: &str = "/var/lib/mysql";
    let small = |request: ServiceRequest| request.with_mount(Mount::tmpfs_mount(DATA).with_size("350m"));
    let database = container::mariadb_with(&["--innodb-log-file-size=8M"], small);
    let world = world(&database);
    let node = world.node(&[]);
    let (mut acknowledged, mut refused) = (Vec::new(), 0);
    database.fill(DATA);
    // Rows for which there is a page are still written, so some requests succeed between those that fail.
    for n in 0..5000 {
        let address = format!("full{n}@example.org");
        let answer = node.register(&address, PASSWORD);
        if answer.status == 201 {
            acknowledged.push(address);
            continue;
        }
        is_unavailable(|| answer);
        refused += 1;
        if refused == 5 {
            break;
        }
    }
    assert_eq!(refused, 5, "the disk is not full");
    database.empty(DATA);
    serves_again(&node);
    world.nothing_is_lost(&node, &acknowledged);
}

/// Requests whose statements succeed and whose COMMIT the server refuses: it becomes read-only in between.
fn commits_refused(database: &Service) {
    let world = world(database);
    let (url, name) = (database.mysql_url(), world.stack.database.url.rsplit('/').next().unwrap());
    // The administrator may still write.
    administer(&url, "CREATE USER app@'%' IDENTIFIED BY 'of-the-test'".to_owned());
    administer(&url, format!("GRANT ALL ON `{name}`.* TO app@'%'"));
    let own = format!("mysql://app:of-the-test@{}/{name}", database.at(3306));
    let node = world.node(&[("AUTH_DATABASE_URL", &own)]);
    let is_refused =
        |line: &str| line.contains("CommitAccount") && line.contains("read-only") && line.contains("Unknown");
    let acknowledged = under_load(&node, "refused", || {
        until("a COMMIT that is refused", || {
            administer(&url, "SET GLOBAL read_only = ON".to_owned());
            administer(&url, "SET GLOBAL read_only = OFF".to_owned());
            node.log().lines().any(is_refused).then_some(())
        });
        serves_again(&node);
    });
    world.nothing_is_lost(&node, &acknowledged);
}

#[test]
fn mysql_that_refuses_a_commit_loses_nothing_that_was_acknowledged() {
    commits_refused(&container::mysql(&[]));
}

#[test]
fn mariadb_that_refuses_a_commit_loses_nothing_that_was_acknowledged() {
    commits_refused(&container::mariadb(&[]));
}

/// Another program's transaction that has locked the outbox's row and waits for the account's, while the node
/// has locked the account's and waits for the outbox's.
fn deadlocked(database: &Service) {
    let world = world(database);
    let node = world.node(&[]);
    assert_eq!(node.register(ADA, PASSWORD).status, 201);
    world.code_to(ADA);
    node.wait_until_nothing_is_due();
    // The second mail waits for its interval, so there is a row to lock.
    assert_eq!(node.register(ADA, PASSWORD).status, 201);
    let mut other = SqlSession::open(&world.stack.database.url);
    other.run("CREATE TABLE weight (n INT)");
    other.run("BEGIN");
    // The server aborts the transaction that has changed less.
    other.run("INSERT INTO weight WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r WHERE n < 900) SELECT n FROM r");
    other.run("SELECT * FROM outbox FOR UPDATE");
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| node.register(ADA, PASSWORD));
        let mut third = SqlSession::open(&world.stack.database.url);
        until("the node waiting for the outbox", || {
            (third.counted("Innodb_row_lock_current_waits") == 1).then_some(())
        });
        other.run("SELECT * FROM accounts FOR UPDATE");
        other.run("COMMIT");
        assert!(other.engine_status().contains("LATEST DETECTED DEADLOCK"), "there was none");
        let answer = answer.join().unwrap();
        assert_eq!(answer.status, 201, "{answer:?}\n{}", node.log());
    });
}

#[test]
fn mysql_that_ends_a_transaction_as_a_deadlock_is_asked_again() {
    deadlocked(&container::mysql(&[]));
}

#[test]
fn mariadb_that_ends_a_transaction_as_a_deadlock_is_asked_again() {
    deadlocked(&container::mariadb(&[]));
}
