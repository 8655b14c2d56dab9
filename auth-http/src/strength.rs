//! Owns the estimate of a password's strength; what it must be is the core's policy.

use auth_core::{Address, Estimate, Password, Secret};
use zxcvbn::{matching::patterns::MatchPattern, zxcvbn};

/// Characters that are looked at. Threat: the cost of zxcvbn grows faster than the length. A
/// password that is strong in its first 64 characters is strong.
const LOOKED_AT: usize = 64;
/// Characters that zxcvbn tries to read as letters, in every combination. Threat: all of them in one
/// password make 800 readings, each as dear as a password of its own.
const LEET: &str = "4@8({[<369!1|70$5+%2";
/// Different ones of them that are left in.
const LEFT_IN: usize = 4;
/// What the others are looked at as: as different from each other as they were.
const NEUTRAL: &str = "&*#^~=-_?;:,./'\"";

/// Holds what was found, and what a person can do about it.
pub(crate) struct Strength {
    /// What the policy judges.
    pub estimate: Estimate,
    /// Sentences from a fixed list.
    pub advice: Vec<String>,
}

/// Estimates a password, with its address and the service's name as words that it must not lean on.
pub(crate) fn estimate(password: &Password, address: &Address, service: &str) -> Strength {
    let beginning = Secret::new(bounded(password.expose()));
    let key = address.key().as_str();
    let split = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2).map(str::to_owned).collect()
    };
    let mut words = vec![key.to_owned(), service.to_owned()];
    words.extend(split(key));
    words.extend(split(service));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let entropy = zxcvbn(beginning.expose(), &words);

    let whole = beginning.expose().chars().count();
    // zxcvbn's lists are the blocklist: leaked passwords, words, names, and what was handed in. A
    // password that is one entry as a whole, spelled backwards or in l33t too, is refused.
    let common = entropy.sequence().iter().any(|part| {
        matches!(part.pattern, MatchPattern::Dictionary(_)) && part.token.chars().count() == whole
    });
    let advice = entropy.feedback().map_or_else(Vec::new, |feedback| {
        let warning = feedback.warning().map(|warning| warning.to_string());
        warning.into_iter().chain(feedback.suggestions().iter().map(ToString::to_string)).collect()
    });
    Strength { estimate: Estimate { score: u8::from(entropy.score()), common }, advice }
}

/// Returns what is looked at, at a bounded cost.
fn bounded(password: &str) -> String {
    let mut seen = Vec::new();
    let looked_at = password.chars().take(LOOKED_AT).map(|character| {
        if !LEET.contains(character) {
            return character;
        }
        let place = seen.iter().position(|known| *known == character).unwrap_or_else(|| {
            seen.push(character);
            seen.len() - 1
        });
        let neutral = place.checked_sub(LEFT_IN).and_then(|place| NEUTRAL.chars().nth(place));
        neutral.unwrap_or(character)
    });
    looked_at.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(password: &str) -> Strength {
        let address = Address::parse("ada.lovelace@engine.example").unwrap();
        estimate(&Password::parse(password).unwrap(), &address, "Analytical Society")
    }

    #[test]
    fn known_passwords_are_common() {
        assert!(of("password1").estimate.common);
        assert!(of("iloveyou").estimate.common);
        assert!(!of("correct horse battery staple").estimate.common);
    }

    #[test]
    fn address_and_service_name_do_not_help() {
        for leaning in ["lovelace", "adalovelace", "analytical", "ada.lovelace@engine.example", "society1"] {
            assert!(of(leaning).estimate.score < 3, "{leaning}");
        }
        assert_eq!(of("correct horse battery staple").estimate.score, 4);
    }

    #[test]
    fn at_most_four_different_symbols_are_read_as_letters() {
        let all: String = LEET.chars().chain(LEET.chars()).collect();
        let looked_at = bounded(&all);
        let left: std::collections::BTreeSet<char> =
            looked_at.chars().filter(|character| LEET.contains(*character)).collect();
        assert_eq!(left.len(), LEFT_IN);
        let different: std::collections::BTreeSet<char> = looked_at.chars().collect();
        assert_eq!(different.len(), LEET.len(), "they stay as different as they were");
        assert_eq!(bounded("p4ssw0rd!"), "p4ssw0rd!");
        assert_eq!(of(&all).estimate.score, 4);
    }

    #[test]
    fn weak_passwords_come_with_advice() {
        assert!(!of("qwerty12").advice.is_empty());
    }
}
