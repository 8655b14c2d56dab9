//! The context of a password: words of its address and its service, and how far it leans on them.

use auth_core::AddressKey;

use crate::beginning;

/// How far a text leans on words, typed as they are, backwards, or with symbols instead of letters.
pub(crate) struct Leaning {
    /// The number of places with a word.
    pub places: usize,
    /// The number of characters of the longest word in the text.
    pub longest: usize,
}

/// Returns the address, the service's name, and the words in them.
pub(crate) fn words(address: &AddressKey, service_name: &str) -> Vec<String> {
    let wholes = [address.as_str(), service_name];
    let parts = wholes.iter().flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()));
    let parts = parts.filter(|word| word.len() > 2);
    // A longer word does not fit into the characters that are looked at.
    let words = wholes.iter().copied().chain(parts).map(beginning).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Measures how far a text leans on words.
pub(crate) fn leaning(text: &str, words: &[String]) -> Leaning {
    let texts = both_ways(text);
    let mut leaning = Leaning { places: 0, longest: 0 };
    for word in words.iter().map(|word| folded(word)) {
        let places = texts.iter().flat_map(|text| text.windows(word.len())).filter(|place| **place == *word);
        let places = places.count();
        leaning.places += places;
        if places > 0 {
            leaning.longest = leaning.longest.max(word.len());
        }
    }
    leaning
}

/// Returns whether a text is one word as a whole.
pub(crate) fn is_word(text: &str, words: &[String]) -> bool {
    let texts = both_ways(text);
    words.iter().any(|word| texts.contains(&folded(word)))
}

fn both_ways(text: &str) -> [Vec<char>; 2] {
    [folded(text), folded(&text.chars().rev().collect::<String>())]
}

/// Returns a text in which letters equal the symbols that zxcvbn reads as them, in any case. Texts that zxcvbn could
/// confuse become equal; some others do, too.
fn folded(text: &str) -> Vec<char> {
    let fold = |letter| match letter {
        '4' | '@' => 'a',
        '8' => 'b',
        '(' | '{' | '[' | '<' => 'c',
        '3' => 'e',
        '6' | '9' => 'g',
        // 1 and | are read as i and as l, 7 as l and as t.
        'l' | 't' | '1' | '!' | '|' | '7' | '+' => 'i',
        '0' => 'o',
        '$' | '5' => 's',
        '%' => 'x',
        '2' => 'z',
        // The lower case of this letter depends on what follows.
        'ς' => 'σ',
        other => other,
    };
    text.to_lowercase().chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use auth_core::Address;

    #[test]
    fn a_word_is_found_however_it_is_spelled() {
        let words = ["tailcoat".to_owned()];
        for spelled in ["tailcoat", "xTAILcoatx", "7@1|{04+", "taoclıat", "taocliat", "+40c1147"] {
            let found = leaning(spelled, &words);
            let expected = if spelled == "taoclıat" { 0 } else { 8 };
            assert_eq!((found.places, found.longest), (expected / 8, expected), "{spelled}");
        }
        assert!(is_word("taoc1i@t", &words) && !is_word("tailcoats", &words));
    }

    #[test]
    fn every_place_of_every_word_counts() {
        let words = ["aaa".to_owned(), "aaaa".to_owned()];
        let found = leaning("aa4@aX", &words);
        assert_eq!((found.places, found.longest), (10, 4), "three and two, each forwards and backwards");
    }

    #[test]
    fn words_are_cut_at_what_is_looked_at() {
        let address = Address::parse("ada.lovelace@engine.example").unwrap();
        let service = format!("Society of {}", "x".repeat(80));
        let words = words(address.key(), &service);
        assert_eq!(words[0], "ada.lovelace@engine.example");
        assert_eq!(words[2..7], ["ada", "lovelace", "engine", "example", "Society"]);
        assert!(words.iter().all(|word| word.len() <= 64), "{words:?}");
        assert!(super::words(address.key(), "").iter().all(|word| !word.is_empty()));
    }
}
