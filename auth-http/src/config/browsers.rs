//! What browsers come into: the origin of a front end or of the pages, cookies, the page that resets a password.

use super::{
    ConfigError,
    origins::{own_origin, own_page},
    values::Values,
};
use crate::http::Cookies;

impl Values<'_> {
    /// Returns the page that mails with a token link to.
    pub(super) fn reset_url(&self) -> Result<Option<String>, ConfigError> {
        const WANTED: &str =
            "a page of yours without a fragment: https://app.example.org/reset, or on a loopback host";
        let parse = |text| own_page(text).ok_or_else(|| self.wrong("reset_url", WANTED));
        self.0.value("reset_url").map(parse).transpose()
    }

    fn origin(&self) -> Result<Option<String>, ConfigError> {
        const WANTED: &str =
            "the origin of your front end: https://app.example.org, or http://localhost:8000";
        let parse = |text| own_origin(text).ok_or_else(|| self.wrong("origin", WANTED));
        self.0.value("origin").map(parse).transpose()
    }

    /// Returns the cookies of the pages for visitors, if there are to be pages.
    pub(super) fn pages(&self) -> Result<Option<Cookies>, ConfigError> {
        let (login, mails_leave) = (self.switch("login")?, self.0.value("smtp_url").is_some());
        let wanted = self.optional_switch("pages")?;
        if !wanted.unwrap_or(login && !mails_leave) {
            return Ok(None);
        }
        if !login {
            return Err(ConfigError::new(
                "refused to start: AUTH_PAGES=on without logins; set AUTH_LOGIN=on, or leave AUTH_PAGES out"
                    .to_owned(),
            ));
        }
        match self.origin()? {
            Some(origin) => Ok(Some(Cookies::of(origin))),
            // Threat: a cookie that crosses the network without TLS, and pages of others that act with it. Without a mail
            // server this one is on loopback.
            None if mails_leave => Err(ConfigError::new(
                "refused to start: AUTH_PAGES=on needs AUTH_ORIGIN, where browsers find the pages: \
                 https://app.example.org"
                    .to_owned(),
            )),
            None => Ok(Some(Cookies::on_loopback())),
        }
    }

    /// Returns the cookies that keep sessions, if they are to.
    pub(super) fn cookies(&self) -> Result<Option<Cookies>, ConfigError> {
        match (self.switch("session_cookie")?, self.origin()?) {
            (true, Some(origin)) => Ok(Some(Cookies::of(origin))),
            (true, None) => Err(ConfigError::new(
                "refused to start: AUTH_SESSION_COOKIE=on needs AUTH_ORIGIN, the origin of your front end"
                    .to_owned(),
            )),
            (false, _) => Ok(None),
        }
    }
}
