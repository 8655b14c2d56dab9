//! The page of whoever is logged in, and what they can change there.

use auth_core::Address;
use poem::{Request, Response, handler, http::HeaderValue};

use super::{
    PageName, View, cookies_of, explain, form::Form, give, lead_to, pages_of, said, show, show_refused,
};
use crate::http::{
    app_state::AppState,
    bearer::Bearer,
    email::{self, TypedCode},
    own_account,
    password::{self, OldAndNew},
    problem::{CONFIRM_FIRST, NO_SESSION, Problem},
    resend::PendingAddress,
    session::{self, GivenPassword},
    sessions::{self, listed},
};

/// Shows the account.
#[handler]
pub(super) async fn account_page(request: &Request) -> Response {
    match Bearer::of(request) {
        Ok(bearer) => {
            let view = View { notice: said(request, PageName::Account), ..View::default() };
            account(request, bearer, None, view, "log_in_first").await
        }
        Err(problem) => out(request, "log_in_first", &problem),
    }
}

/// Leads whoever reloads what a form has answered to the account.
#[handler]
pub(super) fn back() -> Response {
    lead_to("./")
}

/// Shows the account, and why one of its forms was refused; where the session is over, the login says `otherwise`.
async fn account(
    request: &Request,
    bearer: Bearer,
    refused: Option<(&'static str, &Problem)>,
    view: View,
    otherwise: &str,
) -> Response {
    let (account, sessions) = match listed(AppState::of(request), bearer).await {
        Ok(found) => found,
        Err(problem) => return out(request, otherwise, &problem),
    };
    let view = View {
        account: Some((&account).into()),
        sessions: sessions.into_iter().map(Into::into).collect(),
        ..view
    };
    match refused {
        Some((form, problem)) => show_refused(request, PageName::Account, form, problem, view),
        None => show(request, PageName::Account, &view),
    }
}

/// Leads whose session is over to the login, which says why; any other problem is shown.
fn out(request: &Request, done: &str, problem: &Problem) -> Response {
    if problem.kind == &NO_SESSION {
        lead_to(&format!("login?notice={done}"))
    } else {
        explain(request, problem)
    }
}

/// What is said to somebody whose form came in a session that is over: a second click on a button whose first one has
/// replaced the session, for example.
const SESSION_OVER: &str = "session_over";

#[handler]
pub(super) async fn logout_form(request: &Request) -> Response {
    let Ok(bearer) = Bearer::of(request) else { return lead_to("login?notice=not_logged_in") };
    match session::end(request, bearer).await {
        Ok(ended) => give(lead_to("login?notice=logged_out"), cookies_of(ended)),
        // The browser has forgotten the token, and the store may not have.
        Err(problem) => {
            let problem = Problem::from(problem);
            give(lead_to("login?notice=logout_failed"), cookies_of(problem))
        }
    }
}

#[handler]
pub(super) async fn password_form(request: &Request, form: Form) -> Response {
    let changed = async |bearer| {
        let passwords: OldAndNew = form.parse(request)?;
        password::change(request, bearer, passwords).await.map(cookies_of).map_err(Problem::from)
    };
    change(request, &form, "password", "password_changed", changed).await
}

#[handler]
pub(super) async fn email_code_form(request: &Request, form: Form) -> Response {
    let moved = async |bearer| {
        let code: TypedCode = form.parse(request)?;
        email::confirm(request, bearer, code).await.map(cookies_of).map_err(Problem::from)
    };
    change(request, &form, "email-code", "email_changed", moved).await
}

/// Carries out what needs no confirmation of its own.
async fn change(
    request: &Request,
    form: &Form,
    name: &'static str,
    done: &str,
    operation: impl AsyncFnOnce(Bearer) -> Result<Vec<HeaderValue>, Problem>,
) -> Response {
    let bearer = match Bearer::of(request) {
        Ok(bearer) => bearer,
        Err(problem) => return out(request, SESSION_OVER, &problem),
    };
    match operation(bearer.clone()).await {
        Ok(cookies) => {
            // It is done, and perhaps no session could be opened after it.
            let page = if pages_of(request).cookies.ends_session(&cookies) { "login" } else { "./" };
            give(lead_to(&format!("{page}?notice={done}")), cookies)
        }
        Err(problem) if problem.kind == &NO_SESSION => out(request, SESSION_OVER, &problem),
        Err(problem) => account(request, bearer, Some((name, &problem)), View::of(form), SESSION_OVER).await,
    }
}

/// What asks for the password once more, unless it was given recently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Mail a code to another address.
    Email,
    /// End one session.
    Session,
    /// End all of them.
    Sessions,
    /// Delete the account. Asks in any case: a click must not be enough.
    Delete,
}

#[handler]
pub(super) async fn email_form(request: &Request, form: Form) -> Response {
    act(request, &form, Action::Email).await
}

#[handler]
pub(super) async fn session_form(request: &Request, form: Form) -> Response {
    act(request, &form, Action::Session).await
}

#[handler]
pub(super) async fn sessions_form(request: &Request, form: Form) -> Response {
    act(request, &form, Action::Sessions).await
}

#[handler]
pub(super) async fn delete_form(request: &Request, form: Form) -> Response {
    act(request, &form, Action::Delete).await
}

impl Action {
    pub(super) const ALL: [Self; 4] = [Self::Email, Self::Session, Self::Sessions, Self::Delete];

    /// Returns the name of its form, which is the last part of its path.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Session => "session",
            Self::Sessions => "sessions",
            Self::Delete => "delete",
        }
    }

    /// Carries it out; returns where it leads.
    async fn carry_out(
        self,
        request: &Request,
        bearer: Bearer,
        form: &Form,
        cookies: &mut Vec<HeaderValue>,
    ) -> Result<&'static str, Problem> {
        match self {
            Self::Email => {
                let PendingAddress(address) = form.parse_only(&["email"], request)?;
                let spelling = is_own(request, bearer.clone(), &address).await?;
                cookies.extend(cookies_of(email::change(request, bearer, PendingAddress(address)).await?));
                // Another spelling of the own address is taken at once, and no mail follows.
                Ok(if spelling { "./?notice=email_changed" } else { "./?notice=email_sent" })
            }
            Self::Session => {
                let id = form.text("id").unwrap_or_default();
                cookies.extend(cookies_of(sessions::end(request, bearer, id).await?));
                Ok("./?notice=session_ended")
            }
            Self::Sessions => {
                cookies.extend(cookies_of(sessions::end_all(request, bearer).await?));
                Ok("login?notice=logged_out_everywhere")
            }
            Self::Delete => {
                cookies.extend(cookies_of(own_account::delete(request, bearer).await?));
                Ok("login?notice=deleted")
            }
        }
    }
}

/// Returns whether this is the address of the account that asks, however it is spelled.
async fn is_own(request: &Request, bearer: Bearer, address: &Address) -> Result<bool, Problem> {
    let current = session::current(AppState::of(request), bearer).await?;
    Ok(current.account.address.key() == address.key())
}

/// Carries an action out, with the password first where the form has it.
async fn act(request: &Request, form: &Form, action: Action) -> Response {
    let mut cookies = Vec::new();
    let answer = match Bearer::of(request) {
        Ok(bearer) => confirm_and_act(request, form, action, bearer, &mut cookies).await,
        Err(problem) => out(request, SESSION_OVER, &problem),
    };
    // Whatever is answered: the session may have been replaced by then.
    give(answer, cookies)
}

async fn confirm_and_act(
    request: &Request,
    form: &Form,
    action: Action,
    mut bearer: Bearer,
    cookies: &mut Vec<HeaderValue>,
) -> Response {
    if form.text("password").is_some() {
        match confirmed(request, bearer.clone(), form, cookies).await {
            Ok(fresh) => bearer = fresh,
            Err(problem) => return ask(request, bearer, form, action, &problem).await,
        }
    } else if action == Action::Delete {
        return ask(request, bearer, form, action, &Problem::new(&CONFIRM_FIRST)).await;
    }
    match action.carry_out(request, bearer.clone(), form, cookies).await {
        Ok(place) => lead_to(place),
        Err(problem) if problem.kind == &CONFIRM_FIRST => ask(request, bearer, form, action, &problem).await,
        Err(problem) if problem.kind == &NO_SESSION => out(request, SESSION_OVER, &problem),
        Err(problem) => {
            account(request, bearer, Some((action.name(), &problem)), View::of(form), SESSION_OVER).await
        }
    }
}

/// Makes the session fresh with the form's password; returns its token, and gives its cookie.
async fn confirmed(
    request: &Request,
    bearer: Bearer,
    form: &Form,
    cookies: &mut Vec<HeaderValue>,
) -> Result<Bearer, Problem> {
    let password: GivenPassword = form.parse_only(&["password"], request)?;
    let (token, lasting) = session::replaced(request, bearer, password).await?;
    cookies.extend(pages_of(request).cookies.session(token.expose(), lasting));
    Ok(Bearer(token))
}

/// Asks for the password, or says what was wrong with it, and keeps what the form asked for.
async fn ask(request: &Request, bearer: Bearer, form: &Form, action: Action, problem: &Problem) -> Response {
    let current = match session::current(AppState::of(request), bearer).await {
        Ok(current) => current,
        Err(problem) => return out(request, SESSION_OVER, &problem),
    };
    let kept = ["email", "id"].map(|name| form.text(name).map(|value| (name, value.to_owned())));
    let view = View {
        values: kept.into_iter().flatten().collect(),
        account: Some((&current.account).into()),
        action: action.name(),
        ..View::default()
    };
    if problem.kind == &CONFIRM_FIRST {
        show(request, PageName::Confirm, &view)
    } else {
        show_refused(request, PageName::Confirm, "confirm", problem, view)
    }
}
