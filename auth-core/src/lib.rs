#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "tests may panic"
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod answered;
mod bytes;
mod domain;
mod effect;
mod event;
mod flow;
mod memory;
mod order;
mod rules;
mod run;
mod secret;
mod snapshot;
mod stored;
#[cfg(feature = "wire")]
pub mod wire;

pub use answered::{Answered, Refused, WhyRefused};
pub use domain::{
    Account, AccountId, Action, Address, AddressError, AddressKey, Alphabet, Argon2, Attempt, Client, Code,
    CodeFormat, CodeFormatError, CodeKey, CodeKeys, CodeKeysError, CodeMac, CodeSlot, ConstrainedFloor,
    Detail, DeviceToken, Estimate, Generation, HashFloor, Hashing, Imported, ImportedFunction, KeyId,
    LastMail, Lease, LeaseToken, LeasedMail, Locale, LocaleError, MailId, MailInterval, Moving, Odds,
    OddsLimit, OwedMail, Password, PasswordError, PasswordPolicy, PasswordRecord, Purpose, QueuedMail, Rate,
    Recipient, ResetToken, Row, Salt, Scrypt, Session, SessionHash, SessionId, SessionToken, Settlement,
    Slot, Status, Subject, SubjectKind, Time, TokenBucket, UnusableHash, UserAgent, Verdict, Version,
    WaitingMail, WaitingState, Weakness,
};
pub use effect::{Answer, Class, Effect, Fault, Kind, Op};
pub use event::Event;
pub use flow::{
    Activate, Activation, Administer, AskingToMove, Authenticate, Authentication, ChangeAddress,
    ChangePassword, Changing, Confirm, ConfirmAddress, Confirmation, DeleteAccount, Deleting, Deliver,
    Forgetting, ForgotPassword, Import, LoggingIn, LoggingOut, Login, Logout, LogoutEverywhere, Outcome,
    Register, Registration, Relocation, Reopened, Resend, Resending, ResetPassword, Resetting,
};
pub use memory::{MemoryAccounts, MemoryCodes};
pub use order::{
    Admission, Admit, Change, CodeStored, Commit, CommitAccount, FindAccount, FindSession, Found,
    FoundSession, HashPassword, Hashed, MailChange, PutCode, PutSession, Random, RedeemCode, Redemption,
    Seed, SendMail, Sending, SessionChange, SessionStored, SettleMail, Settled, Template, WhichPassword,
};
pub use rules::{Disclosure, Policy, Rules, RulesError};
pub use run::{Answers, Broken, Ended, Flow, Run, Stop, Ticket};
pub use secret::Secret;
pub use snapshot::BadSnapshot;
pub use stored::{BadStored, Stored};
