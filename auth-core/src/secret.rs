//! The wrapper around bytes that must not leak; it knows nothing of their meaning.
//!
//! Next: `domain/hash.rs` and `domain/code.rs`, which contain most of the secrets.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A value that is wiped on drop and never printed.
///
/// `Debug` is redacted, and there is no `Display` and no `Serialize`: neither a log line nor a JSON body can contain
/// a `Secret` by accident. Types that are made to be serialized do contain secrets: a [`Row`](crate::Row) the
/// password's hash, a [`Slot`](crate::Slot) MACs, and inputs, orders and answers their own values. Store them as
/// [`Stored`](crate::Stored) bytes or as snapshots.
///
/// Comparison takes the same time wherever the first difference is; the length is not hidden.
///
/// ```compile_fail
/// fn serializable<T: serde::Serialize>(_: T) {}
/// serializable(auth_core::Secret::new([0_u8; 32])); // secrets do not serialize
/// ```
#[derive(Clone)]
pub struct Secret<T: Zeroize>(pub(crate) T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value. The caller must wipe other copies.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the content; review every use.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        // Threat: freed memory that is read later (core dump, heap disclosure).
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        // Threat: a comparison that stops early reveals how many leading bytes were right.
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

impl<T: Zeroize + AsRef<[u8]>> Eq for Secret<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String};

    #[test]
    fn debug_is_redacted() {
        let secret = Secret::new(String::from("canary-7731"));
        assert_eq!(format!("{secret:?}"), "[secret]");
    }

    #[test]
    fn equality_looks_at_every_byte() {
        assert_eq!(Secret::new([1_u8, 2]), Secret::new([1_u8, 2]));
        assert_ne!(Secret::new([1_u8, 2]), Secret::new([1_u8, 3]));
    }
}
