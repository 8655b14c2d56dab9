//! The effects: what a flow can order from its host, and what the host replies.
//!
//! Every order has exactly one reply type, a [`Class`] that says what the host may do with it, and a [`Ticket`] to
//! answer it with. Refusals of the domain are replies; only broken I/O is a [`Fault`]. A new effect is a line in the
//! table below: no host compiles until it handles it.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use crate::{
    order::{
        Admission, Admit, CodeStored, Commit, CommitAccount, FindAccount, FindSession, Found, FoundSession,
        HashPassword, Hashed, PutCode, PutSession, Random, RedeemCode, Redemption, Seed, SendMail, Sending,
        SessionStored, SettleMail, Settled,
    },
    run::Ticket,
};

/// What a host may do with an order that takes too long or fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// No state is touched: drop it or repeat it.
    Pure,
    /// State is read: drop it or repeat it.
    Read,
    /// State may change: finish it even if nobody waits for it; never repeat it.
    Write,
}

/// A failure of I/O. It ends the run unless the flow can find out whether the write happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing happened.
    NotDone,
    /// A write may have happened.
    Unknown,
}

/// A host's answer to an order: the reply, or a fault.
pub type Answer<O> = Result<<O as Op>::Reply, Fault>;

pub(crate) mod sealed {
    use super::{Order, Reply};

    pub trait Sealed: Sized {
        type Replied;
        fn order(self) -> Order;
        fn reply(replied: Self::Replied) -> Reply;
        fn replied(reply: &Reply) -> Option<&Self::Replied>;
    }
}

/// An order that a flow can give. Sealed: define new effects here.
pub trait Op: sealed::Sealed<Replied = <Self as Op>::Reply> {
    /// The reply to it.
    type Reply: Clone + Send + 'static;
    /// Its kind.
    const KIND: Kind;
    /// What the host may do with it.
    const CLASS: Class;
}

macro_rules! effects {
    ($($(#[$doc:meta])+ $name:ident: $class:ident -> $reply:ty;)+) => {
        /// The kind of an effect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind { $($(#[$doc])+ $name,)+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Returns the name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// Returns what a host may do with orders of this kind.
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)+ }
            }
        }

        /// One order and the ticket to answer it with.
        #[derive(Debug)]
        pub enum Effect { $($(#[$doc])+ $name(Ticket<$name>, $name),)+ }

        impl Effect {
            /// Returns its kind.
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$name(..) => Kind::$name,)+ }
            }
        }

        /// One order, for hosts that are not Rust.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Order { $($(#[$doc])+ $name($name),)+ }

        /// One reply, for hosts that are not Rust. In boxes: a run keeps all of its replies, and few are large.
        #[derive(Clone, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reply { $($(#[$doc])+ $name(Box<$reply>),)+ }

        impl Order {
            /// Returns its kind.
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$name(_) => Kind::$name,)+ }
            }

            pub(crate) fn issue(self, stamp: crate::run::Stamp) -> Effect {
                match self { $(Self::$name(order) => Effect::$name(Ticket::new(stamp), order),)+ }
            }
        }

        impl Reply {
            pub(crate) const fn kind(&self) -> Kind {
                match self { $(Self::$name(_) => Kind::$name,)+ }
            }
        }

        $(
            impl sealed::Sealed for $name {
                type Replied = $reply;
                fn order(self) -> Order { Order::$name(self) }
                fn reply(replied: $reply) -> Reply { Reply::$name(Box::new(replied)) }
                fn replied(reply: &Reply) -> Option<&$reply> {
                    match reply { Reply::$name(replied) => Some(replied.as_ref()), _ => None }
                }
            }

            impl Op for $name {
                type Reply = $reply;
                const KIND: Kind = Kind::$name;
                const CLASS: Class = Class::$class;
            }
        )+
    };
}

effects! {
    /// Counts a request against a rate, or takes one back.
    Admit: Write -> Admission;
    /// Draws 32 bytes from a CSPRNG.
    Random: Pure -> Seed;
    /// Reads the row of an address, its mails, and the store's clock.
    FindAccount: Read -> Found;
    /// Hashes the password that the host keeps outside the run.
    HashPassword: Pure -> Hashed;
    /// Replaces one row or two if nothing has changed since they were read, with their mails, atomically.
    CommitAccount: Write -> Commit;
    /// Stores a code's MAC, or changes its expiry if it is there.
    PutCode: Write -> CodeStored;
    /// Looks for MACs in a slot, counting the try first, atomically.
    RedeemCode: Write -> Redemption;
    /// Sends one mail to one recipient.
    SendMail: Write -> Sending;
    /// Ends a lease and says what happens to its mail.
    SettleMail: Write -> Settled;
    /// Reads a session, its account, and the store's clock.
    FindSession: Read -> FoundSession;
    /// Opens, touches or ends a session, if what it must be is there, atomically.
    PutSession: Write -> SessionStored;
}
