//! Sessions that count, and how one is opened: the same in every flow that has one.

use crate::{
    Answer, Answers, Fault, FindSession, PutSession, Rules, SessionChange, SessionStored, Stop,
    domain::{Account, AddressKey, Row, Session, SessionHash, SessionToken, Time},
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

/// Opens a session in the same way, and returns a fault to the flow.
pub(in crate::flow) fn try_open(
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
