//! Secrets and personal data are not in `Debug` output, wherever a host may print it.

use std::fmt::{Debug, Write};

use auth_core::Secret;

use crate::{
    catalogue::{Visitor, Wired, visit_all},
    derived,
    fixture::{CODE_KEY, HASH, OTHER_HASH, SEED, generation, key, mail_id, rules},
    script::Script,
};

/// Prints every run, effect, answer and snapshot of a script, as a careless host would.
#[derive(Default)]
struct Printing(String);

impl Visitor for Printing {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq,
    {
        let end = script.at(script.steps.len());
        for n in script.places() {
            let mut run = script.at(n);
            let effect = run.take().expect("the order waits");
            let answered = format!("{effect:?}");
            let answer = script.steps[n].answer(effect);
            write!(self.0, "{run:?} {answered} {answer:?} {:?}", run.snapshot()).expect("memory suffices");
            let mut ended = end.clone();
            let refused = ended.accept(answer, &script.rules).expect_err("the run has ended");
            write!(self.0, "{refused:?} {:?} {:?}", ended, ended.clone().into_outcome())
                .expect("memory suffices");
        }
    }
}

fn printed() -> String {
    let mut printing = Printing::default();
    visit_all(&mut printing);
    assert!(printing.0.contains("[secret]"), "the secrets were printed at all");
    printing.0
}

#[test]
fn no_debug_shows_a_hash_a_seed_or_a_code() {
    let printed = printed();
    for secret in [HASH, OTHER_HASH, SEED] {
        // Salts and generations of the scripts repeat one byte too, but 16 times.
        let bytes = format!("{secret:?}");
        let bytes = bytes.trim_matches(['[', ']']);
        assert!(!printed.contains(bytes), "{bytes} is shown");
    }
    let slot = derived::slot(&key(), generation(1));
    let drawn = derived::code(CODE_KEY, slot, mail_id(9), rules().policy().code);
    assert!(!printed.contains(drawn.expose()), "a code is shown");
    assert!(!printed.contains("314159"), "a typed code is shown");
}

#[test]
fn no_debug_shows_an_address() {
    let printed = printed().to_ascii_lowercase();
    let shown = printed.find("ada@").map(|at| &printed[at.saturating_sub(120)..at + 20]);
    assert_eq!(shown, None, "an address is shown");
}

#[test]
fn no_debug_shows_rules_keys_passwords_or_whatever_is_wrapped() {
    let password = auth_core::Password::parse("canary-7731").expect("the password is valid");
    let wrapped = Secret::new(String::from("canary-7731"));
    let text = format!("{password:?} {wrapped:?} {:?}", rules());
    assert!(!text.contains("canary"), "{text}");
    assert!(!text.contains("17, 17, 17"), "a code key is shown: {text}");
}
