//! Which language an Accept-Language header asks for, among those that there are.
//!
//! The lookup of RFC 4647 section 3.4: the best range first, shortened at its hyphens until it
//! names a language. The header is input of any length and form; nothing in it is an error.

/// Ranges that are looked at; browsers send a handful.
const RANGES: usize = 16;

/// Returns the language that is wanted most, if there is one.
pub(super) fn best<'a>(header: &str, known: &'a [String]) -> Option<&'a str> {
    let mut ranges: Vec<(&str, u16)> = header.split(',').take(RANGES).filter_map(range).collect();
    // Stable: of equal wishes the first one counts.
    ranges.sort_by_key(|(_, thousandths)| u16::MAX - thousandths);
    ranges.into_iter().find_map(|(tag, _)| lookup(tag, known))
}

/// Returns a range and its weight in thousandths; none for what is not wanted.
fn range(item: &str) -> Option<(&str, u16)> {
    let mut parts = item.split(';').map(str::trim);
    let tag = parts.next().filter(|tag| !tag.is_empty())?;
    let thousandths = match parts.next() {
        None => 1000,
        Some(weight) => thousandths(weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q="))?)?,
    };
    (thousandths > 0).then_some((tag, thousandths))
}

/// Reads a weight (RFC 9110 section 12.4.2): 0 to 1 with at most three decimals.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, decimals) {
        ("0", decimals) => Some(decimals),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

fn lookup<'a>(tag: &str, known: &'a [String]) -> Option<&'a str> {
    let mut tag = tag;
    loop {
        if let Some(language) = known.iter().find(|language| language.eq_ignore_ascii_case(tag)) {
            return Some(language);
        }
        (tag, _) = tag.rsplit_once('-')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_is_a_table() {
        let known = ["de-at", "en", "fr"].map(str::to_owned);
        for (header, expected) in [
            ("", None),
            ("fr", Some("fr")),
            ("FR-ca", Some("fr")),
            ("de-AT-1996, en", Some("de-at")),
            ("de, fr;q=0.5", Some("fr")),
            ("fr;q=0.1, en;q=0.2", Some("en")),
            ("en, fr", Some("en")),
            ("fr;q=0, en;q=0.001", Some("en")),
            ("fr;q=0.000", None),
            ("fr;q=1.0", Some("fr")),
            ("fr;q=1.1", None),
            ("fr;q=nan, en;q=inf", None),
            ("fr;q=0.1234", None),
            ("*", None),
            ("frr", None),
            (";;;,,,=q", None),
        ] {
            assert_eq!(best(header, &known), expected, "{header}");
        }
        assert_eq!(best(&"xx,".repeat(5000), &known), None);
    }
}
