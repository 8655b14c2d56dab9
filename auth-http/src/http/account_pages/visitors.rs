//! The pages of whoever is not logged in: register, activate, log in, forgot, reset.

use std::time::Duration;

use poem::{
    Request, Response, handler,
    http::{HeaderMap, HeaderValue},
};
use url::form_urlencoded::{self, byte_serialize};

use super::{
    PageName, View, cookies_of,
    form::{Form, next},
    give, lead_to, pages_of, said, show, show_refused,
};
use crate::http::{
    activate::{self, ActivateInput},
    app_state::AppState,
    basic::Basic,
    bearer::Bearer,
    cookies,
    login::{self, Entrant},
    password::{self, NewPassword},
    problem::{Problem, RESET_REFUSED},
    register::{self, NewAccount},
    resend::{self, PendingAddress},
    session::{self, current},
};

/// The cookie with the address that waits for its mail. Answers to forms are led to a page, which a phone can load again
/// when its owner comes back from the mail.
const ADDRESS: &str = "auth-address";
const ADDRESS_AGE: Duration = Duration::from_secs(3600);

/// Leads to the account's page, beside which all others are.
#[handler]
pub(super) fn beside() -> Response {
    lead_to("account/")
}

#[handler]
pub(super) fn register_page(request: &Request) -> Response {
    show_empty(request, PageName::Register)
}

#[handler]
pub(super) fn activate_page(request: &Request) -> Response {
    show_empty(request, PageName::Activate)
}

#[handler]
pub(super) fn resend_page() -> Response {
    lead_to("activate")
}

#[handler]
pub(super) fn forgot_page(request: &Request) -> Response {
    show_empty(request, PageName::Forgot)
}

#[handler]
pub(super) fn reset_page(request: &Request) -> Response {
    show_empty(request, PageName::Reset)
}

/// Shows the login, unless there is a session already and nothing to say.
#[handler]
pub(super) async fn login_page(request: &Request) -> Response {
    if said(request, PageName::Login).is_none()
        && let Ok(bearer) = Bearer::of(request)
        && current(AppState::of(request), bearer).await.is_ok()
    {
        return lead_to(next(request).as_deref().unwrap_or("./"));
    }
    show_empty(request, PageName::Login)
}

fn show_empty(request: &Request, page: PageName) -> Response {
    let view = View {
        notice: said(request, page),
        values: waiting(request.headers()).map(|address| ("email", address)).into_iter().collect(),
        next: next(request),
        ..View::default()
    };
    show(request, page, &view)
}

/// Returns the address that waits for its mail.
fn waiting(headers: &HeaderMap) -> Option<String> {
    let value = cookies::value(headers, ADDRESS)?;
    form_urlencoded::parse(value.as_bytes()).next().map(|(address, _)| address.into_owned())
}

/// Registers, and asks for the code.
#[handler]
pub(super) async fn register_form(request: &Request, form: Form) -> Response {
    let registered = async {
        let account: NewAccount = form.parse(request)?;
        register::handle(request, account).await.map(drop).map_err(Problem::from)
    };
    match registered.await {
        Ok(()) => wait_for_mail(request, "activate", "code_sent", &form),
        Err(problem) => show_refused(request, PageName::Register, "register", &problem, View::of(&form)),
    }
}

/// Mails another code.
#[handler]
pub(super) async fn resend_form(request: &Request, form: Form) -> Response {
    let sent = async {
        let address: PendingAddress = form.parse_only(&["email"], request)?;
        resend::handle(request, address).await.map(drop).map_err(Problem::from)
    };
    match sent.await {
        Ok(()) => wait_for_mail(request, "activate", "resent", &form),
        Err(problem) => show_refused(request, PageName::Activate, "activate", &problem, View::of(&form)),
    }
}

/// Activates and logs in.
#[handler]
pub(super) async fn activate_form(request: &Request, form: Form) -> Response {
    let activated = async {
        let input: ActivateInput = form.parse(request)?;
        activate::handle(request, Basic(None), input).await.map(drop).map_err(Problem::from)
    };
    if let Err(problem) = activated.await {
        return show_refused(request, PageName::Activate, "activate", &problem, View::of(&form));
    }
    let entered = async { enter(request, form.parse_only(&["email", "password"], request)?, &form).await };
    match entered.await {
        Ok(entered) => entered,
        // The account is active: that must not look like a failure.
        Err(_) => lead_to(&way("login", "activated", &form)),
    }
}

#[handler]
pub(super) async fn login_form(request: &Request, form: Form) -> Response {
    let entered = async { enter(request, form.parse(request)?, &form).await };
    match entered.await {
        Ok(entered) => entered,
        Err(problem) => show_refused(request, PageName::Login, "login", &problem, View::of(&form)),
    }
}

/// Logs in, and leads to where the form says.
async fn enter(request: &Request, entrant: Entrant, form: &Form) -> Result<Response, Problem> {
    let mut set = cookies_of(login::handle(request, entrant).await?);
    // The browser forgets its earlier session: left open, nobody would end it (ASVS 5.0, 7.2.4). One that stays, because
    // the store does not answer, is in the account's list.
    if let Ok(earlier) = Bearer::of(request) {
        let _ = session::end(request, earlier).await;
    }
    if waiting(request.headers()).is_some() {
        set.extend(pages_of(request).cookies.beside(ADDRESS, "", Duration::ZERO));
    }
    let answer = match &form.next {
        None => lead_to("./"),
        // Not a redirect: Chromium holds `form-action` against wherever the application redirects to from there.
        Some(next) => show(request, PageName::Onward, &View { next: Some(next.clone()), ..View::default() }),
    };
    Ok(give(answer, set))
}

/// Mails what resets a password, and asks for it.
#[handler]
pub(super) async fn forgot_form(request: &Request, form: Form) -> Response {
    let sent = async {
        let address: PendingAddress = form.parse(request)?;
        password::forgot(request, address).await.map(drop).map_err(Problem::from)
    };
    match sent.await {
        Ok(()) => wait_for_mail(request, "reset", "reset_sent", &form),
        Err(problem) => show_refused(request, PageName::Forgot, "forgot", &problem, View::of(&form)),
    }
}

#[handler]
pub(super) async fn reset_form(request: &Request, mut form: Form) -> Response {
    form.change("token", token_in);
    let reset = async {
        let new: NewPassword = form.parse(request)?;
        password::reset(request, new).await.map(cookies_of).map_err(Problem::from)
    };
    match reset.await {
        Ok(cookies) => give(lead_to(&way("login", "reset", &form)), cookies),
        Err(problem) => {
            let mut view = View::of(&form);
            // Whoever has just sent it would have to look for the mail again, over a password that is too weak.
            if problem.kind != &RESET_REFUSED {
                view.values.extend(form.text("token").map(|token| ("token", token.to_owned())));
            }
            show_refused(request, PageName::Reset, "reset", &problem, view)
        }
    }
}

/// Returns the token in what people paste: itself, or the link that it is in, in whatever form a mail server has given it.
fn token_in(text: &str) -> String {
    const BEGINNING: &str = "authr_";
    let Some((_, rest)) = text.rsplit_once(BEGINNING) else { return text.to_owned() };
    let is_of_it = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '_';
    format!("{BEGINNING}{}", rest.chars().take_while(is_of_it).collect::<String>())
}

/// Leads to the page that asks for what is mailed, and lets the browser keep the address meanwhile.
fn wait_for_mail(request: &Request, page: &str, done: &str, form: &Form) -> Response {
    let address: String = byte_serialize(form.text("email").unwrap_or_default().as_bytes()).collect();
    let cookie: Option<HeaderValue> = pages_of(request).cookies.beside(ADDRESS, &address, ADDRESS_AGE);
    give(lead_to(&way(page, done, form)), cookie)
}

/// Returns the way to a page, which says what has been done.
fn way(page: &str, done: &str, form: &Form) -> String {
    let next: Option<String> = form.next.as_ref().map(|next| byte_serialize(next.as_bytes()).collect());
    let way = format!("{page}?notice={done}");
    next.map_or_else(|| way.clone(), |next| format!("{way}&next={next}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_in_what_people_paste() {
        for text in [
            "authr_x-_9",
            " authr_x-_9\n",
            "https://app.example.org/account/reset#email=ada%40example.org&token=authr_x-_9",
            "#token=authr_x-_9&email=ada%40example.org",
            "https://links.example/?url=https%3A%2F%2Fapp.example.org%2F%23email%3Da%26token%3Dauthr_x-_9&data=05%7C",
        ] {
            assert_eq!(token_in(text), "authr_x-_9", "{text}");
        }
        assert_eq!(token_in("something else"), "something else");
    }

    #[test]
    fn address_that_waits_is_read_as_it_was_set() {
        let mut headers = HeaderMap::new();
        headers
            .insert("cookie", HeaderValue::from_static("x=1; auth-address=ada%2Btea%40b%C3%BCcher.example"));
        assert_eq!(waiting(&headers).as_deref(), Some("ada+tea@b\u{fc}cher.example"));
        assert_eq!(waiting(&HeaderMap::new()), None);
    }
}
