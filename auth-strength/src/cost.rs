//! The cost of an estimate, known before it is made.
//!
//! zxcvbn reads symbols as letters, l33t, in every combination that the symbols of a password allow, and looks up
//! every part of the password in seven lists under each of these readings. That cost grows without bound: 8 readings
//! for all ten digits, 800 for all symbols, half a second at 64 characters.

use crate::{LOOKED_AT, context::Leaning};

/// Threat: a password whose estimate occupies a processor. The limit is the cost of 12 readings of 64 characters.
pub(crate) const AFFORDED: usize = 12 * LOOKED_AT * LOOKED_AT;

/// The cost of a word of context at one place of the password, in lookups.
const PLACE: usize = 8;

/// The symbols for one letter each, a line for each letter: a reading uses one of them.
const SYMBOLS: [&str; 9] = ["4@", "8", "({[<", "3", "69", "0", "$5", "%", "2"];
/// The same for i, l and t, which share some.
const SHARED: [&str; 3] = ["1!|", "1|7", "+7"];

/// Returns the cost of an estimate.
pub(crate) fn of(text: &str, leaning: &Leaning) -> usize {
    let length = text.chars().count();
    let pieces = length * length;
    // A password that leans on its context is estimated twice.
    let pieces = if leaning.places == 0 { pieces } else { 2 * pieces + PLACE * leaning.places };
    readings(text) * pieces
}

/// Returns how many readings zxcvbn makes of a text.
fn readings(text: &str) -> usize {
    let used = |symbols: &'static str| symbols.chars().filter(|symbol| text.contains(*symbol));
    let apart: usize = SYMBOLS.iter().map(|symbols| used(symbols).count().max(1)).product();
    // A reading is the set of symbols that have become letters so far.
    let mut shared = vec![String::new()];
    for symbols in SHARED.iter().filter(|symbols| used(symbols).next().is_some()) {
        let mut next = Vec::new();
        for symbol in used(symbols) {
            for given in &shared {
                if given.contains(symbol) {
                    // It stays with the other letter, and it becomes this one.
                    next.extend([given.clone(), given.clone()]);
                } else {
                    next.push(format!("{given}{symbol}"));
                }
            }
        }
        shared = next;
    }
    apart * shared.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_zxcvbns() {
        for (text, expected) in [
            ("", 1),
            ("correct horse", 1),
            ("p4ssw0rd!", 1),
            ("p4@ss", 2),
            ("({[<", 4),
            ("1", 2),
            ("1|", 6),
            ("17", 4),
            ("1!|7+", 25),
            ("1234567890", 8),
            ("!@#$%^&*1234567890", 56),
            ("4@8({[<369!1|70$5+%2", 800),
        ] {
            assert_eq!(readings(text), expected, "{text}");
        }
    }

    #[test]
    fn twelve_readings_of_what_is_looked_at_are_afforded_and_more_of_a_shorter_one() {
        let alone = Leaning { places: 0, longest: 0 };
        let text = |symbols: &str, length| format!("{symbols:x<length$}");
        assert_eq!(of(&text("4@69({[", 64), &alone), AFFORDED);
        assert!(of(&text("4@69({[$5", 64), &alone) > AFFORDED);
        assert!(of(&text("4@69({[$5", 45), &alone) < AFFORDED);
        let leaning = Leaning { places: 1, longest: 3 };
        assert!(of(&text("4@69({[", 64), &leaning) > AFFORDED);
    }
}
