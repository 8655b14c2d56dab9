//! The exploration of every order in which several runs can carry out their effects.
//!
//! Effects that touch no store commute with everything, so runs alternate only at the others. States that were seen
//! before are not explored again.

use std::{collections::HashSet, rc::Rc};

use auth_core::{Class, Ended, Flow, Kind, Run};
use sha2::{Digest, Sha256};

use crate::world::{Extra, Going, How, World, password};

/// A participant in an exploration, with one run.
pub(crate) trait Player {
    /// Returns the ways in which it can continue; none once it has ended, or before it can begin.
    fn moves(&self, world: &World) -> Vec<How>;
    fn play(&mut self, world: &mut World, how: How);
    fn fingerprint(&self) -> Vec<u8>;
    fn boxed(&self) -> Box<dyn Player>;
    /// Returns its result, if it has ended.
    fn disclosed(&self) -> Option<String>;
}

/// Returns the flow of a run, or `None` while it cannot begin.
pub(crate) type Begin<F> = Rc<dyn Fn(&mut World) -> Option<F>>;
type Tell<F> = fn(&Ended<F>) -> String;

pub(crate) struct Single<F: Flow> {
    begin: Begin<F>,
    tell: Tell<F>,
    extra: Extra,
    going: Option<Going<F>>,
    /// The effect whose answer may be lost, once.
    fragile: Option<Kind>,
    /// Whether all its effects are carried out as one.
    atomic: bool,
}

impl<F: Flow + 'static> Single<F>
where
    F::Outcome: Clone,
{
    /// Makes a run with a seed of its own, so that it draws the same whatever came before.
    pub(crate) fn new(seed: u8, text: Option<&str>, tell: Tell<F>, begin: Begin<F>) -> Self {
        let extra = Extra { password: text.map(password), seed: [seed; 32] };
        Self { begin, tell, extra, going: None, fragile: None, atomic: false }
    }

    pub(crate) fn fragile(self, kind: Kind) -> Self {
        Self { fragile: Some(kind), ..self }
    }

    pub(crate) fn atomic(self) -> Self {
        Self { atomic: true, ..self }
    }

    fn waits_for(&self) -> Option<Kind> {
        self.going.as_ref().and_then(|going| going.run.waits_for())
    }

    /// Carries out the effects that touch no store; nobody is limited here, so admission is one of them.
    fn hurry(&mut self, world: &mut World) {
        let touches_none = |kind: Kind| kind.class() == Class::Pure || kind == Kind::Admit;
        while self.waits_for().is_some_and(|kind| self.atomic || touches_none(kind)) {
            self.step(world, How::Well);
        }
    }

    fn step(&mut self, world: &mut World, how: How) {
        let going = self.going.as_mut().expect("the run has begun");
        assert!(going.step(world, how), "no host dies here");
    }
}

impl<F: Flow + 'static> Player for Single<F>
where
    F::Outcome: Clone,
{
    fn moves(&self, world: &World) -> Vec<How> {
        match (&self.going, self.waits_for()) {
            (None, _) if (self.begin)(&mut world.clone()).is_some() => vec![How::Well],
            (None, _) | (Some(_), None) => Vec::new(),
            (Some(_), Some(kind)) if self.fragile == Some(kind) => {
                vec![How::Well, How::LostAfter, How::LostBefore]
            }
            (Some(_), Some(_)) => vec![How::Well],
        }
    }

    fn play(&mut self, world: &mut World, how: How) {
        if self.going.is_none() {
            let flow = (self.begin)(world).expect("the run can begin");
            self.going = Some(Going { run: Run::start(flow, &world.rules), extra: self.extra.clone() });
        } else {
            if how != How::Well {
                self.fragile = None;
            }
            self.step(world, how);
        }
        self.hurry(world);
    }

    fn fingerprint(&self) -> Vec<u8> {
        let run = self.going.as_ref().map(|going| going.run.snapshot().expose().clone());
        let fragile = self.fragile.map(Kind::name);
        postcard::to_allocvec(&(run, fragile)).expect("memory suffices")
    }

    fn boxed(&self) -> Box<dyn Player> {
        let (begin, extra, going) = (Rc::clone(&self.begin), self.extra.clone(), self.going.clone());
        Box::new(Self { begin, extra, going, ..*self })
    }

    fn disclosed(&self) -> Option<String> {
        self.going.clone()?.run.into_outcome().ok().as_ref().map(self.tell)
    }
}

/// The world and all players.
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) players: Vec<Box<dyn Player>>,
}

impl State {
    fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new().chain_update(self.world.fingerprint());
        for player in &self.players {
            digest.update(Sha256::digest(player.fingerprint()));
        }
        digest.finalize().into()
    }

    fn after(&self, player: usize, how: How) -> Self {
        let mut next =
            Self { world: self.world.clone(), players: self.players.iter().map(|p| p.boxed()).collect() };
        next.players[player].play(&mut next.world, how);
        next
    }

    /// Returns the result of each player.
    pub(crate) fn disclosed(&self) -> Vec<Option<String>> {
        self.players.iter().map(|player| player.disclosed()).collect()
    }
}

/// Visits every state in which nobody can continue; returns the number of all states.
pub(crate) fn explore(start: State, mut at_the_end: impl FnMut(&State)) -> usize {
    let mut seen = HashSet::from([start.fingerprint()]);
    let mut open = vec![start];
    while let Some(state) = open.pop() {
        let moves: Vec<(usize, How)> = (0..state.players.len())
            .flat_map(|player| {
                state.players[player].moves(&state.world).into_iter().map(move |how| (player, how))
            })
            .collect();
        if moves.is_empty() {
            at_the_end(&state);
        }
        for (player, how) in moves {
            let next = state.after(player, how);
            if seen.insert(next.fingerprint()) {
                open.push(next);
            }
        }
    }
    seen.len()
}
