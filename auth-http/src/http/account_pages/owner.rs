//! The page of whoever is logged in, and what they can change there.

use poem::{Request, Response, Result, handler, http::HeaderValue};

use super::{
    PageName, View, cookies_of,
    form::{Form, query},
    lead_to, notice, pages_of, show, show_refused,
};
use crate::http::{
    app_state::AppState,
    bearer::Bearer,
    email::{self, TypedCode},
    own_account,
    password::{self, OldAndNew},
    problem::{CONFIRM_FIRST, NO_SESSION, PASSWORD_REFUSED, Problem, RATE_LIMITED},
    resend::PendingAddress,
    session::{self, GivenPassword},
    sessions::{self, listed},
};

/// Shows the account.
#[handler]
pub(super) async fn account_page(request: &Request) -> Result<Response> {
    let done = query(request, "notice").and_then(|name| notice(request, &name));
    match Bearer::of(request) {
        Ok(bearer) => account(request, bearer, None, View { notice: done, ..View::default() }).await,
        Err(problem) => out(problem),
    }
}

/// Leads whoever reloads what a form has answered to the account.
#[handler]
pub(super) fn back() -> Response {
    lead_to("./", [])
}

/// Shows the account, and why one of its forms was refused.
async fn account(
    request: &Request,
    bearer: Bearer,
    refused: Option<(&'static str, Problem)>,
    view: View,
) -> Result<Response> {
    let (account, sessions) = match listed(AppState::of(request), bearer).await {
        Ok(found) => found,
        Err(problem) => return out(problem),
    };
    let view = View {
        account: Some((&account).into()),
        sessions: sessions.into_iter().map(Into::into).collect(),
        ..view
    };
    Ok(match refused {
        Some((form, problem)) => show_refused(request, PageName::Account, form, &problem, view),
        None => show(request, PageName::Account, &view),
    })
}

/// Leads whose session is over to the login; any other problem stays one.
fn out(problem: Problem) -> Result<Response> {
    if problem.kind == &NO_SESSION {
        Ok(lead_to("login?notice=log_in_first", []))
    } else {
        Err(problem.into())
    }
}

#[handler]
pub(super) async fn logout_form(request: &Request) -> Result<Response> {
    let Ok(bearer) = Bearer::of(request) else { return Ok(lead_to("login?notice=logged_out", [])) };
    let ended = session::end(request, bearer).await.map_err(Problem::from)?;
    Ok(lead_to("login?notice=logged_out", cookies_of(ended)))
}

#[handler]
pub(super) async fn password_form(request: &Request, form: Form) -> Result<Response> {
    let changed = async |bearer| {
        let passwords: OldAndNew = form.parse(request)?;
        password::change(request, bearer, passwords).await.map(cookies_of).map_err(Problem::from)
    };
    change(request, &form, "password", "./?notice=password_changed", changed).await
}

#[handler]
pub(super) async fn email_code_form(request: &Request, form: Form) -> Result<Response> {
    let moved = async |bearer| {
        let code: TypedCode = form.parse(request)?;
        email::confirm(request, bearer, code).await.map(cookies_of).map_err(Problem::from)
    };
    change(request, &form, "email-code", "./?notice=email_changed", moved).await
}

/// Carries out what needs no confirmation of its own.
async fn change(
    request: &Request,
    form: &Form,
    name: &'static str,
    after: &str,
    operation: impl AsyncFnOnce(Bearer) -> Result<Vec<HeaderValue>, Problem>,
) -> Result<Response> {
    let bearer = match Bearer::of(request) {
        Ok(bearer) => bearer,
        Err(problem) => return out(problem),
    };
    match operation(bearer.clone()).await {
        Ok(cookies) => Ok(lead_to(after, cookies)),
        Err(problem) if problem.kind == &NO_SESSION => out(problem),
        Err(problem) => account(request, bearer, Some((name, problem)), View::of(form)).await,
    }
}

/// What asks for the password once more, unless it was given recently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
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
pub(super) async fn email_form(request: &Request, form: Form) -> Result<Response> {
    act(request, &form, Action::Email).await
}

#[handler]
pub(super) async fn session_form(request: &Request, form: Form) -> Result<Response> {
    act(request, &form, Action::Session).await
}

#[handler]
pub(super) async fn sessions_form(request: &Request, form: Form) -> Result<Response> {
    act(request, &form, Action::Sessions).await
}

#[handler]
pub(super) async fn delete_form(request: &Request, form: Form) -> Result<Response> {
    act(request, &form, Action::Delete).await
}

impl Action {
    /// Returns the name of its form, which is the last part of its path.
    const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Session => "session",
            Self::Sessions => "sessions",
            Self::Delete => "delete",
        }
    }

    /// Returns where it leads.
    const fn after(self) -> &'static str {
        match self {
            Self::Email => "./?notice=email_sent",
            Self::Session => "./?notice=session_ended",
            Self::Sessions => "login?notice=logged_out_everywhere",
            Self::Delete => "login?notice=deleted",
        }
    }

    async fn carry_out(
        self,
        request: &Request,
        bearer: Bearer,
        form: &Form,
    ) -> Result<Vec<HeaderValue>, Problem> {
        Ok(match self {
            Self::Email => {
                let address: PendingAddress = form.parse_only(&["email"], request)?;
                cookies_of(email::change(request, bearer, address).await?)
            }
            Self::Session => {
                let id = form.text("id").unwrap_or_default();
                cookies_of(sessions::end(request, bearer, id).await?)
            }
            Self::Sessions => cookies_of(sessions::end_all(request, bearer).await?),
            Self::Delete => cookies_of(own_account::delete(request, bearer).await?),
        })
    }
}

/// Carries an action out, with the password first where the form has it.
async fn act(request: &Request, form: &Form, action: Action) -> Result<Response> {
    let mut bearer = match Bearer::of(request) {
        Ok(bearer) => bearer,
        Err(problem) => return out(problem),
    };
    let mut cookies = Vec::new();
    match (form.text("password"), action) {
        (Some(_), _) => match confirmed(request, bearer.clone(), form).await {
            Ok((fresh, cookie)) => {
                bearer = fresh;
                cookies.extend(cookie);
            }
            Err(problem) => return confirm(request, bearer, form, action, problem).await,
        },
        (None, Action::Delete) => {
            return confirm(request, bearer, form, action, Problem::new(&CONFIRM_FIRST)).await;
        }
        (None, Action::Email | Action::Session | Action::Sessions) => {}
    }
    match action.carry_out(request, bearer.clone(), form).await {
        Ok(more) => {
            // Of two cookies of a name the later one counts.
            cookies.extend(more);
            Ok(lead_to(action.after(), cookies))
        }
        Err(problem) if problem.kind == &CONFIRM_FIRST => {
            confirm(request, bearer, form, action, problem).await
        }
        Err(problem) if problem.kind == &NO_SESSION => out(problem),
        Err(problem) => {
            let mut page = account(request, bearer, Some((action.name(), problem)), View::of(form)).await?;
            page.headers_mut()
                .extend(cookies.into_iter().map(|cookie| (poem::http::header::SET_COOKIE, cookie)));
            Ok(page)
        }
    }
}

/// Makes the session fresh with the form's password; returns its token and its cookie.
async fn confirmed(
    request: &Request,
    bearer: Bearer,
    form: &Form,
) -> Result<(Bearer, Option<HeaderValue>), Problem> {
    let password: GivenPassword = form.parse_only(&["password"], request)?;
    let (token, lasting) = session::replaced(request, bearer, password).await?;
    let cookie = pages_of(request).cookies.session(token.expose(), lasting);
    Ok((Bearer(token), cookie))
}

/// Asks for the password, or for the right one.
async fn confirm(
    request: &Request,
    bearer: Bearer,
    form: &Form,
    action: Action,
    problem: Problem,
) -> Result<Response> {
    let current = match session::current(AppState::of(request), bearer).await {
        Ok(current) => current,
        Err(problem) => return out(problem),
    };
    let kept = ["email", "id"].map(|name| form.text(name).map(|value| (name, value.to_owned())));
    let view = View {
        values: kept.into_iter().flatten().collect(),
        account: Some((&current.account).into()),
        action: action.name(),
        ..View::default()
    };
    let known = [&PASSWORD_REFUSED, &RATE_LIMITED].contains(&problem.kind) || !problem.errors().is_empty();
    Ok(if known {
        show_refused(request, PageName::Confirm, "confirm", &problem, view)
    } else if problem.kind == &CONFIRM_FIRST {
        show(request, PageName::Confirm, &view)
    } else {
        return Err(problem.into());
    })
}
