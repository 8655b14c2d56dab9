//! The replay of every script of auth-core/scripts: bytes in, the same bytes out.

use auth_core::{
    CodeKey, CodeKeys, Policy, Rules, Secret,
    wire::{Machine, Refusal},
};
use postcard::take_from_bytes;

use crate::heap;

pub(crate) static SCRIPTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/scripts.bin"));

/// The result of the replay.
pub(crate) struct Replayed {
    pub(crate) scripts: u32,
    /// The most heap that one flow took, and the name of its script.
    pub(crate) most: (usize, &'static str),
}

struct Reader(&'static [u8]);

/// Panics without what `Debug` says of the error: formatting that would add 7 kB to the core's size.
fn must<T, E>(result: Result<T, E>, what: &str) -> T {
    result.unwrap_or_else(|_| panic!("not so: {what}"))
}

impl Reader {
    fn next<T: serde::Deserialize<'static>>(&mut self) -> T {
        let (value, rest) = must(take_from_bytes(self.0), "build.rs has written the value");
        self.0 = rest;
        value
    }
}

/// Replays all scripts; panics if this machine differs from the one that wrote them.
pub(crate) fn all() -> Replayed {
    let (mut reader, mut replayed) = (Reader(SCRIPTS), Replayed { scripts: 0, most: (0, "") });
    while !reader.0.is_empty() {
        let name: &str = reader.next();
        let policy: Policy = reader.next();
        let keys = [(); 2].map(|()| {
            let key: &[u8] = reader.next();
            CodeKey::new(Secret::new(must(key.try_into(), "a key has 32 bytes")))
        });
        let keys = must(CodeKeys::new(keys), "the keys differ");
        let rules = must(Rules::new(policy, keys), "the policy is valid");
        let start = reader.0;
        let (heap, ()) = heap::most_during(|| one(&mut Reader(start), &rules, false));
        one(&mut reader, &rules, true);
        replayed.scripts += 1;
        replayed.most = replayed.most.max((heap, name));
    }
    replayed
}

fn one(script: &mut Reader, rules: &Rules, restores: bool) {
    let mut machine = must(Machine::start_from_bytes(script.next(), rules), "the input is valid");
    for _ in 0..script.next::<u32>() {
        assert!(machine.outcome().is_none());
        if restores {
            let snapshot = machine.snapshot();
            machine = must(Machine::restore(snapshot.expose(), rules), "the snapshot is valid");
        }
        let order: &[u8] = script.next();
        assert!(*machine.take_bytes().expect("an order waits").expose() == order, "the order is the same");
        let answer = script.next();
        must(machine.accept_bytes(answer, rules), "it fits");
        if restores {
            let before = machine.snapshot();
            assert!(matches!(machine.accept_bytes(answer, rules), Err(Refusal::Unfit(_))));
            assert!(machine.snapshot() == before, "a refused answer changes nothing");
        }
    }
    assert!(machine.take().is_none());
    let outcome: &[u8] = script.next();
    let ended = machine.outcome_bytes().expect("the run has ended");
    assert!(*ended.expose() == outcome, "the outcome is the same");
    let snapshot: &[u8] = script.next();
    assert!(*machine.snapshot().expose() == snapshot, "the snapshot is the same");
}
