//! Device tokens: what a browser keeps of a login, so that strangers who guess do not lock its owner out.
//!
//! Nothing is stored: a token is some random octets and a MAC that binds them to one account and its generation.

use alloc::string::String;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::Mac;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{AccountId, CodeKeys, Generation, Stream, random::hmac, session::tagged};
use crate::{Secret, bytes};

const TAG: &str = "authd_";

/// A token that makes a device a known one: `authd_` and 64 characters of base 64 (RFC 4648 section 5). It opens
/// nothing; with it, wrong passwords are counted for this device instead of the address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceToken(#[serde(with = "bytes::text")] Secret<String>);

/// The random octets of a device token.
#[derive(Clone, Copy)]
pub(crate) struct Device(pub(super) [u8; 16]);

impl DeviceToken {
    /// Makes a token from what a visitor shows, whatever it is: a text that is no token counts as none.
    pub const fn new(shown: Secret<String>) -> Self {
        Self(shown)
    }

    /// Returns the text to hand over to the visitor; review every use.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Makes the token of an account's new device.
    pub(crate) fn draw(
        keys: &CodeKeys,
        account: AccountId,
        generation: Generation,
        random: &mut Stream<'_>,
    ) -> Self {
        let device = Device(random.bytes());
        let mac = device.mac(keys.first(), account, generation);
        let mut bytes = Zeroizing::new([0; 48]);
        let both = device.0.iter().chain(&mac);
        bytes.iter_mut().zip(both).for_each(|(to, from)| *to = *from);
        Self(tagged(TAG, bytes.as_ref()))
    }

    /// Returns the device if the token is one of this account, made under this generation.
    pub(crate) fn device(
        &self,
        keys: &CodeKeys,
        account: AccountId,
        generation: Generation,
    ) -> Option<Device> {
        let mut bytes = Zeroizing::new([0; 48]);
        let text = self.expose().strip_prefix(TAG)?;
        let read = Base64UrlUnpadded::decode(text, bytes.as_mut()).ok()?;
        let (octets, mac) = read.split_first_chunk::<16>()?;
        let device = Device(*octets);
        // Threat: a forged token, found byte by byte. The comparison takes the same time wherever they differ.
        let right = |key| bool::from(device.mac(key, account, generation).ct_eq(mac));
        keys.all().any(right).then_some(device)
    }
}

impl Device {
    fn mac(self, key: &Secret<[u8; 32]>, account: AccountId, generation: Generation) -> [u8; 32] {
        let mut mac = hmac(key);
        mac.update(b"auth-core device v1");
        mac.update(account.as_bytes());
        mac.update(generation.as_bytes());
        mac.update(&self.0);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CodeKey;
    use alloc::string::ToString;

    fn keys(bytes: &[u8]) -> CodeKeys {
        CodeKeys::new(bytes.iter().map(|b| CodeKey::new(Secret::new([*b; 32])))).unwrap()
    }

    fn token(keys: &CodeKeys) -> DeviceToken {
        let seed = Secret::new([7; 32]);
        let (account, generation) = (AccountId::from_bytes([1; 16]), Generation::from_bytes([2; 16]));
        DeviceToken::draw(keys, account, generation, &mut Stream::new(&seed, "test"))
    }

    #[test]
    fn a_token_is_of_one_account_generation_and_key() {
        let token = token(&keys(&[1]));
        assert_eq!(token.expose().len(), 70);
        let known = |by: &[u8], account: u8, generation: u8| {
            let (account, generation) =
                (AccountId::from_bytes([account; 16]), Generation::from_bytes([generation; 16]));
            token.device(&keys(by), account, generation).is_some()
        };
        assert!(known(&[1], 1, 2));
        assert!(known(&[3, 1], 1, 2), "an earlier key still verifies");
        assert!(!known(&[3], 1, 2));
        assert!(!known(&[1], 9, 2));
        assert!(!known(&[1], 1, 9));
    }

    #[test]
    fn what_is_no_token_is_none() {
        let keys = keys(&[1]);
        let right = token(&keys);
        let known = |text: &str| {
            let (account, generation) = (AccountId::from_bytes([1; 16]), Generation::from_bytes([2; 16]));
            let token = DeviceToken::new(Secret::new(text.to_string()));
            token.device(&keys, account, generation).is_some()
        };
        let text = right.expose();
        assert!(known(text));
        let other = if text.ends_with('A') { "B" } else { "A" };
        let changed = [text.get(..69).unwrap(), other].concat();
        for wrong in ["", "authd_", "auths_", text.get(6..).unwrap(), text.get(..69).unwrap(), &changed] {
            assert!(!known(wrong), "{wrong}");
        }
        assert!(!known(&[text, "A"].concat()));
    }
}
