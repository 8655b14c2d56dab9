//! Refusals of hash costs, of scrypt and of Argon2id: too weak for the released program, too big for any.

use auth_tests::Program;

fn refused(program: &Program) {
    let said = program.refusal(&[]);
    for told in ["refused to start", "OWASP", "2^17,8,1", "1 GiB"] {
        assert!(said.contains(told), "{told} is not in {said}");
    }
}

#[test]
fn weak_hashes_are_refused() {
    for weak in
        ["16,8,1", "17,7,1", "17,1,8", "15,8,2", "14,8,4", "13,8,9", "12,8,40", "10,8,1", "4,8,1", "1,1,1"]
    {
        let program = Program::plain(&[("AUTH_SCRYPT", weak)]);
        refused(&program);
        let said = program.refusal(&[]);
        let n = weak.split(',').next().unwrap();
        assert!(said.contains(&format!("N=2^{n}, ")), "it says which: {said}");
    }
}

#[test]
fn settings_that_owasp_lists_are_served() {
    for good in ["17,8,1", "16,8,2", "15,8,3", "14,8,5", "13,8,10", "18,8,1", "20,8,1"] {
        let ran = Program::plain(&[("AUTH_SCRYPT", good)]).run(&["--print-config"]);
        assert_eq!(ran.status, 0, "{good}: {ran:?}");
    }
}

#[test]
fn hashes_above_the_ceiling_are_refused_whatever_the_profile() {
    for huge in
        ["21,8,1", "20,8,3", "20,16,1", "31,8,1", "63,8,1", "255,255,255", "0,8,1", "17,0,1", "17,8,0"]
    {
        for profile in ["standard", "seed-compat"] {
            refused(&Program::plain(&[("AUTH_SCRYPT", huge), ("AUTH_PROFILE", profile)]));
        }
        refused(&Program::hooks(&[("AUTH_SCRYPT", huge)]));
    }
}

#[test]
fn weak_hashes_are_for_test_builds_and_seed_compat_alone() {
    let weak = ("AUTH_SCRYPT", "4,8,1");
    refused(&Program::plain(&[weak, ("AUTH_PASSWORD_MIN_LENGTH", "15"), ("AUTH_DISCLOSURE", "explicit")]));
    assert_eq!(Program::plain(&[weak, ("AUTH_PROFILE", "seed-compat")]).run(&["--print-config"]).status, 0);
    assert_eq!(Program::hooks(&[weak]).run(&["--print-config"]).status, 0);
}

#[test]
fn start_tells_how_much_memory_hashing_takes() {
    let program = Program::plain(&[("AUTH_HASH_WORKERS", "3"), ("AUTH_SCRYPT", "16,8,2")]);
    let mut server = program.serve(&[]);
    server.terminate();
    let log = server.whole_log();
    assert!(log.contains("192 MiB: 3 at once, 64 MiB each"), "{log}");
}

#[test]
fn argon2id_hashes_in_place_of_scrypt_where_it_is_set() {
    for good in ["19456,2,1", "47104,1,1", "12288,3,1", "9216,4,1", "7168,5,1", "65536,3,4"] {
        let ran = Program::plain(&[("AUTH_ARGON2ID", good)]).run(&["--print-config"]);
        assert_eq!(ran.status, 0, "{good}: {ran:?}");
    }
    for weak in ["19455,2,1", "47103,1,1", "7167,50,1", "8,1,1"] {
        let program = Program::plain(&[("AUTH_ARGON2ID", weak)]);
        refused(&program);
        let said = program.refusal(&[]);
        assert!(said.contains("AUTH_ARGON2ID") && said.contains("19456,2,1"), "{said}");
    }
    for huge in
        ["2097152,1,1", "1048576,5,1", "4294967295,4294967295,255", "19456,0,1", "19456,2,0", "15,2,2"]
    {
        refused(&Program::hooks(&[("AUTH_ARGON2ID", huge)]));
    }
    let program = Program::plain(&[("AUTH_HASH_WORKERS", "3"), ("AUTH_ARGON2ID", "65536,1,1")]);
    let mut server = program.serve(&[]);
    server.terminate();
    let log = server.whole_log();
    assert!(log.contains("192 MiB: 3 at once, 64 MiB each"), "{log}");
}
