//! Orders.

use alloc::vec::Vec;
use core::time::Duration;

use auth_core::{
    Change, Code, Lease, MailChange, SessionChange, Settlement, Subject, SubjectKind, Template,
    WhichPassword,
    wire::{Order, Ordered},
};

use super::{micros, octets, text};
use crate::wit;

impl From<Ordered> for wit::Ordered {
    fn from(Ordered { ticket, order }: Ordered) -> Self {
        Self { ticket: octets(&ticket.to_bytes()), effect: order.as_ref().into() }
    }
}

// By reference: moving a value out of a box leaves its secrets in freed memory.
impl From<&Order> for wit::Effect {
    fn from(order: &Order) -> Self {
        match order {
            Order::Admit(admit) => Self::Admit(wit::Admit {
                subject: admit.subject.into(),
                rate: wit::Rate { requests: admit.rate.requests.get(), period: micros(&admit.rate.period) },
                give_back: admit.give_back,
            }),
            Order::Random(_) => Self::Random,
            Order::FindAccount(find) => Self::FindAccount(wit::FindAccount { key: text(find.key.as_str()) }),
            Order::HashPassword(hash) => Self::HashPassword(wit::HashPassword {
                salt: octets(hash.salt.as_bytes()),
                params: hash.params.into(),
                which: match hash.which {
                    WhichPassword::Given => wit::WhichPassword::Given,
                    WhichPassword::New => wit::WhichPassword::New,
                },
            }),
            Order::CommitAccount(commit) => Self::CommitAccount(wit::CommitAccount {
                changes: commit.changes.iter().map(Into::into).collect(),
                end: commit.end.map(|account| octets(account.as_bytes())),
            }),
            Order::PutCode(put) => Self::PutCode(wit::PutCode {
                slot: octets(put.slot.as_bytes()),
                mail: octets(put.mail.as_bytes()),
                mails: put.mails,
                lease: octets(put.lease.as_bytes()),
                ends: put.ends,
                mac: octets(put.mac.as_bytes()),
                lifetime: micros(&put.lifetime),
                tries: put.tries,
                newest: put.newest,
                retention: micros(&put.retention),
            }),
            Order::RedeemCode(redeem) => Self::RedeemCode(wit::RedeemCode {
                slot: octets(redeem.slot.as_bytes()),
                newest: redeem.newest,
                macs: redeem.macs.iter().map(|mac| octets(mac.as_bytes())).collect::<Vec<_>>(),
            }),
            Order::SendMail(send) => Self::SendMail(wit::SendMail {
                id: octets(send.id.as_bytes()),
                to: text(send.to.as_str()),
                locale: text(send.locale.as_str()),
                template: (&send.template).into(),
            }),
            Order::SettleMail(settle) => Self::SettleMail(wit::SettleMail {
                lease: settle.lease.into(),
                settlement: (&settle.settlement).into(),
            }),
            Order::FindSession(find) => {
                Self::FindSession(wit::FindSession { token: octets(find.token.as_bytes()) })
            }
            Order::PutSession(put) => Self::PutSession(wit::PutSession {
                token: octets(put.token.as_bytes()),
                change: (&put.change).into(),
            }),
        }
    }
}

impl From<Subject> for wit::Subject {
    fn from(subject: Subject) -> Self {
        let kind = match subject.kind() {
            SubjectKind::Client => wit::SubjectKind::Client,
            SubjectKind::Address => wit::SubjectKind::Address,
            SubjectKind::Device => wit::SubjectKind::Device,
            SubjectKind::Account => wit::SubjectKind::Account,
        };
        Self { kind, mac: octets(subject.as_bytes()) }
    }
}

impl From<&Change> for wit::Change {
    fn from(change: &Change) -> Self {
        Self {
            key: text(change.key.as_str()),
            expected: change.expected.0,
            generation: change.generation.map(|generation| octets(generation.as_bytes())),
            waiting: change.waiting.iter().map(|mail| (*mail).into()).collect(),
            until: change.until.as_micros(),
            row: (&change.row).into(),
            mails: change.mails.iter().map(Into::into).collect(),
        }
    }
}

impl From<&MailChange> for wit::MailChange {
    fn from(change: &MailChange) -> Self {
        match change {
            MailChange::Owe(mail) => Self::Owe(mail.into()),
            MailChange::Begin { mail, unknowns } => {
                Self::Begin(wit::BeginMail { mail: octets(mail.as_bytes()), unknowns: *unknowns })
            }
        }
    }
}

impl From<&Template> for wit::Template {
    fn from(template: &Template) -> Self {
        match template {
            Template::Activation { code, ttl, tries } => Self::Activation(code_mail(code, ttl, *tries)),
            Template::Notice => Self::Notice,
            Template::Reset { token, ttl } => {
                Self::Reset(wit::ResetMail { token: text(token.expose()), ttl: micros(ttl) })
            }
            Template::PasswordChanged => Self::PasswordChanged,
            Template::AccountDeleted => Self::AccountDeleted,
            Template::AddressChange { code, ttl, tries } => Self::AddressChange(code_mail(code, ttl, *tries)),
            Template::AddressChanged => Self::AddressChanged,
        }
    }
}

#[inline(never)]
fn code_mail(code: &Code, ttl: &Duration, tries: u8) -> wit::CodeMail {
    wit::CodeMail { code: text(code.expose()), ttl: micros(ttl), tries }
}

impl From<Lease> for wit::Lease {
    fn from(lease: Lease) -> Self {
        Self { mail: octets(lease.mail.as_bytes()), token: octets(lease.token.as_bytes()) }
    }
}

impl From<&Settlement> for wit::Settlement {
    fn from(settlement: &Settlement) -> Self {
        match settlement {
            Settlement::Sent => Self::Sent,
            Settlement::Superseded => Self::Superseded,
            Settlement::Retry { after, unknowns, detail } => {
                let detail = text(detail.as_str());
                Self::Retry(wit::Retry { after: micros(after), unknowns: *unknowns, detail })
            }
            Settlement::Dead { detail } => Self::Dead(wit::Dead { detail: text(detail.as_str()) }),
        }
    }
}

impl From<&SessionChange> for wit::SessionChange {
    fn from(change: &SessionChange) -> Self {
        match change {
            SessionChange::Open { session, replaces, newest } => Self::Open(wit::OpenSession {
                session: session.into(),
                replaces: replaces.map(|token| octets(token.as_bytes())),
                newest: *newest,
            }),
            SessionChange::Touch { seen, expires } => {
                Self::Touch(wit::TouchSession { seen: seen.as_micros(), expires: expires.as_micros() })
            }
            SessionChange::End => Self::End,
        }
    }
}
