//! The scripts of the flows of sessions, one function for each way that they can go.

use auth_core::{
    Account, AccountId, Admission, Admit, Answer, Authenticate, Authentication, Broken, Commit,
    CommitAccount, Confirm, Confirmation, DeviceToken, Event, Fault, FindAccount, FindSession, Found,
    FoundSession, Generation, Kind, LoggingOut, Logout, LogoutEverywhere, Outcome, PutSession, Rate, Row,
    Secret, Session, SessionChange, SessionHash, SessionId, SessionStored, SessionToken, Status, Subject,
    SubjectKind, Time, UserAgent,
};

use crate::{
    derived,
    fixture::{
        self, CODE_KEY, DAY, HASH, OTHER_HASH, SEED, VACANT, active, admits, at, attempt, client, found,
        generation, key, nothing_found, pending, replaces, rules, seconds,
    },
    script::{Script, Step, admitted, drawn, hashes, step},
};

/// The token that a visitor shows, and the device that they log in from.
const TOKEN: &str = "auths_of-an-earlier-login";
pub(crate) const WHOLE: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);

pub(crate) fn script<F: auth_core::Flow<Outcome = Outcome<T>>, T>(
    flow: F,
    steps: Vec<Step>,
    disclosed: T,
    event: Event,
) -> Script<F> {
    Script { name: String::new(), rules: rules(), flow, steps, ended: Ok(Outcome { disclosed, event }) }
}

pub(super) fn token(text: &str) -> SessionToken {
    SessionToken::new(Secret::new(text.to_owned()))
}

pub(super) fn device(text: &str) -> DeviceToken {
    DeviceToken::new(Secret::new(text.to_owned()))
}

pub(crate) fn id() -> AccountId {
    AccountId::from_bytes([1; 16])
}

/// An account that has been active for days.
pub(crate) fn row() -> Row {
    active(300_000)
}

pub(super) fn account() -> Account {
    fixture::account(at(-300_000))
}

pub(crate) fn counts(subject: Subject, answer: Answer<Admit>) -> Step {
    step(Admit { subject, rate: guesses(), give_back: false }, answer)
}

pub(crate) fn gives_back(subject: Subject) -> Step {
    step(Admit { subject, rate: guesses(), give_back: true }, Ok(Admission::Admitted))
}

/// Ten at once, then one every quarter of an hour.
pub(crate) fn guesses() -> Rate {
    Rate { requests: 10.try_into().expect("10 is not 0"), period: seconds(10 * 15 * 60) }
}

pub(crate) fn of_address() -> Subject {
    derived::subject(CODE_KEY, SubjectKind::Address, b"ada@example.org")
}

pub(crate) fn of_account() -> Subject {
    derived::subject(CODE_KEY, SubjectKind::Account, id().as_bytes())
}

pub(crate) fn of_changes() -> Subject {
    derived::subject(CODE_KEY, SubjectKind::Account, &[id().as_bytes().as_slice(), b" changes"].concat())
}

pub(crate) fn of_moves() -> Subject {
    derived::subject(CODE_KEY, SubjectKind::Account, &[id().as_bytes().as_slice(), b" moves"].concat())
}

pub(crate) fn session(id: SessionId, created: Time) -> Session {
    Session {
        id,
        account: self::id(),
        generation: generation(1),
        created,
        proven: created,
        seen: created,
        expires: created.after(DAY * 14),
        agent: UserAgent::new("curl/8"),
    }
}

pub(super) fn opens(
    token: &str,
    session: Session,
    replaces: Option<SessionHash>,
    answer: Answer<PutSession>,
) -> Step {
    let change = SessionChange::Open { session, replaces, newest: 50 };
    step(PutSession { token: derived::session_hash(token), change }, answer)
}

pub(crate) fn blocked() -> Row {
    let mut row = row();
    if let Status::Active { blocked, .. } = &mut row.status {
        *blocked = true;
    }
    row
}

pub(super) fn limited() -> Answer<Admit> {
    Ok(Admission::Limited { retry_after: seconds(17) })
}

// ---- Authenticate ----

fn earlier() -> SessionHash {
    derived::session_hash(TOKEN)
}

fn finds_session(session: Option<Session>, row: Option<Row>) -> Step {
    let account = row.map(|row| (key(), row));
    step(FindSession { token: earlier() }, Ok(FoundSession { now: at(0), session, account }))
}

/// Returns the session of the token, opened so many seconds ago.
fn opened(seconds_ago: i64) -> Session {
    session(SessionId::from_bytes([6; 16]), at(-seconds_ago))
}

fn authenticate() -> Authenticate {
    Authenticate { token: token(TOKEN) }
}

/// Within an hour of its last recorded use nothing is written; it is fresh for 15 minutes.
pub(super) fn recognised() -> [Script<Authenticate>; 3] {
    [(0, true), (899, true), (900, false)].map(|(seconds_ago, fresh)| {
        let session = opened(seconds_ago);
        let steps = vec![finds_session(Some(session.clone()), Some(row()))];
        let disclosed = Authentication::Authenticated { account: account(), session, fresh };
        script(authenticate(), steps, disclosed, Event::Authenticated)
    })
}

/// After an hour its use is recorded; whether that succeeds changes nothing.
pub(super) fn seen_again() -> Vec<Script<Authenticate>> {
    let answers =
        [Ok(SessionStored::Done), Ok(SessionStored::Gone), Err(Fault::NotDone), Err(Fault::Unknown)];
    let in_time = answers.into_iter().map(|answer| (3600, at(0).after(DAY * 14), answer));
    // Near its end it does not last longer than it may in all.
    let late = (29 * 86_400, at(86_400), Ok(SessionStored::Done));
    in_time
        .chain([late])
        .map(|(seconds_ago, expires, answer)| {
            let stored = Session { seen: at(-3600), expires: at(600), ..opened(seconds_ago) };
            let touch = SessionChange::Touch { seen: at(0), expires };
            let steps = vec![
                finds_session(Some(stored.clone()), Some(row())),
                step(PutSession { token: earlier(), change: touch }, answer),
            ];
            let session = Session { seen: at(0), expires, ..stored };
            let disclosed = Authentication::Authenticated { account: account(), session, fresh: false };
            script(authenticate(), steps, disclosed, Event::Authenticated)
        })
        .collect()
}

/// Whatever is missing or over: the same answer.
fn dead() -> Vec<Step> {
    let mut other_id = row();
    if let Status::Active { id, .. } = &mut other_id.status {
        *id = AccountId::from_bytes([7; 16]);
    }
    let idle = Session { seen: at(-14 * 86_400), ..opened(14 * 86_400 + 60) };
    let old = Session { seen: at(-60), expires: at(600), ..opened(30 * 86_400) };
    let ended = Session { expires: at(0), ..opened(60) };
    let renewed = Session { generation: generation(2), ..opened(60) };
    let live = || Some(opened(60));
    vec![
        finds_session(None, None),
        finds_session(live(), None),
        finds_session(live(), Some(VACANT)),
        finds_session(live(), Some(pending(attempt(1), at(-30), 60))),
        finds_session(live(), Some(other_id)),
        finds_session(live(), Some(blocked())),
        finds_session(Some(renewed), Some(row())),
        finds_session(Some(idle), Some(row())),
        finds_session(Some(old), Some(row())),
        finds_session(Some(ended), Some(row())),
    ]
}

pub(super) fn no_sessions() -> Vec<Script<Authenticate>> {
    let none = |step| script(authenticate(), vec![step], Authentication::NoSession, Event::NoSession);
    dead().into_iter().map(none).collect()
}

// ---- Confirm ----

fn confirm() -> Confirm {
    Confirm { token: token(TOKEN), client: client() }
}

fn confirming(hash: [u8; 32]) -> Vec<Step> {
    vec![
        admitted(),
        drawn(),
        finds_session(Some(opened(86_400)), Some(row())),
        counts(of_account(), Ok(Admission::Admitted)),
        hashes(attempt(1).password.salt, hash),
    ]
}

fn confirming_rightly(answer: SessionStored) -> Vec<Step> {
    let drawn = derived::session(SEED, "confirm");
    let opened = opens(&drawn.token, session(drawn.id, at(0)), Some(earlier()), Ok(answer));
    confirming(HASH).into_iter().chain([gives_back(of_account()), opened]).collect()
}

pub(super) fn confirmed() -> Script<Confirm> {
    let token = token(&derived::session(SEED, "confirm").token);
    let disclosed = Confirmation::Confirmed { token, expires_in: WHOLE };
    script(confirm(), confirming_rightly(SessionStored::Done), disclosed, Event::Confirmed)
}

/// It is unknown whether the session was replaced, so it is replaced once more.
pub(super) fn confirmed_twice() -> Script<Confirm> {
    let mut steps = confirming_rightly(SessionStored::Done);
    let opened = steps[6].clone();
    steps[6] = opened.failing(Fault::Unknown);
    steps.push(opened);
    Script { steps, ..confirmed() }
}

/// What was not compared costs no try.
pub(super) fn not_confirmed() -> Script<Confirm> {
    let mut steps = confirming(HASH);
    steps[4] = steps[4].failing(Fault::NotDone);
    steps.push(gives_back(of_account()));
    let ended = Err(Broken { kind: Kind::HashPassword, fault: Fault::NotDone });
    Script { steps, ended, ..confirmed() }
}

/// The visitor has logged out in the meantime: the new session is not opened.
pub(super) fn confirmed_too_late() -> Script<Confirm> {
    script(confirm(), confirming_rightly(SessionStored::Gone), Confirmation::NoSession, Event::NoSession)
}

pub(super) fn wrong_password() -> Script<Confirm> {
    script(confirm(), confirming(OTHER_HASH), Confirmation::PasswordRefused, Event::WrongPassword)
}

pub(super) fn nothing_to_confirm() -> Vec<Script<Confirm>> {
    let none =
        |step| script(confirm(), vec![admitted(), drawn(), step], Confirmation::NoSession, Event::NoSession);
    dead().into_iter().map(none).collect()
}

pub(super) fn confirmation_limited() -> Script<Confirm> {
    let disclosed = Confirmation::RateLimited { retry_after: seconds(17) };
    script(confirm(), vec![step(admits(), limited())], disclosed, Event::RateLimited)
}

pub(super) fn too_many_confirmations() -> Script<Confirm> {
    let mut steps = confirming(HASH);
    steps.truncate(3);
    steps.push(counts(of_account(), limited()));
    let disclosed = Confirmation::RateLimited { retry_after: seconds(17) };
    script(confirm(), steps, disclosed, Event::TooManyGuesses)
}

// ---- Logout ----

pub(super) fn logged_out() -> [Script<Logout>; 2] {
    [(SessionStored::Done, Event::LoggedOut), (SessionStored::Gone, Event::NoSession)].map(
        |(answer, event)| {
            let end = step(PutSession { token: earlier(), change: SessionChange::End }, Ok(answer));
            script(Logout { token: token(TOKEN) }, vec![end], (), event)
        },
    )
}

// ---- LogoutEverywhere ----

fn new_generation() -> Generation {
    derived::uuid(derived::take(&mut derived::stream(SEED, "logout_everywhere")))
}

fn renewed(row: &Row) -> Row {
    let mut row = row.clone();
    if let Status::Active { attempt, .. } = &mut row.status {
        attempt.generation = new_generation();
    }
    row
}

fn renews(found: &Found, answer: Answer<CommitAccount>) -> Step {
    let commit = replaces(found, renewed(&row()), None);
    step(CommitAccount { end: Some(id()), ..commit }, answer)
}

fn everywhere_from(steps: Vec<Step>, disclosed: LoggingOut, event: Event) -> Script<LogoutEverywhere> {
    let begin = [
        drawn(),
        finds_session(Some(opened(60)), Some(row())),
        counts(of_changes(), Ok(Admission::Admitted)),
    ];
    let steps = begin.into_iter().chain(steps).collect();
    script(LogoutEverywhere { token: token(TOKEN) }, steps, disclosed, event)
}

fn finds_account(found: &Found) -> Step {
    step(FindAccount { key: key() }, Ok(found.clone()))
}

pub(super) fn everywhere() -> Script<LogoutEverywhere> {
    let found = found(4, &row());
    let steps = vec![finds_account(&found), renews(&found, Ok(Commit::Committed))];
    everywhere_from(steps, LoggingOut::LoggedOut, Event::LoggedOutEverywhere)
}

/// The row has changed between reading and writing: to another version, which is renewed, or another generation,
/// under which the session is over already.
pub(super) fn everywhere_overtaken() -> Vec<Script<LogoutEverywhere>> {
    let (before, later) = (found(4, &row()), found(5, &row()));
    let lost = || vec![finds_account(&before), renews(&before, Ok(Commit::Conflict))];
    let mut again = lost();
    again.extend([finds_account(&later), renews(&later, Ok(Commit::Committed))]);
    let mut gone = vec![again];
    for after in [found(5, &renewed(&row())), nothing_found()] {
        let mut steps = lost();
        steps.push(finds_account(&after));
        gone.push(steps);
    }
    let logged_out = |steps| everywhere_from(steps, LoggingOut::LoggedOut, Event::LoggedOutEverywhere);
    gone.into_iter().map(logged_out).collect()
}

/// The commit's reply was lost: the row shows whether it happened.
pub(super) fn everywhere_lost() -> [Script<LogoutEverywhere>; 2] {
    let before = found(4, &row());
    let lost = || vec![finds_account(&before), renews(&before, Err(Fault::Unknown))];
    let mut happened = lost();
    happened.push(finds_account(&found(5, &renewed(&row()))));
    let mut did_not = lost();
    did_not.extend([finds_account(&before), renews(&before, Ok(Commit::Committed))]);
    [happened, did_not].map(|steps| everywhere_from(steps, LoggingOut::LoggedOut, Event::LoggedOutEverywhere))
}

pub(super) fn everywhere_not_fresh() -> Script<LogoutEverywhere> {
    let steps = vec![drawn(), finds_session(Some(opened(900)), Some(row()))];
    script(LogoutEverywhere { token: token(TOKEN) }, steps, LoggingOut::ConfirmFirst, Event::NotFresh)
}

pub(super) fn too_many_changes() -> Script<LogoutEverywhere> {
    let steps = vec![drawn(), finds_session(Some(opened(60)), Some(row())), counts(of_changes(), limited())];
    let disclosed = LoggingOut::RateLimited { retry_after: seconds(17) };
    script(LogoutEverywhere { token: token(TOKEN) }, steps, disclosed, Event::TooManyChanges)
}

pub(super) fn nobody_to_log_out() -> Vec<Script<LogoutEverywhere>> {
    let none = |step| {
        let flow = LogoutEverywhere { token: token(TOKEN) };
        script(flow, vec![drawn(), step], LoggingOut::NoSession, Event::NoSession)
    };
    dead().into_iter().map(none).collect()
}

pub(super) fn everywhere_contended() -> Script<LogoutEverywhere> {
    let found = found(4, &row());
    let round = || [finds_account(&found), renews(&found, Ok(Commit::Conflict))];
    let steps = (0..64).flat_map(|_| round()).chain([finds_account(&found)]).collect();
    everywhere_from(steps, LoggingOut::Contended, Event::Contended)
}
