//! The scripts of ConfirmAddress, and of its mails, one function for each way that they can go.

use auth_core::{
    Account, Address, AddressKey, Answer, Code, CodeSlot, CodeStored, Commit, CommitAccount, ConfirmAddress,
    Deliver, DeviceToken, Event, Fault, FindAccount, FindSession, Found, FoundSession, Generation, Lease,
    LeaseToken, LeasedMail, MailChange, MailId, Moving, OwedMail, Purpose, PutCode, PutSession, RedeemCode,
    Redemption, Relocation, Reopened, Row, Rules, Secret, SendMail, Sending, Session, SessionChange,
    SessionId, SessionStored, SessionToken, SettleMail, Settled, Settlement, Status, Template, WaitingState,
};

use crate::{
    derived,
    fixture::{
        CODE_KEY, DAY, OLD_CODE_KEY, SEED, TTL, VACANT, at, attempt, client, found, generation, key, locale,
        mail_id, nothing_found, pending, replaces, rules, seconds, with_mail,
    },
    passwords::{farewell, finds_session, limited, session, token},
    script::{Script, Step, admitted, drawn, step},
    sessions::{WHOLE, id, row, script},
};

pub(super) fn new() -> Address {
    Address::parse("Ada@New.Example").expect("the address is valid")
}

/// The account while it waits for a code.
pub(super) fn waiting(generation: Generation, until: i64) -> Row {
    let mut row = row();
    if let Status::Active { moving, .. } = &mut row.status {
        *moving = Some(Moving { address: new(), generation, until: at(until) });
    }
    row
}

pub(super) fn finds(key: &AddressKey, found: &Found) -> Step {
    step(FindAccount { key: key.clone() }, Ok(found.clone()))
}

/// Returns the order over both rows.
pub(super) fn both(own: CommitAccount, new_row: CommitAccount, end: bool) -> CommitAccount {
    let mut changes = own.changes;
    changes.extend(
        new_row.changes.into_iter().map(|change| auth_core::Change { key: new().key().clone(), ..change }),
    );
    CommitAccount { changes, end: end.then(id) }
}

pub(super) fn code_mail(generation: Generation, id: MailId, due: i64) -> OwedMail {
    let (purpose, locale, first_due) = (Purpose::AddressChange, attempt(1).locale, at(due));
    OwedMail { id, purpose, generation, locale, first_due, to: None }
}

// ---- ConfirmAddress ----

fn code() -> Code {
    rules().policy().code.parse("123456").expect("the code is well-formed")
}

fn confirm() -> ConfirmAddress {
    ConfirmAddress { token: token(), code: code(), client: client() }
}

/// The slot for when nothing waits, and what is drawn for a move: its generation, the mail, and the rest.
fn move_draws() -> (CodeSlot, Generation, MailId, Vec<u8>) {
    let mut bytes = derived::stream(SEED, "confirm_address");
    let nowhere = CodeSlot::from_bytes(derived::take(&mut bytes));
    let generation = derived::uuid(derived::take(&mut bytes));
    (nowhere, generation, MailId::from_bytes(derived::take(&mut bytes)), bytes.take(64).collect())
}

fn redeems(slot: CodeSlot, redemption: Redemption) -> Step {
    let macs = [CODE_KEY, OLD_CODE_KEY].map(|key| derived::mac(key, slot, &code())).to_vec();
    step(RedeemCode { slot, newest: 3, macs }, Ok(redemption))
}

fn own_slot() -> CodeSlot {
    derived::slot_for(Purpose::AddressChange, new().key(), generation(8))
}

fn waits() -> Row {
    waiting(generation(8), 1000)
}

fn finds_waiting(row: Row) -> Step {
    let token = derived::session_hash("auths_of-an-earlier-login");
    let (session, account) = (Some(session(at(-86_400))), Some((key(), row)));
    step(FindSession { token }, Ok(FoundSession { now: at(0), session, account }))
}

fn redeeming(row: Row, slot: CodeSlot, redemption: Redemption) -> Vec<Step> {
    vec![admitted(), drawn(), finds_waiting(row), redeems(slot, redemption)]
}

fn rightly(rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
    redeeming(waits(), own_slot(), Redemption::Redeemed).into_iter().chain(rest).collect()
}

/// The account at its new address.
fn arrived(at_new: &Row) -> Row {
    let (_, new_generation, ..) = move_draws();
    let mut row = row();
    if let Status::Active { attempt, .. } = &mut row.status {
        (attempt.address, attempt.generation) = (new(), new_generation);
    }
    Row { status: row.status, expires: None, ..at_new.clone() }
}

fn left() -> Row {
    Row { status: Status::Vacant, expires: Some(at(0).after(DAY)), ..row() }
}

fn moves(own: &Found, new: &Found, answer: Answer<CommitAccount>) -> [Step; 3] {
    let (_, _, mail, _) = move_draws();
    let told = MailChange::Owe(farewell(Purpose::AddressChanged, mail));
    let at_new = new.row.as_ref().map_or(VACANT, |(_, row)| row.clone());
    let commit = both(replaces(own, left(), Some(told)), replaces(new, arrived(&at_new), None), true);
    [finds(&key(), own), finds(self::new().key(), new), step(commit, answer)]
}

fn was_moved(token: Option<SessionToken>) -> Relocation {
    let (_, generation, _, rest) = move_draws();
    let device =
        DeviceToken::new(Secret::new(derived::device(CODE_KEY, id().as_bytes(), generation, &rest[48..])));
    let account = Account { id: id(), address: new(), since: at(-300_000) };
    Relocation::Moved { session: Reopened { token, expires_in: WHOLE, device }, account }
}

fn reopens(answer: Answer<PutSession>) -> (SessionToken, Step) {
    let (_, generation, _, rest) = move_draws();
    let (text, id): (String, SessionId) = derived::token_and_id(&rest);
    let session = Session { id, generation, proven: at(-86_400), ..session(at(0)) };
    let change = SessionChange::Open { session, replaces: None, newest: 50 };
    let opens = step(PutSession { token: derived::session_hash(&text), change }, answer);
    (SessionToken::new(Secret::new(text)), opens)
}

/// Whatever is at the new address, save an active account: what is pending there is over.
pub(super) fn moved() -> Vec<Script<ConfirmAddress>> {
    let free = [nothing_found(), found(4, &VACANT), found(4, &pending(attempt(3), at(-30), 60))];
    let scripts = free.into_iter().map(|new| {
        let (token, opens) = reopens(Ok(SessionStored::Done));
        let moves = moves(&found(7, &waits()), &new, Ok(Commit::Committed));
        let steps = rightly(moves.into_iter().chain([opens]));
        script(confirm(), steps, was_moved(Some(token)), Event::AddressChanged)
    });
    scripts.collect()
}

/// The new session could not be opened: the account has moved all the same.
pub(super) fn moved_without_session() -> Vec<Script<ConfirmAddress>> {
    let answers = [vec![Ok(SessionStored::Gone)], vec![Err(Fault::NotDone)], vec![Err(Fault::Unknown); 2]];
    let scripts = answers.into_iter().map(|answers| {
        let moves = moves(&found(7, &waits()), &nothing_found(), Ok(Commit::Committed));
        let opened = answers.into_iter().map(|answer| reopens(answer).1);
        let steps = rightly(moves.into_iter().chain(opened));
        script(confirm(), steps, was_moved(None), Event::AddressChanged)
    });
    scripts.collect()
}

pub(super) fn refused() -> Vec<Script<ConfirmAddress>> {
    let (nowhere, ..) = move_draws();
    let refused = |steps, event| script(confirm(), steps, Relocation::Refused, event);
    vec![
        refused(redeeming(waits(), own_slot(), Redemption::Wrong), Event::WrongCode),
        refused(redeeming(waits(), own_slot(), Redemption::Exhausted), Event::TriesUsedUp),
        refused(redeeming(waits(), own_slot(), Redemption::Missing), Event::CodeExpired),
        refused(redeeming(row(), nowhere, Redemption::Missing), Event::CodeExpired),
        refused(redeeming(waiting(generation(8), 0), nowhere, Redemption::Missing), Event::CodeExpired),
    ]
}

/// The code is right, and the address has an account by now, or another change was asked for.
pub(super) fn refused_late() -> [Script<ConfirmAddress>; 2] {
    let mut theirs = row();
    if let Status::Active { id, .. } = &mut theirs.status {
        *id = auth_core::AccountId::from_bytes([5; 16]);
    }
    let late = |own: Row, new: Found, event| {
        let steps = rightly([finds(&key(), &found(7, &own)), finds(self::new().key(), &new)]);
        script(confirm(), steps, Relocation::Refused, event)
    };
    [
        late(waits(), found(4, &theirs), Event::AddressTaken),
        late(waiting(generation(9), 1000), nothing_found(), Event::Superseded),
    ]
}

/// Another version is read and written; another era has ended the session.
pub(super) fn move_overtaken() -> [Script<ConfirmAddress>; 2] {
    let (before, later) = (found(7, &waits()), found(8, &waits()));
    let lost = || moves(&before, &nothing_found(), Ok(Commit::Conflict)).into_iter();
    let (token, opens) = reopens(Ok(SessionStored::Done));
    let again = moves(&later, &nothing_found(), Ok(Commit::Committed));
    let again = rightly(lost().chain(again).chain([opens]));
    let mut other = waits();
    if let Status::Active { attempt, .. } = &mut other.status {
        attempt.generation = generation(9);
    }
    let gone = [finds(&key(), &found(8, &other)), finds(new().key(), &nothing_found())];
    [
        script(confirm(), again, was_moved(Some(token)), Event::AddressChanged),
        script(confirm(), rightly(lost().chain(gone)), Relocation::NoSession, Event::NoSession),
    ]
}

/// The commit's reply was lost: the rows show whether it happened.
pub(super) fn move_lost() -> [Script<ConfirmAddress>; 2] {
    let before = found(7, &waits());
    let lost = || moves(&before, &nothing_found(), Err(Fault::Unknown)).into_iter();
    let opens = || reopens(Ok(SessionStored::Done)).1;
    let after = [finds(&key(), &found(8, &left())), finds(new().key(), &found(1, &arrived(&VACANT)))];
    let happened = rightly(lost().chain(after).chain([opens()]));
    let again = moves(&before, &nothing_found(), Ok(Commit::Committed));
    let did_not = rightly(lost().chain(again).chain([opens()]));
    [happened, did_not].map(|steps| {
        let token = reopens(Ok(SessionStored::Done)).0;
        script(confirm(), steps, was_moved(Some(token)), Event::AddressChanged)
    })
}

pub(super) fn nobody_moves() -> Script<ConfirmAddress> {
    let steps = vec![admitted(), drawn(), finds_session(None)];
    script(confirm(), steps, Relocation::NoSession, Event::NoSession)
}

pub(super) fn move_limited() -> Script<ConfirmAddress> {
    limited(confirm(), Relocation::RateLimited { retry_after: seconds(17) })
}

pub(super) fn move_contended() -> Script<ConfirmAddress> {
    let own = found(7, &waits());
    let round = || moves(&own, &nothing_found(), Ok(Commit::Conflict));
    let last = [finds(&key(), &own), finds(new().key(), &nothing_found())];
    let steps = rightly((0..64).flat_map(|_| round()).chain(last));
    script(confirm(), steps, Relocation::Contended, Event::Contended)
}

// ---- Deliver ----

const LEASE: Lease = Lease { mail: mail_id(9), token: LeaseToken::from_bytes([5; 16]) };

fn leased() -> LeasedMail {
    let mail = code_mail(generation(8), mail_id(9), -1);
    LeasedMail { lease: LEASE, key: key(), mail, attempts: 1, unknowns: 0 }
}

fn held(row: &Row) -> Found {
    with_mail(found(7, row), &leased().mail, WaitingState::Held { token: LEASE.token })
}

fn delivering(steps: Vec<Step>, event: Event) -> Script<Deliver> {
    Script {
        name: String::new(),
        rules: rules(),
        flow: Deliver { leased: leased() },
        steps,
        ended: Ok(event),
    }
}

/// The code goes to the new address, into the slot of the change.
pub(super) fn code_sent() -> Script<Deliver> {
    let slot = own_slot();
    let code = derived::code(CODE_KEY, slot, mail_id(9), rules().policy().code);
    let mac = derived::mac(CODE_KEY, slot, &code);
    let put = |lifetime, ends| {
        let put = PutCode {
            slot,
            mail: mail_id(9),
            mails: 32,
            lease: LEASE.token,
            ends,
            mac,
            lifetime,
            tries: 5,
            newest: 3,
            retention: DAY + TTL + Rules::SEND_DEADLINE,
        };
        step(put, Ok(CodeStored))
    };
    let begins =
        replaces(&held(&waits()), waits(), Some(MailChange::Begin { mail: mail_id(9), unknowns: 1 }));
    let template = Template::AddressChange { code, ttl: TTL, tries: 5 };
    let send = SendMail { id: mail_id(9), to: new().recipient(), locale: locale("fr"), template };
    let steps = vec![
        finds(&key(), &held(&waits())),
        step(begins, Ok(Commit::Committed)),
        put(TTL + Rules::SEND_DEADLINE, false),
        step(send, Ok(Sending::Accepted)),
        put(TTL, true),
        step(SettleMail { lease: LEASE, settlement: Settlement::Sent }, Ok(Settled::Settled)),
    ];
    delivering(steps, Event::MailSent)
}

/// The change is over, was replaced by another one, or its account is not there any more.
pub(super) fn code_for_nobody() -> [Script<Deliver>; 4] {
    [row(), waiting(generation(9), 1000), waiting(generation(8), 0), left()].map(|row| {
        let settles = SettleMail { lease: LEASE, settlement: Settlement::Superseded };
        let steps = vec![finds(&key(), &held(&row)), step(settles, Ok(Settled::Settled))];
        delivering(steps, Event::MailSuperseded)
    })
}
