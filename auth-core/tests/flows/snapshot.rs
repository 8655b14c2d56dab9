//! Damaged snapshots: any bytes restore to the run that was written, or are rejected.

use std::fmt::Debug;

use auth_core::{
    BadSnapshot, Deliver, Effect, Flow, HashFloor, Kind, Policy, Register, Resend, Rules, Run, wire::Machine,
};

use crate::{
    activate, addresses, administer,
    catalogue::{FLOWS, Visitor, Wired, visit_all},
    deliver,
    fixture::{CODE_KEY, OLD_CODE_KEY, keys, rules, rules_with, scrypt, seconds},
    passwords, register, resend,
    script::Script,
    sessions,
};

/// Restores bytes; if they are accepted, the run must be the one that was written.
fn same_run_or_none<F: Flow>(bytes: &[u8], written: &[u8], rules: &Rules) {
    if let Ok(run) = Run::<F>::restore(bytes, rules) {
        assert_eq!(run.snapshot().expose().as_slice(), written, "{}: damage became another run", F::NAME);
    }
}

/// Of runs that read and decide again a part of the snapshots suffices: they repeat themselves.
const LONGEST: usize = 10;

/// Shortens and extends every snapshot of a script.
struct Cutting;

impl Visitor for Cutting {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq,
    {
        if script.steps.len() > LONGEST {
            return;
        }
        let mut bytes = script.at(script.steps.len()).snapshot().expose().clone();
        for end in 0..bytes.len() {
            let cut = Run::<F>::restore(&bytes[..end], &script.rules);
            assert!(cut.is_err(), "{}: {end} of {} bytes are accepted", F::NAME, bytes.len());
        }
        bytes.push(0);
        let longer = Run::<F>::restore(&bytes, &script.rules).err();
        assert_eq!(longer, Some(BadSnapshot::Mismatch), "{}", F::NAME);
    }
}

#[test]
fn every_truncation_is_a_bad_snapshot() {
    visit_all(&mut Cutting);
}

/// Changes every byte of a run's last snapshot.
struct Corrupting;

impl Visitor for Corrupting {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq,
    {
        if script.steps.len() <= LONGEST {
            corrupt(script, &[0x01]);
        }
    }
}

fn corrupt<F: Flow>(script: &Script<F>, masks: &[u8])
where
    F::Outcome: Clone + Debug + PartialEq,
{
    let bytes = script.at(script.steps.len()).snapshot();
    let bytes = bytes.expose();
    for place in 0..bytes.len() {
        for mask in masks {
            let mut changed = bytes.to_vec();
            changed[place] ^= mask;
            same_run_or_none::<F>(&changed, bytes, &script.rules);
        }
    }
}

#[test]
fn a_changed_byte_never_makes_another_run() {
    visit_all(&mut Corrupting);
}

#[test]
fn every_bit_of_every_byte_is_changed_once_per_flow() {
    let bits: Vec<u8> = (0..8).map(|bit| 1 << bit).collect();
    corrupt(&register::scripts()[0], &bits);
    corrupt(&activate::scripts()[0], &bits);
    corrupt(&deliver::scripts()[0], &bits);
    corrupt(&sessions::logins()[0], &bits);
    corrupt(&sessions::confirmations()[0], &bits);
    // And the shortest one with every value.
    corrupt(&resend::scripts()[0], &(1..=255).collect::<Vec<u8>>());
}

#[test]
fn arbitrary_bytes_are_no_run() {
    const SEED: u64 = 0x5eed_0003;
    println!("seed {SEED:#x}");
    let mut state = SEED;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    for round in 0..4000_usize {
        let mut bytes: Vec<u8> = (0..round % 97).map(|_| next()).collect();
        none(&bytes);
        // The same after a valid head, so that the rest is read at all.
        for (_, name) in FLOWS {
            let mut headed = vec![3, 0, u8::try_from(name.len()).expect("names are short")];
            headed.extend_from_slice(name.as_bytes());
            headed.append(&mut bytes.clone());
            none(&headed);
        }
        bytes.clear();
    }
}

fn none(bytes: &[u8]) {
    assert!(Machine::restore(bytes, &rules()).is_err(), "{bytes:?}");
}

#[test]
fn another_format_or_flow_is_told_apart_from_damage() {
    let written = register::scripts()[0].at(2).snapshot();
    let mut bytes = written.expose().clone();
    assert_eq!(Run::<Resend>::restore(&bytes, &rules()).err(), Some(BadSnapshot::OtherFlow));
    assert_eq!(Run::<Deliver>::restore(&bytes, &rules()).err(), Some(BadSnapshot::OtherFlow));
    bytes[0] += 1;
    assert_eq!(Run::<Register>::restore(&bytes, &rules()).err(), Some(BadSnapshot::Format));
    assert_eq!(Run::<Register>::restore(&[], &rules()).err(), Some(BadSnapshot::Format));
}

fn refused<F: Flow>(script: &Script<F>, answers: usize, rules: &Rules)
where
    F::Outcome: Clone + Debug + PartialEq,
{
    let written = script.at(answers).snapshot();
    let restored = Run::<F>::restore(written.expose(), rules);
    assert_eq!(restored.err(), Some(BadSnapshot::Mismatch), "{} after {answers}", F::NAME);
}

#[test]
fn a_run_is_not_taken_up_under_rules_that_would_have_ordered_otherwise() {
    let (register, activate) = (&register::scripts()[0], &activate::scripts()[0]);
    let costlier = rules_with(|policy| policy.hash = scrypt(18));
    for answers in 3..=5 {
        refused(register, answers, &costlier);
    }
    let unlimited = rules_with(|policy| policy.client_requests_per_minute = None);
    refused(register, 0, &unlimited);
    refused(register, 1, &unlimited);
    let slower = rules_with(|policy| policy.resend_after = seconds(61));
    refused(register, 5, &slower);
    let other_keys = Rules::new(Policy::default(), keys(&[OLD_CODE_KEY])).expect("the policy is valid");
    refused(activate, 4, &other_keys);
    refused(activate, 5, &other_keys);
    let swapped =
        Rules::new(Policy::default(), keys(&[OLD_CODE_KEY, CODE_KEY])).expect("the policy is valid");
    refused(activate, 5, &swapped);
    refused(&deliver::scripts()[0], 3, &swapped);
}

/// Runs that wait, as version 3.0 wrote them; `AUTH_CORE_WRITE_SCRIPTS=1` writes the file if it is missing. It stays
/// for as long as the first byte does: additions of a later minor version get a file of their own.
#[test]
fn what_version_3_0_wrote_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/3.0.txt");
    let now = [
        ("register", register::scripts()[0].at(3).snapshot()),
        ("activate", activate::scripts()[0].at(4).snapshot()),
        ("resend", resend::scripts()[0].at(2).snapshot()),
        ("deliver", deliver::scripts()[0].at(3).snapshot()),
        ("login", sessions::logins()[0].at(6).snapshot()),
        ("authenticate", sessions::authentications()[3].at(1).snapshot()),
        ("confirm", sessions::confirmations()[0].at(4).snapshot()),
        ("logout", sessions::logouts()[0].at(0).snapshot()),
        ("logout_everywhere", sessions::logouts_everywhere()[0].at(4).snapshot()),
        ("forgot_password", passwords::forgotten()[0].at(3).snapshot()),
        ("reset_password", passwords::resets()[0].at(4).snapshot()),
        ("change_password", passwords::changes()[0].at(6).snapshot()),
        ("delete_account", passwords::deletions()[0].at(3).snapshot()),
        ("change_address", addresses::asked()[0].at(6).snapshot()),
        ("confirm_address", addresses::confirmed()[0].at(6).snapshot()),
        ("administer", administer::all()[0].at(2).snapshot()),
        ("import", administer::imports()[0].at(2).snapshot()),
    ];
    if std::env::var_os("AUTH_CORE_WRITE_SCRIPTS").is_some() && !std::path::Path::new(path).exists() {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let lines = now.iter().map(|(name, bytes)| format!("{name} {}\n", hex(bytes.expose())));
        std::fs::write(path, lines.collect::<String>()).expect("the file can be written");
    }
    let written = std::fs::read_to_string(path).expect("the file exists");
    let read: Vec<(&str, Kind)> = written
        .lines()
        .map(|line| {
            let (name, hex) = line.split_once(' ').expect("a name and bytes");
            let byte = |two| u8::from_str_radix(std::str::from_utf8(two).expect("ASCII"), 16).expect("hex");
            let bytes: Vec<u8> = hex.as_bytes().chunks(2).map(byte).collect();
            let mut machine = Machine::restore(&bytes, &rules()).expect("the snapshot is read");
            let order = machine.take().expect("an order waits").order;
            (name, order.kind())
        })
        .collect();
    let expected = [
        ("register", Kind::HashPassword),
        ("activate", Kind::RedeemCode),
        ("resend", Kind::FindAccount),
        ("deliver", Kind::SendMail),
        ("login", Kind::PutSession),
        ("authenticate", Kind::PutSession),
        ("confirm", Kind::HashPassword),
        ("logout", Kind::PutSession),
        ("logout_everywhere", Kind::CommitAccount),
        ("forgot_password", Kind::CommitAccount),
        ("reset_password", Kind::HashPassword),
        ("change_password", Kind::HashPassword),
        ("delete_account", Kind::FindAccount),
        ("change_address", Kind::CommitAccount),
        ("confirm_address", Kind::CommitAccount),
        ("administer", Kind::CommitAccount),
        ("import", Kind::CommitAccount),
    ];
    assert_eq!(read, expected);
}

#[test]
fn what_a_later_minor_version_wrote_is_another_format() {
    let mut bytes = register::scripts()[0].at(2).snapshot().expose().clone();
    bytes[1] += 1;
    assert_eq!(Run::<Register>::restore(&bytes, &rules()).err(), Some(BadSnapshot::Format));
}

/// Threat: somebody restarts a host under a lower floor while a run waits.
#[test]
fn a_run_is_not_taken_up_under_another_floor() {
    let lowered = rules_with(|policy| policy.hash_floor = HashFloor::NONE);
    for answers in 0..=5 {
        refused(&register::scripts()[0], answers, &lowered);
        refused(&activate::scripts()[0], answers, &lowered);
    }
}

#[test]
fn what_was_not_ordered_yet_follows_the_new_rules() {
    let costlier = rules_with(|policy| policy.hash = scrypt(18));
    let script = &register::scripts()[0];
    let mut run = Run::<Register>::restore(script.at(2).snapshot().expose(), &costlier)
        .expect("under both rules it looks for the account now");
    let effect = run.take().expect("the order waits");
    run.accept(script.steps[2].answer(effect), &costlier).expect("the answer matches");
    let Some(Effect::HashPassword(_, order)) = run.take() else { panic!("{run:?} does not hash") };
    assert_eq!(order.params, scrypt(18));
}
