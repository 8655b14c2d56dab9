//! Broken I/O: every effect of every flow fails here, in both ways.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use auth_core::{Admit, Broken, Disclosure, Fault, Flow, Kind, Run, wire::Order};

use crate::{
    catalogue::{Visitor, Wired, visit_all},
    script::Script,
};

/// The effects that each flow can order, in the order of their first occurrence.
const EFFECTS: [(&str, &[Kind]); 17] = [
    ("register", &[Kind::Admit, Kind::Random, Kind::FindAccount, Kind::HashPassword, Kind::CommitAccount]),
    ("resend", &[Kind::Admit, Kind::Random, Kind::FindAccount, Kind::CommitAccount]),
    (
        "activate",
        &[
            Kind::Admit,
            Kind::Random,
            Kind::FindAccount,
            Kind::HashPassword,
            Kind::RedeemCode,
            Kind::CommitAccount,
        ],
    ),
    ("deliver", &[Kind::FindAccount, Kind::CommitAccount, Kind::PutCode, Kind::SendMail, Kind::SettleMail]),
    (
        "login",
        &[
            Kind::Admit,
            Kind::Random,
            Kind::FindAccount,
            Kind::HashPassword,
            Kind::PutSession,
            Kind::CommitAccount,
        ],
    ),
    ("authenticate", &[Kind::FindSession, Kind::PutSession]),
    ("confirm", &[Kind::Admit, Kind::Random, Kind::FindSession, Kind::HashPassword, Kind::PutSession]),
    ("logout", &[Kind::PutSession]),
    (
        "logout_everywhere",
        &[Kind::Random, Kind::FindSession, Kind::Admit, Kind::FindAccount, Kind::CommitAccount],
    ),
    ("forgot_password", &[Kind::Admit, Kind::Random, Kind::FindAccount, Kind::CommitAccount]),
    (
        "reset_password",
        &[
            Kind::Admit,
            Kind::Random,
            Kind::FindAccount,
            Kind::RedeemCode,
            Kind::HashPassword,
            Kind::CommitAccount,
        ],
    ),
    (
        "change_password",
        &[
            Kind::Admit,
            Kind::Random,
            Kind::FindSession,
            Kind::HashPassword,
            Kind::FindAccount,
            Kind::CommitAccount,
            Kind::PutSession,
        ],
    ),
    (
        "delete_account",
        &[Kind::Admit, Kind::Random, Kind::FindSession, Kind::FindAccount, Kind::CommitAccount],
    ),
    (
        "change_address",
        &[Kind::Admit, Kind::Random, Kind::FindSession, Kind::FindAccount, Kind::CommitAccount],
    ),
    (
        "confirm_address",
        &[
            Kind::Admit,
            Kind::Random,
            Kind::FindSession,
            Kind::RedeemCode,
            Kind::FindAccount,
            Kind::CommitAccount,
            Kind::PutSession,
        ],
    ),
    ("administer", &[Kind::Random, Kind::FindAccount, Kind::CommitAccount]),
    ("import", &[Kind::Random, Kind::FindAccount, Kind::CommitAccount]),
];

/// The flows whose last effect opens a session after what was asked for is done.
const REOPENS: [&str; 2] = ["change_password", "confirm_address"];

/// What is done once a session is open: its failure changes nothing that was asked for.
const AFTERWARDS: [(&str, Kind); 3] =
    [("login", Kind::HashPassword), ("login", Kind::CommitAccount), ("authenticate", Kind::PutSession)];

/// The faults that a flow handles itself, and what it orders next, if anything. The scripts of the flow say exactly
/// how it continues.
const DEALT_WITH: [(&str, Kind, Fault, &[Option<Kind>]); 25] = [
    ("activate", Kind::CommitAccount, Fault::Unknown, &[Some(Kind::FindAccount)]),
    ("logout_everywhere", Kind::CommitAccount, Fault::Unknown, &[Some(Kind::FindAccount)]),
    // A guess that was counted and not compared is given back.
    ("login", Kind::HashPassword, Fault::NotDone, &[Some(Kind::Admit)]),
    ("login", Kind::HashPassword, Fault::Unknown, &[Some(Kind::Admit)]),
    ("confirm", Kind::HashPassword, Fault::NotDone, &[Some(Kind::Admit)]),
    ("confirm", Kind::HashPassword, Fault::Unknown, &[Some(Kind::Admit)]),
    // The new one costs no guess.
    ("change_password", Kind::HashPassword, Fault::NotDone, &[Some(Kind::Admit), None]),
    ("change_password", Kind::HashPassword, Fault::Unknown, &[Some(Kind::Admit), None]),
    // Once more; then the fault is the visitor's.
    ("login", Kind::PutSession, Fault::Unknown, &[Some(Kind::PutSession)]),
    ("confirm", Kind::PutSession, Fault::Unknown, &[Some(Kind::PutSession)]),
    ("reset_password", Kind::CommitAccount, Fault::Unknown, &[Some(Kind::FindAccount)]),
    ("change_password", Kind::CommitAccount, Fault::Unknown, &[Some(Kind::FindAccount)]),
    ("delete_account", Kind::CommitAccount, Fault::Unknown, &[Some(Kind::FindAccount)]),
    ("change_address", Kind::CommitAccount, Fault::Unknown, &[Some(Kind::FindAccount)]),
    ("confirm_address", Kind::CommitAccount, Fault::Unknown, &[Some(Kind::FindAccount)]),
    ("administer", Kind::CommitAccount, Fault::Unknown, &[Some(Kind::FindAccount)]),
    ("import", Kind::CommitAccount, Fault::Unknown, &[Some(Kind::FindAccount)]),
    // The account has moved; the visitor logs in.
    ("confirm_address", Kind::PutSession, Fault::NotDone, &[None]),
    ("confirm_address", Kind::PutSession, Fault::Unknown, &[Some(Kind::PutSession), None]),
    // The password is changed; the visitor logs in.
    ("change_password", Kind::PutSession, Fault::NotDone, &[None]),
    ("change_password", Kind::PutSession, Fault::Unknown, &[Some(Kind::PutSession), None]),
    // Before the mail leaves the code is removed; afterwards nothing can be done.
    ("deliver", Kind::PutCode, Fault::NotDone, &[Some(Kind::PutCode), Some(Kind::SettleMail)]),
    ("deliver", Kind::PutCode, Fault::Unknown, &[Some(Kind::PutCode), Some(Kind::SettleMail)]),
    // A notice has no code to remove.
    ("deliver", Kind::SendMail, Fault::NotDone, &[Some(Kind::PutCode), Some(Kind::SettleMail)]),
    ("deliver", Kind::SendMail, Fault::Unknown, &[Some(Kind::SettleMail)]),
];

type Tested = BTreeSet<(&'static str, &'static str, &'static str)>;

/// Fails every effect of every script, and records which ones.
#[derive(Default)]
struct Failing {
    tested: Tested,
    first_seen: BTreeMap<&'static str, Vec<Kind>>,
}

impl Visitor for Failing {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq,
    {
        for n in script.places() {
            let step = &script.steps[n];
            let kind = step.kind();
            let seen = self.first_seen.entry(F::NAME).or_default();
            if !seen.contains(&kind) {
                seen.push(kind);
            }
            for fault in [Fault::NotDone, Fault::Unknown] {
                let run = script.go(script.at(n), &[step.failing(fault)]);
                if matches!(step.order(), Order::Admit(Admit { give_back: true, .. })) {
                    let well = script.go(script.at(n), std::slice::from_ref(step));
                    assert_eq!(run.waits_for(), well.waits_for(), "{}: the next effect is the same", F::NAME);
                } else {
                    let opened = script.steps[..n].iter().any(|step| step.kind() == Kind::PutSession);
                    fails_as_expected(run, script, kind, fault, opened || F::NAME == "authenticate");
                }
                self.tested.insert((F::NAME, kind.name(), name(fault)));
            }
        }
    }
}

fn fails_as_expected<F: Flow>(run: Run<F>, script: &Script<F>, kind: Kind, fault: Fault, opened: bool)
where
    F::Outcome: Clone + Debug + PartialEq,
{
    let dealt_with = DEALT_WITH.iter().find(|(flow, k, f, _)| (*flow, *k, *f) == (F::NAME, kind, fault));
    let counted = script.rules.policy().disclosure == Disclosure::Explicit
        && F::NAME == "activate"
        && kind == Kind::HashPassword;
    if opened && AFTERWARDS.contains(&(F::NAME, kind)) {
        let ended = run.into_outcome().expect("nothing follows");
        assert_eq!(ended, script.ended, "{}: {kind:?} failed as {fault:?}", F::NAME);
    } else if counted {
        assert_eq!(run.waits_for(), Some(Kind::Admit), "a guess that was counted is given back");
    } else if let Some((.., next)) = dealt_with.filter(|_| !opened || REOPENS.contains(&F::NAME)) {
        assert!(next.contains(&run.waits_for()), "{}: {kind:?} failed as {fault:?}: {run:?}", F::NAME);
    } else {
        let ended = run.into_outcome().expect("an unhandled fault ends the run");
        assert_eq!(ended, Err(Broken { kind, fault }), "{}", F::NAME);
    }
}

const fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::NotDone => "not done",
        Fault::Unknown => "unknown",
    }
}

fn failed() -> Failing {
    let mut failing = Failing::default();
    visit_all(&mut failing);
    failing
}

#[test]
fn every_effect_of_every_flow_fails_as_not_done_and_as_unknown() {
    let expected: Tested = EFFECTS
        .iter()
        .flat_map(|(flow, kinds)| kinds.iter().map(move |kind| (*flow, kind.name())))
        .flat_map(|(flow, kind)| [(flow, kind, "not done"), (flow, kind, "unknown")])
        .collect();
    assert_eq!(failed().tested, expected);
}

#[test]
fn the_scripts_order_every_effect_there_is() {
    let seen = failed().first_seen;
    for (flow, kinds) in EFFECTS {
        assert_eq!(seen[flow], kinds, "{flow}");
    }
    for kind in Kind::ALL {
        assert!(EFFECTS.iter().any(|(_, kinds)| kinds.contains(kind)), "no flow orders {kind:?}");
    }
}
