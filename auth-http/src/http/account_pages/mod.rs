//! Pages for visitors: what the API's operations do, as HTML forms that need no script.
//!
//! A form carries out the operation of its name, with the same handler; nothing here decides what an outcome is. Sessions
//! are kept in cookies on these pages, whatever the API does. Next: `visitors.rs` and `owner.rs` for the forms, `theme.rs`
//! for what the pages look like and say.

mod form;
mod owner;
mod texts;
mod theme;
mod view;
mod visitors;

use std::path::Path;

use auth_core::Policy;
use poem::{
    IntoEndpoint, IntoResponse, Request, Response, Route, RouteMethod, get,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT_LANGUAGE, LOCATION, REFERRER_POLICY, SET_COOKIE},
    },
};

use super::{
    app_state::AppState,
    cookies::Cookies,
    language,
    pages::Page,
    problem::{INTERNAL, Problem},
};
use form::done;
use theme::{PageName, Theme};
use view::View;

pub use theme::ThemeError;

/// The pages of a deployment.
pub struct AccountPages {
    theme: Theme,
    cookies: Cookies,
}

impl AccountPages {
    /// Loads the pages, with a folder's templates and texts over those that are built in.
    ///
    /// # Errors
    /// [`ThemeError`] names the file and what is wrong with it.
    pub fn load(
        folder: Option<&Path>,
        service: &str,
        policy: &Policy,
        cookies: Cookies,
    ) -> Result<Self, ThemeError> {
        Ok(Self { theme: Theme::load(folder, service, policy)?, cookies })
    }

    /// Returns the cookies that keep sessions on the pages.
    pub(super) const fn cookies(&self) -> &Cookies {
        &self.cookies
    }

    /// Returns the language that these headers ask for.
    pub(super) fn language(&self, headers: &HeaderMap) -> &str {
        let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        language::best(wanted, self.theme.languages()).unwrap_or("en")
    }

    /// Returns a problem that no form could show as a page; any other answer as it is.
    pub(super) fn explained(&self, language: &str, path: &str, mut answer: Response) -> Response {
        let Some(problem) = answer.extensions_mut().remove::<Problem>() else { return answer };
        self.message(language, path, &problem)
    }

    fn message(&self, language: &str, path: &str, problem: &Problem) -> Response {
        let home = match path.strip_prefix("/account/") {
            Some(rest) if rest.contains('/') => "../".repeat(rest.matches('/').count()),
            Some(_) => "./".to_owned(),
            None => "account/".to_owned(),
        };
        let refused = Some(self.theme.refused(language, "", problem));
        let page = self.page(PageName::Message, language, &View { refused, home, ..View::default() });
        with_problem(page, problem)
    }

    fn page(&self, page: PageName, language: &str, view: &View) -> Response {
        match self.theme.render(page, language, view) {
            Ok(html) => {
                let mut page = Page::with_forms(&html).into_response();
                // With no-referrer, browsers send `Origin: null` with forms. No secret is in the URL of a page.
                let headers = page.headers_mut();
                headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
                // Threat: whoever has opened the page keeps a hold of its window (ASVS 5.0, 3.4.8).
                headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
                page
            }
            Err(error) => {
                tracing::error!(%error, "a page does not render");
                Problem::new(&INTERNAL).into_response()
            }
        }
    }
}

/// Returns the routes of the pages; `http/routes.rs` says whether they are there.
pub(super) fn routes() -> Route {
    Route::new()
        .at("/account", get(visitors::beside))
        .at("/account/", get(owner::account_page))
        .at("/account/register", get(visitors::register_page).post(visitors::register_form))
        .at("/account/activate", get(visitors::activate_page).post(visitors::activate_form))
        .at("/account/login", get(visitors::login_page).post(visitors::login_form))
        .at("/account/forgot", get(visitors::forgot_page).post(visitors::forgot_form))
        .at("/account/reset", get(visitors::reset_page).post(visitors::reset_form))
        .at("/account/resend", get(visitors::resend_page).post(visitors::resend_form))
        .at("/account/logout", answered(owner::logout_form))
        .at("/account/password", answered(owner::password_form))
        .at("/account/email", answered(owner::email_form))
        .at("/account/email-code", answered(owner::email_code_form))
        .at("/account/session", answered(owner::session_form))
        .at("/account/sessions", answered(owner::sessions_form))
        .at("/account/delete", answered(owner::delete_form))
}

/// Routes a form whose answer is no page of its own: whoever reloads it is led to one.
fn answered(endpoint: impl IntoEndpoint<Endpoint: 'static>) -> RouteMethod {
    get(owner::back).post(endpoint)
}

/// Returns the pages that a request has been led to.
///
/// # Panics
/// If there are none: their routes are not there then.
#[expect(clippy::expect_used, reason = "routes::find() knows no page where there are none")]
fn pages_of(request: &Request) -> &AccountPages {
    AppState::of(request).pages.as_ref().expect("the deployment has pages")
}

/// Returns a page in the language of a request.
fn show(request: &Request, page: PageName, view: &View) -> Response {
    let pages = pages_of(request);
    pages.page(page, pages.language(request.headers()), view)
}

/// Returns a page that says why its form was refused.
fn show_refused(
    request: &Request,
    page: PageName,
    form: &'static str,
    problem: &Problem,
    view: View,
) -> Response {
    let pages = pages_of(request);
    let language = pages.language(request.headers());
    let refused = Some(pages.theme.refused(language, form, problem));
    with_problem(pages.page(page, language, &View { refused, ..view }), problem)
}

/// Gives a page the status and the headers of a problem.
fn with_problem(mut page: Response, problem: &Problem) -> Response {
    page.set_status(StatusCode::from_u16(problem.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    page.headers_mut().extend(problem.headers());
    page
}

/// Returns a page that says what is wrong, for a form that has no place for it.
fn explain(request: &Request, problem: &Problem) -> Response {
    let pages = pages_of(request);
    pages.message(pages.language(request.headers()), request.uri().path(), problem)
}

/// Returns what has been done, in the words of this page.
///
/// Threat: a link that makes a page claim what has not been done. Each page knows what can lead to it.
fn said(request: &Request, page: PageName) -> Option<String> {
    let pages = pages_of(request);
    let language = pages.language(request.headers());
    pages.theme.text(language, &["notice", page.name(), done(request)?])
}

/// Returns the answer that leads elsewhere; relative places hold wherever the service is mounted.
fn lead_to(place: &str) -> Response {
    let mut answer = Response::builder().status(StatusCode::SEE_OTHER).finish();
    // Places are of this module, or were checked to be plain.
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("./"));
    answer.headers_mut().insert(LOCATION, place);
    answer
}

/// Adds cookies to an answer. Of two with a name the later one counts, and is the only one there (RFC 6265
/// section 4.1.1).
fn give(mut answer: Response, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
    fn name(cookie: &HeaderValue) -> &[u8] {
        cookie.as_bytes().split(|byte| *byte == b'=').next().unwrap_or_default()
    }
    let mut kept: Vec<HeaderValue> = Vec::new();
    for cookie in cookies {
        kept.retain(|other| name(other) != name(&cookie));
        kept.push(cookie);
    }
    answer.headers_mut().extend(kept.into_iter().map(|cookie| (SET_COOKIE, cookie)));
    answer
}

/// Returns the cookies that an operation's answer sets; the page has the rest of it.
fn cookies_of(answer: impl IntoResponse) -> Vec<HeaderValue> {
    answer.into_response().headers().get_all(SET_COOKIE).iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_cookies_of_a_name_the_later_one_is_there() {
        let cookies = ["a=1; Path=/", "b=2", "a=; Max-Age=0"].map(HeaderValue::from_static);
        let answer = give(lead_to("./"), cookies);
        let set: Vec<_> = answer.headers().get_all(SET_COOKIE).iter().collect();
        assert_eq!(set, ["b=2", "a=; Max-Age=0"]);
    }
}
