//! Sessions in cookies, for front ends in a browser on the service's own origin.
//!
//! Threat: a script that got into a page reads the token (OWASP ASVS 5.0, 3.3.4). The cookies are HttpOnly, and answers
//! carry no token beside them.

use std::time::Duration;

use poem::http::{HeaderMap, HeaderValue, Method, header};
use poem_openapi::payload::Response;

/// Returns an answer that sets these cookies.
pub(super) fn setting<T>(answer: Response<T>, cookies: impl IntoIterator<Item = HeaderValue>) -> Response<T> {
    cookies.into_iter().fold(answer, |answer, cookie| answer.header(header::SET_COOKIE, cookie))
}

/// How long a browser keeps what makes it a known device.
const DEVICE_AGE: Duration = Duration::from_secs(365 * 86_400);

/// The cookies of a deployment.
#[derive(Clone, Debug)]
pub struct Cookies {
    /// The origin of the front end, as browsers send it; none for pages on this machine alone.
    origin: Option<String>,
    secure: bool,
}

/// One of the two cookies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cookie {
    /// The session's token.
    Session,
    /// The device's.
    Device,
}

impl Cookies {
    /// Makes the cookies of an origin: secure ones, unless it is `http` on a loopback host.
    #[must_use]
    pub fn of(origin: String) -> Self {
        let secure = origin.starts_with("https://");
        Self { origin: Some(origin), secure }
    }

    /// Makes the cookies of pages that only browsers on this machine can reach, at whatever origin. What tells their own
    /// requests from those of other pages is Sec-Fetch-Site alone.
    #[must_use]
    pub const fn on_loopback() -> Self {
        Self { origin: None, secure: false }
    }

    /// Returns the name. Threat: another site of the same domain that sets a cookie of this name. A browser takes one
    /// that begins with `__Host-` from this host alone, and over TLS (RFC 6265bis section 4.1.3.2).
    const fn name(&self, cookie: Cookie) -> &'static str {
        match (cookie, self.secure) {
            (Cookie::Session, true) => "__Host-session",
            (Cookie::Session, false) => "session",
            (Cookie::Device, true) => "__Host-device",
            (Cookie::Device, false) => "device",
        }
    }

    /// Returns what a request has in a cookie; nothing if it has two of the name.
    pub(super) fn read<'a>(&self, headers: &'a HeaderMap, cookie: Cookie) -> Option<&'a str> {
        value(headers, self.name(cookie))
    }

    /// Returns the header that sets the session's cookie for as long as it may last.
    pub(super) fn session(&self, token: &str, lasting: Duration) -> Option<HeaderValue> {
        self.set(Cookie::Session, token, lasting)
    }

    /// Returns the header that makes a browser a known device.
    pub(super) fn device(&self, token: &str) -> Option<HeaderValue> {
        self.set(Cookie::Device, token, DEVICE_AGE)
    }

    /// Returns the header that clears a cookie.
    pub(super) fn cleared(&self, cookie: Cookie) -> Option<HeaderValue> {
        self.set(cookie, "", Duration::ZERO)
    }

    /// Returns the header that keeps something that opens nothing, for the paths beside the one that is answered.
    pub(super) fn beside(&self, name: &str, value: &str, lasting: Duration) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.written(name, value, "", lasting)).ok()
    }

    /// Returns whether these headers clear the session's cookie.
    pub(super) fn ends_session(&self, set: &[HeaderValue]) -> bool {
        self.cleared(Cookie::Session).is_some_and(|cleared| set.contains(&cleared))
    }

    fn set(&self, cookie: Cookie, value: &str, lasting: Duration) -> Option<HeaderValue> {
        let mut value =
            HeaderValue::from_str(&self.written(self.name(cookie), value, "Path=/; ", lasting)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn written(&self, name: &str, value: &str, path: &str, lasting: Duration) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        // Lax: a link from a mail or another site arrives logged in, and nothing else from there does.
        format!("{name}={value}; {path}Max-Age={}; HttpOnly; SameSite=Lax{secure}", lasting.as_secs())
    }

    /// Returns whether a request may change something: it comes from a page of this origin, or changes nothing.
    ///
    /// Threat: another site's page that logs its visitors in or out, or changes their account (CSRF). What decides is
    /// what a browser says of the page, which no script can forge; Host and Referer are not asked.
    pub(super) fn admits(&self, method: &Method, headers: &HeaderMap) -> bool {
        let is = |name, wanted: &str| {
            let mut values = headers.get_all(name).iter();
            values.next().is_some_and(|value| value == wanted) && values.next().is_none()
        };
        let from_origin = self.origin.as_ref().is_some_and(|origin| is("origin", origin));
        method.is_safe() || from_origin || is("sec-fetch-site", "same-origin")
    }
}

/// Returns what a request has in the cookie of a name; nothing if it has two of them.
pub(super) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(own, _)| *own == name).map(|(_, value)| value);
    // Threat: which of two counts is anybody's guess.
    let (value, None) = (values.next()?, values.next()) else { return None };
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn secure() -> Cookies {
        Cookies::of("https://app.example.org".to_owned())
    }

    #[test]
    fn cookies_are_read_by_their_whole_name_and_once() {
        for (lines, expected) in [
            (&["__Host-session=a"][..], Some("a")),
            (&["x=1; __Host-session=a; y=2"], Some("a")),
            (&["x=1", "__Host-session=a=b"], Some("a=b")),
            (&["session=a"], None),
            (&["x__Host-session=a"], None),
            (&["__host-session=a"], None),
            (&["__Host-session=a; __Host-session=b"], None),
            (&["__Host-session=a", "__Host-session=a"], None),
            (&[], None),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
            assert_eq!(secure().read(&headers(&lines), Cookie::Session), expected, "{lines:?}");
        }
    }

    #[test]
    fn cookies_are_set_for_this_host_alone() {
        let set = |value: Option<HeaderValue>| value.unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            set(secure().session("auths_x", Duration::from_secs(60))),
            "__Host-session=auths_x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            set(secure().cleared(Cookie::Session)),
            "__Host-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        );
        let plain = Cookies::of("http://localhost:8000".to_owned());
        assert_eq!(
            set(plain.device("authd_x")),
            "device=authd_x; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn what_may_change_something_is_a_table() {
        let own = ("origin", "https://app.example.org");
        for (method, pairs, expected) in [
            (Method::GET, &[][..], true),
            (Method::HEAD, &[("origin", "https://evil.example")], true),
            (Method::POST, &[own], true),
            (Method::DELETE, &[own], true),
            (Method::POST, &[("sec-fetch-site", "same-origin")], true),
            (Method::POST, &[("origin", "https://proxied.example"), ("sec-fetch-site", "same-origin")], true),
            (Method::POST, &[], false),
            (Method::POST, &[("origin", "https://evil.example")], false),
            (Method::POST, &[("origin", "http://app.example.org")], false),
            (Method::POST, &[("origin", "https://app.example.org.evil.example")], false),
            (Method::POST, &[("origin", "null")], false),
            (Method::POST, &[own, ("origin", "https://evil.example")], false),
            (Method::POST, &[("sec-fetch-site", "same-site")], false),
            (Method::POST, &[("sec-fetch-site", "none")], false),
            (Method::POST, &[("referer", "https://app.example.org/")], false),
            (Method::DELETE, &[], false),
        ] {
            assert_eq!(secure().admits(&method, &headers(pairs)), expected, "{method} {pairs:?}");
        }
    }

    #[test]
    fn without_an_origin_what_the_browser_says_of_the_page_decides() {
        let cookies = Cookies::on_loopback();
        for (pairs, expected) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("origin", "http://127.0.0.1:8000")], false),
            (&[("origin", "")], false),
            (&[], false),
        ] {
            assert_eq!(cookies.admits(&Method::POST, &headers(pairs)), expected, "{pairs:?}");
        }
    }
}
