//! Times as people and programs read them.

use auth_core::Time;

/// Reads a time of RFC 3339; `None` for another text, and for a time before 1970.
pub(crate) fn parse(text: &str) -> Option<Time> {
    use ::time::{OffsetDateTime, format_description::well_known::Rfc3339};
    let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
    u64::try_from(nanos / 1000).ok().map(Time::from_micros)
}

/// Writes a time as RFC 3339 in UTC.
pub(crate) fn rfc3339(time: Time) -> String {
    use ::time::{OffsetDateTime, format_description::well_known::Rfc3339};
    let nanos = i128::from(time.as_micros()) * 1000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok();
    // A time that RFC 3339 cannot write (after the year 9999) is nothing a clock tells.
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| String::from("9999-12-31T23:59:59Z"))
}
