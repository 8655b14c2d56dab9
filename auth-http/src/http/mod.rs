//! HTTP: one file per operation, from its fields to a flow's input, from an outcome to an answer.
//!
//! Nothing here decides what an outcome is, or knows what stores there are. Next: `routes.rs` for
//! what exists, `middleware.rs` for what every request passes, `register.rs` for an operation.

mod account;
mod account_pages;
mod activate;
mod app_state;
mod basic;
mod bearer;
mod body;
mod client;
mod cookies;
mod cors;
mod document;
mod email;
mod forwarded;
mod health;
mod language;
mod login;
mod middleware;
mod operation;
mod own_account;
mod pages;
mod password;
mod problem;
mod register;
mod resend;
mod routes;
mod schema;
mod session;
mod sessions;
mod signed_in;
mod trace;

pub use account_pages::{AccountPages, ThemeError};
pub use app_state::AppState;
pub use client::Proxies;
pub use cookies::Cookies;
pub use middleware::UnreadableHead;
pub use signed_in::{NotSignedIn, Sessions, SignedIn};

use std::sync::Arc;

use poem::{Endpoint, EndpointExt, Request, Response, Route, endpoint::make_sync, get, post};
use poem_openapi::{
    OpenApi, OpenApiService, ServerObject, Tags, param::Path, payload::Response as WithHeaders,
};

use activate::{ActivateAnswer, ActivateInput};
use basic::Basic;
use bearer::Bearer;
use body::JsonBody;
use document::Document;
use email::{ConfirmEmailAnswer, EmailAnswer, TypedCode};
use health::HealthAnswer;
use login::{Entrant, LoginAnswer};
use operation::OperationProblem;
use own_account::OwnAccountAnswer;
use pages::Page;
use password::{ChangeAnswer, ForgotAnswer, NewPassword, OldAndNew, ResetAnswer};
use register::{NewAccount, RegisterAnswer};
use resend::{PendingAddress, ResendAnswer};
use session::{ConfirmAnswer, GivenPassword, LogoutAnswer, SessionAnswer};
use sessions::{EndAnswer, SessionsAnswer};

struct Api;

/// The groups of operations on the API page; generated clients make a module of each.
#[derive(Tags)]
#[oai(rename_all = "lowercase")]
enum Tag {
    /// Registration and activation of accounts.
    Accounts,
    /// Login, and who a request is from.
    Sessions,
    /// Probes for the operator of the service.
    Health,
}

#[OpenApi]
impl Api {
    /// Register an address
    ///
    /// Stores a pending account and mails a code. Registering a pending address again with the same
    /// password is the same attempt; with another one it replaces the earlier attempt and its codes.
    /// The mail's language follows `Accept-Language`.
    #[oai(path = "/v1/register", method = "post", operation_id = "register", tag = "Tag::Accounts")]
    async fn register(
        &self,
        request: &Request,
        body: JsonBody<NewAccount>,
    ) -> Result<RegisterAnswer, OperationProblem<register::RegisterOperation>> {
        register::handle(request, body.0).await
    }

    /// Ask for another mail
    ///
    /// Mails a new code to a pending account, as soon as the interval between mails allows.
    #[oai(path = "/v1/resend", method = "post", operation_id = "resend", tag = "Tag::Accounts")]
    async fn resend(
        &self,
        request: &Request,
        body: JsonBody<PendingAddress>,
    ) -> Result<ResendAnswer, OperationProblem<resend::ResendOperation>> {
        resend::handle(request, body.0).await
    }

    /// Activate an account
    ///
    /// Takes address, password and the code from the mail, in one of two ways: all three in the body, as a front end in a
    /// browser does, without the header Authorization; or address and password by HTTP Basic and the code in the
    /// body. Both at once are refused. Several codes of an account can be good at once: the three newest ones, each for
    /// its own lifetime.
    #[oai(path = "/v1/activate", method = "post", operation_id = "activate", tag = "Tag::Accounts")]
    async fn activate(
        &self,
        request: &Request,
        credentials: Basic,
        body: JsonBody<ActivateInput>,
    ) -> Result<ActivateAnswer, OperationProblem<activate::ActivateOperation>> {
        activate::handle(request, credentials, body.0).await
    }

    /// Tell whether the process runs
    #[oai(path = "/livez", method = "get", operation_id = "livez", tag = "Tag::Health")]
    async fn livez(&self) -> Result<HealthAnswer, OperationProblem<health::HealthOperation>> {
        Ok(health::live())
    }

    /// Tell whether every part answers
    #[oai(path = "/readyz", method = "get", operation_id = "readyz", tag = "Tag::Health")]
    async fn readyz(
        &self,
        request: &Request,
    ) -> Result<HealthAnswer, OperationProblem<health::HealthOperation>> {
        health::ready(request).await
    }
}

struct LoginApi;

#[OpenApi]
impl LoginApi {
    /// Log in
    ///
    /// Opens a session with address and password. Ten wrong passwords for an address may come at once, then one every 15
    /// minutes; a right one costs none. A device that has logged in before shows its `device_token` and has tries of its
    /// own, whatever strangers have tried. Earlier sessions stay: an account has 50 at most, and a new one ends the
    /// oldest beyond them.
    #[oai(path = "/v1/login", method = "post", operation_id = "login", tag = "Tag::Sessions")]
    async fn login(
        &self,
        request: &Request,
        body: JsonBody<Entrant>,
    ) -> Result<WithHeaders<LoginAnswer>, OperationProblem<login::LoginOperation>> {
        login::handle(request, body.0).await
    }

    /// Tell who a request is from
    ///
    /// For an application's back end, and for a reverse proxy that asks before it lets a request through. A 401 means
    /// that the store has no such session; where it cannot be asked the answer is 503.
    #[oai(path = "/v1/session", method = "get", operation_id = "session", tag = "Tag::Sessions")]
    async fn session(
        &self,
        request: &Request,
        token: Bearer,
    ) -> Result<SessionAnswer, OperationProblem<session::SessionOperation>> {
        session::find(request, token).await
    }

    /// Log out
    ///
    /// Ends the session. Repeating it is harmless.
    #[oai(path = "/v1/session", method = "delete", operation_id = "logout", tag = "Tag::Sessions")]
    async fn logout(
        &self,
        request: &Request,
        token: Bearer,
    ) -> Result<WithHeaders<LogoutAnswer>, OperationProblem<session::LogoutOperation>> {
        session::end(request, token).await
    }

    /// Give the password once more
    ///
    /// Makes the session fresh, as what changes an account asks for: a new one takes its place, with a new token.
    #[oai(path = "/v1/session/confirm", method = "post", operation_id = "confirm", tag = "Tag::Sessions")]
    async fn confirm(
        &self,
        request: &Request,
        token: Bearer,
        body: JsonBody<GivenPassword>,
    ) -> Result<WithHeaders<ConfirmAnswer>, OperationProblem<session::ConfirmOperation>> {
        session::confirm(request, token, body.0).await
    }

    /// List the account's sessions
    #[oai(path = "/v1/sessions", method = "get", operation_id = "sessions", tag = "Tag::Sessions")]
    async fn sessions(
        &self,
        request: &Request,
        token: Bearer,
    ) -> Result<SessionsAnswer, OperationProblem<sessions::SessionsOperation>> {
        sessions::list(request, token).await
    }

    /// Log out everywhere
    ///
    /// Ends every session of the account, this one included, and makes its devices unknown ones. Asks for a fresh
    /// session.
    #[oai(
        path = "/v1/sessions",
        method = "delete",
        operation_id = "logout_everywhere",
        tag = "Tag::Sessions"
    )]
    async fn logout_everywhere(
        &self,
        request: &Request,
        token: Bearer,
    ) -> Result<WithHeaders<EndAnswer>, OperationProblem<sessions::EverywhereOperation>> {
        sessions::end_all(request, token).await
    }

    /// Forget the password
    ///
    /// Mails a token with which an active account's password is set anew, as soon as the interval between mails allows.
    #[oai(
        path = "/v1/password/forgot",
        method = "post",
        operation_id = "forgot_password",
        tag = "Tag::Accounts"
    )]
    async fn forgot_password(
        &self,
        request: &Request,
        body: JsonBody<PendingAddress>,
    ) -> Result<ForgotAnswer, OperationProblem<password::ForgotOperation>> {
        password::forgot(request, body.0).await
    }

    /// Set a new password with the token of a mail
    ///
    /// Ends every session of the account, and makes its devices unknown ones. It opens no session: log in.
    #[oai(
        path = "/v1/password/reset",
        method = "post",
        operation_id = "reset_password",
        tag = "Tag::Accounts"
    )]
    async fn reset_password(
        &self,
        request: &Request,
        body: JsonBody<NewPassword>,
    ) -> Result<WithHeaders<ResetAnswer>, OperationProblem<password::ResetOperation>> {
        password::reset(request, body.0).await
    }

    /// Change the password
    ///
    /// Takes the password and a new one. Every session is over but a new one, whose token the answer has.
    #[oai(path = "/v1/password", method = "put", operation_id = "change_password", tag = "Tag::Accounts")]
    async fn change_password(
        &self,
        request: &Request,
        token: Bearer,
        body: JsonBody<OldAndNew>,
    ) -> Result<WithHeaders<ChangeAnswer>, OperationProblem<password::ChangeOperation>> {
        password::change(request, token, body.0).await
    }

    /// Ask to move the account to another address
    ///
    /// A code goes to the new address, and the old one is not told until the account has moved. Asking again sends
    /// another mail. Asks for a fresh session.
    #[oai(path = "/v1/email", method = "put", operation_id = "change_email", tag = "Tag::Accounts")]
    async fn change_email(
        &self,
        request: &Request,
        token: Bearer,
        body: JsonBody<PendingAddress>,
    ) -> Result<EmailAnswer, OperationProblem<email::EmailOperation>> {
        email::change(request, token, body.0).await
    }

    /// Move the account with the code from the new address
    ///
    /// Ends every session and makes every device an unknown one, save the one that asks. A last mail tells the old address.
    #[oai(path = "/v1/email/confirm", method = "post", operation_id = "confirm_email", tag = "Tag::Accounts")]
    async fn confirm_email(
        &self,
        request: &Request,
        token: Bearer,
        body: JsonBody<TypedCode>,
    ) -> Result<WithHeaders<ConfirmEmailAnswer>, OperationProblem<email::ConfirmEmailOperation>> {
        email::confirm(request, token, body.0).await
    }

    /// Show the account and its sessions
    #[oai(path = "/v1/account", method = "get", operation_id = "account", tag = "Tag::Accounts")]
    async fn account(
        &self,
        request: &Request,
        token: Bearer,
    ) -> Result<OwnAccountAnswer, OperationProblem<own_account::OwnAccountOperation>> {
        own_account::show(request, token).await
    }

    /// Delete the account
    ///
    /// Ends every session, and the address can be registered again. For a day the store remembers when mails left to the
    /// address, and nothing else. A last mail tells its owner. Asks for a fresh session.
    #[oai(path = "/v1/account", method = "delete", operation_id = "delete_account", tag = "Tag::Accounts")]
    async fn delete_account(
        &self,
        request: &Request,
        token: Bearer,
    ) -> Result<WithHeaders<EndAnswer>, OperationProblem<own_account::DeleteOperation>> {
        own_account::delete(request, token).await
    }

    /// End one of the account's sessions
    ///
    /// Asks for a fresh session, unless it ends itself.
    #[oai(path = "/v1/sessions/:id", method = "delete", operation_id = "end_session", tag = "Tag::Sessions")]
    async fn end_session(
        &self,
        request: &Request,
        token: Bearer,
        /// The name of the session, from the list.
        id: Path<String>,
    ) -> Result<WithHeaders<EndAnswer>, OperationProblem<sessions::EndOperation>> {
        sessions::end(request, token, &id.0).await
    }
}

fn service<T: OpenApi>(operations: T) -> OpenApiService<T, ()> {
    OpenApiService::new(operations, "Accounts", env!("CARGO_PKG_VERSION")).description(
        "A visitor registers an address with a password; a short code goes to the mailbox; address, password and \
         code together make the account active, and address and password open sessions then. A deployment answers \
         either `hidden` (the default: the same answer whatever the state of an address) or `explicit` (the precise \
         reason); every answer below says which of the two it belongs to. Paths that do not exist answer 404 \
         `not-found`, other methods 405 `method-not-allowed`.",
    )
    .server(ServerObject::new("/").description("the service that this document is of"))
}

/// Returns the OpenAPI document, laid out to be read and compared.
#[must_use]
pub fn document() -> String {
    Document::new(&service((Api, LoginApi)).spec()).text("/")
}

/// Returns everything that is served on the main listener, to serve or to mount in a poem app.
pub fn endpoint(shared: Arc<AppState>) -> impl Endpoint<Output = Response> {
    let routes = if shared.login { routes_of(|| (Api, LoginApi)) } else { routes_of(|| Api) };
    middleware::Middleware::new(routes.data(Arc::clone(&shared)), shared)
}

fn routes_of<T: OpenApi + 'static>(operations: impl Fn() -> T) -> Route {
    let api = service(operations());
    let spec = api.spec();
    let document = Document::new(&spec);
    // Beside the page: that holds behind a proxy that strips a path, too.
    let docs = Page::new(&api.swagger_ui_html().replace(&spec, &document.text(".")));
    account_pages::routes()
        .at("/", get(pages::root))
        .at("/docs", get(make_sync(move |_| docs.clone())))
        .at("/openapi.json", get(make_sync(move |request| document.response(routes::mount(&request)))))
        .at("/problems/:name", get(pages::problem))
        .at("/dev/mailbox", get(pages::mailbox))
        .at("/dev/mailbox.json", get(pages::mailbox_json))
        .at("/dev/clock", post(pages::clock))
        .nest_no_strip("/v1", service(operations()))
        .nest_no_strip("/livez", service(operations()))
        .nest_no_strip("/readyz", service(operations()))
}
