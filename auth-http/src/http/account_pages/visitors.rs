//! The pages of whoever is not logged in: register, activate, log in, forgot, reset.

use poem::{Request, Response, handler};
use url::form_urlencoded::byte_serialize;

use super::{
    PageName, View, cookies_of,
    form::{Form, next, query},
    lead_to, notice, show, show_refused,
};
use crate::http::{
    activate::{self, ActivateInput},
    basic::Basic,
    bearer::Bearer,
    login::{self, Entrant},
    password::{self, NewPassword},
    problem::Problem,
    register::{self, NewAccount},
    resend::{self, PendingAddress},
    session::current,
};

/// Leads to the account's page, beside which all others are.
#[handler]
pub(super) fn beside() -> Response {
    lead_to("account/", [])
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
pub(super) fn forgot_page(request: &Request) -> Response {
    show_empty(request, PageName::Forgot)
}

#[handler]
pub(super) fn reset_page(request: &Request) -> Response {
    show_empty(request, PageName::Reset)
}

/// Shows the login, unless there is a session already.
#[handler]
pub(super) async fn login_page(request: &Request) -> Response {
    let shared = crate::http::app_state::AppState::of(request);
    if let Ok(bearer) = Bearer::of(request)
        && current(shared, bearer).await.is_ok()
    {
        return lead_to(&next(request).unwrap_or_else(|| "./".to_owned()), []);
    }
    show_empty(request, PageName::Login)
}

fn show_empty(request: &Request, page: PageName) -> Response {
    let done = query(request, "notice").and_then(|name| notice(request, &name));
    show(request, page, &View { notice: done, next: next(request), ..View::default() })
}

/// Registers, and asks for the code.
#[handler]
pub(super) async fn register_form(request: &Request, form: Form) -> Response {
    let registered = async {
        let account: NewAccount = form.parse(request)?;
        register::handle(request, account).await.map(drop).map_err(Problem::from)
    };
    match registered.await {
        Ok(()) => show_next(request, PageName::Activate, "code_sent", &form),
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
        Ok(()) => show_next(request, PageName::Activate, "resent", &form),
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
    let entered = async {
        let entrant: Entrant = form.parse_only(&["email", "password"], request)?;
        login::handle(request, entrant).await.map(cookies_of).map_err(Problem::from)
    };
    match entered.await {
        Ok(cookies) => lead_to(form.next.as_deref().unwrap_or("./"), cookies),
        // The account is active: that must not look like a failure.
        Err(_) => lead_to(&login_with("activated", &form), []),
    }
}

#[handler]
pub(super) async fn login_form(request: &Request, form: Form) -> Response {
    let entered = async {
        let entrant: Entrant = form.parse(request)?;
        login::handle(request, entrant).await.map(cookies_of).map_err(Problem::from)
    };
    match entered.await {
        Ok(cookies) => lead_to(form.next.as_deref().unwrap_or("./"), cookies),
        Err(problem) => show_refused(request, PageName::Login, "login", &problem, View::of(&form)),
    }
}

/// Mails what resets a password, and asks for it.
#[handler]
pub(super) async fn forgot_form(request: &Request, form: Form) -> Response {
    let sent = async {
        let address: PendingAddress = form.parse(request)?;
        password::forgot(request, address).await.map(drop).map_err(Problem::from)
    };
    match sent.await {
        Ok(()) => show_next(request, PageName::Reset, "reset_sent", &form),
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
        Ok(cookies) => lead_to(&login_with("reset", &form), cookies),
        Err(problem) => show_refused(request, PageName::Reset, "reset", &problem, View::of(&form)),
    }
}

/// Returns the token of what people paste: itself, or the link that it is in.
fn token_in(text: &str) -> String {
    let token = text.rsplit_once("token=").map_or(text, |(_, token)| token);
    token.split('&').next().unwrap_or(token).to_owned()
}

/// Shows the page that follows a form, with its address filled in.
fn show_next(request: &Request, page: PageName, done: &str, form: &Form) -> Response {
    show(request, page, &View { notice: notice(request, done), ..View::of(form) })
}

/// Returns the way to the login, which says what has been done.
fn login_with(done: &str, form: &Form) -> String {
    let next: Option<String> = form.next.as_ref().map(|next| byte_serialize(next.as_bytes()).collect());
    next.map_or_else(|| format!("login?notice={done}"), |next| format!("login?notice={done}&next={next}"))
}

#[cfg(test)]
mod tests {
    use super::token_in;

    #[test]
    fn tokens_are_found_in_what_people_paste() {
        for text in [
            "authr_x",
            "https://app.example.org/account/reset#email=ada%40example.org&token=authr_x",
            "#token=authr_x&email=ada%40example.org",
            "token=authr_x",
        ] {
            assert_eq!(token_in(text), "authr_x", "{text}");
        }
    }
}
