//! Codes: how long they are valid, how many at once, how many wrong tries.

use std::{collections::BTreeSet, thread};

use auth_tests::{OTHER, PASSWORD, Server, start};

const ADA: &str = "ada@example.org";

/// Returns `count` codes of the same form that are not among these.
fn wrong(codes: &[String], count: usize) -> Vec<String> {
    (0..1_000_000).map(|n| format!("{n:06}")).filter(|code| !codes.contains(code)).take(count).collect()
}

/// Registers and asks for more mails as soon as the intervals allow; returns the codes, oldest first.
fn mailed(server: &Server, address: &str, mails: usize) -> Vec<String> {
    server.register(address, PASSWORD);
    let mut interval = 60;
    for count in 1..mails {
        server.wait_for_mails(address, count);
        server.resend(address);
        server.pass(interval);
        interval *= 2;
    }
    let mails = server.wait_for_mails(address, mails);
    mails.iter().rev().map(|mail| mail["code"].as_str().unwrap().to_owned()).collect()
}

fn status(server: &Server, address: &str, code: &str) -> u16 {
    server.activate(address, PASSWORD, code).status
}

#[test]
fn three_newest_codes_are_good_and_the_fourth_is_not() {
    let server = start(&[("AUTH_CODE_TTL_SECONDS", "3600")]);
    let addresses = ["a@example.org", "b@example.org", "c@example.org", "d@example.org"];
    for address in addresses {
        server.register(address, PASSWORD);
    }
    for (count, interval) in [(1, 60), (2, 120), (3, 240)] {
        for address in addresses {
            server.wait_for_mails(address, count);
            server.resend(address);
        }
        server.pass(interval);
    }
    for (which, address) in addresses.into_iter().enumerate() {
        let newest_first = server.wait_for_mails(address, 4);
        let code = newest_first[which]["code"].as_str().unwrap();
        let expected = if which < 3 { 200 } else { 401 };
        assert_eq!(status(&server, address, code), expected, "number {which} of the newest");
    }
}

#[test]
fn each_code_lives_its_own_lifetime() {
    let server = start(&[]);
    let (early, late) = ("early@example.org", "late@example.org");
    for address in [early, late] {
        server.register(address, PASSWORD);
        server.wait_for_mails(address, 1);
        server.resend(address);
    }
    server.pass(100);
    let codes = |address| -> Vec<String> {
        let mails = server.wait_for_mails(address, 2);
        mails.iter().rev().map(|mail| mail["code"].as_str().unwrap().to_owned()).collect()
    };
    let (earlys, lates) = (codes(early), codes(late));
    server.shift_clock(600 - 100 - 30);
    assert_eq!(status(&server, early, &earlys[0]), 200, "half a minute before its end");
    server.shift_clock(31);
    assert_eq!(status(&server, late, &lates[0]), 401, "its time is over");
    assert_eq!(status(&server, late, &lates[1]), 200, "this one was mailed later");
}

#[test]
fn lifetime_is_configured() {
    let server = start(&[("AUTH_CODE_TTL_SECONDS", "30")]);
    server.register(ADA, PASSWORD);
    server.register("bob@example.org", PASSWORD);
    let (ada, bob) = (server.code(ADA), server.code("bob@example.org"));
    server.shift_clock(25);
    assert_eq!(status(&server, ADA, &ada), 200);
    server.shift_clock(6);
    assert_eq!(status(&server, "bob@example.org", &bob), 401);
}

#[test]
fn right_code_is_refused_once_the_tries_are_used_up() {
    for (tries, settings) in [(5, &[][..]), (2, &[("AUTH_CODE_TRIES", "2")])] {
        let server = start(settings);
        for (address, misses) in [("a@example.org", tries - 1), ("b@example.org", tries)] {
            server.register(address, PASSWORD);
            let code = server.code(address);
            for guess in wrong(std::slice::from_ref(&code), misses) {
                assert_eq!(status(&server, address, &guess), 401);
            }
            let expected = if misses < tries { 200 } else { 401 };
            assert_eq!(status(&server, address, &code), expected, "{misses} of {tries}");
        }
    }
}

#[test]
fn new_mail_refills_the_tries_and_brings_earlier_codes_back() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let first = server.code(ADA);
    let misses = wrong(std::slice::from_ref(&first), 10);
    for guess in &misses[..5] {
        status(&server, ADA, guess);
    }
    assert_eq!(status(&server, ADA, &first), 401, "used up");
    server.resend(ADA);
    assert_eq!(status(&server, ADA, &first), 401, "asking alone refills nothing");
    server.pass(61);
    server.wait_for_mails(ADA, 2);
    for guess in misses[5..9].iter().filter(|guess| **guess != server.code(ADA)) {
        status(&server, ADA, guess);
    }
    assert_eq!(status(&server, ADA, &first), 200, "four misses later it is good again");
}

#[test]
fn wrong_password_costs_no_try() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    for guess in wrong(&[], 40) {
        assert_eq!(server.activate(ADA, OTHER, &guess).status, 401, "a stranger");
    }
    assert_eq!(server.activate(ADA, OTHER, &code).status, 401, "a stranger with the mailed code");
    assert_eq!(status(&server, ADA, &code), 200);
}

#[test]
fn success_on_another_account_refills_nothing() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    for guess in wrong(std::slice::from_ref(&code), 5) {
        status(&server, ADA, &guess);
    }
    server.activated("bob@example.org", PASSWORD);
    assert_eq!(status(&server, ADA, &code), 401);
}

#[test]
fn request_that_won_is_200_again_while_its_code_lives() {
    let server = start(&[]);
    let codes = mailed(&server, ADA, 2);
    for _ in 0..20 {
        assert_eq!(status(&server, ADA, &codes[0]), 200, "a repeat costs no try");
    }
    for guess in wrong(&codes, 3) {
        assert_eq!(status(&server, ADA, &guess), 401);
    }
    assert_eq!(status(&server, ADA, &codes[1]), 200, "any right code of the attempt");
    for guess in wrong(&codes, 6) {
        assert_eq!(status(&server, ADA, &guess), 401);
    }
    assert_eq!(status(&server, ADA, &codes[0]), 200, "tries are used up, a redeemed code needs none");
    server.shift_clock(601);
    assert_eq!(status(&server, ADA, &codes[0]), 401, "its time is over");
}

#[test]
fn code_of_another_account_or_attempt_is_refused() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    server.register("bob@example.org", PASSWORD);
    let (ada, bob) = (server.code(ADA), server.code("bob@example.org"));
    assert_eq!(status(&server, ADA, &bob), 401);
    assert_eq!(status(&server, "bob@example.org", &ada), 401);
    server.register(ADA, OTHER);
    server.register(ADA, PASSWORD);
    assert_eq!(status(&server, ADA, &ada), 401, "the same password again, but another attempt");
    assert_eq!(status(&server, "bob@example.org", &bob), 200);
}

#[test]
fn hundred_parallel_guesses_make_no_more_than_five_compares() {
    let server = start(&[("AUTH_HASH_QUEUE", "1000")]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    let guesses = wrong(std::slice::from_ref(&code), 100);
    thread::scope(|scope| {
        for guess in &guesses {
            scope.spawn(|| assert_eq!(status(&server, ADA, guess), 401));
        }
    });
    let outcome =
        |name| server.metric(&format!(r#"auth_requests_total{{operation="activate",outcome="{name}"}}"#));
    assert_eq!((outcome("wrong_code"), outcome("tries_used_up")), (5.0, 95.0));
    assert_eq!(server.metric("auth_wrong_codes_total"), 5.0);
    assert_eq!(status(&server, ADA, &code), 401, "and the right one comes too late");
}

#[test]
fn parallel_activations_with_the_right_code_all_succeed() {
    let server = start(&[("AUTH_HASH_QUEUE", "1000")]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(status(&server, ADA, &code), 200));
        }
    });
}

#[test]
fn leading_zeros_belong_to_the_code() {
    let server = start(&[]);
    // One in ten has one; that 200 have none happens once in a billion runs.
    let found = (0..200).find_map(|n| {
        let address = format!("user{n}@example.org");
        server.register(&address, PASSWORD);
        let code = server.code(&address);
        code.starts_with('0').then_some((address, code))
    });
    let (address, code) = found.unwrap();
    assert_eq!(code.len(), 6);
    assert_eq!(status(&server, &address, code.trim_start_matches('0')), 400);
    assert_eq!(status(&server, &address, &code), 200);
}

#[test]
fn codes_differ_from_mail_to_mail() {
    let server = start(&[("AUTH_CODE_LENGTH", "12")]);
    let mut codes = BTreeSet::new();
    for n in 0..30 {
        let address = format!("user{n}@example.org");
        server.register(&address, PASSWORD);
        codes.insert(server.code(&address));
    }
    assert_eq!(codes.len(), 30);
    let digits: BTreeSet<char> = codes.iter().flat_map(|code| code.chars()).collect();
    assert_eq!(digits.len(), 10, "360 digits, all ten among them");
}

#[test]
fn length_and_alphabet_are_configured() {
    let server = start(&[("AUTH_CODE_LENGTH", "8"), ("AUTH_CODE_ALPHABET", "crockford")]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    assert_eq!(code.len(), 8);
    assert!(code.chars().all(|c| "0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(c)), "{code}");
    for other in ["1234567", "123456789", "1234567U", "1234-678", "１２３４５６７８"] {
        assert_eq!(server.activate(ADA, PASSWORD, other).problem(), "invalid-request", "{other}");
    }
    let typed = code.to_lowercase().replace('0', "o").replace('1', "l");
    assert_eq!(status(&server, ADA, &typed), 200, "{code} typed as {typed}");
}

#[test]
fn blanks_and_hyphens_of_a_pasted_code_are_taken_off() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    let (left, right) = code.split_at(3);
    for pasted in [
        format!(" {code}"),
        format!("{code}  "),
        format!("{left} {right}"),
        format!("{left}-{right}"),
        format!("{left} - {right}"),
        format!("\u{a0}{left}\u{a0}{right}"),
        code.chars().map(String::from).collect::<Vec<_>>().join("-"),
    ] {
        assert_eq!(status(&server, ADA, &pasted), 200, "{pasted:?}");
    }
}

#[test]
fn keys_of_ones_own_are_used() {
    let server = start(&[(
        "AUTH_CODE_KEYS",
        "k2:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=,k1:YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=",
    )]);
    server.activated(ADA, PASSWORD);
    assert!(!server.log().contains("development key"), "{}", server.log());
}

#[test]
fn codes_in_memory_die_with_the_process_and_a_new_mail_helps() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    let server = server.restart(&[]);
    assert_eq!(status(&server, ADA, &code), 401);
    server.resend(ADA);
    server.pass(61);
    assert_eq!(status(&server, ADA, &server.code(ADA)), 200);
}
