//! Several nodes on one database and one Redis, of which one dies, loses a link or
//! has a wrong clock.

use std::{env, thread, time::Duration};

use auth_tests::{
    OTHER, PASSWORD, Server,
    proxy::Proxy,
    smtp_peer::{Act, SmtpStep},
    stack::{address_of, server, with_address},
    until,
};

use crate::world::{World, is_out_of_order, is_unavailable, serves_again};

const ADA: &str = "ada@example.org";

fn shared() -> World {
    World::on(&server("AUTH_TEST_MYSQL_URL"), &server("AUTH_TEST_REDIS_URL"))
}

#[test]
fn what_is_registered_at_one_node_is_activated_at_another() {
    let shared = shared();
    let nodes = [shared.node(&[]), shared.node(&[]), shared.node(&[])];
    assert_eq!(nodes[0].register(ADA, PASSWORD).status, 201);
    let code = shared.code_to(ADA);
    assert_eq!(nodes[1].activate(ADA, OTHER, &code).problem(), "credentials-refused");
    assert_eq!(nodes[1].activate(ADA, PASSWORD, &code).status, 200);
    assert_eq!(nodes[2].register(ADA, PASSWORD).problem(), "email-taken");
}

#[test]
fn nodes_send_a_mail_once() {
    let shared = shared();
    let nodes = [shared.node(&[]), shared.node(&[])];
    let address = |n: usize| format!("user{n}@example.org");
    for n in 0..40 {
        assert_eq!(nodes[n % 2].register(&address(n), PASSWORD).status, 201);
    }
    nodes.iter().for_each(Server::wait_until_nothing_is_due);
    for n in 0..40 {
        assert_eq!(shared.codes_to(&address(n)).len(), 1, "{}", address(n));
    }
}

#[test]
fn tries_are_counted_over_all_nodes() {
    let shared = shared();
    let nodes = [shared.node(&[]), shared.node(&[]), shared.node(&[])];
    nodes[0].register(ADA, PASSWORD);
    let code = shared.code_to(ADA);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let answers: Vec<String> = thread::scope(|scope| {
        let guess = |n: usize| {
            let node = &nodes[n % 3];
            scope.spawn(move || node.activate(ADA, PASSWORD, wrong).problem())
        };
        let guesses: Vec<_> = (0..12).map(guess).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    let compared = answers.iter().filter(|problem| *problem == "code-wrong").count();
    let refused = answers.iter().filter(|problem| *problem == "code-expired").count();
    assert_eq!((compared, refused), (5, 7), "{answers:?}");
}

#[test]
fn lease_of_a_killed_node_is_taken_over() {
    let shared = shared();
    let mut doomed = shared.node(&[("AUTH_TEST_STOP", "before:1:SendMail")]);
    doomed.register_and_ignore(ADA, PASSWORD);
    doomed.wait();
    assert!(shared.codes_to(ADA).is_empty(), "it died before it sent");
    let [second, third] = [shared.node(&[]), shared.node(&[])];
    let code = shared.code_to(ADA);
    assert_eq!(second.activate(ADA, PASSWORD, &code).status, 200);
    third.wait_until_nothing_is_due();
    assert_eq!(shared.codes_to(ADA).len(), 1, "sent once");
}

/// One node's link to a part is cut, and then frozen: the node reports it and recovers afterwards, and the two
/// others serve all the time.
fn one_of_three_is_cut_off(shared: &World, proxy: &Proxy, setting: (&str, &str), part: &str) {
    let cut_off = shared.node(&[setting]);
    let others = [shared.node(&[]), shared.node(&[])];
    assert_eq!(cut_off.register("before@example.org", PASSWORD).status, 201);
    for (name, fault) in [("cut", Proxy::cut as fn(&Proxy, bool)), ("frozen", Proxy::freeze)] {
        fault(proxy, true);
        is_out_of_order(&cut_off, part);
        // Mails that its worker leases in the meantime are tried again, here or elsewhere.
        for (n, node) in others.iter().enumerate() {
            let address = format!("{name}-{n}@example.org");
            assert_eq!(node.register(&address, PASSWORD).status, 201);
            assert_eq!(node.activate(&address, PASSWORD, &shared.code_to(&address)).status, 200);
        }
        fault(proxy, false);
        serves_again(&cut_off);
    }
}

#[test]
fn node_cut_off_from_the_database_says_so_and_the_others_serve() {
    let shared = shared();
    let proxy = Proxy::to(address_of(&server("AUTH_TEST_MYSQL_URL")));
    let url = with_address(&shared.stack.database.url, proxy.address());
    one_of_three_is_cut_off(&shared, &proxy, ("AUTH_DATABASE_URL", &url), "accounts");
}

#[test]
fn node_cut_off_from_redis_fails_closed_and_the_others_serve() {
    let shared = shared();
    let proxy = Proxy::to(address_of(&server("AUTH_TEST_REDIS_URL")));
    let url = format!("redis://{}", proxy.address());
    one_of_three_is_cut_off(&shared, &proxy, ("AUTH_REDIS_URL", &url), "codes");
}

#[test]
fn slow_links_are_waited_for() {
    let shared = shared();
    let (database, redis) = (server("AUTH_TEST_MYSQL_URL"), server("AUTH_TEST_REDIS_URL"));
    let proxies = [Proxy::to(address_of(&database)), Proxy::to(address_of(&redis))];
    let url = with_address(&shared.stack.database.url, proxies[0].address());
    let redis = format!("redis://{}", proxies[1].address());
    let node = shared.node(&[("AUTH_DATABASE_URL", &url), ("AUTH_REDIS_URL", &redis)]);
    proxies.iter().for_each(|proxy| proxy.delay(Duration::from_millis(40)));
    assert_eq!(node.register(ADA, PASSWORD).status, 201);
    assert_eq!(node.activate(ADA, PASSWORD, &shared.code_to(ADA)).status, 200);
}

#[test]
fn answers_lost_on_a_half_open_link_lose_no_account_and_open_none() {
    let shared = shared();
    let proxy = Proxy::to(address_of(&server("AUTH_TEST_MYSQL_URL")));
    let url = with_address(&shared.stack.database.url, proxy.address());
    let node = shared.node(&[("AUTH_DATABASE_URL", &url)]);
    assert_eq!(node.register(ADA, PASSWORD).status, 201);
    let code = shared.code_to(ADA);
    node.wait_until_nothing_is_due();
    // Requests arrive and are carried out, and the answers are lost.
    proxy.swallow_answers(true);
    is_out_of_order(&node, "accounts");
    is_unavailable(|| node.activate(ADA, PASSWORD, &code));
    proxy.swallow_answers(false);
    serves_again(&node);
    assert_eq!(node.activate(ADA, OTHER, &code).problem(), "credentials-refused");
    assert_eq!(node.activate(ADA, PASSWORD, &code).status, 200, "repeating it is all that is needed");
}

/// The settings of a node whose wall clock is wrong by this number of seconds; monotonic time stays right.
fn wrong_by(seconds: &str) -> [(&'static str, String); 3] {
    let library =
        env::var("AUTH_TEST_FAKETIME").expect("`apt-get install libfaketime`, then cargo xtask test");
    let offset = seconds.to_owned();
    [("LD_PRELOAD", library), ("FAKETIME", offset), ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned())]
}

fn node_wrong_by(shared: &World, seconds: &str, more: &[(&str, &str)]) -> Server {
    let wrong = wrong_by(seconds);
    let wrong: Vec<(&str, &str)> = wrong.iter().map(|(key, value)| (*key, value.as_str())).collect();
    shared.node(&[&wrong, more].concat())
}

/// Returns the time of day as a node sees it.
fn seconds_of_day(node: &Server) -> u32 {
    let answer = node.get("/livez");
    let date = answer.header("date").unwrap();
    let time = date.split(' ').find(|part| part.contains(':')).unwrap();
    time.split(':').fold(0, |seconds, part| seconds * 60 + part.parse::<u32>().unwrap())
}

#[test]
fn codes_live_as_long_as_they_should_whatever_a_nodes_clock_says() {
    for offset in ["+600", "-600"] {
        let shared = shared();
        let (wrong, right) = (node_wrong_by(&shared, offset, &[]), shared.node(&[]));
        let apart = seconds_of_day(&wrong).abs_diff(seconds_of_day(&right));
        assert!((590..=610).contains(&apart.min(86_400 - apart)), "{offset}: its clock is {apart} s off");
        for (n, (sender, opener)) in [(&wrong, &right), (&right, &wrong)].into_iter().enumerate() {
            let (early, late) = (format!("early{n}@example.org"), format!("late{n}@example.org"));
            for address in [&early, &late] {
                assert_eq!(sender.register(address, PASSWORD).status, 201);
                shared.code_to(address);
                sender.wait_until_nothing_is_due();
            }
            let (early_code, late_code) = (shared.code_to(&early), shared.code_to(&late));
            // Both clocks move together: test builds move the stores' time, which is the one that counts.
            [sender, opener].iter().for_each(|node| node.shift_clock(580));
            assert_eq!(opener.activate(&early, PASSWORD, &early_code).status, 200, "{offset}");
            [sender, opener].iter().for_each(|node| node.shift_clock(21));
            assert_eq!(opener.activate(&late, PASSWORD, &late_code).problem(), "code-expired", "{offset}");
        }
    }
}

#[test]
fn leases_are_neither_stolen_nor_stuck_whatever_a_nodes_clock_says() {
    for offset in ["+600", "-600"] {
        let shared = shared();
        // The node with the wrong clock dies while it holds a mail, and the other takes it over; and vice versa.
        for (n, wrong_dies) in [true, false].into_iter().enumerate() {
            let address = format!("user{n}@example.org");
            let stop = [("AUTH_TEST_STOP", "before:1:SendMail")];
            let mut doomed =
                if wrong_dies { node_wrong_by(&shared, offset, &stop) } else { shared.node(&stop) };
            doomed.register_and_ignore(&address, PASSWORD);
            doomed.wait();
            let heir = if wrong_dies { shared.node(&[]) } else { node_wrong_by(&shared, offset, &[]) };
            assert!(shared.codes_to(&address).is_empty());
            let code = shared.code_to(&address);
            assert_eq!(heir.activate(&address, PASSWORD, &code).status, 200, "{offset}");
            assert_eq!(shared.codes_to(&address).len(), 1, "{offset}");
        }
        // A slow server keeps a mail under way for longer than a lease: no other node sends it.
        let holder = node_wrong_by(&shared, offset, &[]);
        let other = shared.node(&[]);
        // The time of two leases passes before the last reply arrives; both workers look once a second.
        shared.peer.once(SmtpStep::End, Act::drip("250 taken", Duration::from_millis(1200)));
        assert_eq!(holder.register(ADA, PASSWORD).status, 201);
        until("the mail", || shared.codes_to(ADA).pop());
        holder.wait_until_nothing_is_due();
        other.wait_until_nothing_is_due();
        assert_eq!(shared.codes_to(ADA).len(), 1, "{offset}: stolen");
    }
}
