//! What every request needs: the driver, and the few settings that HTTP itself has.

use std::{net::IpAddr, sync::Arc};

use auth_core::{AddressKey, Client, Locale, Password, SessionToken};
use poem::{Request, http::header::ACCEPT_LANGUAGE};

use super::{account_pages::AccountPages, client::Proxies, cookies::Cookies, language, routes::Route};
use crate::{
    driver::Driver,
    port::Mailbox,
    visitor::{About, Visitor, pseudonym},
};

/// What all requests share.
pub struct AppState {
    /// Runs flows.
    pub driver: Arc<Driver>,
    /// The mails to show, with the development mailer.
    pub mailbox: Option<Arc<dyn Mailbox>>,
    /// The languages that mails can be in.
    pub locales: Vec<String>,
    /// What passwords must not lean on, beside the address.
    pub service_name: String,
    /// The proxies whose forwarding header counts.
    pub proxies: Proxies,
    /// The origins of browser front ends.
    pub cors_origins: Vec<String>,
    /// Whether there are logins and sessions.
    pub login: bool,
    /// The cookies that keep sessions, if they are kept there.
    pub cookies: Option<Cookies>,
    /// The pages for visitors, if there are any.
    pub pages: Option<AccountPages>,
    /// Whether the API page and the document are served.
    pub docs: bool,
    /// The key of the pseudonyms in logs; never shown.
    pub log_key: [u8; 32],
    /// Moves the embedded stores' clocks, in test builds.
    pub shift_clock: Option<Box<dyn Fn(i64) + Send + Sync>>,
}

impl AppState {
    /// Returns what was attached to the request.
    ///
    /// # Panics
    /// If a handler is mounted outside of [`endpoint`](super::endpoint), which attaches it.
    #[expect(clippy::expect_used, reason = "endpoint() attaches it to every request")]
    pub fn of(request: &Request) -> &Self {
        request.data::<Arc<Self>>().expect("endpoint() attaches the shared state")
    }

    /// Returns the cookies that keep the session of whoever sends this request: those of the pages for what is asked on
    /// a page.
    pub(super) fn cookies(&self, request: &Request) -> Option<&Cookies> {
        let on_page = request.data::<&'static Route>().is_some_and(|route| route.is_page());
        if on_page { self.pages.as_ref().map(AccountPages::cookies) } else { self.cookies.as_ref() }
    }

    /// Returns who asks.
    pub fn client(&self, request: &Request) -> Client {
        Client::of(self.address(request))
    }

    /// Returns the language for mails: the first one accepted that there is, else English.
    pub fn locale(&self, request: &Request) -> Locale {
        let wanted = request.header(ACCEPT_LANGUAGE).unwrap_or_default();
        let tag = language::best(wanted, &self.locales).unwrap_or("en");
        Locale::parse(tag).unwrap_or_else(|_| unreachable!("the names of templates are language tags"))
    }

    /// Returns who asks, for a run about an address.
    pub(super) fn visitor(&self, request: &Request, key: &AddressKey, password: Option<Password>) -> Visitor {
        let about = About::Address(self.pseudonym(key.as_str().as_bytes()));
        self.visitor_about(request, about, password)
    }

    /// Returns who asks, for a run about a session.
    pub(super) fn visitor_of_session(
        &self,
        request: &Request,
        token: &SessionToken,
        password: Option<Password>,
    ) -> Visitor {
        let about = About::Session(self.pseudonym(token.hash().as_bytes()));
        self.visitor_about(request, about, password)
    }

    fn visitor_about(&self, request: &Request, about: About, password: Option<Password>) -> Visitor {
        let client = self.client(request);
        let from = self.pseudonym(client.address().to_string().as_bytes());
        Visitor { client, password, new_password: None, about, from }
    }

    fn address(&self, request: &Request) -> IpAddr {
        let peer = request.remote_addr().as_socket_addr().map(std::net::SocketAddr::ip);
        self.proxies.address(peer, request.headers())
    }

    fn pseudonym(&self, text: &[u8]) -> String {
        pseudonym(&self.log_key, text)
    }
}
