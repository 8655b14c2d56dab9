#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod context;
mod cost;
mod keyboard;
mod lower_bound;

use auth_core::{Address, Estimate, Password};
use zxcvbn::{Entropy, matching::patterns::MatchPattern, zxcvbn};

use context::Leaning;

/// The number of characters that are looked at.
///
/// Threat: zxcvbn's cost grows faster than the length. A password that is strong in its first 64 characters is
/// strong.
const LOOKED_AT: usize = 64;

/// The longest keyboard walk and the longest word of the context, in characters, for which zxcvbn's arithmetic does
/// not overflow.
///
/// Threat: where overflows are checked, as in every debug build, one password ends the request in a panic.
const LONGEST_COUNTED: usize = 28;

/// The length of zxcvbn's longest list, so the most guesses that an entry takes.
const ENTRIES: u64 = 30_000;

/// A score that no entry has: 30,000 guesses are less than the 10^8 that it takes.
const NO_ENTRY: u8 = 3;

/// The strength of a password, and advice for its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strength {
    /// The estimate for the policy.
    pub estimate: Estimate,
    /// Sentences from a fixed list, without any part of the password; empty if the score is 3 or more.
    pub advice: Vec<String>,
}

/// Estimates a password, with its address and the service's name as words that it must not lean on.
///
/// The score is never above zxcvbn's own for the first 64 characters, with these words and without. One that reaches
/// `enough`, the policy's least score, and 3 can be lower than zxcvbn's. Call it from
/// [`judge_with`](auth_core::PasswordPolicy::judge_with), so that no estimate is made if the verdict does not depend
/// on it.
pub fn estimate(password: &Password, address: &Address, service_name: &str, enough: u8) -> Strength {
    let text = beginning(password.expose());
    let words = context::words(address.key(), service_name);
    let leaning = context::leaning(text, &words);
    let overflows = keyboard::longest_walk(text).max(leaning.longest) > LONGEST_COUNTED;
    let lowest = lower_bound::of(text, leaning.longest);
    // A score of 3 is above that of every entry of a list, so the password is not common.
    if lowest >= enough.max(NO_ENTRY) || overflows || cost::of(text, &leaning) > cost::AFFORDED {
        return unasked(text, &words, &leaning, lowest);
    }
    let alone = zxcvbn(text, &[]);
    // Threat: more words can raise zxcvbn's score from 3 to 4, because its search may drop a beginning that would
    // have been cheaper in the end. The lower score is used.
    let in_context = (leaning.places > 0).then(|| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        zxcvbn(text, &words)
    });
    let is_entry = |entropy: &Entropy| {
        let is_dictionarys = |pattern: &MatchPattern| matches!(pattern, MatchPattern::Dictionary(_));
        entropy.sequence().iter().any(|part| is_dictionarys(&part.pattern) && part.token == text)
    };
    let common = is_entry(&alone) || in_context.as_ref().is_some_and(is_entry) || hides_entry(text, &alone);
    let lower = in_context.filter(|entropy| entropy.guesses() < alone.guesses()).unwrap_or(alone);
    Strength { estimate: Estimate { score: lower.score().into(), common }, advice: advice(&lower) }
}

/// Returns the characters that are looked at.
fn beginning(text: &str) -> &str {
    text.char_indices().nth(LOOKED_AT).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Returns whether a text is an entry of zxcvbn's lists although zxcvbn found a cheaper way to guess it: `11111111`
/// is a repetition, and `harley11`, near the end of the list, is a word and two digits.
///
/// zxcvbn adds 10,000 guesses for a second part, and 10,000² for a third one. So after a certain first part, four
/// characters that it takes for a word of the context, it prefers one part to two: the entry shows. If the text is
/// one part of another kind with as few guesses as an entry, it may be an entry, too, and is treated as one.
fn hides_entry(text: &str, alone: &Entropy) -> bool {
    const FIRST: &str = "\u{e000}\u{e40a}\u{e114}\u{e52e}";
    if alone.guesses() > ENTRIES + 1 || text.chars().count() > lower_bound::LONGEST_ENTRY {
        return false;
    }
    match zxcvbn(&format!("{FIRST}{text}"), &[FIRST]).sequence() {
        [_, whole] if whole.token == text => match whole.pattern {
            MatchPattern::Dictionary(_) => true,
            MatchPattern::BruteForce => false,
            MatchPattern::Spatial(_)
            | MatchPattern::Repeat(_)
            | MatchPattern::Sequence(_)
            | MatchPattern::Regex(_)
            | MatchPattern::Date(_) => whole.guesses.is_some_and(|guesses| guesses <= ENTRIES),
        },
        _ => false,
    }
}

fn advice(entropy: &Entropy) -> Vec<String> {
    entropy.feedback().map_or_else(Vec::new, |feedback| {
        let warning = feedback.warning().map(|warning| warning.to_string());
        warning.into_iter().chain(feedback.suggestions().iter().map(ToString::to_string)).collect()
    })
}

/// Estimates a password without asking zxcvbn, with the lowest score that it could give.
///
/// The password is not an entry of zxcvbn's lists, in any spelling, unless it contains words of its context: then it
/// is common if it may be an entry.
fn unasked(text: &str, words: &[String], leaning: &Leaning, score: u8) -> Strength {
    let advice = if score < 3 {
        vec![
            "Many different symbols, or long patterns, add little strength.".to_owned(),
            "Use other letters instead, or more of them.".to_owned(),
        ]
    } else {
        Vec::new()
    };
    let common = context::is_word(text, words) || leaning.places > 0 && score == 0;
    Strength { estimate: Estimate { score, common }, advice }
}

#[cfg(test)]
mod source;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(password: &str) -> Strength {
        let address = Address::parse("ada.lovelace@engine.example").unwrap();
        estimate(&Password::parse(password).unwrap(), &address, "Analytical Society", 4)
    }

    /// Asking zxcvbn for the exact score of a good passphrase costs some fifteen times as much as its lower bound.
    #[test]
    fn what_is_surely_enough_is_not_asked_for_and_never_overrated() {
        let address = Address::parse("ada.lovelace@engine.example").unwrap();
        let scores = |text: &str| {
            let password = Password::parse(text).unwrap();
            [0, 3, 4].map(|enough| estimate(&password, &address, "", enough).estimate.score)
        };
        assert_eq!(
            scores("correct horse battery staple"),
            [3, 3, 4],
            "at least 3, as its length shows; in fact 4"
        );
        assert_eq!(scores("Tr0ub4dor&3"), [4, 4, 4], "too short to be sure");
        assert_eq!(scores("password1"), [0, 0, 0]);
        assert_eq!(scores("ada.lovelace@engine.example"), [0, 0, 0], "long, and known");
    }

    #[test]
    fn known_passwords_are_common() {
        for known in ["password1", "iloveyou", "1234567890", "0987654321", "11111111", "harley11"] {
            assert!(of(known).estimate.common, "{known}");
        }
        for unknown in ["correct horse battery staple", "harley11x", "gleamiwhp", "harley1 1"] {
            assert!(!of(unknown).estimate.common, "{unknown}");
        }
    }

    #[test]
    fn address_and_service_name_do_not_help() {
        for leaning in [
            "lovelace",
            "adalovelace",
            "analytical",
            "ada.lovelace@engine.example",
            "society1",
            "ytei(0s",
            "@n@|y71c@|",
        ] {
            assert!(of(leaning).estimate.score < 3, "{leaning}");
        }
        assert_eq!(of("correct horse battery staple").estimate.score, 4);
    }

    #[test]
    fn address_longer_than_what_is_looked_at_is_no_password() {
        let labels = ["knurled-grommet", "velvet-otter", "quixotic-badger", "umbral-fjord"];
        let address = format!("ada@{}.example", labels.join("."));
        assert!(address.len() > LOOKED_AT);
        let parsed = Address::parse(&address).unwrap();
        let strength = estimate(&Password::parse(&address).unwrap(), &parsed, "", 4);
        assert_eq!(strength.estimate, Estimate { score: 0, common: true });
    }

    #[test]
    fn weak_passwords_come_with_advice() {
        assert!(!of("qwerty12").advice.is_empty());
        assert!(of("correct horse battery staple").advice.is_empty());
        let walk = of(&"qw".repeat(20));
        assert!(walk.estimate.score < 3 && !walk.advice.is_empty(), "{walk:?}");
    }

    #[test]
    fn what_overflows_zxcvbns_arithmetic_is_not_asked_of_it() {
        // Words of context in capitals and l33t, and a walk that turns at every key.
        let owner = "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgHiJkLm";
        let address = Address::parse(&format!("{}@engine.example", owner.to_lowercase())).unwrap();
        for password in
            [owner.to_owned(), owner.replace('a', "4"), "sdsdxdsxsdxcdxsdsxdsdxcdsxdsdxsdsdxs".to_owned()]
        {
            let strength = estimate(&Password::parse(&password).unwrap(), &address, "", 4);
            assert!(strength.estimate.score < 3, "{password}");
        }
    }

    #[test]
    fn many_symbols_in_a_long_password_are_strong() {
        let mixed = "4k@Qm8zW(xT{vb[Hn<Yr3Lp6Jd9Fs!Gc1|7Uq0$5Ew+Xo%2ZaRh#jK^uB&tN*iV)";
        assert_eq!(mixed.len(), LOOKED_AT);
        assert!(cost::of(mixed, &context::leaning(mixed, &[])) > cost::AFFORDED);
        assert_eq!(of(mixed).estimate, Estimate { score: 3, common: false });
    }
}
