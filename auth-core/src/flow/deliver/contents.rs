//! What a mail carries, and what is stored so that it is worth something.

use core::time::Duration;

use crate::{
    PutCode, Rules, Template,
    domain::{AddressKey, CodeMac, CodeSlot, GOOD_CODES, LeasedMail, Purpose},
};

/// How long a slot remembers its tries: for as long as mails can follow each other.
const DAY: Duration = Duration::from_secs(86_400);
/// The number of mails that a slot remembers. A mail that is older than the 32 newest is never put again: a newer
/// mail has replaced it in the outbox.
const REMEMBERED_MAILS: u8 = 32;

/// Returns the text of a mail and the order that stores its code or token, if it has one. It is valid from before the
/// mail leaves until the reader has had its full lifetime. `key` is that of the address that the mail goes to.
pub(super) fn of(leased: &LeasedMail, key: &AddressKey, rules: &Rules) -> (Template, Option<PutCode>) {
    let (mail, policy) = (&leased.mail, rules.policy());
    let put = |slot: CodeSlot, mac: CodeMac, ttl: Duration, tries, newest| {
        let lifetime = ttl.saturating_add(Rules::SEND_DEADLINE);
        Some(PutCode {
            slot,
            mail: mail.id,
            mails: REMEMBERED_MAILS,
            lease: leased.lease.token,
            ends: false,
            mac,
            lifetime,
            tries,
            newest,
            retention: DAY.saturating_add(lifetime),
        })
    };
    match mail.purpose {
        Purpose::Activation | Purpose::AddressChange => {
            let slot = CodeSlot::of(mail.purpose, key, mail.generation);
            let (ttl, tries) = (policy.code_ttl, policy.code_tries);
            let code = rules.keys.draw(policy.code, slot, mail.id);
            let put = put(slot, rules.keys.sign(slot, code.expose()), ttl, tries, GOOD_CODES);
            if mail.purpose == Purpose::AddressChange {
                return (Template::AddressChange { code, ttl, tries }, put);
            }
            (Template::Activation { code, ttl, tries }, put)
        }
        Purpose::Reset => {
            let token = rules.keys.draw_token(key, mail.generation, mail.id);
            let slot = CodeSlot::of_token(key, mail.generation, &token);
            let put = put(slot, rules.keys.sign(slot, token.expose()), policy.reset_ttl, 1, 1);
            (Template::Reset { token, ttl: policy.reset_ttl }, put)
        }
        Purpose::Notice => (Template::Notice, None),
        Purpose::PasswordChanged => (Template::PasswordChanged, None),
        Purpose::AccountDeleted => (Template::AccountDeleted, None),
        Purpose::AddressChanged => (Template::AddressChanged, None),
    }
}

/// Returns how long what a mail carries lives from when its server has accepted it.
pub(super) fn ttl(purpose: Purpose, rules: &Rules) -> Duration {
    if purpose == Purpose::Reset { rules.policy().reset_ttl } else { rules.policy().code_ttl }
}
