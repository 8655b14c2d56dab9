//! HTTP: one file per operation, from its fields to a flow's input, from an outcome to an answer.
//!
//! Nothing here decides what an outcome is, or knows what stores there are. Next: `routes.rs` for
//! what exists, `middleware.rs` for what every request passes, `register.rs` for an operation.

mod activate;
mod app_state;
mod basic;
mod body;
mod client;
mod cors;
mod document;
mod forwarded;
mod health;
mod language;
mod middleware;
mod operation;
mod pages;
mod problem;
mod register;
mod resend;
mod routes;
mod schema;
mod trace;

pub use app_state::AppState;
pub use client::Proxies;
pub use middleware::UnreadableHead;

use std::sync::Arc;

use poem::{Endpoint, EndpointExt, Request, Response, Route, endpoint::make_sync, get, post};
use poem_openapi::{OpenApi, OpenApiService, ServerObject, Tags};

use activate::{ActivateAnswer, ActivateInput};
use basic::Basic;
use body::JsonBody;
use document::Document;
use health::HealthAnswer;
use operation::OperationProblem;
use pages::Page;
use register::{NewAccount, RegisterAnswer};
use resend::{PendingAddress, ResendAnswer};

struct Api;

/// The groups of operations on the API page; generated clients make a module of each.
#[derive(Tags)]
#[oai(rename_all = "lowercase")]
enum Tag {
    /// Registration and activation of accounts.
    Accounts,
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

fn service() -> OpenApiService<Api, ()> {
    OpenApiService::new(Api, "Account registration and activation", env!("CARGO_PKG_VERSION")).description(
        "A visitor registers an address with a password; a short code goes to the mailbox; address, password and \
         code together make the account active. A deployment answers either `hidden` (the default: the same answer \
         whatever the state of an address) or `explicit` (the precise reason); every answer below says which of \
         the two it belongs to. Paths that do not exist answer 404 `not-found`, other methods 405 \
         `method-not-allowed`.",
    )
    .server(ServerObject::new("/").description("the service that this document is of"))
}

/// Returns the OpenAPI document, laid out to be read and compared.
#[must_use]
pub fn document() -> String {
    Document::new(&service().spec()).text("/")
}

/// Returns everything that is served on the main listener, to serve or to mount in a poem app.
pub fn endpoint(shared: Arc<AppState>) -> impl Endpoint<Output = Response> {
    let api = service();
    let spec = api.spec();
    let document = Document::new(&spec);
    // Beside the page: that holds behind a proxy that strips a path, too.
    let docs = Page::new(&api.swagger_ui_html().replace(&spec, &document.text(".")));
    let routes = Route::new()
        .at("/", get(pages::root))
        .at("/docs", get(make_sync(move |_| docs.clone())))
        .at("/openapi.json", get(make_sync(move |request| document.response(routes::mount(&request)))))
        .at("/problems/:name", get(pages::problem))
        .at("/dev/mailbox", get(pages::mailbox))
        .at("/dev/mailbox.json", get(pages::mailbox_json))
        .at("/dev/clock", post(pages::clock))
        .nest_no_strip("/v1", service())
        .nest_no_strip("/livez", service())
        .nest_no_strip("/readyz", service());
    middleware::Middleware::new(routes.data(Arc::clone(&shared)), shared)
}
