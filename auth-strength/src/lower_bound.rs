//! A lower bound of zxcvbn's score, without asking it.
//!
//! zxcvbn splits a password into parts, each found in a list, on a keyboard, as a sequence, a repetition or a date,
//! or else guessed character by character. Its verdict is always the guesses of one such sequence of parts: `parts! *
//! product of the parts' guesses + 10_000^(parts - 1)`. A part takes at least ten guesses, one that is guessed by
//! character ten for each of them. So the longest part that could be found gives the lowest score, whatever zxcvbn
//! finds.

use crate::keyboard::{longest_run, longest_walk};

/// The length of the longest entry in zxcvbn's lists.
pub(crate) const LONGEST_ENTRY: usize = 23;
/// The length up to which any text could be an entry, a date or a year.
const ANYTHING: usize = 12;
/// The other characters of longer entries, besides letters, digits, and the symbols that are read as letters.
const IN_ENTRIES: &str = "'-/=|@({[<!$+%";

/// Returns the lowest score that zxcvbn could give. Words of context in the text have at most `longest_word`
/// characters.
pub(crate) fn of(text: &str, longest_word: usize) -> u8 {
    let letters: Vec<char> = text.chars().collect();
    lowest_score(letters.len(), longest_part(text, &letters).max(longest_word))
}

/// Returns at least the length of the longest part that zxcvbn could find.
fn longest_part(text: &str, letters: &[char]) -> usize {
    let entry = longest_spelled(text).clamp(ANYTHING, LONGEST_ENTRY);
    let steps: Vec<u32> =
        letters.windows(2).map(|pair| u32::from(pair[1]).wrapping_sub(u32::from(pair[0]))).collect();
    entry.max(longest_walk(text)).max(1 + longest_equal(&steps)).max(longest_repetition(letters))
}

/// Returns the longest run of characters that entries consist of, as zxcvbn looks for them: in lower case, which can
/// have more characters, forwards and backwards.
fn longest_spelled(text: &str) -> usize {
    let run = |text: String| {
        let letters: Vec<char> = text.to_lowercase().chars().collect();
        let spells = |letter: char| letter.is_ascii_alphanumeric() || IN_ENTRIES.contains(letter);
        longest_run(&letters, |one, other| spells(one) && spells(other))
    };
    run(text.to_owned()).max(run(text.chars().rev().collect()))
}

/// Returns the longest run of equal steps, including what zxcvbn takes for its beginning: steps of 0 right before.
fn longest_equal(steps: &[u32]) -> usize {
    let (mut standing, mut longest) = (0, 0);
    for run in steps.chunk_by(|one, other| one == other) {
        longest = longest.max(standing + run.len());
        standing = if run.first() == Some(&0) { run.len() } else { 0 };
    }
    longest
}

/// Returns the length of the longest repetition of anything, two times or more.
fn longest_repetition(letters: &[char]) -> usize {
    let periods = 1..=letters.len() / 2;
    let longest = periods.filter_map(|period| {
        let again =
            letters.iter().zip(letters.iter().skip(period)).map(|(one, later)| u32::from(one != later));
        let again: Vec<u32> = again.collect();
        let equal = again.chunk_by(|one, other| one == other).filter(|run| run.first() == Some(&0));
        equal.map(<[u32]>::len).filter(|length| *length >= period).max().map(|length| length + period)
    });
    longest.max().unwrap_or(0)
}

/// Returns the lowest score of a text of `length` characters whose found parts have at most `longest` each.
fn lowest_score(length: usize, longest: usize) -> u8 {
    // Four parts are above 10,000^3 guesses, whatever they are.
    let ways = (1..=3_u32).flat_map(|parts| (0..=parts).map(move |found| (parts, found)));
    let guesses = ways.filter_map(|(parts, found)| {
        let covered = longest * found as usize;
        if parts == found {
            return (covered >= length).then(|| guesses(parts, found, 0));
        }
        // Each part that is guessed by character has at least one.
        let typed = length.saturating_sub(covered).max((parts - found) as usize);
        Some(guesses(parts, found, u32::try_from(typed).unwrap_or(u32::MAX)))
    });
    guesses.map(score).min().unwrap_or(4)
}

/// Returns the fewest guesses of a sequence of parts, `found` of them found, the others with `typed` characters
/// together.
fn guesses(parts: u32, found: u32, typed: u32) -> u64 {
    if parts == 1 && found == 1 {
        return 1;
    }
    let orders: u64 = (1..=u64::from(parts)).product();
    let product = orders.saturating_mul(10_u64.saturating_pow(found + typed));
    product.saturating_add(10_000_u64.saturating_pow(parts - 1))
}

/// Returns zxcvbn's score for a number of guesses.
fn score(guesses: u64) -> u8 {
    let limits = [1_000, 1_000_000, 100_000_000, 10_000_000_000_u64];
    limits.iter().map(|limit| u8::from(guesses >= limit + 5)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(text: &str) -> usize {
        longest_part(text, &text.chars().collect::<Vec<_>>())
    }

    #[test]
    fn score_follows_from_the_longest_part() {
        for (length, longest, lowest) in [
            (12, 12, 0),
            (24, 12, 1),
            (25, 12, 3),
            (36, 12, 3),
            (44, 12, 4),
            (64, 64, 0),
            (64, 32, 1),
            (64, 31, 3),
            (64, 22, 3),
            (64, 18, 4),
        ] {
            assert_eq!(lowest_score(length, longest), lowest, "{length} characters, {longest} in a part");
        }
    }

    #[test]
    fn longest_part_is_a_table() {
        for (text, expected) in [
            ("", 12),
            ("a b", 12),
            ("internationalisation of", 20),
            ("one two three four five", 12),
            ("1n73rn47!0n4l!$47!0n-it-is-and-more", 23),
            ("acegikmoqsuwy{}\u{7f}", 16),
            ("~~~~~~~~~~}|{", 13),
            ("qwertgfdsaqwertgfdsa ~~", 20),
            ("#~ #~ #~ #~ #~ #~ #~ #~ ", 24),
            ("~a#b~c#d^e&f*g)h:i;j,k.l", 12),
        ] {
            assert_eq!(longest(text), expected, "{text}");
        }
        assert_eq!(longest(&"#".repeat(40)), 40);
        // The lower case of each of these has one character more.
        assert_eq!(longest(&"\u{130}".repeat(3)), 12);
    }

    #[test]
    fn repetitions_are_found_wherever_they_stand() {
        let of = |text: &str| longest_repetition(&text.chars().collect::<Vec<_>>());
        assert_eq!(["", "ab", "aa", "xabab", "abcab", "xabcabcabcax"].map(of), [0, 0, 2, 4, 0, 10]);
    }

    /// Returns parts of passwords.
    fn pieces() -> Vec<String> {
        let walks = [
            "qwertyuiop",
            "poiuytrewq",
            "1qaz2wsx",
            "zaq12wsx",
            "asdfghjkl;'",
            "aoeuidhtns",
            "78963214",
            "!@#$%^",
        ];
        let others = [
            "abcdefgh",
            "98765432",
            "acegik",
            "aaaaab",
            "111112345",
            "~~~}|{",
            "aaaaaa",
            "abcabc",
            "xyxyxy",
            "abba",
            "1999",
            "24.12.1984",
            "1/1/2001",
            "11111991",
            "#",
            "~ ",
            "q7",
            "Zk#",
            "\u{130}\u{3a3}",
            "\u{3b2}\u{3b3}\u{3b4}",
            "p4ss",
            "w0rd",
        ];
        let lists = crate::source::lists();
        let entries = lists.iter().flat_map(|entries| entries.iter().step_by(1_009)).cloned();
        let longest = lists.iter().flatten().filter(|entry| entry.len() > 16).cloned();
        walks.into_iter().chain(others).map(str::to_owned).chain(entries).chain(longest.step_by(5)).collect()
    }

    #[test]
    fn no_part_that_zxcvbn_finds_is_longer_and_no_score_lower() {
        let pieces = pieces();
        let mut number = 53_u64;
        let mut below = |end: usize| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (number >> 33) as usize % end
        };
        for round in 0..600 {
            let mut text = String::new();
            for _ in 0..=round % 5 {
                let piece = &pieces[below(pieces.len())];
                match below(4) {
                    0 => text.extend(piece.chars().rev()),
                    1 => text.push_str(&piece.to_uppercase()),
                    2 => text.push_str(&piece.repeat(2)),
                    _ => text.push_str(piece),
                }
            }
            let text = crate::beginning(&text);
            let dear = crate::cost::of(text, &crate::context::leaning(text, &[])) > crate::cost::AFFORDED;
            if dear || longest_walk(text) > crate::LONGEST_COUNTED {
                continue;
            }
            let entropy = zxcvbn::zxcvbn(text, &[]);
            let lowest = of(text, 0);
            assert!(lowest <= entropy.score().into(), "{text}: {lowest}, and {} by zxcvbn", entropy.score());
            for part in entropy.sequence() {
                if part.pattern != zxcvbn::matching::patterns::MatchPattern::BruteForce {
                    assert!(part.token.chars().count() <= longest(text), "{text}: {part:?}");
                }
            }
        }
    }

    #[test]
    fn entries_are_as_long_and_spelled_as_assumed() {
        let lists = crate::source::lists();
        assert_eq!(lists.len(), 6);
        assert!(lists.iter().map(Vec::len).sum::<usize>() > 90_000, "the lists were read");
        assert!(lists.iter().all(|entries| entries.len() as u64 <= crate::ENTRIES));
        assert_eq!(lists.iter().flatten().map(String::len).max(), Some(LONGEST_ENTRY));
        for entry in lists.iter().flatten().filter(|entry| entry.len() > ANYTHING) {
            assert_eq!(longest_spelled(entry), entry.len(), "{entry}");
        }
    }

    #[test]
    fn entries_are_asked_for_however_they_are_spelled() {
        let asked =
            |text: &str| crate::cost::of(text, &crate::context::leaning(text, &[])) <= crate::cost::AFFORDED;
        // An entry is read with at most one symbol for each letter, so besides its own digits it has these.
        assert!(asked("123456790@($!|+") && asked(&format!("{:x<23}", "4(6$1|7")));
        // The others are longer and have digits, or have symbols of their own.
        let own = |symbols: &'static str| move |symbol: char| symbols.contains(symbol);
        let left = |entry: &&String| {
            entry.len() > 15 && entry.contains(own("0123456789"))
                || entry.len() > 8 && entry.contains(own("@({[<!|$+%"))
        };
        let lists = crate::source::lists();
        let (mut letters, mut spellings) = (Vec::new(), vec![String::new()]);
        for (letter, symbols) in
            [('a', "4@"), ('c', "({[<"), ('g', "69"), ('i', "1!|"), ('l', "1|7"), ('s', "$5"), ('t', "+7")]
        {
            letters.push(letter);
            let longer = |spelling: &String| {
                symbols.chars().map(|symbol| format!("{spelling}{symbol}")).collect::<Vec<_>>()
            };
            spellings = spellings.iter().flat_map(longer).collect();
        }
        for entry in lists.iter().flatten().filter(left) {
            for spelling in &spellings {
                let pairs = || letters.iter().zip(spelling.chars());
                let spelled = |letter| pairs().find(|pair| *pair.0 == letter).map_or(letter, |pair| pair.1);
                let spelled: String = entry.chars().map(spelled).collect();
                assert!(asked(&spelled), "{spelled}");
            }
        }
    }
}
