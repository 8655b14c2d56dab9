//! Measures a Register flow in wasmtime beside the same flow natively, with answers that are ready: the
//! machine alone. `cargo run --example measure -- auth-core.wasm` prints the times and their ratio.

use std::{env, fmt, hint::black_box, net::Ipv4Addr, time::Instant};

use auth_core as native;
use wasmtime::{
    Engine, Result, Store,
    component::{Component, Linker, ResourceAny},
    error::Context,
};

mod bindings {
    wasmtime::component::bindgen!({ path: "../../auth-component/wit", world: "machine" });
}

use bindings::{
    Machine,
    exports::auth_core::machine::flows::{
        Admission, Answer, Commit, Effect, Fault, Found, Guest, HashFloor, Hashed, Input, Ordered, Register,
    },
};

const ROUNDS: u32 = 20_000;

/// Runs something many times, and returns microseconds for one: the best of ten tenths.
fn micros(mut once: impl FnMut()) -> f64 {
    let tenth = |once: &mut dyn FnMut()| {
        let started = Instant::now();
        (0..ROUNDS / 10).for_each(|_| once());
        started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS / 10)
    };
    (0..10).map(|_| tenth(&mut once)).fold(f64::INFINITY, f64::min)
}

fn natively(rules: &native::Rules) {
    use native::{Effect, Fault};
    let register = native::Register {
        address: native::Address::parse("ada@example.org").unwrap(),
        password: Ok(()),
        client: native::Client::of(Ipv4Addr::LOCALHOST.into()),
        locale: native::Locale::parse("en").unwrap(),
    };
    let mut run = native::Run::start(register, rules);
    while let Some(effect) = run.take() {
        let answered = match effect {
            Effect::Admit(ticket, _) => ticket.with(Ok(native::Admission::Admitted)),
            Effect::Random(ticket, _) => ticket.with(Ok(native::Seed(native::Secret::new([7; 32])))),
            Effect::FindAccount(ticket, _) => ticket.with(Ok(native::Found {
                now: native::Time::from_micros(1 << 50),
                row: None,
                mail_waits: false,
            })),
            Effect::HashPassword(ticket, order) => {
                let hash = native::Secret::new([9; 32]);
                ticket.with(Ok(native::Hashed { params: order.params, hash }))
            }
            Effect::CommitAccount(ticket, _) => ticket.with(Ok(native::Commit::Committed)),
            Effect::PutCode(ticket, _) => ticket.with(Err(Fault::NotDone)),
            Effect::RedeemCode(ticket, _) => ticket.with(Err(Fault::NotDone)),
            Effect::SendMail(ticket, _) => ticket.with(Err(Fault::NotDone)),
            Effect::SettleMail(ticket, _) => ticket.with(Err(Fault::NotDone)),
        };
        run.accept(answered, rules).unwrap();
    }
    black_box(run.into_outcome().unwrap().unwrap());
}

struct Host {
    store: Store<()>,
    machine: Machine,
    rules: ResourceAny,
    restores: bool,
}

impl Host {
    fn open(engine: &Engine, component: &Component, restores: bool) -> Result<Self> {
        let mut store = Store::new(engine, ());
        let machine = Machine::instantiate(&mut store, component, &Linker::new(engine))?;
        let flows = machine.auth_core_machine_flows();
        let policy = flows.call_default_policy(&mut store)?;
        let rules = flows.rules().call_create(&mut store, &policy, &HashFloor::Owasp, &[vec![7; 32]])?;
        Ok(Self { rules: rules.unwrap(), store, machine, restores })
    }

    fn register(&mut self) -> Result<()> {
        let Self { store, machine, rules, restores } = self;
        let flows: &Guest = machine.auth_core_machine_flows();
        let input = Input::Register(Register {
            address: "ada@example.org".into(),
            password: Ok(()),
            client: vec![127, 0, 0, 1],
            locale: "en".into(),
        });
        let mut flow = flows.flow().call_start(&mut *store, *rules, &input)?.unwrap();
        while let Some(Ordered { ticket, effect }) = flows.flow().call_take(&mut *store, flow)? {
            let answer = match effect {
                Effect::Admit(_) => Answer::Admit(Admission::Admitted),
                Effect::Random => Answer::Random(vec![7; 32]),
                Effect::FindAccount(_) => {
                    Answer::FindAccount(Found { now: 1 << 50, row: None, mail_waits: false })
                }
                Effect::HashPassword(order) => {
                    Answer::HashPassword(Hashed { params: order.params, hash: vec![9; 32] })
                }
                Effect::CommitAccount(_) => Answer::CommitAccount(Commit::Committed),
                _ => Answer::Fault(Fault::NotDone),
            };
            flows.flow().call_answer(&mut *store, flow, &ticket, &answer)?.unwrap();
            if *restores {
                let snapshot = flows.flow().call_snapshot(&mut *store, flow)?;
                flow.resource_drop(&mut *store)?;
                flow = flows.flow().call_restore(&mut *store, *rules, &snapshot)?.unwrap();
            }
        }
        black_box(flows.flow().call_outcome(&mut *store, flow)?.unwrap().unwrap());
        flow.resource_drop(store)
    }
}

struct Row<'a>(&'a str, f64, f64);

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<48} {:>7.1} µs {:>5.1} × native", self.0, self.1, self.1 / self.2)
    }
}

fn main() -> Result<()> {
    let path = env::args().nth(1).context("usage: measure auth-core.wasm")?;
    let keys = native::CodeKeys::new([native::CodeKey::new(native::Secret::new([7; 32]))]).unwrap();
    let rules = native::Rules::new(native::Policy::default(), keys).unwrap();
    let engine = Engine::default();
    let component = Component::from_file(&engine, path)?;

    let native = micros(|| natively(&rules));
    let mut shared = Host::open(&engine, &component, false)?;
    let wasm = micros(|| shared.register().unwrap());
    let mut restoring = Host::open(&engine, &component, true)?;
    let restored = micros(|| restoring.register().unwrap());
    let fresh = micros(|| Host::open(&engine, &component, false).unwrap().register().unwrap());
    println!("one Register flow, its answers ready");
    for row in [
        Row("native", native, native),
        Row("wasmtime, one instance", wasm, native),
        Row("wasmtime, snapshot and restore at every effect", restored, native),
        Row("wasmtime, an instance and rules for each flow", fresh, native),
    ] {
        println!("{row}");
    }
    Ok(())
}
