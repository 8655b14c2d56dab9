//! The blanks that people paste along with an address or a code.

/// Returns whether a character is a blank: a space, or the no-break space of web pages.
///
/// Threat: line ends and other control characters, which could break out of a header; they are never blanks.
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\u{a0}')
}
