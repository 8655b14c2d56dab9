//! Everything in auth-core that hosts call, as exports, for `cargo xtask panics`, which looks for paths from here to
//! a panic. Left out are `Display` and `Debug`, since nobody can follow what formatting calls, and `MemoryAccounts`
//! and `MemoryCodes`, whose standard library maps have assertions of their own.
//!
//! The handlers for lack of memory and for panics are imports, so that the call graph shows what reaches them. Values
//! that a host chooses come from outside, so that the optimiser knows nothing about them. It is built, never run.

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

mod controls;

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{
    alloc::{GlobalAlloc, Layout},
    hint::black_box,
    panic::PanicInfo,
    slice,
    time::Duration,
};

use auth_core::{
    Activate, Activation, Address, AddressKey, Administer, Admit, Alphabet, Answer, Answered, Authenticate,
    Change, ChangeAddress, ChangePassword, Client, CodeFormat, CodeKey, CodeKeys, CommitAccount, Confirm,
    ConfirmAddress, DeleteAccount, Deliver, Detail, DeviceToken, Effect, Estimate, FindAccount,
    ForgotPassword, Found, HashFloor, Hashing, Import, Imported, LeaseToken, Locale, Login, Logout,
    LogoutEverywhere, MailInterval, Odds, OddsLimit, Password, PasswordPolicy, PasswordRecord, Policy,
    Purpose, PutCode, QueuedMail, RedeemCode, Redemption, Register, Resend, ResetPassword, ResetToken, Row,
    Rules, Run, Scrypt, Secret, Session, SessionToken, SettleMail, Settled, Slot, Stored, Template, Time,
    TokenBucket, UserAgent,
    wire::{Input, Machine, Ordered, Response, Ticket},
};

#[link(wasm_import_module = "probe")]
unsafe extern "C" {
    fn allocate(size: usize, align: usize) -> *mut u8;
    fn deallocate(data: *mut u8, size: usize);
    fn out_of_memory() -> !;
    fn panicked(file: *const u8, line: u32) -> !;
}

struct Outside;

#[global_allocator]
static ALLOCATOR: Outside = Outside;

// SAFETY: it is never run.
unsafe impl GlobalAlloc for Outside {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: it is never run.
        unsafe {
            let data = allocate(layout.size(), layout.align());
            if data.is_null() {
                out_of_memory()
            }
            data
        }
    }

    unsafe fn dealloc(&self, data: *mut u8, layout: Layout) {
        // SAFETY: it is never run.
        unsafe { deallocate(data, layout.size()) }
    }
}

/// With the location: if the handler ignored it, the panics of different places would be merged.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("", 0), |location| (location.file(), location.line()));
    // SAFETY: it is never run.
    unsafe { panicked(file.as_ptr(), line) }
}

/// # Safety
/// `data` points to `len` bytes.
unsafe fn bytes<'a>(data: *const u8, len: usize) -> &'a [u8] {
    // SAFETY: as the caller promises.
    unsafe { slice::from_raw_parts(data, len) }
}

/// # Safety
/// As for `bytes`.
unsafe fn text<'a>(data: *const u8, len: usize) -> &'a str {
    // SAFETY: as the caller promises.
    str::from_utf8(unsafe { bytes(data, len) }).unwrap_or_default()
}

/// Exports functions of text.
macro_rules! of_text {
    ($($name:ident($argument:ident) $body:block)+) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(data: *const u8, len: usize) {
            // SAFETY: it is never run.
            let $argument = unsafe { text(data, len) };
            drop(black_box($body));
        }
    )+ };
}

of_text! {
    address_parse(given) { Address::parse(given).map(|address| address.recipient()) }
    address_key_parse(key) { AddressKey::parse(key) }
    locale_parse(tag) { Locale::parse(tag) }
    detail_new(detail) { Detail::new(detail) }
    password_parse(password) { Password::parse(password) }
    password_record_from_phc(phc) { PasswordRecord::from_phc(phc) }
    try_from(text) {
        let address = Address::try_from(String::from(text)).map(String::from);
        let key = AddressKey::try_from(String::from(text)).map(String::from);
        (address, key, Locale::try_from(String::from(text)))
    }
    code_parse(code) { black_box(Policy::default().code).parse(code) }
    user_agent_new(agent) { UserAgent::new(agent) }
    tokens(shown) {
        let token = SessionToken::new(Secret::new(String::from(shown)));
        let device = DeviceToken::new(Secret::new(String::from(shown)));
        let reset = ResetToken::new(Secret::new(String::from(shown)));
        let _ = black_box((token.hash(), token.expose(), device.expose(), reset.expose()));
        (token, device, reset)
    }
}

#[unsafe(no_mangle)]
extern "C" fn client_of(high: u64, low: u64) {
    let v6 = (u128::from(high) << 64) | u128::from(low);
    let _ = black_box((
        Client::of(core::net::Ipv6Addr::from_bits(v6).into()),
        Client::of(core::net::Ipv4Addr::from_bits(low as u32).into()),
        Client::from_octets(&v6.to_be_bytes()),
    ));
}

#[unsafe(no_mangle)]
extern "C" fn template_purpose(template: &Template) -> u8 {
    template.purpose().number()
}

#[unsafe(no_mangle)]
extern "C" fn password_record_to_phc(record: &PasswordRecord) {
    drop(black_box(record.to_phc()));
}

#[unsafe(no_mangle)]
extern "C" fn password_judge(policy: &PasswordPolicy, password: &Password, score: u8, common: bool) {
    let estimate = Estimate { score, common };
    let _ = black_box((policy.needs_estimate(password), policy.judge(password, estimate)));
    let _ = black_box(policy.judge_with(password, || estimate));
}

#[unsafe(no_mangle)]
extern "C" fn rules_new(policy: &Policy, floor: &HashFloor, keys: &[[u8; 32]; 8], count: usize) {
    let keys = keys.iter().take(count).map(|key| CodeKey::new(Secret::new(*key)));
    let Ok(keys) = CodeKeys::new(keys) else { return };
    drop(black_box(Rules::new(Policy { hash_floor: *floor, ..policy.clone() }, keys)));
}

/// Exports what a typed host does with one flow.
macro_rules! runs {
    ($($flow:ident: $start:ident, $take:ident, $accept:ident, $restore:ident, $snapshot:ident, $outcome:ident;)+) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $start(flow: &$flow, rules: &Rules) -> Box<Run<$flow>> {
            Box::new(Run::start(flow.clone(), rules))
        }

        #[unsafe(no_mangle)]
        extern "C" fn $take(run: &mut Run<$flow>) -> Option<Box<Effect>> {
            run.take().map(Box::new)
        }

        #[unsafe(no_mangle)]
        extern "C" fn $accept(run: &mut Run<$flow>, answered: Box<Answered>, rules: &Rules) -> bool {
            run.accept(*answered, rules).is_ok()
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $restore(data: *const u8, len: usize, rules: &Rules) -> Option<Box<Run<$flow>>> {
            // SAFETY: it is never run.
            Run::restore(unsafe { bytes(data, len) }, rules).ok().map(Box::new)
        }

        #[unsafe(no_mangle)]
        extern "C" fn $snapshot(run: &Run<$flow>) -> Box<Secret<Vec<u8>>> {
            Box::new(run.snapshot())
        }

        #[unsafe(no_mangle)]
        extern "C" fn $outcome(run: Box<Run<$flow>>) -> bool {
            black_box(run.into_outcome()).is_ok()
        }
    )+ };
}

runs! {
    Register: register_start, register_take, register_accept, register_restore, register_snapshot, register_outcome;
    Activate: activate_start, activate_take, activate_accept, activate_restore, activate_snapshot, activate_outcome;
    Resend: resend_start, resend_take, resend_accept, resend_restore, resend_snapshot, resend_outcome;
    Deliver: deliver_start, deliver_take, deliver_accept, deliver_restore, deliver_snapshot, deliver_outcome;
    Login: login_start, login_take, login_accept, login_restore, login_snapshot, login_outcome;
    Authenticate: authenticate_start, authenticate_take, authenticate_accept, authenticate_restore, authenticate_snapshot, authenticate_outcome;
    Confirm: confirm_start, confirm_take, confirm_accept, confirm_restore, confirm_snapshot, confirm_outcome;
    Logout: logout_start, logout_take, logout_accept, logout_restore, logout_snapshot, logout_outcome;
    LogoutEverywhere: logout_everywhere_start, logout_everywhere_take, logout_everywhere_accept, logout_everywhere_restore, logout_everywhere_snapshot, logout_everywhere_outcome;
    ForgotPassword: forgot_password_start, forgot_password_take, forgot_password_accept, forgot_password_restore, forgot_password_snapshot, forgot_password_outcome;
    ResetPassword: reset_password_start, reset_password_take, reset_password_accept, reset_password_restore, reset_password_snapshot, reset_password_outcome;
    ChangePassword: change_password_start, change_password_take, change_password_accept, change_password_restore, change_password_snapshot, change_password_outcome;
    DeleteAccount: delete_account_start, delete_account_take, delete_account_accept, delete_account_restore, delete_account_snapshot, delete_account_outcome;
    ChangeAddress: change_address_start, change_address_take, change_address_accept, change_address_restore, change_address_snapshot, change_address_outcome;
    ConfirmAddress: confirm_address_start, confirm_address_take, confirm_address_accept, confirm_address_restore, confirm_address_snapshot, confirm_address_outcome;
    Administer: administer_start, administer_take, administer_accept, administer_restore, administer_snapshot, administer_outcome;
    Import: import_start, import_take, import_accept, import_restore, import_snapshot, import_outcome;
}

#[unsafe(no_mangle)]
extern "C" fn ticket_with(
    ticket: Box<auth_core::Ticket<FindAccount>>,
    answer: Box<Answer<FindAccount>>,
) -> Box<Answered> {
    Box::new(ticket.answer(*answer))
}

#[unsafe(no_mangle)]
extern "C" fn values(rules: &Rules, policy: &Policy, row: &Row, now: &Time, later: u64, length: u8) {
    let far = now.after(Duration::from_micros(later));
    let _ = black_box((rules.odds(), rules.policy().clone(), row.generation()));
    let _ = black_box(Row::at(Some(row), *now).identity());
    let _ = black_box((policy.hash_floor.admits(policy.hash), policy.hash.memory(), far.since(*now)));
    let _ = black_box((Hashing::from(Scrypt { log2_n: length, r: 8, p: 1 }), Purpose::from_number(length)));
    let _ = black_box((CodeFormat::new(Alphabet::Digits, length), policy.code.combinations()));
    let _ = black_box((
        Activation::without_credentials(rules),
        Rules::least_reset_ttl(Duration::from_micros(later)),
    ));
}

#[unsafe(no_mangle)]
extern "C" fn odds(format: &CodeFormat, tries: u8, first: u64, longest: u64, limit: &OddsLimit) {
    let interval = MailInterval::new(Duration::from_micros(first), Duration::from_micros(longest));
    let odds = interval.map(|interval| Odds::of(*format, tries, interval, *limit));
    let _ = black_box(odds.map(|odds| (odds.hold(), odds.per_million())));
}

#[unsafe(no_mangle)]
extern "C" fn machine_start_with(input: Box<Input>, rules: &Rules) -> Option<Box<Machine>> {
    Machine::start(*input, rules).ok().map(Box::new)
}

#[unsafe(no_mangle)]
extern "C" fn machine_take_value(machine: &mut Machine) -> Option<Box<Ordered>> {
    machine.take().map(Box::new)
}

#[unsafe(no_mangle)]
extern "C" fn machine_accept_value(machine: &mut Machine, response: Box<Response>, rules: &Rules) -> bool {
    machine.accept(*response, rules).is_ok()
}

#[unsafe(no_mangle)]
extern "C" fn input_to_bytes(input: &Input) -> Box<Secret<Vec<u8>>> {
    Box::new(input.to_bytes())
}

#[unsafe(no_mangle)]
extern "C" fn response_to_bytes(response: &Response) -> Box<Secret<Vec<u8>>> {
    Box::new(response.to_bytes())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn machine_start(input: *const u8, len: usize, rules: &Rules) -> Option<Box<Machine>> {
    // SAFETY: it is never run.
    Machine::start_from_bytes(unsafe { bytes(input, len) }, rules).ok().map(Box::new)
}

#[unsafe(no_mangle)]
extern "C" fn machine_take(machine: &mut Machine) -> Option<Box<Secret<Vec<u8>>>> {
    machine.take_bytes().map(Box::new)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn machine_accept(
    machine: &mut Machine,
    response: *const u8,
    len: usize,
    rules: &Rules,
) -> bool {
    // SAFETY: it is never run.
    machine.accept_bytes(unsafe { bytes(response, len) }, rules).is_ok()
}

#[unsafe(no_mangle)]
extern "C" fn machine_waits_for(machine: &Machine) -> bool {
    machine.waits_for().is_some()
}

#[unsafe(no_mangle)]
extern "C" fn machine_outcome(machine: &Machine) -> Option<Box<Secret<Vec<u8>>>> {
    let _ = black_box(machine.outcome());
    machine.outcome_bytes().map(Box::new)
}

#[unsafe(no_mangle)]
extern "C" fn machine_snapshot(machine: &Machine) -> Box<Secret<Vec<u8>>> {
    Box::new(machine.snapshot())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn machine_restore(snapshot: *const u8, len: usize, rules: &Rules) -> Option<Box<Machine>> {
    // SAFETY: it is never run.
    Machine::restore(unsafe { bytes(snapshot, len) }, rules).ok().map(Box::new)
}

#[unsafe(no_mangle)]
extern "C" fn machine_drop(machine: Box<Machine>) {
    drop(machine);
}

#[unsafe(no_mangle)]
extern "C" fn ticket(bytes: &[u8; 20], back: &mut [u8; 20]) {
    *back = Ticket::from_bytes(*bytes).to_bytes();
}

// What stores keep.

#[unsafe(no_mangle)]
extern "C" fn slot_put(slot: &mut Slot, order: &PutCode, now: u64) {
    slot.put(order, Time::from_micros(now));
}

#[unsafe(no_mangle)]
extern "C" fn slot_redeem(slot: &mut Slot, order: &RedeemCode, now: u64) -> bool {
    slot.redeem(order, Time::from_micros(now)) == Redemption::Redeemed
}

#[unsafe(no_mangle)]
extern "C" fn commit_of(change: Box<Change>) -> Box<CommitAccount> {
    Box::new(CommitAccount::from(*change))
}

#[unsafe(no_mangle)]
extern "C" fn change_fits(change: &Change, stored: &Found) -> bool {
    change.fits(stored)
}

#[unsafe(no_mangle)]
extern "C" fn queued_mail(queued: &mut QueuedMail, token: &[u8; 16], order: &SettleMail, now: u64) -> bool {
    let (token, now) = (LeaseToken::from_bytes(*token), Time::from_micros(now));
    let leased = queued.lease(token, Duration::from_micros(now.as_micros()), now);
    queued.begin(order.lease.mail, 1);
    let _ = black_box((queued.next(), queued.is_dead(), queued.is_over()));
    let waits = queued.waiting(now).is_some();
    leased.is_some() && waits && queued.settle(order, now) == Settled::Settled
}

#[unsafe(no_mangle)]
extern "C" fn change_is_new_attempt(change: &Change) -> bool {
    change.is_new_attempt()
}

#[unsafe(no_mangle)]
extern "C" fn session_alive(session: &Session, other: &Session, now: u64, rules: &Rules) -> bool {
    let now = Time::from_micros(now);
    session.is_alive(other.account, other.generation, now, rules)
        && session.may_end(other.id, session.is_fresh(now, rules))
}

#[unsafe(no_mangle)]
extern "C" fn imported(numbers: &[u32; 3], salt: &[u8; 32], length: u8, other: &Imported) {
    let function = other.function;
    black_box(Imported::from_parts(function, *numbers, *salt, length));
    black_box(Imported::new(function, *numbers, salt.get(..length.into()).unwrap_or_default()));
    black_box((other.parts(), other.salt(), other.scrypt(), other.argon2()));
    black_box(Hashing::Imported(*other).within_ceiling());
}

#[unsafe(no_mangle)]
extern "C" fn token_bucket(bucket: &mut TokenBucket, order: &Admit, now: u64) -> u64 {
    black_box(bucket.admit(order.rate, Time::from_micros(now)));
    bucket.give_back(order.rate, Time::from_micros(now));
    bucket.full_at().as_micros()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn stored(data: *const u8, len: usize) {
    fn again<T: Stored>(bytes: &[u8]) {
        black_box(T::from_bytes(bytes).map(|value| value.to_bytes()).ok());
    }
    // SAFETY: it is never run.
    let bytes = unsafe { bytes(data, len) };
    again::<Row>(bytes);
    again::<QueuedMail>(bytes);
    again::<Session>(bytes);
    again::<Slot>(bytes);
    again::<TokenBucket>(bytes);
}
