//! The blanks that people paste along with an address or a code.

/// Tells whether a character is a blank: a space, or the space that web pages keep from breaking a line.
///
/// Threat: line ends and other controls, which could break out of a header; they are blanks nowhere.
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\u{a0}')
}
