//! The scripts of the flows of passwords, one function for each way that they can go.

use auth_core::{
    Admission, Answer, Broken, ChangePassword, Changing, CodeSlot, Commit, CommitAccount, DeviceToken, Event,
    Fault, FindAccount, FindSession, Flow, Found, FoundSession, Generation, HashPassword, Hashed, Kind,
    MailChange, MailId, Outcome, OwedMail, PasswordRecord, Purpose, PutSession, RedeemCode, Redemption,
    Reopened, ResetPassword, ResetToken, Resetting, Row, Salt, Secret, Session, SessionChange, SessionId,
    SessionStored, SessionToken, Status, Time, Weakness, WhichPassword,
};

use crate::{
    derived,
    fixture::{
        CODE_KEY, HASH, OLD_CODE_KEY, OTHER_HASH, SEED, VACANT, address, admits, at, attempt, client,
        expired, found, generation, good, key, nothing_found, pending, replaces, scrypt, seconds,
        stored_address, verdict,
    },
    script::{Script, Step, admitted, drawn, finds, hashes, step},
    sessions::{self, WHOLE, counts, gives_back, of_account, of_changes},
};

pub(super) use crate::sessions::{blocked, id, row, script};

const TOKEN: &str = "authr_of-the-newest-mail";
const SESSION: &str = "auths_of-an-earlier-login";

pub(crate) fn limited<F: Flow<Outcome = Outcome<T>>, T>(flow: F, disclosed: T) -> Script<F> {
    let answer = Ok(Admission::Limited { retry_after: seconds(17) });
    script(flow, vec![step(admits(), answer)], disclosed, Event::RateLimited)
}

// ---- a new era ----

/// What a flow draws for a new era.
struct Era {
    salt: Salt,
    new: Generation,
    mail: MailId,
    rest: Vec<u8>,
}

fn era(bytes: &mut impl Iterator<Item = u8>) -> Era {
    let salt = Salt::from_bytes(derived::take(bytes));
    let new = derived::uuid(derived::take(bytes));
    Era { salt, new, mail: MailId::from_bytes(derived::take(bytes)), rest: bytes.take(64).collect() }
}

impl Era {
    fn hashes(&self, which: WhichPassword) -> Step {
        let order = HashPassword { salt: self.salt, params: scrypt(17), which };
        step(order, Ok(Hashed { params: scrypt(17), hash: Secret::new(OTHER_HASH) }))
    }

    /// Returns the account in its new era.
    fn row(&self) -> Row {
        let mut row = row();
        if let Status::Active { attempt, .. } = &mut row.status {
            let hash = Secret::new(OTHER_HASH);
            attempt.password = PasswordRecord { params: scrypt(17), salt: self.salt, hash };
            attempt.generation = self.new;
        }
        row
    }

    fn commits(&self, found: &Found, answer: Answer<CommitAccount>) -> Step {
        let mail = farewell(Purpose::PasswordChanged, self.mail);
        let commit = replaces(found, self.row(), Some(MailChange::Owe(mail)));
        step(CommitAccount { end: Some(id()), ..commit }, answer)
    }
}

/// A mail to the owner that is sent whatever becomes of the account.
pub(crate) fn farewell(purpose: Purpose, id: MailId) -> OwedMail {
    let (generation, locale) = (generation(1), attempt(1).locale);
    OwedMail { id, purpose, generation, locale, first_due: at(0), to: Some(stored_address()) }
}

// ---- ResetPassword ----

fn resetting() -> ResetPassword {
    let token = ResetToken::new(Secret::new(TOKEN.to_owned()));
    ResetPassword { address: address(), token, verdict: good(), client: client() }
}

/// The slot for when there is nothing to redeem, and the era after it.
fn reset_draws() -> (CodeSlot, Era) {
    let mut bytes = derived::stream(SEED, "reset_password");
    let nowhere = CodeSlot::from_bytes(derived::take(&mut bytes));
    (nowhere, era(&mut bytes))
}

fn redeems(slot: CodeSlot, redemption: Redemption) -> Step {
    let macs = [CODE_KEY, OLD_CODE_KEY].map(|key| derived::token_mac(key, slot, TOKEN)).to_vec();
    step(RedeemCode { slot, newest: 1, macs }, Ok(redemption))
}

fn redeeming(found: Found, slot: CodeSlot, redemption: Redemption) -> Vec<Step> {
    vec![admitted(), drawn(), finds(found), redeems(slot, redemption)]
}

fn own_slot() -> CodeSlot {
    derived::token_slot(&key(), generation(1), TOKEN)
}

/// Returns the steps with the right token, then the given ones.
fn rightly(rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let (_, era) = reset_draws();
    let begin = redeeming(found(4, &row()), own_slot(), Redemption::Redeemed);
    begin.into_iter().chain([era.hashes(WhichPassword::Given)]).chain(rest).collect()
}

fn was_reset() -> Resetting {
    let (_, era) = reset_draws();
    let drawn = derived::device(CODE_KEY, id().as_bytes(), era.new, &era.rest);
    Resetting::Reset(DeviceToken::new(Secret::new(drawn)))
}

pub(super) fn reset() -> Script<ResetPassword> {
    let (_, era) = reset_draws();
    let steps = rightly([era.commits(&found(4, &row()), Ok(Commit::Committed))]);
    script(resetting(), steps, was_reset(), Event::PasswordReset)
}

/// The right account with a token that is not its own, or none any more; and every state without an account.
pub(super) fn reset_refused() -> Vec<Script<ResetPassword>> {
    let (nowhere, _) = reset_draws();
    let mut refused = Vec::new();
    for redemption in [Redemption::Missing, Redemption::Wrong, Redemption::Exhausted] {
        refused.push(redeeming(found(4, &row()), own_slot(), redemption));
    }
    for found in [
        nothing_found(),
        found(4, &VACANT),
        found(4, &expired()),
        found(4, &pending(attempt(1), at(-30), 60)),
        found(4, &blocked()),
    ] {
        refused.push(redeeming(found, nowhere, Redemption::Missing));
    }
    let refused = refused.into_iter();
    refused.map(|steps| script(resetting(), steps, Resetting::Refused, Event::ResetRefused)).collect()
}

/// Another version is read and written; another era has made the token worth nothing.
pub(super) fn reset_overtaken() -> Vec<Script<ResetPassword>> {
    let (_, era) = reset_draws();
    let (before, later) = (found(4, &row()), found(5, &row()));
    let lost = || era.commits(&before, Ok(Commit::Conflict));
    let again = rightly([lost(), finds(later.clone()), era.commits(&later, Ok(Commit::Committed))]);
    let mut scripts = vec![script(resetting(), again, was_reset(), Event::PasswordReset)];
    let mut other = row();
    if let Status::Active { attempt, .. } = &mut other.status {
        attempt.generation = generation(9);
    }
    for after in [found(5, &other), found(5, &VACANT), nothing_found()] {
        let steps = rightly([lost(), finds(after)]);
        scripts.push(script(resetting(), steps, Resetting::Refused, Event::ResetRefused));
    }
    scripts
}

/// The commit's reply was lost: the row shows whether it happened.
pub(super) fn reset_lost() -> [Script<ResetPassword>; 2] {
    let (_, era) = reset_draws();
    let before = found(4, &row());
    let lost = || era.commits(&before, Err(Fault::Unknown));
    let happened = rightly([lost(), finds(found(5, &era.row()))]);
    let did_not = rightly([lost(), finds(before.clone()), era.commits(&before, Ok(Commit::Committed))]);
    [happened, did_not].map(|steps| script(resetting(), steps, was_reset(), Event::PasswordReset))
}

pub(super) fn weak_reset() -> Script<ResetPassword> {
    let flow = ResetPassword { verdict: verdict(true, 4), ..resetting() };
    script(flow, vec![admitted()], Resetting::WeakPassword(Weakness::Common), Event::WeakPassword)
}

pub(super) fn reset_limited() -> Script<ResetPassword> {
    limited(resetting(), Resetting::RateLimited { retry_after: seconds(17) })
}

pub(super) fn reset_contended() -> Script<ResetPassword> {
    let (_, era) = reset_draws();
    let found = found(4, &row());
    let rounds = (0..64).flat_map(|_| [era.commits(&found, Ok(Commit::Conflict)), finds(found.clone())]);
    script(resetting(), rightly(rounds), Resetting::Contended, Event::Contended)
}

// ---- ChangePassword ----

pub(crate) fn token() -> SessionToken {
    SessionToken::new(Secret::new(SESSION.to_owned()))
}

fn change() -> ChangePassword {
    ChangePassword { token: token(), verdict: good(), client: client() }
}

/// Returns the session of the token, opened at a time.
pub(crate) fn session(created: Time) -> Session {
    sessions::session(SessionId::from_bytes([6; 16]), created)
}

pub(crate) fn finds_session(session: Option<Session>) -> Step {
    let account = session.is_some().then(|| (key(), row()));
    let token = derived::session_hash(SESSION);
    step(FindSession { token }, Ok(FoundSession { now: at(0), session, account }))
}

pub(super) fn finds_account(found: &Found) -> Step {
    step(FindAccount { key: key() }, Ok(found.clone()))
}

fn change_draws() -> Era {
    let mut bytes = derived::stream(SEED, "change_password");
    let _dummy: [u8; 16] = derived::take(&mut bytes);
    era(&mut bytes)
}

/// Returns the steps up to the comparison of the password before.
fn proving(hash: [u8; 32]) -> Vec<Step> {
    vec![
        admitted(),
        drawn(),
        finds_session(Some(session(at(-86_400)))),
        counts(of_account(), Ok(Admission::Admitted)),
        hashes(attempt(1).password.salt, hash),
    ]
}

/// Returns the steps up to the hash of the new password.
fn proven() -> Vec<Step> {
    let hashes = change_draws().hashes(WhichPassword::New);
    proving(HASH).into_iter().chain([gives_back(of_account()), hashes]).collect()
}

/// Returns the steps up to the commit, then the given ones.
fn changing(rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let counted = counts(of_changes(), Ok(Admission::Admitted));
    proven().into_iter().chain([counted]).chain(rest).collect()
}

fn was_changed(token: Option<SessionToken>) -> Changing {
    let era = change_draws();
    let drawn = derived::device(CODE_KEY, id().as_bytes(), era.new, &era.rest[48..]);
    Changing::Changed(Reopened { token, expires_in: WHOLE, device: DeviceToken::new(Secret::new(drawn)) })
}

/// Returns the token of the new session, and the step that opens it.
fn reopens(answer: Answer<PutSession>) -> (SessionToken, Step) {
    let era = change_draws();
    let (text, id) = derived::token_and_id(&era.rest);
    let session = Session { id, generation: era.new, ..session(at(0)) };
    let order = SessionChange::Open { session, replaces: None, newest: 50 };
    let opens = step(PutSession { token: derived::session_hash(&text), change: order }, answer);
    (SessionToken::new(Secret::new(text)), opens)
}

pub(super) fn changed() -> Script<ChangePassword> {
    let (found, (token, opens)) = (found(4, &row()), reopens(Ok(SessionStored::Done)));
    let commit = change_draws().commits(&found, Ok(Commit::Committed));
    let steps = changing([finds_account(&found), commit, opens]);
    script(change(), steps, was_changed(Some(token)), Event::PasswordChanged)
}

/// The new session could not be opened: the password is changed all the same.
pub(super) fn changed_without_session() -> Vec<Script<ChangePassword>> {
    let answers = [
        vec![Ok(SessionStored::Gone)],
        vec![Err(Fault::NotDone)],
        vec![Err(Fault::Unknown), Err(Fault::Unknown)],
    ];
    let scripts = answers.map(|answers| {
        let found = found(4, &row());
        let commit = change_draws().commits(&found, Ok(Commit::Committed));
        let opened = answers.into_iter().map(|answer| reopens(answer).1);
        let steps = changing([finds_account(&found), commit].into_iter().chain(opened));
        script(change(), steps, was_changed(None), Event::PasswordChanged)
    });
    scripts.into()
}

/// Another era has ended the session in the meantime.
pub(super) fn change_overtaken() -> Script<ChangePassword> {
    let mut other = row();
    if let Status::Active { attempt, .. } = &mut other.status {
        attempt.generation = generation(9);
    }
    let steps = changing([finds_account(&found(5, &other))]);
    script(change(), steps, Changing::NoSession, Event::NoSession)
}

pub(super) fn weak_change() -> Script<ChangePassword> {
    let flow = ChangePassword { verdict: verdict(true, 4), ..change() };
    script(flow, vec![admitted()], Changing::WeakPassword(Weakness::Common), Event::WeakPassword)
}

pub(super) fn change_refused() -> Script<ChangePassword> {
    script(change(), proving(OTHER_HASH), Changing::PasswordRefused, Event::WrongPassword)
}

/// What was not compared costs no try.
pub(super) fn change_not_proven() -> Script<ChangePassword> {
    let mut steps = proving(HASH);
    steps[4] = steps[4].failing(Fault::NotDone);
    steps.push(gives_back(of_account()));
    let ended = Err(Broken { kind: Kind::HashPassword, fault: Fault::NotDone });
    Script { ended, ..script(change(), steps, Changing::PasswordRefused, Event::WrongPassword) }
}

/// Too many requests, too many wrong passwords, or too many changes.
pub(super) fn change_limited() -> Vec<Script<ChangePassword>> {
    let over = || Ok(Admission::Limited { retry_after: seconds(17) });
    let disclosed = || Changing::RateLimited { retry_after: seconds(17) };
    let guesses = proving(HASH).into_iter().take(3).chain([counts(of_account(), over())]).collect();
    let changes = proven().into_iter().chain([counts(of_changes(), over())]).collect();
    vec![
        limited(change(), disclosed()),
        script(change(), guesses, disclosed(), Event::TooManyGuesses),
        script(change(), changes, disclosed(), Event::TooManyChanges),
    ]
}

pub(super) fn nothing_to_change() -> Script<ChangePassword> {
    let steps = vec![admitted(), drawn(), finds_session(None)];
    script(change(), steps, Changing::NoSession, Event::NoSession)
}
