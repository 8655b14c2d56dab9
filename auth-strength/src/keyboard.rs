//! The keyboards on which zxcvbn finds walks, and the longest walk of a text on any of them.

/// A keyboard: its rows, and for each key its characters without and with shift. Keys of one column and the next are
/// adjacent.
struct Keyboard {
    rows: &'static [&'static str],
    shifted: &'static [&'static str],
}

/// Blanks express the stagger: each row touches the next one in its column and one next to it.
const KEYBOARDS: [Keyboard; 4] = [
    // qwerty
    Keyboard {
        rows: &["`1234567890-=", " qwertyuiop[]\\", " asdfghjkl;'", " zxcvbnm,./"],
        shifted: &["~!@#$%^&*()_+", " QWERTYUIOP{}|", " ASDFGHJKL:\"", " ZXCVBNM<>?"],
    },
    // dvorak
    Keyboard {
        rows: &["`1234567890[]", " ',.pyfgcrl/=\\", " aoeuidhtns-", " ;qjkxbmwvz"],
        shifted: &["~!@#$%^&*(){}", " \"<>PYFGCRL?+|", " AOEUIDHTNS_", " :QJKXBMWVZ"],
    },
    // keypad
    Keyboard { rows: &[" /*-", "789+", "456", "123", " 0."], shifted: &[] },
    // keypad of a Mac
    Keyboard { rows: &[" =/*", "789-", "456+", "123", " 0."], shifted: &[] },
];

impl Keyboard {
    /// Returns row and column of the key that types a character.
    fn key(&self, typed: char) -> Option<(usize, usize)> {
        let keys = |rows: &'static [&'static str]| {
            rows.iter()
                .enumerate()
                .find_map(|(row, keys)| Some((row, keys.chars().position(|key| key == typed)?)))
        };
        keys(self.rows).or_else(|| keys(self.shifted)).filter(|_| typed != ' ')
    }

    fn touch(&self, one: char, other: char) -> bool {
        let (Some(one), Some(other)) = (self.key(one), self.key(other)) else { return false };
        one != other && one.0.abs_diff(other.0) <= 1 && one.1.abs_diff(other.1) <= 1
    }
}

/// Returns the length of the longest sequence of adjacent keys in a text; at least what zxcvbn finds.
pub(crate) fn longest_walk(text: &str) -> usize {
    let text: Vec<char> = text.chars().collect();
    let walks = KEYBOARDS.iter().map(|keyboard| longest_run(&text, |one, other| keyboard.touch(one, other)));
    walks.max().unwrap_or(0)
}

/// Returns the length of the longest run in which each two neighbours satisfy `together`.
pub(crate) fn longest_run(text: &[char], together: impl Fn(char, char) -> bool) -> usize {
    let (mut run, mut longest) = (1, 1.min(text.len()));
    for pair in text.windows(2) {
        run = if together(pair[0], pair[1]) { run + 1 } else { 1 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_are_of_touching_keys() {
        for (text, longest) in [
            ("", 0),
            ("k", 1),
            ("  ", 1),
            ("qwerty", 6),
            ("qQ", 1),
            ("aaaa", 1),
            ("x1qaz2WSXz", 5),
            ("!QAZ@WSX", 4),
            ("snthoeu", 4),
            ("7412369", 7),
            ("zq", 1),
        ] {
            assert_eq!(longest_walk(text), longest, "{text}");
        }
    }

    /// Returns zxcvbn's keyboards: each two adjacent keys, by one character of both.
    fn graphs() -> Vec<Vec<(char, char)>> {
        let source = crate::source::file("adjacency_graphs.rs");
        let graphs = source.split("pub static ref").skip(1);
        let inserts = |graph: &str| -> Vec<(char, char)> {
            let inserts = graph.split("table.insert(").skip(1);
            inserts.flat_map(|insert| touching(insert.trim_start())).collect()
        };
        graphs.map(inserts).collect()
    }

    /// Reads a key's character and its neighbours: `'/', vec![Some(".>"), None, …`.
    fn touching(insert: &str) -> Vec<(char, char)> {
        let unescaped = |text: &str| text.replace(r"\\", "\u{0}").replace('\\', "").replace('\u{0}', "\\");
        let (key, keys) = insert.split_once(", vec![").or_else(|| insert.split_once(",\n")).unwrap();
        let key =
            unescaped(key.strip_prefix('\'').unwrap().strip_suffix('\'').unwrap()).chars().next().unwrap();
        let others = keys.split("Some(\"").skip(1).map(|some| unescaped(some.split_once("\")").unwrap().0));
        others.flat_map(|other| other.chars().map(|other| (key, other)).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn keys_that_touch_for_zxcvbn_touch_here() {
        let graphs = graphs();
        assert_eq!(
            graphs.iter().map(Vec::len).collect::<Vec<_>>(),
            [864, 864, 76, 84],
            "the source was read"
        );
        for (touching, keyboard) in graphs.iter().zip(KEYBOARDS) {
            for &(one, other) in touching {
                assert!(keyboard.touch(one, other), "{one} and {other}");
            }
        }
    }
}
