//! The flows as hosts see them: effects out, answers in, outcomes at the end.
//!
//! Read `whole.rs` first: one run of each flow, spelled out. `script.rs` plays scripts and compares every order; `world/` is a store, a code store and a mailer in memory, for
//! behaviour over several runs; `explore.rs` takes such runs through every order of their effects. `fixture.rs` and
//! `derived.rs` contain the values. The other files are named after what they test.

mod activate;
mod addresses;
mod administer;
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
mod memory_stores;
mod overtaken;
mod passwords;
mod places;
mod raced;
mod redaction;
mod register;
mod replay;
mod resend;
mod retries;
mod rules;
mod script;
mod sessions;
mod snapshot;
mod stored;
mod tickets;
mod tries;
mod whole;
mod wire;
mod world;
mod written;
