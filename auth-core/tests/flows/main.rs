//! Owns the tests of the flows as hosts see them: effects out, answers in, outcomes at the end.
//!
//! Read `whole.rs` first: one run of each flow, spelled out. `script.rs` plays written-down runs and compares every order; `world/` is a store, a code
//! store and a mailer in memory, for what only shows over several runs; `explore.rs` walks such
//! runs through every order of their effects. `fixture.rs` and `derived.rs` hold the values. The
//! other files are named after what they test.

mod activate;
mod catalogue;
mod deliver;
mod derived;
mod explore;
mod faults;
mod fixture;
mod hidden;
mod interleavings;
mod life_cycle;
mod mail_interval;
mod overtaken;
mod places;
mod raced;
mod redaction;
mod register;
mod replay;
mod resend;
mod retries;
mod rules;
mod script;
mod snapshot;
mod stored;
mod tickets;
mod tries;
mod whole;
mod wire;
mod world;
mod written;
