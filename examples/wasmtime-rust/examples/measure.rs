//! Measures the machine of a Register flow without I/O, in wasmtime and natively. `cargo run --example measure --
//! auth-core.wasm` prints the times and their ratio.
//!
//! A second argument is the result of `auth-core/examples/measure.rs` in a build that computes SHA-256 in software.
//! Then it prints the ratio to that as well: WebAssembly has no instructions for SHA-256, processors do.

use std::{env, fmt, hint::black_box};

use native::micros;
use wasmtime::{
    Engine, Result, Store,
    component::{Component, Linker, ResourceAny},
    error::Context,
};

/// The same flow natively.
#[expect(dead_code, reason = "its main is not called here")]
#[path = "../../../auth-core/examples/measure.rs"]
mod native;

mod bindings {
    wasmtime::component::bindgen!({ path: "../../auth-component/wit", world: "machine" });
}

use bindings::{
    Machine,
    exports::auth_core::machine::flows::{
        Admission, Answer, Commit, Effect, Fault, Found, Guest, HashFloor, Hashed, Input, Ordered, Register,
    },
};

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
            verdict: Ok(()),
            client: vec![127, 0, 0, 1],
            locale: "en".into(),
        });
        let mut flow = flows.flow().call_start(&mut *store, *rules, &input)?.unwrap();
        while let Some(Ordered { ticket, effect }) = flows.flow().call_take(&mut *store, flow)? {
            let answer = match effect {
                Effect::Admit(_) => Answer::Admit(Admission::Admitted),
                Effect::Random => Answer::Random(vec![7; 32]),
                Effect::FindAccount(_) => {
                    Answer::FindAccount(Found { now: 1 << 50, row: None, waiting: Vec::new() })
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

struct Row<'a>(&'a str, f64, f64, Option<f64>);

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<48} {:>7.1} µs {:>5.1} × native", self.0, self.1, self.1 / self.2)?;
        self.3.map_or(Ok(()), |software| write!(f, " {:>5.1} × in software", self.1 / software))
    }
}

fn main() -> Result<()> {
    let path = env::args().nth(1).context("usage: measure auth-core.wasm [MICROSECONDS]")?;
    let software: Option<f64> = env::args().nth(2).map(|micros| micros.parse()).transpose()?;
    let engine = Engine::default();
    let component = Component::from_file(&engine, path)?;

    let rules = native::rules();
    let native = micros(|| native::register(&rules));
    let mut shared = Host::open(&engine, &component, false)?;
    let wasm = micros(|| shared.register().unwrap());
    let mut restoring = Host::open(&engine, &component, true)?;
    let restored = micros(|| restoring.register().unwrap());
    let fresh = micros(|| Host::open(&engine, &component, false).unwrap().register().unwrap());
    println!("one Register flow without I/O");
    for (what, micros) in [
        Some(("native", native)),
        software.map(|software| ("native, SHA-256 in software", software)),
        Some(("wasmtime, one instance", wasm)),
        Some(("wasmtime, snapshot and restore at every effect", restored)),
        Some(("wasmtime, an instance and rules for each flow", fresh)),
    ]
    .into_iter()
    .flatten()
    {
        println!("{}", Row(what, micros, native, software));
    }
    Ok(())
}
