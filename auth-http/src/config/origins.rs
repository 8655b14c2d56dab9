//! Origins of browser front ends: in any spelling that a person writes, kept as browsers send them.

use url::{Host, Url};

/// What pages never come from, or what browsers send as `null`.
const NO_PAGES: [&str; 11] = [
    "about",
    "blob",
    "data",
    "file",
    "filesystem",
    "ftp",
    "javascript",
    "mailto",
    "view-source",
    "ws",
    "wss",
];

/// Returns an origin as browsers send it (RFC 6454 section 6.2, and the URL standard's serialisation): lower case,
/// the domain as A-labels, without the scheme's own port. None for what no browser could send.
///
/// Threat: an origin that is listed and never matches, so that somebody puts a proxy in front that allows all of them.
pub(super) fn origin(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    // The URL parser would repair some of these, and drop others silently.
    let never = |c: char| c.is_whitespace() || c.is_control() || "/\\?#@*%,".contains(c);
    if rest.is_empty() || rest.ends_with(':') || rest.contains(never) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" => Some(Url::parse(text).ok()?.origin().ascii_serialization()),
        other if NO_PAGES.contains(&other) => None,
        _ => custom(scheme, rest),
    }
}

/// Returns the origin of the service's own pages, which keep sessions in cookies: `https`, or `http` on a loopback host.
///
/// Threat: a cookie that crosses the network without TLS.
pub(super) fn own_origin(text: &str) -> Option<String> {
    let origin = origin(text)?;
    let url = Url::parse(&origin).ok()?;
    let loopback = match url.host()? {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    (url.scheme() == "https" || (url.scheme() == "http" && loopback)).then_some(origin)
}

/// Returns the URL of a page of such an origin.
///
/// Threat: a token in a mail that leads to a page without TLS.
pub(super) fn own_page(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    own_origin(&url.origin().ascii_serialization()).map(|_| url.into())
}

/// Takes the origin of a web view, `capacitor://localhost` for example: there is no port of its own, and no IDNA.
fn custom(scheme: String, rest: &str) -> Option<String> {
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let starts_well = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_scheme = starts_well && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let is_port =
        port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok());
    let origin = || format!("{scheme}://{}", rest.to_ascii_lowercase());
    (is_scheme && is_host && is_port).then(origin)
}

#[cfg(test)]
mod tests {
    use super::{origin, own_origin, own_page};

    #[test]
    fn own_origins_are_a_table() {
        for (text, fits) in [
            ("https://app.example.org", true),
            ("HTTPS://App.Example.org:443", true),
            ("http://localhost:8000", true),
            ("http://127.0.0.1:8000", true),
            ("http://[::1]:8000", true),
            ("http://app.localhost", true),
            ("http://app.example.org", false),
            ("http://192.0.2.1", false),
            ("http://localhost.example.org", false),
            ("capacitor://localhost", false),
            ("https://app.example.org/", false),
        ] {
            assert_eq!(own_origin(text).is_some(), fits, "{text}");
        }
    }

    #[test]
    fn own_pages_are_a_table() {
        for (text, expected) in [
            ("https://app.example.org/reset", Some("https://app.example.org/reset")),
            ("https://app.example.org", Some("https://app.example.org/")),
            ("http://localhost:8000/x?y=z", Some("http://localhost:8000/x?y=z")),
            ("http://app.example.org/reset", None),
            ("https://app.example.org/#reset", None),
            ("https://a@app.example.org/", None),
            ("https://:a@app.example.org/", None),
            ("app.example.org/reset", None),
            ("javascript:alert(1)", None),
        ] {
            assert_eq!(own_page(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn origins_are_a_table() {
        for (text, expected) in [
            ("https://app.example", Some("https://app.example")),
            ("HTTPS://App.Example:443", Some("https://app.example")),
            ("http://app.example:443", Some("http://app.example:443")),
            ("http://127.1:80", Some("http://127.0.0.1")),
            ("http://[::0001]:5173", Some("http://[::1]:5173")),
            ("https://b\u{fc}cher.example", Some("https://xn--bcher-kva.example")),
            ("https://BU\u{308}CHER.example", Some("https://xn--bcher-kva.example")),
            ("capacitor://localhost", Some("capacitor://localhost")),
            ("Tauri://LocalHost", Some("tauri://localhost")),
            ("app+x://shop.example:8080", Some("app+x://shop.example:8080")),
            ("chrome-extension://abcdefghijklmnop", Some("chrome-extension://abcdefghijklmnop")),
            ("", None),
            ("null", None),
            ("*", None),
            ("https://", None),
            ("https://*.example.org", None),
            ("https://app.example/", None),
            ("https://app.example\\", None),
            ("https:app.example", None),
            ("https://a@app.example", None),
            ("https://app.example:", None),
            ("https://app.example:65536", None),
            ("https://app.exa\tmple", None),
            ("https://exa%6dple.org", None),
            ("https://xn--a.example", None),
            ("capacitor://", None),
            ("capacitor://b\u{fc}cher.example", None),
            ("capacitor://localhost:x", None),
            ("capacitor://localhost:+80", None),
            ("1password://localhost", None),
            ("://localhost", None),
            ("file://localhost", None),
            ("wss://app.example", None),
        ] {
            assert_eq!(origin(text).as_deref(), expected, "{text}");
        }
    }
}
