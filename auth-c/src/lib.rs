//! auth-core for C: opaque handles, octets in, octets out. `include/auth_core.h` is made from this file.
//!
//! It translates and decides nothing. Next: `auth_core::wire`, which does the work; `examples/c` for hosts.

use std::{ptr, slice, sync::Arc};

use auth_core::{
    BadSnapshot, CodeKey, CodeKeys, Estimate, Kind, Password, Policy, Rules, Secret, Weakness, WhyRefused,
    wire::{BadInput, Machine, Refusal},
};
use zeroize::Zeroize;

/// What a call came to.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthStatus {
    /// Done.
    Ok = 0,
    /// A pointer that must lead somewhere is null.
    Null,
    /// The policy is no JSON of a policy, lacks a field, has one too many, or its values do not go together.
    Policy,
    /// Code keys are 1 to 8 times 32 octets, all of them different.
    CodeKeys,
    /// The octets of an input are of an encoding that this version does not read.
    Version,
    /// The octets are damaged, of another encoding, or hold a value that cannot be: an address that is none, for
    /// example. A flow that was to be answered is as it was, whenever an answer is not taken.
    Malformed,
    /// What was typed for a code cannot be one under the policy: tell the visitor that it is wrong.
    Code,
    /// The answer is to another flow's order.
    OtherRun,
    /// The answer is to an order that this flow has not come to.
    NeverIssued,
    /// Its order has an answer.
    AlreadyAnswered,
    /// It is of another kind than its order; auth_flow_waits_for says which would have fitted.
    WrongKind,
    /// The password was hashed in another way than was ordered.
    OtherHashing,
    /// The snapshot is of a format that this version does not read.
    SnapshotFormat,
    /// The snapshot is of a flow that this version does not have.
    SnapshotOtherFlow,
    /// The snapshot is damaged, or was made under rules that decide otherwise.
    SnapshotMismatch,
    /// The text cannot be a password: it is no UTF-8, empty, over 1,024 octets, or has control characters.
    PasswordUnusable,
    /// The password has fewer characters than the policy asks for.
    PasswordTooShort,
    /// It stands in a list of passwords known from leaks.
    PasswordCommon,
    /// It is easier to guess than the policy allows.
    PasswordGuessable,
}

/// Octets that the library has made: give them back with auth_buffer_free. No octets: data is null.
#[repr(C)]
pub struct AuthBuffer {
    /// Where they are.
    pub data: *mut u8,
    /// How many there are.
    pub len: usize,
}

/// A checked policy and the code keys. Made once; any number of flows go by them, in any number of threads at once,
/// until they are given back.
pub struct AuthRules(Arc<Rules>);

/// One operation with the answers that it has got. It may move between threads, but two must not use it at once.
pub struct AuthFlow {
    rules: Arc<Rules>,
    machine: Machine,
}

/// What the two say of threads.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    const fn sent<T: Send>() {}
    shared::<AuthRules>();
    sent::<AuthFlow>();
};

/// Returns the documented policy as JSON, to change and hand to auth_rules_new. Durations are microseconds.
#[unsafe(no_mangle)]
pub extern "C" fn auth_default_policy() -> AuthBuffer {
    buffer(&serde_json::to_vec(&Policy::default()).unwrap_or_default())
}

/// Makes rules of a policy in JSON, or null for the documented one, and of code keys: 1 to 8 times 32 octets from
/// a CSPRNG, one behind the other. The first one signs, all verify. Every field of the policy must be there. The hash
/// floor is the server's: no text can lower it.
///
/// # Safety
/// `policy` is null or leads to `policy_len` octets, `code_keys` leads to `code_keys_len` octets, `rules` to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_rules_new(
    policy: *const u8,
    policy_len: usize,
    code_keys: *const u8,
    code_keys_len: usize,
    rules: *mut *mut AuthRules,
) -> AuthStatus {
    // SAFETY: as the caller promises.
    let (policy, keys) = unsafe {
        clear(rules);
        (octets(policy, policy_len), octets(code_keys, code_keys_len))
    };
    let Some(keys) = keys else { return AuthStatus::Null };
    let policy = match policy.map(serde_json::from_slice) {
        Some(Ok(policy)) => policy,
        Some(Err(_)) => return AuthStatus::Policy,
        None => Policy::default(),
    };
    let (keys, []) = keys.as_chunks::<32>() else { return AuthStatus::CodeKeys };
    let keys = CodeKeys::new(keys.iter().map(|key| CodeKey::new(Secret::new(*key))));
    let Ok(keys) = keys else { return AuthStatus::CodeKeys };
    match Rules::new(policy, keys) {
        // SAFETY: as the caller promises.
        Ok(made) => unsafe { hand_over(AuthRules(Arc::new(made)), rules) },
        Err(_) => AuthStatus::Policy,
    }
}

/// Gives rules back. Flows that were started with them go on. Null does nothing.
///
/// # Safety
/// `rules` comes from auth_rules_new and was not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_rules_free(rules: *mut AuthRules) {
    if !rules.is_null() {
        // SAFETY: as the caller promises.
        drop(unsafe { Box::from_raw(rules) });
    }
}

/// Returns a password as it is hashed: in Unicode NFC, so that it is the same however a keyboard has put it together. Hash
/// this, at registration and at activation, and nothing else. No octets: it cannot be a password, since it is no UTF-8,
/// empty, over 1,024 octets, or has control characters.
///
/// # Safety
/// `password` leads to `password_len` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_password_normalize(password: *const u8, password_len: usize) -> AuthBuffer {
    // SAFETY: as the caller promises.
    let password = unsafe { self::password(password, password_len) };
    password.map_or(NOTHING, |password| buffer(password.expose().as_bytes()))
}

/// Judges a new password, with what an estimator found: a zxcvbn score of 0 to 4, and whether it stands in a list of
/// leaked ones. It enters no flow.
///
/// # Safety
/// `rules` comes from auth_rules_new, `password` leads to `password_len` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_rules_judge(
    rules: *const AuthRules,
    password: *const u8,
    password_len: usize,
    score: u8,
    common: bool,
) -> AuthStatus {
    // SAFETY: as the caller promises.
    let (rules, password) = unsafe {
        if password.is_null() {
            return AuthStatus::Null;
        }
        (rules.as_ref(), self::password(password, password_len))
    };
    let Some(rules) = rules else { return AuthStatus::Null };
    let Some(password) = password else { return AuthStatus::PasswordUnusable };
    match rules.0.policy().password.judge(&password, Estimate { score, common }).weakness() {
        None => AuthStatus::Ok,
        Some(Weakness::TooShort { .. }) => AuthStatus::PasswordTooShort,
        Some(Weakness::Common) => AuthStatus::PasswordCommon,
        Some(Weakness::Guessable { .. }) => AuthStatus::PasswordGuessable,
    }
}

/// Starts a flow from an encoded `Input`; its first order waits to be taken.
///
/// # Safety
/// `rules` comes from auth_rules_new, `input` leads to `input_len` octets, `flow` to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_start(
    rules: *const AuthRules,
    input: *const u8,
    input_len: usize,
    flow: *mut *mut AuthFlow,
) -> AuthStatus {
    // SAFETY: as the caller promises.
    let (rules, input) = unsafe {
        clear(flow);
        (rules.as_ref(), octets(input, input_len))
    };
    let (Some(rules), Some(input)) = (rules, input) else { return AuthStatus::Null };
    match Machine::start_from_bytes(input, &rules.0) {
        // SAFETY: as the caller promises.
        Ok(machine) => unsafe { hand_over(AuthFlow { rules: Arc::clone(&rules.0), machine }, flow) },
        Err(BadInput::Version) => AuthStatus::Version,
        Err(BadInput::Malformed) => AuthStatus::Malformed,
        Err(BadInput::Code) => AuthStatus::Code,
    }
}

/// Returns the order that waits as an encoded `Ordered`, once. No octets: it was taken, or the flow has ended.
///
/// # Safety
/// `flow` comes from auth_flow_start or auth_flow_restore.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_take(flow: *mut AuthFlow) -> AuthBuffer {
    // SAFETY: as the caller promises.
    secret(unsafe { flow.as_mut() }.and_then(|flow| flow.machine.take_bytes()))
}

/// Takes an encoded `Response` and goes on.
///
/// # Safety
/// `flow` comes from auth_flow_start or auth_flow_restore, `response` leads to `response_len` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_answer(
    flow: *mut AuthFlow,
    response: *const u8,
    response_len: usize,
) -> AuthStatus {
    // SAFETY: as the caller promises.
    let (Some(flow), Some(response)) = (unsafe { flow.as_mut() }, unsafe { octets(response, response_len) })
    else {
        return AuthStatus::Null;
    };
    match flow.machine.accept_bytes(response, &flow.rules) {
        Ok(()) => AuthStatus::Ok,
        Err(Refusal::Malformed) => AuthStatus::Malformed,
        Err(Refusal::Unfit(WhyRefused::OtherRun)) => AuthStatus::OtherRun,
        Err(Refusal::Unfit(WhyRefused::NeverIssued)) => AuthStatus::NeverIssued,
        Err(Refusal::Unfit(WhyRefused::AlreadyAnswered)) => AuthStatus::AlreadyAnswered,
        Err(Refusal::Unfit(WhyRefused::WrongKind { .. })) => AuthStatus::WrongKind,
        Err(Refusal::Unfit(WhyRefused::OtherHashing { .. })) => AuthStatus::OtherHashing,
    }
}

/// Returns the number of the kind of order that waits, as orders begin with it: 0 admit, 1 random, 2 find-account,
/// 3 hash-password, 4 commit-account, 5 put-code, 6 redeem-code, 7 send-mail, 8 settle-mail. -1: the flow has ended.
///
/// # Safety
/// `flow` comes from auth_flow_start or auth_flow_restore, or is null: -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_waits_for(flow: *const AuthFlow) -> i32 {
    // SAFETY: as the caller promises.
    let waits = unsafe { flow.as_ref() }.and_then(|flow| flow.machine.waits_for());
    let place = waits.and_then(|kind| Kind::ALL.iter().position(|other| *other == kind));
    place.and_then(|place| i32::try_from(place).ok()).unwrap_or(-1)
}

/// Returns what the flow came to as an encoded `Result<Output, Broken>`. No octets: it is under way.
///
/// # Safety
/// `flow` comes from auth_flow_start or auth_flow_restore.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_outcome(flow: *const AuthFlow) -> AuthBuffer {
    // SAFETY: as the caller promises.
    secret(unsafe { flow.as_ref() }.and_then(|flow| flow.machine.outcome_bytes()))
}

/// Writes the flow down. Hashes and random octets are in it: keep it like a password store.
///
/// # Safety
/// `flow` comes from auth_flow_start or auth_flow_restore.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_snapshot(flow: *const AuthFlow) -> AuthBuffer {
    // SAFETY: as the caller promises.
    secret(unsafe { flow.as_ref() }.map(|flow| flow.machine.snapshot()))
}

/// Takes a flow up again, under the rules that it was started with. An order that waited for its answer waits to be
/// taken again.
///
/// # Safety
/// `rules` comes from auth_rules_new, `snapshot` leads to `snapshot_len` octets, `flow` to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_restore(
    rules: *const AuthRules,
    snapshot: *const u8,
    snapshot_len: usize,
    flow: *mut *mut AuthFlow,
) -> AuthStatus {
    // SAFETY: as the caller promises.
    let (rules, snapshot) = unsafe {
        clear(flow);
        (rules.as_ref(), octets(snapshot, snapshot_len))
    };
    let (Some(rules), Some(snapshot)) = (rules, snapshot) else { return AuthStatus::Null };
    match Machine::restore(snapshot, &rules.0) {
        // SAFETY: as the caller promises.
        Ok(machine) => unsafe { hand_over(AuthFlow { rules: Arc::clone(&rules.0), machine }, flow) },
        Err(BadSnapshot::Format) => AuthStatus::SnapshotFormat,
        Err(BadSnapshot::OtherFlow) => AuthStatus::SnapshotOtherFlow,
        Err(BadSnapshot::Mismatch) => AuthStatus::SnapshotMismatch,
    }
}

/// Gives a flow back, ended or not; its secrets are wiped. Null does nothing.
///
/// # Safety
/// `flow` comes from auth_flow_start or auth_flow_restore and was not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_free(flow: *mut AuthFlow) {
    if !flow.is_null() {
        // SAFETY: as the caller promises.
        drop(unsafe { Box::from_raw(flow) });
    }
}

/// Gives octets back, wiped. Those without data do nothing.
///
/// # Safety
/// `octets` comes from this library and was not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_buffer_free(octets: AuthBuffer) {
    if !octets.data.is_null() {
        // SAFETY: `buffer` has made it of a boxed slice of this length.
        let mut octets = unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(octets.data, octets.len)) };
        octets.zeroize();
    }
}

const NOTHING: AuthBuffer = AuthBuffer { data: ptr::null_mut(), len: 0 };

fn buffer(octets: &[u8]) -> AuthBuffer {
    let octets = Box::<[u8]>::from(octets);
    let len = octets.len();
    AuthBuffer { data: Box::into_raw(octets).cast(), len }
}

fn secret(octets: Option<Secret<Vec<u8>>>) -> AuthBuffer {
    octets.map_or(NOTHING, |octets| buffer(octets.expose()))
}

/// # Safety
/// `data` is null or leads to `len` octets that stay as they are for as long as the caller's `'a`.
unsafe fn octets<'a>(data: *const u8, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!data.is_null()).then(|| unsafe { slice::from_raw_parts(data, len) })
}

/// # Safety
/// As for `octets`.
unsafe fn password(data: *const u8, len: usize) -> Option<Password> {
    // SAFETY: as the caller promises.
    let octets = unsafe { octets(data, len) }?;
    str::from_utf8(octets).ok().and_then(|text| Password::parse(text).ok())
}

/// Whatever goes wrong later, the pointer leads nowhere and can be given back.
///
/// # Safety
/// `to` is null or leads to a pointer.
unsafe fn clear<T>(to: *mut *mut T) {
    if !to.is_null() {
        // SAFETY: as the caller promises.
        unsafe { to.write(ptr::null_mut()) };
    }
}

/// # Safety
/// `to` is null or leads to a pointer.
unsafe fn hand_over<T>(made: T, to: *mut *mut T) -> AuthStatus {
    if to.is_null() {
        return AuthStatus::Null;
    }
    // SAFETY: as the caller promises.
    unsafe { to.write(Box::into_raw(Box::new(made))) };
    AuthStatus::Ok
}
