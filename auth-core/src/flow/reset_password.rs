//! Setting a new password with the token of a mail: find, redeem, hash, commit. It opens no session.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Outcome, limited,
    shared::era::{Ended, Era, NewPassword, renew},
};
use crate::{
    Answers, Event, FindAccount, Flow, HashPassword, Random, RedeemCode, Redemption, Rules, Stop,
    WhichPassword,
    domain::{
        Address, Client, CodeSlot, DeviceToken, Generation, MailId, PasswordRecord, ResetToken, Salt, Status,
        Stream, Verdict, Weakness, micros,
    },
};

/// The flow that sets the password that the host keeps outside the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResetPassword {
    /// The address.
    pub address: Address,
    /// The token that the visitor shows.
    pub token: ResetToken,
    /// The policy's verdict on the new password.
    pub verdict: Verdict,
    /// The client that asks.
    pub client: Client,
}

/// What setting a new password with a token discloses to the visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resetting {
    /// The password is set, and nothing that was proven before counts any more. The token makes this device a known one.
    Reset(DeviceToken),
    /// The token resets nothing, for whatever reason.
    Refused,
    /// The password is too weak.
    WeakPassword(Weakness),
    /// The client asks too often.
    RateLimited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
    /// Others change the same address at the same time; try again.
    Contended,
}

impl Flow for ResetPassword {
    type Outcome = Outcome<Resetting>;
    const NAME: &'static str = "reset_password";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        if let Some(retry_after) = limited(self.client, rules, answers)? {
            return Ok(Outcome::new(Resetting::RateLimited { retry_after }, Event::RateLimited));
        }
        if let Some(weakness) = self.verdict.weakness() {
            return Ok(Outcome::new(Resetting::WeakPassword(weakness), Event::WeakPassword));
        }
        let seed = answers.ask(Random)?.0;
        let mut random = Stream::new(&seed, "reset_password");
        let nowhere = CodeSlot::from_bytes(random.bytes());
        let key = self.address.key();
        let found = answers.ask(FindAccount { key: key.clone() })?;
        let row = found.at_its_time();
        let account = match &row.status {
            Status::Active { attempt, id, blocked: false, .. } => Some((*id, attempt.generation)),
            Status::Active { .. } | Status::Pending(_) | Status::Vacant => None,
        };
        let slot = account.map_or(nowhere, |(_, old)| CodeSlot::of_token(key, old, &self.token));
        let macs = rules.keys.candidates(slot, self.token.expose());
        let redemption = answers.ask(RedeemCode { slot, newest: 1, macs })?;
        let (Some((id, old)), Redemption::Redeemed) = (account, redemption) else {
            return Ok(Outcome::new(Resetting::Refused, Event::ResetRefused));
        };
        let (salt, params) = (Salt::from_bytes(random.bytes()), rules.policy().hash);
        let hash = answers.ask(HashPassword { salt, params, which: WhichPassword::Given })?.hash;
        let new = NewPassword {
            generation: Generation::draw(&mut random),
            record: PasswordRecord { params, salt, hash },
            mail: MailId::from_bytes(random.bytes()),
        };
        let era = Era { key, account: id, generation: old };
        Ok(match renew(era, &new, Some(found), answers)? {
            Ended::Done => {
                let device = DeviceToken::draw(&rules.keys, id, new.generation, &mut random);
                Outcome::new(Resetting::Reset(device), Event::PasswordReset)
            }
            Ended::Superseded => Outcome::new(Resetting::Refused, Event::ResetRefused),
            Ended::Contended => Outcome::new(Resetting::Contended, Event::Contended),
        })
    }
}
