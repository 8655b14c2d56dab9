//! Measures the machine of a Register flow without I/O, and prints the microseconds of one run.
//!
//!     cargo run --release -p auth-core --example measure
//!
//! `examples/wasmtime-rust` measures the same flow in a component, too.

use std::{hint::black_box, net::Ipv4Addr, time::Instant};

use auth_core::{
    Address, Admission, Client, CodeKey, CodeKeys, Commit, Effect, Estimate, Fault, Found, Hashed, Locale,
    Password, Policy, Register, Rules, Run, Secret, Seed, Time,
};

const ROUNDS: u32 = 20_000;

/// Runs something many times, and returns the microseconds of one: the best of ten tenths.
pub(crate) fn micros(mut once: impl FnMut()) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "it measures")]
    let tenth = |once: &mut dyn FnMut()| {
        let started = Instant::now();
        (0..ROUNDS / 10).for_each(|_| once());
        started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS / 10)
    };
    (0..10).map(|_| tenth(&mut once)).fold(f64::INFINITY, f64::min)
}

/// Runs the flow once.
pub(crate) fn register(rules: &Rules) {
    let password = Password::parse("correct horse battery").expect("the password is valid");
    let register = Register {
        address: Address::parse("ada@example.org").expect("the address is valid"),
        verdict: rules.policy().password.judge(&password, Estimate { score: 4, common: false }),
        client: Client::of(Ipv4Addr::LOCALHOST.into()),
        locale: Locale::parse("en").expect("the language tag is valid"),
    };
    let mut run = Run::start(register, rules);
    while let Some(effect) = run.take() {
        let answered = match effect {
            Effect::Admit(ticket, _) => ticket.answer(Ok(Admission::Admitted)),
            Effect::Random(ticket, _) => ticket.answer(Ok(Seed(Secret::new([7; 32])))),
            Effect::FindAccount(ticket, _) => {
                ticket.answer(Ok(Found { now: Time::from_micros(1 << 50), row: None, waiting: Vec::new() }))
            }
            Effect::HashPassword(ticket, order) => {
                let hash = Secret::new([9; 32]);
                ticket.answer(Ok(Hashed { params: order.params, hash }))
            }
            Effect::CommitAccount(ticket, _) => ticket.answer(Ok(Commit::Committed)),
            Effect::PutCode(ticket, _) => ticket.answer(Err(Fault::NotDone)),
            Effect::RedeemCode(ticket, _) => ticket.answer(Err(Fault::NotDone)),
            Effect::SendMail(ticket, _) => ticket.answer(Err(Fault::NotDone)),
            Effect::SettleMail(ticket, _) => ticket.answer(Err(Fault::NotDone)),
            Effect::FindSession(ticket, _) => ticket.answer(Err(Fault::NotDone)),
            Effect::PutSession(ticket, _) => ticket.answer(Err(Fault::NotDone)),
        };
        run.accept(answered, rules).expect("each order is answered once");
    }
    let ended = run.into_outcome().unwrap_or_else(|run| panic!("{run:?} waits"));
    black_box(ended.expect("nothing fails"));
}

/// Returns the documented policy.
pub(crate) fn rules() -> Rules {
    let keys = CodeKeys::new([CodeKey::new(Secret::new([7; 32]))]).expect("one key is valid");
    Rules::new(Policy::default(), keys).expect("the default policy is valid")
}

#[expect(clippy::print_stdout, reason = "a program prints its result")]
fn main() {
    let rules = rules();
    println!("{:.1}", micros(|| register(&rules)));
}
