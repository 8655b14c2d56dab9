//! The short codes that are mailed: their alphabet, drawing and parsing.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::{Stream, blank::is_blank};
use crate::{Secret, bytes};

/// The longest typed code, in bytes: 20 characters with a separator between each two, and some blanks around.
const MAX_TYPED: usize = 64;

/// The characters of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// `0` to `9`.
    Digits,
    /// Crockford's base 32: no `I`, `L`, `O`, `U`; read in any case, with `I`, `L` as `1` and
    /// `O` as `0`.
    Crockford,
}

impl Alphabet {
    const fn symbols(self) -> &'static [u8] {
        match self {
            Self::Digits => b"0123456789",
            Self::Crockford => b"0123456789ABCDEFGHJKMNPQRSTVWXYZ",
        }
    }

    /// Returns the symbol that a typed character stands for.
    fn read(self, typed: char) -> Option<char> {
        // Threat: full-width and other Unicode digits that one layer maps to ASCII and another does not. Only ASCII
        // is a symbol.
        let symbol = match (self, typed.to_ascii_uppercase()) {
            (Self::Crockford, 'O') => '0',
            (Self::Crockford, 'I' | 'L') => '1',
            (Self::Digits | Self::Crockford, other) => other,
        };
        let byte = u8::try_from(symbol).ok()?;
        self.symbols().contains(&byte).then_some(symbol)
    }
}

/// The format of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct CodeFormat {
    alphabet: Alphabet,
    length: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    alphabet: Alphabet,
    length: u8,
}

impl TryFrom<Unchecked> for CodeFormat {
    type Error = CodeFormatError;
    fn try_from(unchecked: Unchecked) -> Result<Self, CodeFormatError> {
        Self::new(unchecked.alphabet, unchecked.length)
    }
}

/// The error for a code length outside 4 to 20 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeFormatError;

impl fmt::Display for CodeFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code must have 4 to 20 characters")
    }
}

impl core::error::Error for CodeFormatError {}

/// A well-formed code in its canonical spelling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code(#[serde(with = "bytes::text")] Secret<String>);

impl CodeFormat {
    /// Makes the format of codes of `length` characters.
    ///
    /// # Errors
    /// [`CodeFormatError`] unless the length is 4 to 20. [`Odds`](super::Odds) says whether that is safe.
    pub fn new(alphabet: Alphabet, length: u8) -> Result<Self, CodeFormatError> {
        if (4..=20).contains(&length) { Ok(Self { alphabet, length }) } else { Err(CodeFormatError) }
    }

    pub(crate) const fn unchecked(alphabet: Alphabet, length: u8) -> Self {
        Self { alphabet, length }
    }

    /// Returns the number of characters.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Returns the alphabet.
    pub const fn alphabet(self) -> Alphabet {
        self.alphabet
    }

    /// Returns how many different codes there are, at most 2^64 - 1.
    pub fn combinations(self) -> u64 {
        let symbols = u64::try_from(self.alphabet.symbols().len()).unwrap_or(1);
        symbols.saturating_pow(u32::from(self.length))
    }

    /// Parses a typed or pasted code: blanks around it, and blanks and hyphens inside it, are removed. Everything
    /// else is strict.
    pub fn parse(self, typed: &str) -> Option<Code> {
        if typed.len() > MAX_TYPED {
            return None;
        }
        let typed = typed.trim_matches(is_blank);
        if typed.starts_with('-') || typed.ends_with('-') {
            return None;
        }
        let length = usize::from(self.length);
        // Threat: a growing string leaves copies behind that are not wiped; this one never grows.
        let mut code = Secret::new(String::with_capacity(length));
        for character in typed.chars().filter(|character| !is_blank(*character) && *character != '-') {
            let symbol = self.alphabet.read(character).filter(|_| code.0.len() < length)?;
            code.0.push(symbol);
        }
        (code.0.len() == length).then_some(Code(code))
    }

    /// Draws a code, every one equally likely.
    pub(crate) fn draw(self, random: &mut Stream<'_>) -> Code {
        let symbols = self.alphabet.symbols();
        let mut code = String::with_capacity(usize::from(self.length));
        while code.len() < usize::from(self.length) {
            // Threat: `byte % 10` makes 0 to 5 more likely. Bytes past the last whole multiple of the alphabet's size
            // are discarded.
            let byte = usize::from(random.byte());
            let whole = 256_usize.saturating_sub(256_usize.checked_rem(symbols.len()).unwrap_or(0));
            if byte < whole
                && let Some(symbol) = byte.checked_rem(symbols.len()).and_then(|at| symbols.get(at))
            {
                code.push(char::from(*symbol));
            }
        }
        Code(Secret::new(code))
    }
}

impl Code {
    /// Returns the code to put into the mail; review every use.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn format(alphabet: Alphabet) -> CodeFormat {
        CodeFormat::new(alphabet, 6).unwrap()
    }

    #[test]
    fn drawn_codes_are_uniform() {
        for (alphabet, symbols, limit) in
            [(Alphabet::Digits, 10_usize, 27.9), (Alphabet::Crockford, 32, 61.1)]
        {
            // χ² with 9 and 31 degrees of freedom; the limits are the 0.1 % points.
            let seed = Secret::new([3; 32]);
            let mut stream = Stream::new(&seed, "test");
            let mut counts = vec![0_u32; symbols];
            let draws = 20_000_u32;
            for _ in 0..draws {
                for symbol in format(alphabet).draw(&mut stream).expose().bytes() {
                    counts[alphabet.symbols().iter().position(|s| *s == symbol).unwrap()] += 1;
                }
            }
            let expected = f64::from(draws) * 6.0 / counts.len() as f64;
            let chi2: f64 = counts.iter().map(|c| (f64::from(*c) - expected).powi(2) / expected).sum();
            assert!(chi2 < limit, "{alphabet:?}: {chi2}");
        }
    }

    #[test]
    fn leading_zeros_are_kept() {
        let seed = Secret::new([5; 32]);
        let mut stream = Stream::new(&seed, "test");
        let zeros = (0..1000)
            .map(|_| format(Alphabet::Digits).draw(&mut stream))
            .filter(|code| code.expose().starts_with('0'))
            .inspect(|code| assert_eq!(code.expose().len(), 6))
            .count();
        assert!((50..200).contains(&zeros), "{zeros}");
    }

    #[test]
    fn only_exact_ascii_codes_parse() {
        let digits = format(Alphabet::Digits);
        assert_eq!(digits.parse("012345").unwrap().expose(), "012345");
        for bad in [
            "",
            "12345",
            "1234567",
            " 12345",
            "12345a",
            "\u{ff11}23456",
            "12 456",
            "12345\n",
            "012345\n",
            "012\t345",
            "-012345",
            "012345-",
            " -012345",
            "012.345",
            "012_345",
            "012\u{2010}345",
            "012\u{2013}345",
            "012\u{3000}345",
            "\u{0661}23456",
            "+12345",
            "------",
            "      ",
        ] {
            assert!(digits.parse(bad).is_none(), "{bad:?}");
        }
        for pasted in
            [" 012345", "012345  ", "012 345", "012-345", "0-1-2-3-4-5", "012 - 345", "\u{a0}012\u{a0}345"]
        {
            assert_eq!(digits.parse(pasted).unwrap().expose(), "012345", "{pasted:?}");
        }
        assert!(digits.parse(&(" ".repeat(59) + "012345")).is_none(), "65 bytes");
        let crockford = format(Alphabet::Crockford);
        assert_eq!(crockford.parse("oil0ab").unwrap().expose(), "0110AB");
        assert_eq!(crockford.parse("OIL-0ab").unwrap().expose(), "0110AB");
        assert!(crockford.parse("u00000").is_none());
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(CodeFormat::new(Alphabet::Digits, 3).is_err());
        assert!(CodeFormat::new(Alphabet::Digits, 21).is_err());
        assert_eq!(format(Alphabet::Digits).combinations(), 1_000_000);
        assert_eq!(CodeFormat::new(Alphabet::Crockford, 20).unwrap().combinations(), u64::MAX);
    }
}
