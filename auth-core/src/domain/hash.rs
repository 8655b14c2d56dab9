//! The functions that hash passwords, their cost, and the limits on it.
//!
//! Threats: a hash that is too cheap to resist guessing after a leak (floor), and a manipulated row that makes the
//! host allocate gigabytes or compute for hours (ceiling).

use core::{fmt, num::NonZeroU32};

use serde::{Deserialize, Serialize};

use super::Imported;

/// A function that hashes passwords, and its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hashing {
    /// scrypt (RFC 7914), 32 bytes.
    Scrypt(Scrypt),
    /// PBKDF2-HMAC-SHA-256 (RFC 8018 section 5.2), 32 bytes, for hosts without the memory for scrypt.
    Pbkdf2 {
        /// The number of iterations.
        iterations: u32,
    },
    /// A keyed function that a secure element computes: HMAC-SHA-256 of salt and password, or as strong.
    ///
    /// It offers no resistance to an attacker who has the element; with the stored hashes alone nobody can guess at all. Its
    /// cost cannot be measured, so the key is named: another key is another function.
    Delegated {
        /// The key.
        key: KeyId,
    },
    /// Argon2id (RFC 9106), 32 bytes.
    Argon2id(Argon2),
    /// What another program has used, for verification alone: a login replaces the hash, and no policy can name it.
    Imported(Imported),
}

/// Argon2 (RFC 9106) parameters, of version 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argon2 {
    /// Memory in KiB, at least 8 · p.
    pub m: u32,
    /// Passes over it.
    pub t: u32,
    /// Lanes: time stays the same, an attacker's memory too.
    pub p: u8,
}

/// scrypt (RFC 7914) parameters: CPU and memory cost N = 2^`log2_n`, block size r, parallelism p.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrypt {
    /// log2 of N.
    pub log2_n: u8,
    /// Block size; memory is 128 · N · r bytes.
    pub r: u8,
    /// Parallelism; time grows with it, memory does not.
    pub p: u8,
}

/// The identity of a key in a secure element: 16 bytes of the host's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyId(#[serde(with = "crate::bytes")] [u8; 16]);

impl KeyId {
    /// Makes a key id from its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The most memory for one hash, in bytes: N = 2^20 with r = 8.
const MAX_MEMORY: u64 = 1 << 30;
/// The most work for one hash, as N · r · p.
const MAX_WORK: u64 = 1 << 24;
/// The most work for one hash of Argon2, as m · t: it fills as many KiB.
const MAX_FILLED: u64 = 1 << 22;
/// The most iterations of PBKDF2 for one hash.
const MAX_ITERATIONS: u32 = 10_000_000;
/// The iterations that the OWASP Password Storage Cheat Sheet asks of PBKDF2-HMAC-SHA-256.
const OWASP_ITERATIONS: u32 = 600_000;

impl Hashing {
    /// The default: [`Scrypt::DEFAULT`].
    pub const DEFAULT: Self = Self::Scrypt(Scrypt::DEFAULT);

    /// Returns the working memory of one hash, in bytes; 0 except for scrypt and Argon2id that a policy can name.
    pub const fn memory(self) -> u64 {
        match self {
            Self::Scrypt(scrypt) => scrypt.memory(),
            Self::Argon2id(argon2) => argon2.memory(),
            Self::Imported(_) => 0,
            Self::Pbkdf2 { .. } | Self::Delegated { .. } => 0,
        }
    }

    /// Returns whether the parameters can be used: not zero, not above the ceiling.
    pub fn within_ceiling(self) -> bool {
        match self {
            Self::Scrypt(scrypt) => scrypt.within_ceiling(),
            Self::Pbkdf2 { iterations } => iterations > 0 && iterations <= MAX_ITERATIONS,
            Self::Delegated { .. } => true,
            Self::Argon2id(argon2) => argon2.within_ceiling(),
            Self::Imported(imported) => imported.within_ceiling(),
        }
    }
}

impl From<Scrypt> for Hashing {
    fn from(scrypt: Scrypt) -> Self {
        Self::Scrypt(scrypt)
    }
}

impl fmt::Display for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scrypt(scrypt) => scrypt.fmt(f),
            Self::Pbkdf2 { iterations } => write!(f, "PBKDF2-HMAC-SHA-256 with {iterations} iterations"),
            Self::Delegated { .. } => f.write_str("a secure element's function"),
            Self::Argon2id(argon2) => argon2.fmt(f),
            Self::Imported(imported) => imported.fmt(f),
        }
    }
}

impl Argon2 {
    /// The setting that the OWASP Password Storage Cheat Sheet names first: 19 MiB, two passes, one lane.
    pub const OWASP: Self = Self { m: 19_456, t: 2, p: 1 };

    const fn memory(self) -> u64 {
        1024_u64.saturating_mul(self.m as u64)
    }

    const fn within_ceiling(self) -> bool {
        let filled = (self.m as u64).saturating_mul(self.t as u64);
        let lanes = self.p > 0 && self.m >= 8_u32.saturating_mul(self.p as u32);
        lanes && self.t > 0 && self.memory() <= MAX_MEMORY && filled <= MAX_FILLED
    }

    /// Returns whether the parameters are at least one of the settings that OWASP lists as equivalent.
    const fn reaches_owasp(self) -> bool {
        let least_m = match self.t {
            0 => return false,
            1 => 47_104,
            2 => 19_456,
            3 => 12_288,
            4 => 9_216,
            5.. => 7_168,
        };
        self.m >= least_m
    }
}

impl fmt::Display for Argon2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Argon2id m={} KiB, t={}, p={}", self.m, self.t, self.p)
    }
}

impl Scrypt {
    /// The default: N = 2^17, r = 8, p = 1 (OWASP Password Storage Cheat Sheet, scrypt).
    pub const DEFAULT: Self = Self { log2_n: 17, r: 8, p: 1 };

    /// Returns the working memory of one hash, in bytes.
    pub const fn memory(self) -> u64 {
        128_u64.saturating_mul(self.n()).saturating_mul(self.r as u64)
    }

    const fn n(self) -> u64 {
        if self.log2_n < 32 { 1 << self.log2_n } else { u64::MAX }
    }

    const fn within_ceiling(self) -> bool {
        let work = self.n().saturating_mul(self.r as u64).saturating_mul(self.p as u64);
        self.log2_n > 0 && self.r > 0 && self.p > 0 && self.memory() <= MAX_MEMORY && work <= MAX_WORK
    }

    /// Returns whether the parameters are at least one of the settings that OWASP lists as equivalent.
    const fn reaches_owasp(self) -> bool {
        let least_p = match self.log2_n {
            0..=12 => return false,
            13 => 10,
            14 => 5,
            15 => 3,
            16 => 2,
            17.. => 1,
        };
        self.r >= 8 && self.p >= least_p
    }
}

impl fmt::Display for Scrypt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scrypt N=2^{}, r={}, p={}", self.log2_n, self.r, self.p)
    }
}

/// The weakest password hash that is accepted, configured or stored.
///
/// Every floor but [`OWASP`](HashFloor::OWASP) has a name of its own and must be written into a program; none can be
/// read from a configuration. The floor is part of a run's stamps, so that a snapshot is not restored under another
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HashFloor(Floor);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
enum Floor {
    #[default]
    Owasp,
    Constrained(ConstrainedFloor),
    Delegated(KeyId),
    None,
}

/// The floor of a host that cannot afford the server's, such as a microcontroller. Set it as high as the host can
/// bear: it decides how much its hashes resist a thief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ConstrainedFloor {
    /// PBKDF2-HMAC-SHA-256 with at least this many iterations, 5,000 to 10,000 instructions each on a Cortex-M4.
    Pbkdf2 {
        /// The number of iterations.
        iterations: NonZeroU32,
    },
    /// scrypt with at least this much memory, in any setting.
    Scrypt {
        /// The memory in bytes: 128 · N · r.
        memory: NonZeroU32,
    },
}

impl HashFloor {
    /// The server's floor, and the default: the settings that the OWASP Password Storage Cheat Sheet lists for
    /// scrypt and Argon2id, and 600,000 iterations of PBKDF2-HMAC-SHA-256.
    pub const OWASP: Self = Self(Floor::Owasp);

    /// No floor, for the profile `seed-compat` and tests. A leak of such hashes is a leak of passwords.
    pub const NONE: Self = Self(Floor::None);

    /// Makes a floor below the server's. Leaked hashes are that much cheaper to guess.
    ///
    /// Never below 10,000 iterations (NIST SP 800-63B of 2017 section 5.1.1.2) or 16 KiB: lower values are raised to
    /// these.
    pub const fn constrained(floor: ConstrainedFloor) -> Self {
        const LEAST_ITERATIONS: NonZeroU32 = NonZeroU32::new(10_000).unwrap();
        const LEAST_MEMORY: NonZeroU32 = NonZeroU32::new(16 << 10).unwrap();
        Self(Floor::Constrained(match floor {
            ConstrainedFloor::Pbkdf2 { iterations } if iterations.get() < LEAST_ITERATIONS.get() => {
                ConstrainedFloor::Pbkdf2 { iterations: LEAST_ITERATIONS }
            }
            ConstrainedFloor::Scrypt { memory } if memory.get() < LEAST_MEMORY.get() => {
                ConstrainedFloor::Scrypt { memory: LEAST_MEMORY }
            }
            ConstrainedFloor::Pbkdf2 { .. } | ConstrainedFloor::Scrypt { .. } => floor,
        }))
    }

    /// Makes a floor that accepts only what a secure element computes with this key.
    pub const fn delegated(key: KeyId) -> Self {
        Self(Floor::Delegated(key))
    }

    /// Returns whether a hash with these parameters is accepted.
    pub fn admits(self, params: Hashing) -> bool {
        let strong = match (self.0, params) {
            (Floor::None, Hashing::Scrypt(_) | Hashing::Pbkdf2 { .. } | Hashing::Argon2id(_)) => true,
            (Floor::Owasp, Hashing::Argon2id(argon2)) => argon2.reaches_owasp(),
            // As weak as it came: whoever logs in gets a hash of today.
            (Floor::None | Floor::Owasp, Hashing::Imported(_)) => true,
            (Floor::Owasp, Hashing::Scrypt(scrypt)) => scrypt.reaches_owasp(),
            (Floor::Owasp, Hashing::Pbkdf2 { iterations }) => iterations >= OWASP_ITERATIONS,
            (
                Floor::Constrained(ConstrainedFloor::Pbkdf2 { iterations: least }),
                Hashing::Pbkdf2 { iterations },
            ) => iterations >= least.get(),
            (Floor::Constrained(ConstrainedFloor::Scrypt { memory }), Hashing::Scrypt(scrypt)) => {
                scrypt.memory() >= memory.get() as u64
            }
            // Threat: a stored row that names another key, which an attacker may have.
            (Floor::Delegated(named), Hashing::Delegated { key }) => {
                u128::from_be_bytes(named.0) == u128::from_be_bytes(key.0)
            }
            (Floor::None | Floor::Owasp | Floor::Constrained(_) | Floor::Delegated(_), _) => false,
        };
        strong && params.within_ceiling()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn scrypt(log2_n: u8, r: u8, p: u8) -> Hashing {
        Hashing::Scrypt(Scrypt { log2_n, r, p })
    }

    const fn argon2(m: u32, t: u32, p: u8) -> Hashing {
        Hashing::Argon2id(Argon2 { m, t, p })
    }

    const fn pbkdf2(iterations: u32) -> Hashing {
        Hashing::Pbkdf2 { iterations }
    }

    #[test]
    fn floor_is_the_owasp_table() {
        for good in [(17, 8, 1), (18, 8, 1), (16, 8, 2), (15, 8, 3), (14, 8, 5), (13, 8, 10)] {
            assert!(HashFloor::OWASP.admits(scrypt(good.0, good.1, good.2)), "{good:?}");
        }
        for weak in [(16, 8, 1), (17, 4, 1), (15, 8, 2), (14, 8, 4), (13, 8, 9), (12, 8, 40), (10, 8, 1)] {
            assert!(!HashFloor::OWASP.admits(scrypt(weak.0, weak.1, weak.2)), "{weak:?}");
        }
        assert!(HashFloor::OWASP.admits(pbkdf2(600_000)));
        assert!(!HashFloor::OWASP.admits(pbkdf2(599_999)));
        assert!(HashFloor::NONE.admits(scrypt(4, 8, 1)));
        for good in [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5), (7_168, 6), (65_536, 1)] {
            assert!(HashFloor::OWASP.admits(argon2(good.0, good.1, 1)), "{good:?}");
        }
        for weak in [(47_103, 1), (19_455, 2), (12_287, 3), (9_215, 4), (7_167, 5), (7_167, 50)] {
            assert!(!HashFloor::OWASP.admits(argon2(weak.0, weak.1, 1)), "{weak:?}");
        }
    }

    #[test]
    fn ceiling_holds_without_a_floor_too() {
        for huge in [(21, 8, 1), (31, 8, 1), (255, 255, 255), (20, 8, 4), (0, 8, 1), (17, 0, 1), (17, 8, 0)] {
            assert!(!HashFloor::NONE.admits(scrypt(huge.0, huge.1, huge.2)), "{huge:?}");
        }
        for huge in [0, 10_000_001, u32::MAX] {
            assert!(!HashFloor::NONE.admits(pbkdf2(huge)), "{huge}");
        }
        for huge in [
            (1 << 21, 1, 1),
            (1 << 20, 5, 1),
            (u32::MAX, u32::MAX, 255),
            (19_456, 0, 1),
            (19_456, 2, 0),
            (15, 2, 2),
        ] {
            assert!(!HashFloor::NONE.admits(argon2(huge.0, huge.1, huge.2)), "{huge:?}");
        }
        assert!(HashFloor::NONE.admits(argon2(1 << 20, 4, 1)) && HashFloor::NONE.admits(argon2(8, 1, 1)));
        assert!(HashFloor::NONE.admits(scrypt(20, 8, 1)));
        assert_eq!(Scrypt::DEFAULT.memory(), 128 << 20);
    }

    #[test]
    fn constrained_floor_admits_its_own_function_alone() {
        let iterations = NonZeroU32::new(20_000).unwrap();
        let floor = HashFloor::constrained(ConstrainedFloor::Pbkdf2 { iterations });
        assert!(floor.admits(pbkdf2(20_000)) && floor.admits(pbkdf2(600_000)));
        assert!(!floor.admits(pbkdf2(19_999)));
        assert!(!floor.admits(scrypt(20, 8, 1)));
        let memory = NonZeroU32::new(16 << 10).unwrap();
        let floor = HashFloor::constrained(ConstrainedFloor::Scrypt { memory });
        assert!(floor.admits(scrypt(4, 8, 1)));
        assert!(!floor.admits(scrypt(3, 8, 1)));
        // Values below the minimum are raised to it.
        let one = NonZeroU32::MIN;
        assert!(!HashFloor::constrained(ConstrainedFloor::Pbkdf2 { iterations: one }).admits(pbkdf2(9_999)));
        assert!(!HashFloor::constrained(ConstrainedFloor::Scrypt { memory: one }).admits(scrypt(3, 8, 1)));
        assert!(!floor.admits(pbkdf2(600_000)));
    }

    #[test]
    fn delegated_floor_admits_its_own_key_alone() {
        let [one, other] = [1, 2].map(|n| KeyId::from_bytes([n; 16]));
        let floor = HashFloor::delegated(one);
        assert!(floor.admits(Hashing::Delegated { key: one }));
        assert!(!floor.admits(Hashing::Delegated { key: other }));
        assert!(!floor.admits(Hashing::DEFAULT));
        for floor in [HashFloor::OWASP, HashFloor::NONE] {
            assert!(
                !floor.admits(Hashing::Delegated { key: one }),
                "an element that is not named is refused"
            );
        }
    }
}
