//! auth-core for C: opaque handles, bytes in, bytes out. `include/auth_core.h` is generated from this file.
//!
//! It translates and decides nothing. Next: `auth_core::wire`, which does the work; `examples/c` for a host.

use std::{ptr, slice, sync::Arc};

use auth_core::{
    BadSnapshot, CodeKey, CodeKeys, Estimate, Kind, Password, Policy, Rules, Secret, Weakness, WhyRefused,
    wire::{BadInput, Machine, Refusal},
};
use zeroize::Zeroize;

/// The result of a call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthStatus {
    /// The call succeeded.
    Ok = 0,
    /// A pointer that must not be null is null.
    Null,
    /// The policy is not JSON, lacks a field, has an unknown one, or is not allowed. Start from auth_default_policy.
    Policy,
    /// Code keys must be 1 to 8 times 32 bytes, all of them different.
    CodeKeys,
    /// This version cannot read the encoding of an input.
    Version,
    /// The bytes are damaged, of another encoding, or contain an impossible value, such as an invalid address. A flow
    /// that refuses an answer is unchanged.
    Malformed,
    /// The typed code is impossible under the policy: tell the visitor that it is wrong.
    Code,
    /// The answer belongs to another flow's order.
    OtherRun,
    /// The answer is to an order that this flow has not reached.
    NeverIssued,
    /// The order is answered already.
    AlreadyAnswered,
    /// The answer is of another kind than its order; auth_flow_waits_for returns the kind that matches.
    WrongKind,
    /// The password was hashed with other parameters than ordered.
    OtherHashing,
    /// This version cannot read the snapshot's format. Start the flow again.
    SnapshotFormat,
    /// The snapshot contains a flow that this version does not have. Start the flow again.
    SnapshotOtherFlow,
    /// The snapshot is damaged, or was made under other rules. Start the flow again.
    SnapshotMismatch,
    /// The text cannot be a password: it is not UTF-8, empty, over 1,024 bytes, or has control characters.
    PasswordUnusable,
    /// The password has fewer characters than the policy requires.
    PasswordTooShort,
    /// The password is in a list of passwords known from leaks.
    PasswordCommon,
    /// The password is easier to guess than the policy allows.
    PasswordGuessable,
}

/// Bytes made by the library: free them with auth_buffer_free. If there are none, data is null.
#[repr(C)]
pub struct AuthBuffer {
    /// The first byte.
    pub data: *mut u8,
    /// The number of bytes.
    pub len: usize,
}

/// A checked policy and the code keys. Make it once; any number of flows can use it, in any number of threads at
/// once, until it is freed.
pub struct AuthRules(Arc<Rules>);

/// One operation with the answers so far. It may move between threads, but two threads must not use it at the same
/// time.
pub struct AuthFlow {
    rules: Arc<Rules>,
    machine: Machine,
}

/// The compiler checks what the two types promise about threads.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    const fn sent<T: Send>() {}
    shared::<AuthRules>();
    sent::<AuthFlow>();
};

/// Returns the documented policy as JSON, to change and pass to auth_rules_new. Durations are microseconds.
#[unsafe(no_mangle)]
pub extern "C" fn auth_default_policy() -> AuthBuffer {
    buffer(&serde_json::to_vec(&Policy::default()).unwrap_or_default())
}

/// Makes rules from a policy in JSON, or null for the documented one, and from code keys: 1 to 8 times 32 bytes of a
/// CSPRNG, one after the other. The first one signs, all verify. Every field of the policy is required. The hash
/// floor is the server's: no JSON can lower it.
///
/// # Safety
/// `policy` is null or points to `policy_len` bytes, `code_keys` to `code_keys_len` bytes, `rules` to a pointer.
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
        (bytes(policy, policy_len), bytes(code_keys, code_keys_len))
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

/// Frees rules. Flows that were started with them continue. Null does nothing.
///
/// # Safety
/// `rules` comes from auth_rules_new and was not freed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_rules_free(rules: *mut AuthRules) {
    if !rules.is_null() {
        // SAFETY: as the caller promises.
        drop(unsafe { Box::from_raw(rules) });
    }
}

/// Returns a password as it is to be hashed: in Unicode NFC, so that it does not depend on how a keyboard composes
/// characters. Hash only this, at registration and at activation. Returns no bytes if it cannot be a password: not
/// UTF-8, empty, over 1,024 bytes, or with control characters.
///
/// # Safety
/// `password` points to `password_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_password_normalize(password: *const u8, password_len: usize) -> AuthBuffer {
    // SAFETY: as the caller promises.
    let password = unsafe { self::password(password, password_len) };
    password.map_or(NOTHING, |password| buffer(password.expose().as_bytes()))
}

/// Judges a new password with the result of a strength estimator: a zxcvbn score of 0 to 4, and whether it is in a
/// list of leaked ones. The password enters no flow.
///
/// # Safety
/// `rules` comes from auth_rules_new, `password` points to `password_len` bytes.
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
/// `rules` comes from auth_rules_new, `input` points to `input_len` bytes, `flow` to a pointer.
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
        (rules.as_ref(), bytes(input, input_len))
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

/// Returns the order that waits as an encoded `Ordered`, once. Returns no bytes if it was taken or the flow has
/// ended.
///
/// # Safety
/// `flow` comes from auth_flow_start or auth_flow_restore.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_take(flow: *mut AuthFlow) -> AuthBuffer {
    // SAFETY: as the caller promises.
    secret(unsafe { flow.as_mut() }.and_then(|flow| flow.machine.take_bytes()))
}

/// Accepts an encoded `Response` and continues.
///
/// # Safety
/// `flow` comes from auth_flow_start or auth_flow_restore, `response` points to `response_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_answer(
    flow: *mut AuthFlow,
    response: *const u8,
    response_len: usize,
) -> AuthStatus {
    // SAFETY: as the caller promises.
    let (Some(flow), Some(response)) = (unsafe { flow.as_mut() }, unsafe { bytes(response, response_len) })
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

/// Returns the number of the kind of order that waits, with which encoded orders begin: 0 admit, 1 random, 2
/// find-account, 3 hash-password, 4 commit-account, 5 put-code, 6 redeem-code, 7 send-mail, 8 settle-mail, 9
/// find-session, 10 put-session. Returns -1 if the flow has ended.
///
/// # Safety
/// `flow` comes from auth_flow_start or auth_flow_restore, or is null, for which it returns -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_waits_for(flow: *const AuthFlow) -> i32 {
    // SAFETY: as the caller promises.
    let waits = unsafe { flow.as_ref() }.and_then(|flow| flow.machine.waits_for());
    let place = waits.and_then(|kind| Kind::ALL.iter().position(|other| *other == kind));
    place.and_then(|place| i32::try_from(place).ok()).unwrap_or(-1)
}

/// Returns the result of the flow as an encoded `Result<Output, Broken>`. Returns no bytes if it has not ended.
///
/// # Safety
/// `flow` comes from auth_flow_start or auth_flow_restore.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_outcome(flow: *const AuthFlow) -> AuthBuffer {
    // SAFETY: as the caller promises.
    secret(unsafe { flow.as_ref() }.and_then(|flow| flow.machine.outcome_bytes()))
}

/// Writes the flow to bytes. They contain hashes and random bytes: protect them like passwords.
///
/// # Safety
/// `flow` comes from auth_flow_start or auth_flow_restore.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_snapshot(flow: *const AuthFlow) -> AuthBuffer {
    // SAFETY: as the caller promises.
    secret(unsafe { flow.as_ref() }.map(|flow| flow.machine.snapshot()))
}

/// Restores a flow under the rules that it was started with. An order that waited for its answer can be taken again.
///
/// # Safety
/// `rules` comes from auth_rules_new, `snapshot` points to `snapshot_len` bytes, `flow` to a pointer.
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
        (rules.as_ref(), bytes(snapshot, snapshot_len))
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

/// Frees a flow, ended or not, and wipes its secrets. Null does nothing.
///
/// # Safety
/// `flow` comes from auth_flow_start or auth_flow_restore and was not freed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_flow_free(flow: *mut AuthFlow) {
    if !flow.is_null() {
        // SAFETY: as the caller promises.
        drop(unsafe { Box::from_raw(flow) });
    }
}

/// Wipes and frees bytes. A buffer without data does nothing.
///
/// # Safety
/// `bytes` comes from this library and was not freed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_buffer_free(bytes: AuthBuffer) {
    if !bytes.data.is_null() {
        // SAFETY: `buffer` has made it from a boxed slice of this length.
        let mut bytes = unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(bytes.data, bytes.len)) };
        bytes.zeroize();
    }
}

const NOTHING: AuthBuffer = AuthBuffer { data: ptr::null_mut(), len: 0 };

fn buffer(bytes: &[u8]) -> AuthBuffer {
    let bytes = Box::<[u8]>::from(bytes);
    let len = bytes.len();
    AuthBuffer { data: Box::into_raw(bytes).cast(), len }
}

fn secret(bytes: Option<Secret<Vec<u8>>>) -> AuthBuffer {
    bytes.map_or(NOTHING, |bytes| buffer(bytes.expose()))
}

/// # Safety
/// `data` is null or points to `len` bytes that are unchanged for the caller's `'a`.
unsafe fn bytes<'a>(data: *const u8, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!data.is_null()).then(|| unsafe { slice::from_raw_parts(data, len) })
}

/// # Safety
/// As for `bytes`.
unsafe fn password(data: *const u8, len: usize) -> Option<Password> {
    // SAFETY: as the caller promises.
    let bytes = unsafe { bytes(data, len) }?;
    str::from_utf8(bytes).ok().and_then(|text| Password::parse(text).ok())
}

/// Sets the pointer to null, so that it can be freed whatever fails later.
///
/// # Safety
/// `to` is null or points to a pointer.
unsafe fn clear<T>(to: *mut *mut T) {
    if !to.is_null() {
        // SAFETY: as the caller promises.
        unsafe { to.write(ptr::null_mut()) };
    }
}

/// # Safety
/// `to` is null or points to a pointer.
unsafe fn hand_over<T>(made: T, to: *mut *mut T) -> AuthStatus {
    if to.is_null() {
        return AuthStatus::Null;
    }
    // SAFETY: as the caller promises.
    unsafe { to.write(Box::into_raw(Box::new(made))) };
    AuthStatus::Ok
}
