//! A second implementation of how random values, slots and MACs are derived.
//!
//! Codes in a store and mails in an outbox outlive a release, so these formats are fixed: the expectations here share
//! no code with the crate.

use auth_core::{
    AddressKey, Code, CodeFormat, CodeMac, CodeSlot, Generation, MailId, Purpose, Salt, SessionHash,
    SessionId, Subject, SubjectKind,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Returns the stream of SHA-256(counter, seed, label), block after block.
pub(crate) fn stream(seed: [u8; 32], label: &'static str) -> impl Iterator<Item = u8> {
    (1_u32..).flat_map(move |counter| {
        let block = Sha256::new().chain_update(counter.to_be_bytes()).chain_update(seed).chain_update(label);
        <[u8; 32]>::from(block.finalize())
    })
}

/// Returns what Register draws: salt, generation, mail.
pub(crate) fn register(seed: [u8; 32]) -> (Salt, Generation, MailId) {
    let mut bytes = stream(seed, "register");
    let salt = Salt::from_bytes(take(&mut bytes));
    let generation = uuid(take(&mut bytes));
    (salt, generation, MailId::from_bytes(take(&mut bytes)))
}

/// Returns a generation with the version and variant of a UUIDv4.
pub(crate) fn uuid(mut bytes: [u8; 16]) -> Generation {
    bytes[6] = 0x40 | (bytes[6] % 16);
    bytes[8] = 0x80 | (bytes[8] % 64);
    Generation::from_bytes(bytes)
}

/// Returns whom a request is counted against.
pub(crate) fn subject(key: [u8; 32], kind: SubjectKind, octets: &[u8]) -> Subject {
    let name = match kind {
        SubjectKind::Client => "client",
        SubjectKind::Address => "address",
        SubjectKind::Device => "device",
        SubjectKind::Account => "account",
    };
    Subject::from_parts(kind, hmac(&key, &[b"auth-core subject v1", name.as_bytes(), octets]))
}

/// Returns what Resend draws: the mail.
pub(crate) fn resend(seed: [u8; 32]) -> MailId {
    MailId::from_bytes(take(&mut stream(seed, "resend")))
}

/// Returns what Activate draws: the salt and the slot for when there is nothing to compare.
pub(crate) fn activate(seed: [u8; 32]) -> (Salt, CodeSlot) {
    let mut bytes = stream(seed, "activate");
    let dummy = Salt::from_bytes(take(&mut bytes));
    (dummy, CodeSlot::from_bytes(take(&mut bytes)))
}

/// Returns the token of a mail, and its slot.
pub(crate) fn reset(
    code_key: [u8; 32],
    key: &AddressKey,
    generation: Generation,
    mail: MailId,
) -> (String, CodeSlot) {
    let parts: [&[u8]; 4] =
        [b"auth-core reset v1", generation.as_bytes(), mail.as_bytes(), key.as_str().as_bytes()];
    let token = format!("authr_{}", base64url(&hmac(&code_key, &parts)[..16]));
    let slot = token_slot(key, generation, &token);
    (token, slot)
}

/// Returns the slot of a token.
pub(crate) fn token_slot(key: &AddressKey, generation: Generation, token: &str) -> CodeSlot {
    let digest = Sha256::new()
        .chain_update(b"auth-core token slot v1")
        .chain_update(generation.as_bytes())
        .chain_update(Sha256::digest(token))
        .chain_update(key.as_str());
    CodeSlot::from_bytes(digest.finalize().into())
}

/// Returns the MAC under which a token is stored.
pub(crate) fn token_mac(key: [u8; 32], slot: CodeSlot, token: &str) -> CodeMac {
    let bytes = [&[32][..], &hmac(&key, &[b"auth-core code v1", slot.as_bytes(), token.as_bytes()])].concat();
    postcard::from_bytes(&bytes).expect("32 bytes are a MAC")
}

/// What a flow draws that opens a session.
pub(crate) struct Drawn {
    pub(crate) dummy: Salt,
    pub(crate) token: String,
    pub(crate) id: SessionId,
    rest: Vec<u8>,
}

/// Returns what Login or Confirm draws: the salt for when there is nothing to compare, a token, a session's id.
pub(crate) fn session(seed: [u8; 32], label: &'static str) -> Drawn {
    let mut bytes = stream(seed, label);
    let dummy = Salt::from_bytes(take(&mut bytes));
    let token = format!("auths_{}", base64url(&take::<32>(&mut bytes)));
    Drawn { dummy, token, id: SessionId::from_bytes(take(&mut bytes)), rest: bytes.take(32).collect() }
}

impl Drawn {
    /// Returns the token of a new device, and the octets in it.
    pub(crate) fn device(
        &self,
        key: [u8; 32],
        account: &[u8; 16],
        generation: Generation,
    ) -> (String, [u8; 16]) {
        (device(key, account, generation, &self.rest), take(&mut self.rest.iter().copied()))
    }

    /// Returns the salt of a password that is hashed again.
    pub(crate) fn salt(&self) -> Salt {
        Salt::from_bytes(take(&mut self.rest.iter().copied().skip(16)))
    }
}

/// Returns the token of a device from what is drawn for it.
pub(crate) fn device(key: [u8; 32], account: &[u8; 16], generation: Generation, drawn: &[u8]) -> String {
    let octets: [u8; 16] = take(&mut drawn.iter().copied());
    let mac = hmac(&key, &[b"auth-core device v1", account, generation.as_bytes(), &octets]);
    format!("authd_{}", base64url(&[&octets[..], &mac].concat()))
}

/// Returns a session's token and its id from what is drawn for them.
pub(crate) fn token_and_id(drawn: &[u8]) -> (String, SessionId) {
    let mut bytes = drawn.iter().copied();
    let token = format!("auths_{}", base64url(&take::<32>(&mut bytes)));
    (token, SessionId::from_bytes(take(&mut bytes)))
}

/// Returns what the store knows of a token.
pub(crate) fn session_hash(token: &str) -> SessionHash {
    let digest = Sha256::new().chain_update(b"auth-core session v1").chain_update(token).finalize();
    SessionHash::from_bytes(digest.into())
}

/// Returns base 64 for URLs, without padding (RFC 4648 section 5).
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| (byte >> bit) & 1)).collect();
    let digit = |bits: &[u8]| (0..6).fold(0, |value, bit| value * 2 + bits.get(bit).copied().unwrap_or(0));
    bits.chunks(6).map(|bits| char::from(DIGITS[usize::from(digit(bits))])).collect()
}

/// Returns the code of a mail: digits, without the bytes that would make some more likely. The same mail always has
/// the same code.
pub(crate) fn code(key: [u8; 32], slot: CodeSlot, mail: MailId, format: CodeFormat) -> Code {
    let seed = hmac(&key, &[b"auth-core draw v2", slot.as_bytes(), mail.as_bytes()]);
    let digits = stream(seed, "code").filter(|byte| *byte < 250);
    let text: String =
        digits.take(usize::from(format.length())).map(|byte| char::from(b'0' + byte % 10)).collect();
    format.parse(&text).expect("drawn digits are a valid code")
}

/// Returns the slot of an attempt's codes.
pub(crate) fn slot(key: &AddressKey, generation: Generation) -> CodeSlot {
    slot_for(Purpose::Activation, key, generation)
}

/// Returns the slot of codes of a purpose.
pub(crate) fn slot_for(purpose: Purpose, key: &AddressKey, generation: Generation) -> CodeSlot {
    let digest = Sha256::new()
        .chain_update(b"auth-core slot v1")
        .chain_update([purpose.number()])
        .chain_update(generation.as_bytes())
        .chain_update(key.as_str());
    CodeSlot::from_bytes(digest.finalize().into())
}

/// Returns the MAC under which a code is stored.
pub(crate) fn mac(key: [u8; 32], slot: CodeSlot, code: &Code) -> CodeMac {
    mac_of(key, slot, code.expose())
}

/// Returns the MAC of a code or a token.
pub(crate) fn mac_of(key: [u8; 32], slot: CodeSlot, text: &str) -> CodeMac {
    let parts: [&[u8]; 3] = [b"auth-core code v1", slot.as_bytes(), text.as_bytes()];
    let bytes = [&[32][..], &hmac(&key, &parts)].concat();
    postcard::from_bytes(&bytes).expect("32 bytes are a MAC")
}

pub(crate) fn take<const N: usize>(bytes: &mut impl Iterator<Item = u8>) -> [u8; N] {
    std::array::from_fn(|_| bytes.next().expect("the stream never ends"))
}

pub(crate) fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| hmac.update(part));
    hmac.finalize().into_bytes().into()
}
