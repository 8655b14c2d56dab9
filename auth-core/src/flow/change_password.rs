//! Setting a new password in a session, with the one before (OWASP ASVS 5.0, 6.2.3): find, count, hash and compare, hash
//! the new one, commit, open a session anew.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Outcome, limited,
    shared::{
        era::{Ended, Era, NewPassword, renew},
        guess::{self, Proof},
        session::{Reopened, current, reopen},
    },
};
use crate::{
    Answers, Event, Flow, HashPassword, Random, Rules, Stop, WhichPassword,
    domain::{
        Client, Generation, MailId, PasswordRecord, Salt, SessionToken, Stream, Subject, Verdict, Weakness,
        micros,
    },
};

/// The flow that sets a new password. The host keeps both outside the run, the given one and the new one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangePassword {
    /// The token that the visitor shows.
    pub token: SessionToken,
    /// The policy's verdict on the new password.
    pub verdict: Verdict,
    /// The client that asks.
    pub client: Client,
}

/// What a change of the password discloses to the visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Changing {
    /// The password is set, and every session before is over.
    Changed(Reopened),
    /// The password is wrong; everything stays as it is.
    PasswordRefused,
    /// No session with this token counts.
    NoSession,
    /// The new password is too weak.
    WeakPassword(Weakness),
    /// The client asks too often, or too many passwords were tried, or the account was changed too often.
    RateLimited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
    /// Others change the same account at the same time; try again.
    Contended,
}

impl Flow for ChangePassword {
    type Outcome = Outcome<Changing>;
    const NAME: &'static str = "change_password";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        if let Some(retry_after) = limited(self.client, rules, answers)? {
            return Ok(Outcome::new(Changing::RateLimited { retry_after }, Event::RateLimited));
        }
        if let Some(weakness) = self.verdict.weakness() {
            return Ok(Outcome::new(Changing::WeakPassword(weakness), Event::WeakPassword));
        }
        let seed = answers.ask(Random)?.0;
        let mut random = Stream::new(&seed, "change_password");
        let Some(current) = current(&self.token, rules, answers)? else {
            return Ok(Outcome::new(Changing::NoSession, Event::NoSession));
        };
        let dummy = Salt::from_bytes(random.bytes());
        match guess::prove(&current, dummy, rules, answers)? {
            Proof::Right => {}
            Proof::Wrong => return Ok(Outcome::new(Changing::PasswordRefused, Event::WrongPassword)),
            Proof::TooMany { retry_after } => {
                return Ok(Outcome::new(Changing::RateLimited { retry_after }, Event::TooManyGuesses));
            }
        }
        let (salt, params) = (Salt::from_bytes(random.bytes()), rules.policy().hash);
        let hash = answers.ask(HashPassword { salt, params, which: WhichPassword::New })?.hash;
        let changes = Subject::changes(&rules.keys, current.account.id);
        if let Some(retry_after) = guess::too_many(changes, answers)? {
            return Ok(Outcome::new(Changing::RateLimited { retry_after }, Event::TooManyChanges));
        }
        let new = NewPassword {
            generation: Generation::draw(&mut random),
            record: PasswordRecord { params, salt, hash },
            mail: MailId::from_bytes(random.bytes()),
        };
        match renew(Era::of(&current), &new, None, answers)? {
            Ended::Done => {}
            Ended::Superseded => return Ok(Outcome::new(Changing::NoSession, Event::NoSession)),
            Ended::Contended => return Ok(Outcome::new(Changing::Contended, Event::Contended)),
        }
        let reopened = reopen(&current, current.now, new.generation, &mut random, rules, answers)?;
        Ok(Outcome::new(Changing::Changed(reopened), Event::PasswordChanged))
    }
}
