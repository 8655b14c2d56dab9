//! Sessions that count, and how one is opened: the same in every flow that has one.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Answer, Answers, Fault, FindSession, PutSession, Random, Rules, Seed, SessionChange, SessionStored, Stop,
    domain::{
        Account, AddressKey, Client, DeviceToken, Generation, Row, Session, SessionHash, SessionToken,
        Stream, Time, micros,
    },
    flow::limited,
};

/// The number of sessions that an account may have.
const SESSIONS: u16 = 50;

/// A session that counts, and whose it is.
pub(in crate::flow) struct Current {
    pub(in crate::flow) now: Time,
    pub(in crate::flow) session: Session,
    pub(in crate::flow) key: AddressKey,
    pub(in crate::flow) row: Row,
    pub(in crate::flow) account: Account,
}

/// Returns the session of a token, if it counts.
pub(in crate::flow) fn current(
    token: &SessionToken,
    rules: &Rules,
    answers: &mut Answers<'_>,
) -> Result<Option<Current>, Stop> {
    let found = answers.ask_made(|| FindSession { token: token.hash() })?;
    let Some((session, (key, row))) = found.session.zip(found.account) else { return Ok(None) };
    let Some(account) = row.account().filter(|_| row.admits(&session)) else { return Ok(None) };
    let counts = session.is_alive(account.id, session.generation, found.now, rules);
    Ok(counts.then_some(Current { now: found.now, session, key, row, account }))
}

/// How a request in a session begins.
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub(in crate::flow) enum Entered {
    In(Seed, Current),
    RateLimited { retry_after: Duration },
    NoSession,
}

/// Counts the client's request, draws a seed, and finds the session of a token.
pub(in crate::flow) fn enter(
    token: &SessionToken,
    client: Client,
    rules: &Rules,
    answers: &mut Answers<'_>,
) -> Result<Entered, Stop> {
    if let Some(retry_after) = limited(client, rules, answers)? {
        return Ok(Entered::RateLimited { retry_after });
    }
    let seed = answers.ask(Random)?;
    Ok(match current(token, rules, answers)? {
        Some(current) => Entered::In(seed, current),
        None => Entered::NoSession,
    })
}

/// Returns seed and session of a request that begins; another one discloses why not.
macro_rules! entered {
    ($entered:expr, $disclosed:ident) => {
        match $entered {
            Entered::In(seed, current) => (seed, current),
            Entered::RateLimited { retry_after } => {
                return Ok(Outcome::new($disclosed::RateLimited { retry_after }, Event::RateLimited));
            }
            Entered::NoSession => return Ok(Outcome::new($disclosed::NoSession, Event::NoSession)),
        }
    };
}
pub(in crate::flow) use entered;

/// Opens a session. If it is unknown whether that happened it is done once more: a session that is open stays as it is.
///
/// A visitor who is told to repeat the request could not: the session that the new one replaces may be gone.
pub(in crate::flow) fn open(
    token: &SessionToken,
    session: Session,
    replaces: Option<SessionHash>,
    answers: &mut Answers<'_>,
) -> Result<SessionStored, Stop> {
    try_open(token, session, replaces, answers)?.map_err(Answers::broken::<PutSession>)
}

fn try_open(
    token: &SessionToken,
    session: Session,
    replaces: Option<SessionHash>,
    answers: &mut Answers<'_>,
) -> Result<Answer<PutSession>, Stop> {
    let change = SessionChange::Open { session, replaces, newest: SESSIONS };
    let order = PutSession { token: token.hash(), change };
    match answers.try_ask(order.clone())? {
        Err(Fault::Unknown) => answers.try_ask(order),
        done @ (Ok(_) | Err(Fault::NotDone)) => Ok(done),
    }
}

/// The session that is left of an account after a change that has ended every session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reopened {
    /// The token of a new session; `None` if it could not be opened: log in.
    pub token: Option<SessionToken>,
    /// How long the session lasts at most.
    #[serde(with = "micros")]
    pub expires_in: Duration,
    /// What makes this device a known one: those of before count no more.
    pub device: DeviceToken,
}

/// Opens a session for an account whose earlier ones a change has ended, if it can, and makes its visitor's device a
/// known one. It is as fresh as `proven` says.
pub(in crate::flow) fn reopen(
    before: &Current,
    proven: Time,
    generation: Generation,
    random: &mut Stream<'_>,
    rules: &Rules,
    answers: &mut Answers<'_>,
) -> Result<Reopened, Stop> {
    let (account, agent) = (before.account.id, &before.session.agent);
    let token = SessionToken::draw(random);
    let session = Session::draw(account, generation, before.now, agent, rules, random);
    let opened = try_open(&token, Session { proven, ..session }, None, answers)?;
    let device = DeviceToken::draw(&rules.keys, account, generation, random);
    let token = (opened == Ok(SessionStored::Done)).then_some(token);
    Ok(Reopened { token, expires_in: rules.sessions.whole, device })
}
