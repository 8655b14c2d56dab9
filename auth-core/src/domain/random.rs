//! The random bytes of a flow, derived from 32 bytes of the host.

use hmac::{Hmac, KeyInit};
use sha2::{Digest, Sha256};

use crate::Secret;

/// Returns HMAC-SHA-256 ready for input under a 32-byte key.
pub(crate) fn hmac(key: &Secret<[u8; 32]>) -> Hmac<Sha256> {
    // RFC 2104: a key shorter than the block is padded with zeros, so this is the same
    // function as with the 32 bytes, and it cannot fail.
    let mut block = [0_u8; 64];
    for (to, from) in block.iter_mut().zip(key.expose()) {
        *to = *from;
    }
    let hmac = Hmac::new(&block.into());
    zeroize::Zeroize::zeroize(&mut block);
    hmac
}

/// A stream of pseudo-random bytes: SHA-256(counter ‖ seed ‖ label), block after block.
///
/// The one-step key derivation of NIST SP 800-56C Rev. 2 section 4.1. A flow draws again each time it is replayed, so
/// a block is one compression, where HMAC takes four. The seed comes from the host's CSPRNG and is used for one run.
/// Whole blocks may be disclosed: a length extension would have a longer label, and labels are fixed.
pub(crate) struct Stream<'a> {
    seed: &'a Secret<[u8; 32]>,
    label: &'static str,
    counter: u32,
    block: Secret<[u8; 32]>,
    used: usize,
}

impl<'a> Stream<'a> {
    /// Starts the stream of one label; different labels give unrelated streams.
    pub(crate) const fn new(seed: &'a Secret<[u8; 32]>, label: &'static str) -> Self {
        Self { seed, label, counter: 0, block: Secret::new([0; 32]), used: 32 }
    }

    /// Returns the next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        if let Some(byte) = self.block.expose().get(self.used) {
            self.used = self.used.saturating_add(1);
            return *byte;
        }
        self.counter = self.counter.wrapping_add(1);
        let block = Sha256::new()
            .chain_update(self.counter.to_be_bytes())
            .chain_update(self.seed.expose())
            .chain_update(self.label);
        self.block = Secret::new(block.finalize().into());
        self.used = 1;
        let [first, ..] = self.block.expose();
        *first
    }

    /// Returns the next bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.byte())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::Mac;

    #[test]
    fn hmac_matches_rfc_4231_test_case_6_key_rules() {
        // The padding above must equal HMAC over the unpadded key.
        let key = Secret::new([0x0b; 32]);
        let mut ours = hmac(&key);
        ours.update(b"Hi There");
        let mut theirs = Hmac::<Sha256>::new_from_slice(key.expose()).unwrap();
        theirs.update(b"Hi There");
        assert_eq!(ours.finalize().into_bytes(), theirs.finalize().into_bytes());
    }

    #[test]
    fn streams_are_repeatable_and_differ_by_label() {
        let seed = Secret::new([7; 32]);
        let a: [u8; 70] = Stream::new(&seed, "a").bytes();
        let again: [u8; 70] = Stream::new(&seed, "a").bytes();
        let b: [u8; 70] = Stream::new(&seed, "b").bytes();
        assert_eq!(a, again);
        assert_ne!(a, b);
        assert_ne!(a[..32], a[32..64], "blocks must differ");
    }
}
