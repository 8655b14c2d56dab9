//! The encoding for other languages: every script as bytes, answers that do not match, and arbitrary bytes.

use std::fmt::Debug;

use auth_core::{
    Activate, Broken, Fault, Kind, Resend, Rules, WhyRefused,
    wire::{BadInput, Input, Machine, Refusal, Reply, Response, Ticket, VERSION},
};

use crate::{
    catalogue::{Visitor, Wired, visit_all},
    fixture::{address, client, rules},
    register,
    script::{Script, Step},
};

fn respond(ticket: Ticket, step: &Step) -> Response {
    Response { ticket, answer: step.reply() }
}

/// Plays a script as bytes, with a restore at every effect.
struct Playing(usize);

impl Visitor for Playing {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq,
    {
        let (rules, places) = (&script.rules, script.places());
        let input = script.flow.clone().input().to_bytes();
        let mut machine = Machine::start_from_bytes(input.expose(), rules).expect("the input is valid");
        for (place, step) in script.steps.iter().enumerate() {
            assert_eq!(machine.outcome(), None);
            if places.contains(&place) {
                assert_eq!(machine.snapshot(), script.at(place).snapshot(), "the same run as a typed host's");
            }
            machine = Machine::restore(machine.snapshot().expose(), rules).expect("the snapshot is valid");
            let ordered = machine.take().expect("an order waits");
            assert_eq!(*ordered.order, step.order());
            assert!(machine.take_bytes().is_none(), "an order is taken once");
            let response = respond(ordered.ticket, step).to_bytes();
            machine.accept_bytes(response.expose(), rules).expect("the answer matches");
        }
        assert!(machine.take().is_none());
        assert_eq!(machine.outcome(), Some(&script.ended.clone().map(F::output)));
        self.0 += 1;
    }
}

#[test]
fn every_script_is_the_same_over_the_wire() {
    let mut playing = Playing(0);
    visit_all(&mut playing);
    assert!(playing.0 >= 100, "only {} scripts", playing.0);
}

/// Gives each answer to the run at all other places, and one of each other kind to its own place.
struct Misplaced;

impl Visitor for Misplaced {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq,
    {
        if script.steps.len() > 10 {
            return;
        }
        let machines = machines(script);
        for (place, (ticket, step)) in machines.iter().zip(&script.steps).map(|(m, s)| (m.1, s)).enumerate() {
            let ticket = ticket.expect("an order waited here");
            for (elsewhere, (machine, _)) in machines.iter().enumerate() {
                let response = respond(ticket, step);
                let expected = match place {
                    _ if place == elsewhere => continue,
                    _ if place < elsewhere => WhyRefused::AlreadyAnswered,
                    _ => WhyRefused::NeverIssued,
                };
                refused(machine, response, &script.rules, expected);
            }
            for other in script.steps.iter().filter(|other| other.kind() != step.kind()) {
                if other.reply().is_ok() {
                    let expected = WhyRefused::WrongKind { expected: step.kind() };
                    refused(&machines[place].0, respond(ticket, other), &script.rules, expected);
                }
            }
        }
    }
}

/// Returns the run before each of its orders and at its end, with the ticket of that order.
fn machines<F: Wired>(script: &Script<F>) -> Vec<(Machine, Option<Ticket>)> {
    let mut machine = Machine::start(script.flow.clone().input(), &script.rules).expect("the input is valid");
    let mut all = Vec::new();
    for step in &script.steps {
        let before = machine.clone();
        let ticket = machine.take().expect("an order waits").ticket;
        all.push((before, Some(ticket)));
        machine.accept(respond(ticket, step), &script.rules).expect("the answer matches");
    }
    all.push((machine, None));
    all
}

fn refused(machine: &Machine, response: Response, rules: &Rules, expected: WhyRefused) {
    let mut tried = machine.clone();
    let bytes = response.to_bytes();
    assert_eq!(tried.accept_bytes(bytes.expose(), rules), Err(Refusal::Unfit(expected)));
    assert_eq!(tried.snapshot(), machine.snapshot(), "a refused answer changes nothing");
    assert_eq!(tried.take(), machine.clone().take(), "the order still waits to be taken");
}

#[test]
fn an_answer_fits_its_own_order_alone() {
    visit_all(&mut Misplaced);
}

#[test]
fn another_runs_answer_is_refused() {
    let mut own = register_run("ada@example.org");
    let mut other = register_run("bob@example.org");
    let admitted =
        |ticket| Response { ticket, answer: Ok(Reply::Admit(auth_core::Admission::Admitted.into())) };
    let ticket = own.take().expect("it waits").ticket;
    refused(&other, admitted(ticket), &rules(), WhyRefused::OtherRun);
    let fault = Response { ticket, answer: Err(Fault::Unknown) };
    refused(&other, fault, &rules(), WhyRefused::OtherRun);
    let ticket = other.take().expect("it waits").ticket;
    other.accept(admitted(ticket), &rules()).expect("the answer matches its own run");
}

fn register_run(text: &str) -> Machine {
    let address = auth_core::Address::parse(text).expect("the address is valid");
    Machine::start(Input::Resend(Resend { address, client: client() }), &rules()).expect("the input is valid")
}

#[test]
fn an_ended_run_takes_no_fault() {
    let mut run = register_run("ada@example.org");
    let ticket = run.take().expect("it waits").ticket;
    let fault = || Response { ticket, answer: Err(Fault::NotDone) };
    run.accept(fault(), &rules()).expect("it fits");
    assert_eq!(run.outcome(), Some(&Err(Broken { kind: Kind::Admit, fault: Fault::NotDone })));
    refused(&run, fault(), &rules(), WhyRefused::AlreadyAnswered);
}

#[test]
fn a_hash_by_another_function_is_refused() {
    let script = &register::scripts()[0];
    let place = script.steps.iter().position(|step| step.kind() == Kind::HashPassword).expect("it hashes");
    let (machine, ticket) = machines(script).swap_remove(place);
    let Step::HashPassword(order, Ok(hashed)) = &script.steps[place] else { panic!("it hashes") };
    let params = auth_core::Hashing::Pbkdf2 { iterations: 600_000 };
    let answer = Ok(Reply::HashPassword(auth_core::Hashed { params, ..hashed.clone() }.into()));
    let response = Response { ticket: ticket.expect("it waits"), answer };
    refused(&machine, response, &script.rules, WhyRefused::OtherHashing { expected: order.params });
}

#[test]
fn what_is_typed_for_a_code_must_be_one() {
    let mut bytes = Input::Activate(Activate {
        address: address(),
        code: rules().policy().code.parse("123456").expect("the code is valid"),
        client: client(),
    })
    .to_bytes()
    .expose()
    .clone();
    assert!(Machine::start_from_bytes(&bytes, &rules()).is_ok());
    let digit = bytes.iter().position(|byte| *byte == b'4').expect("the code is there");
    bytes[digit] = b'x';
    assert_eq!(Machine::start_from_bytes(&bytes, &rules()).err(), Some(BadInput::Code));
}

#[test]
fn bytes_of_another_version_are_distinguished_from_damage() {
    let mut bytes =
        Input::Resend(Resend { address: address(), client: client() }).to_bytes().expose().clone();
    bytes[0] = VERSION + 1;
    assert_eq!(Machine::start_from_bytes(&bytes, &rules()).err(), Some(BadInput::Version));
    assert_eq!(Machine::start_from_bytes(&[], &rules()).err(), Some(BadInput::Version));
    bytes[0] = VERSION;
    bytes.push(0);
    assert_eq!(Machine::start_from_bytes(&bytes, &rules()).err(), Some(BadInput::Malformed));
}

/// Any bytes are refused or accepted, without a panic, and a refusal changes nothing.
#[test]
fn arbitrary_bytes_are_refused_or_accepted() {
    const SEED: u64 = 0x5eed_0005;
    println!("seed {SEED:#x}");
    let mut state = SEED;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    let script = &register::scripts()[0];
    let machines = machines(script);
    for round in 0..20_000_usize {
        let (machine, ticket) = &machines[round % (machines.len() - 1)];
        let step = &script.steps[round % (machines.len() - 1)];
        // Every other time a valid response with a few bytes changed.
        let mut bytes: Vec<u8> = if round % 2 == 0 {
            (0..round % 97).map(|_| next()).collect()
        } else {
            let mut right = respond(ticket.expect("it waits"), step).to_bytes().expose().clone();
            for _ in 0..1 + round % 3 {
                let place = (usize::from(next()) << 8 | usize::from(next())) % right.len();
                right[place] = next();
            }
            right
        };
        let mut tried = machine.clone();
        if tried.accept_bytes(&bytes, &script.rules).is_err() {
            assert_eq!(tried.snapshot(), machine.snapshot(), "{bytes:?}");
        }
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        let _ = Machine::start_from_bytes(&bytes, &script.rules);
        let _ = Machine::restore(&bytes, &script.rules);
    }
}
