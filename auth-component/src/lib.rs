//! auth-core as a WebAssembly component; `wit/auth-core.wit` is its interface.
//!
//! It translates and decides nothing. On other targets the crate is empty, so that the workspace builds there.

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

mod from_host;
mod to_host;

use alloc::{
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};
use core::cell::RefCell;

use auth_core::{
    CodeKey, CodeKeys, Password, Policy, Secret,
    wire::{BadInput, Machine},
};

mod bindings {
    //! What wit-bindgen makes of the WIT.
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
    // Without libc there are no constructors that could run twice.
    wit_bindgen::generate!({ world: "machine", path: "wit", disable_run_ctors_once_workaround: true });
}

use from_host::{Malformed, malformed};

use bindings::exports::auth_core::machine::flows as wit;

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Nothing here panics except for lack of memory; a host sees a trap.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

struct Component;

bindings::export!(Component with_types_in bindings);

struct Rules(Rc<auth_core::Rules>);

struct Flow {
    rules: Rc<auth_core::Rules>,
    machine: RefCell<Machine>,
}

impl wit::Guest for Component {
    type Rules = Rules;
    type Flow = Flow;

    fn default_policy() -> wit::Policy {
        Policy::default().into()
    }
}

impl wit::GuestRules for Rules {
    fn create(
        policy: wit::Policy,
        floor: wit::HashFloor,
        mut code_keys: Vec<Vec<u8>>,
    ) -> Result<wit::Rules, wit::BadInput> {
        // Collecting them first would make the component larger.
        let mut malformed = Ok(());
        let keys = CodeKeys::new(code_keys.iter_mut().map_while(|key| {
            let key = from_host::secret(key, malformed!("code-keys", "32 bytes"));
            key.map(CodeKey::new).map_err(|bad| malformed = Err(bad)).ok()
        }));
        malformed?;
        let keys = keys.map_err(|_| malformed!("code-keys", "1 to 8 different keys"))?;
        let policy = from_host::policy(policy, floor)?;
        let rules = auth_core::Rules::new(policy, keys).map_err(Malformed::from)?;
        Ok(wit::Rules::new(Self(Rc::new(rules))))
    }

    fn judge(&self, password: String, estimate: wit::Estimate) -> Result<(), wit::PasswordRefusal> {
        let password = Password::parse(Secret::new(password).expose())
            .map_err(|error| wit::PasswordRefusal::Unusable(error.message().to_string()))?;
        let estimate = auth_core::Estimate { score: estimate.score, common: estimate.common };
        let verdict = self.0.policy().password.judge(&password, estimate);
        verdict.weakness().map_or(Ok(()), |weakness| Err(wit::PasswordRefusal::Weak((&weakness).into())))
    }
}

impl wit::GuestFlow for Flow {
    fn start(rules: wit::RulesBorrow<'_>, mut input: wit::Input) -> Result<wit::Flow, wit::BadInput> {
        let rules = Rc::clone(&rules.get::<Rules>().0);
        let input = from_host::input(&mut input, &rules)?;
        let machine = Machine::start(input, &rules).map_err(|error| match error {
            BadInput::Code => from_host::bad_code(),
            BadInput::Version | BadInput::Malformed => malformed!("input", "possible values"),
        })?;
        Ok(wit::Flow::new(Self { rules, machine: RefCell::new(machine) }))
    }

    fn take(&self) -> Option<wit::Ordered> {
        self.machine.borrow_mut().take().map(wit::Ordered::from)
    }

    fn answer(&self, ticket: Vec<u8>, mut answer: wit::Answer) -> Result<(), wit::Refused> {
        let mut machine = self.machine.borrow_mut();
        let Some(response) = from_host::response(&ticket, &mut answer)? else {
            return Err(machine
                .waits_for()
                .map_or(wit::Refused::AlreadyAnswered, |expected| wit::Refused::WrongKind(expected.into())));
        };
        machine.accept(response, &self.rules).map_err(wit::Refused::from)
    }

    fn outcome(&self) -> Option<Result<wit::Outcome, wit::Broken>> {
        let machine = self.machine.borrow();
        let ended = machine.outcome()?;
        Some(ended.as_ref().map(wit::Outcome::from).map_err(|broken| (*broken).into()))
    }

    fn snapshot(&self) -> Vec<u8> {
        self.machine.borrow().snapshot().expose().clone()
    }

    fn restore(rules: wit::RulesBorrow<'_>, snapshot: Vec<u8>) -> Result<wit::Flow, wit::BadSnapshot> {
        let rules = Rc::clone(&rules.get::<Rules>().0);
        let machine =
            Machine::restore(Secret::new(snapshot).expose(), &rules).map_err(wit::BadSnapshot::from)?;
        Ok(wit::Flow::new(Self { rules, machine: RefCell::new(machine) }))
    }
}
