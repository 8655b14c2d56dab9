//! The bound on the cost: for any password the score is not above zxcvbn's own for the first 64 characters, with the
//! words of context and without, and the blocklist sees the whole password.
//!
//! The samples are the same in each run. Only zxcvbn alone is slow, half a second for a password of all of its
//! symbols in a release build, so there are few of those.

use auth_core::{Address, Estimate, Password};
use auth_strength::estimate;
use zxcvbn::zxcvbn;

#[path = "../src/source.rs"]
mod source;

const ADDRESS: &str = "ada.lovelace@engine.example";
const SERVICE: &str = "Analytical Society";
const CONTEXT: [&str; 8] =
    [ADDRESS, SERVICE, "ada", "lovelace", "engine", "example", "analytical", "society"];

fn estimated(password: &str) -> Estimate {
    estimated_until(password, 4)
}

fn estimated_until(password: &str, enough: u8) -> Estimate {
    let address = Address::parse(ADDRESS).expect("the address is valid");
    estimate(&Password::parse(password).expect("the password is valid"), &address, SERVICE, enough).estimate
}

fn by_zxcvbn(password: &str, context: &[&str]) -> u8 {
    let first: String = password.chars().take(64).collect();
    zxcvbn(&first, context).score().into()
}

/// Compares with zxcvbn alone, with the context and without, and returns the score.
fn bounded(password: &str) -> u8 {
    let Estimate { score, common } = estimated(password);
    for enough in 0..=3 {
        let sooner = estimated_until(password, enough);
        assert_eq!(
            (sooner.common, sooner.score >= enough),
            (common, score >= enough),
            "{password}: {enough}"
        );
        assert!(sooner.score <= score, "{password}: {sooner:?} instead of {score}");
    }
    for context in [&[][..], &CONTEXT] {
        let alone = by_zxcvbn(password, context);
        assert!(score <= alone, "{password}: {score} of 4, and {alone} by zxcvbn alone");
    }
    score
}

/// Compares passwords that are independent of the context, as far as zxcvbn alone is fast enough.
fn exact(password: &str) {
    assert_eq!(estimated(password).score, by_zxcvbn(password, &[]), "{password}");
}

/// A generator of numbers (Knuth's MMIX), so that each run has the same samples.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn text(&mut self, letters: &str, length: usize) -> String {
        let letters: Vec<char> = letters.chars().collect();
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }
}

const PRINTABLE: &str =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const SYMBOLS: &str = "4@8({[<369!1|70$5+%2";

/// Replaces each letter that has symbols by one of them, another one at each call.
fn in_leet(numbers: &mut Numbers, text: &str) -> String {
    let mut spelled = text.to_owned();
    for (letter, symbols) in [
        ('a', "4@"),
        ('b', "8"),
        ('c', "({[<"),
        ('e', "3"),
        ('g', "69"),
        ('i', "1!|"),
        ('l', "1|7"),
        ('o', "0"),
        ('s', "$5"),
        ('t', "+7"),
        ('x', "%"),
        ('z', "2"),
    ] {
        if numbers.below(3) > 0 {
            spelled = spelled.replace(letter, &numbers.text(symbols, 1));
        }
    }
    spelled
}

#[test]
fn entries_of_zxcvbns_lists_are_bounded_however_they_are_spelled() {
    let mut numbers = Numbers(53);
    for list in source::lists() {
        // The most frequent ones, and a sample of all.
        for entry in list.iter().take(20).chain(list.iter().step_by(499)) {
            exact(entry);
            bounded(&in_leet(&mut numbers, entry));
            let (other, year) = (&list[numbers.below(list.len())], numbers.below(2030));
            let both = format!("{}{other}{year}", entry.to_uppercase());
            bounded(&in_leet(&mut numbers, &both));
        }
    }
}

#[test]
fn leaked_passwords_are_common() {
    let passwords = &source::lists()[0];
    assert_eq!(passwords[1], "password", "the first list is of leaked passwords");
    for entry in passwords.iter().take(100).chain(passwords.iter().step_by(61)) {
        assert!(estimated(entry).common, "{entry}");
    }
    // Only as a whole: a password that merely contains entries is not common.
    for entry in passwords.iter().filter(|entry| entry.len() > 7).step_by(307) {
        assert!(!estimated(&format!("{entry}, {entry}!")).common, "{entry}");
    }
}

#[test]
fn runs_of_digits_are_bounded_and_weak() {
    for length in 6..=16 {
        for first in 0..10_usize {
            let digits = |step: usize| -> String {
                (0..length).map(|place| char::from(b'0' + ((first + place * step) % 10) as u8)).collect()
            };
            // Up, down, both in twos, the same one, and back and forth; all but the last beyond the end, too.
            for step in [1, 9, 2, 8, 0, 5] {
                exact(&digits(step));
            }
            for run in [digits(1), digits(9)] {
                let half = &run[..length / 2];
                exact(&format!("{half}{half}"));
                exact(&format!("{half}{}", half.chars().rev().collect::<String>()));
            }
        }
    }
    // The order of the keys, and longer: zxcvbn takes two parts for them.
    for up_or_down in ["1234567890123456", "0123456789012345", "0987654321098765", "9876543210987654"] {
        for length in 6..=16 {
            let run = &up_or_down[..length];
            assert!(estimated(run).score < 3, "{run}");
        }
    }
}

#[test]
fn keyboard_walks_are_bounded() {
    let rows = [
        "`1234567890-=",
        "qwertyuiop[]\\",
        "asdfghjkl;'",
        "zxcvbnm,./",
        "~!@#$%^&*()_+",
        "QWERTYUIOP{}|",
        "ASDFGHJKL:\"",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
        "!QAZ@WSX#EDC$RFV%TGB^YHN&UJM*IK<(OL>)P:?",
        "qwertgfdsazxcvb",
        "7894561230",
        "147258369",
        "/*-+963",
        "aoeuidhtns",
        "1qw23er45ty67ui89op0",
        "q1w2e3r4t5y6u7i8o9p0",
    ];
    for row in rows {
        let backwards: String = row.chars().rev().collect();
        for walk in [row, &backwards] {
            for length in [6, 8, 10, 12, 16, 28] {
                let walk: String = walk.chars().take(length).collect();
                exact(&walk);
                if length % 8 == 0 {
                    exact(&format!("{walk}{walk}"));
                    bounded(&format!("{walk}1!"));
                }
            }
        }
    }
}

#[test]
fn dates_are_bounded() {
    for (day, month, year) in
        [(1, 1, 1990), (31, 12, 2025), (24, 12, 1984), (7, 5, 2001), (29, 2, 68), (11, 9, 99)]
    {
        for separator in ["", ".", "/", "-", " ", "_"] {
            for date in [
                format!("{day:02}{separator}{month:02}{separator}{year}"),
                format!("{year}{separator}{month:02}{separator}{day:02}"),
                format!("{month}{separator}{day}{separator}{year}"),
            ] {
                exact(&date);
                bounded(&format!("{date}{date}"));
                bounded(&format!("P@$$w0rd{date}!"));
                bounded(&format!("Lovelace{date}"));
            }
        }
    }
}

#[test]
fn random_passwords_are_bounded() {
    let mut numbers = Numbers(11);
    for letters in [
        PRINTABLE,
        "0123456789",
        "0123456789!@#$%^&*",
        "aeinorst4310$",
        "qwasd",
        "ab4",
        "4@",
        "📎é中ßİΣς4@1a",
    ] {
        for length in [1, 5, 8, 9, 12, 16, 20, 24, 31, 40] {
            for _ in 0..3 {
                bounded(&numbers.text(letters, length));
            }
        }
    }
    // Passwords from password managers are strong.
    for (letters, length) in
        [(PRINTABLE, 16), (PRINTABLE, 20), (PRINTABLE, 32), ("0123456789!@#$%^&*abcdefghijklmnop", 20)]
    {
        for _ in 0..10 {
            let password = numbers.text(letters, length);
            assert_eq!(bounded(&password), 4, "{password}");
        }
    }
}

#[test]
fn words_of_the_context_only_lower_a_score() {
    // Of "monkeybaseball", zxcvbn takes that for the beginning and misses the two common words, which take less.
    let address = Address::parse("a@monkeybaseball.example").unwrap();
    let password = "MONKEYbaseballsUpErStA";
    let alone: u8 = zxcvbn(password, &[]).score().into();
    let told: u8 = zxcvbn(password, &["a@monkeybaseball.example", "monkeybaseball"]).score().into();
    assert_eq!((alone, told), (3, 4));
    let password = Password::parse(password).unwrap();
    assert_eq!(estimate(&password, &address, "", 4).estimate.score, 3);
}

#[test]
fn passwords_that_zxcvbn_is_not_asked_about_are_bounded() {
    let mut numbers = Numbers(4);
    let mut passwords: Vec<String> = vec![
        SYMBOLS.to_owned(),
        format!("{SYMBOLS}1234567890"),
        format!("{}{}", "a".repeat(26), "4@({[<69!|+7$5"),
        // Two words, each with symbols of its own.
        "in73rn4710n4l!24+!0n|n+3rn@t!on({[<96".to_owned(),
        // A keyboard walk, there and back.
        "1!2@3#4$5%6^7&8*9(0)-_=+[{]}|".to_owned(),
    ];
    for length in [18, 24, 30] {
        passwords.push(numbers.text(&format!("{SYMBOLS}#^&*~"), length) + "4@({[<69!|+7");
    }
    for password in passwords {
        let (score, alone) = (estimated(&password).score, by_zxcvbn(&password, &[]));
        assert!(score <= alone, "{password}: {score} of 4, and {alone} by zxcvbn alone");
    }
    // With 64 characters the score is that of almost all passwords.
    let longest = numbers.text(PRINTABLE, 44) + SYMBOLS;
    assert_eq!((estimated(&longest).score, by_zxcvbn(&longest, &[])), (3, 4), "{longest}");
}
