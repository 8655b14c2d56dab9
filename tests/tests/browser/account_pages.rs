//! The pages for visitors as a person uses them: without scripts, from the link of a mail, on a phone.

use std::path::Path;

use auth_http::{
    config::{Layers, Settings},
    node::Node,
};
use auth_tests::{OTHER, PASSWORD, Server, request, start, until};
use poem::{
    IntoEndpoint, Route,
    endpoint::make_sync,
    get,
    listener::TcpAcceptor,
    web::{Html, Redirect},
};
use thirtyfour::prelude::*;

use crate::browser::{complaints, picture, seen, watch, with, without_scripts};

const ADA: &str = "ada@example.org";
const NEW: &str = "ada@new.example";

/// Types into the fields of the form with this action, by their names, and sends it.
pub async fn send(web: &WebDriver, form: &str, fields: &[(&str, &str)]) -> WebDriverResult<()> {
    for (name, text) in fields {
        let field = seen(web, &format!("form[action='{form}'] input[name='{name}']")).await?;
        field.clear().await?;
        field.send_keys(*text).await?;
    }
    seen(web, &format!("form[action='{form}'] button")).await?.click().await
}

/// Waits for a page of this title; returns what it shows.
pub async fn page(web: &WebDriver, title: &str) -> WebDriverResult<String> {
    let heading = format!("//h1[normalize-space()='{title}']");
    web.query(By::XPath(heading.as_str())).first().await?;
    web.find(By::Css("main")).await?.text().await
}

pub fn at(server: &Server, page: &str) -> String {
    format!("{}/account/{page}", server.base)
}

/// Registers, activates and is logged in then.
pub async fn enter(web: &WebDriver, server: &Server) -> WebDriverResult<()> {
    web.goto(at(server, "register")).await?;
    send(web, "register", &[("email", ADA), ("password", PASSWORD)]).await?;
    page(web, "Enter the code").await?;
    let code = server.code(ADA);
    send(web, "activate", &[("password", PASSWORD), ("code", &code)]).await?;
    page(web, "Your account").await.map(drop)
}

#[tokio::test]
async fn the_whole_story_needs_no_script() {
    let server = start(&[]);
    without_scripts(900, 1000, async |web| {
        web.goto("data:text/html,<title>off</title><script>document.title = 'on'</script>").await?;
        assert_eq!(web.title().await?, "off", "the browser runs no scripts");

        web.goto(at(&server, "")).await?;
        assert!(page(&web, "Log in").await?.contains("Log in first."));
        seen(&web, "a[href='register']").await?.click().await?;
        send(&web, "register", &[("email", ADA), ("password", "12345678")]).await?;
        assert!(page(&web, "Create an account").await?.contains("Choose a stronger password."));
        let focused = web.active_element().await?;
        assert_eq!(focused.attr("role").await?.as_deref(), Some("alert"), "a refusal is read out");
        enter(&web, &server).await?;

        send(&web, "email", &[("email", NEW)]).await?;
        assert!(page(&web, "Your account").await?.contains("a mail with a code is on its way"));
        send(&web, "email-code", &[("code", &server.code(NEW))]).await?;
        assert!(page(&web, "Your account").await?.contains("Your address is changed."));
        send(&web, "password", &[("password", PASSWORD), ("new_password", OTHER)]).await?;
        assert!(page(&web, "Your account").await?.contains("Your password is changed."));
        send(&web, "logout", &[]).await?;
        assert!(page(&web, "Log in").await?.contains("You are logged out."));
        send(&web, "login", &[("email", NEW), ("password", PASSWORD)]).await?;
        assert!(page(&web, "Log in").await?.contains("is wrong"));
        send(&web, "login", &[("password", OTHER)]).await?;
        page(&web, "Your account").await?;

        server.pass(901);
        send(&web, "sessions", &[]).await?;
        assert!(page(&web, "Your password once more").await?.contains("to log out everywhere"));
        send(&web, "sessions", &[("password", OTHER)]).await?;
        assert!(page(&web, "Log in").await?.contains("You are logged out everywhere."));
        send(&web, "login", &[("email", NEW), ("password", OTHER)]).await?;
        page(&web, "Your account").await?;
        send(&web, "delete", &[]).await?;
        send(&web, "delete", &[("password", OTHER)]).await?;
        assert!(page(&web, "Log in").await?.contains("Your account is deleted."));
        Ok(())
    })
    .await;
}

/// The link of a mail has its token behind the `#`, which no server and no proxy sees.
#[tokio::test]
async fn link_of_a_mail_fills_the_form_and_leaves_no_token_in_the_history() {
    let server = start(&[]);
    let link = at(&server, "reset");
    let server = server.restart(&[("AUTH_RESET_URL", link.as_str())]);
    server.activated(ADA, PASSWORD);
    server.pass(61);
    let token = server.reset_token(ADA, 2);
    let mail = server.mails_to(ADA)[0]["text"].as_str().unwrap().to_owned();
    let link = mail.lines().find(|line| line.contains("#email=")).unwrap().trim().to_owned();
    let link = link.replace(link.split("/account/").next().unwrap(), &server.base);
    with(900, 900, async |web| {
        web.goto(&link).await?;
        watch(&web).await?;
        page(&web, "Choose a new password").await?;
        assert!(!web.current_url().await?.as_str().contains(&token));
        for (field, value) in [("email", ADA), ("token", token.as_str())] {
            let field = web.find(By::Name(field)).await?;
            assert_eq!(field.prop("value").await?.as_deref(), Some(value));
        }
        let focused = web.active_element().await?;
        assert_eq!(focused.attr("name").await?.as_deref(), Some("new_password"));
        // Pasted where the page is open already, nothing is loaded.
        web.goto(&link.replace(&token, "authr_another")).await?;
        web.goto(&link).await?;
        let typed = web.find(By::Name("token")).await?.prop("value").await?;
        assert_eq!(typed.as_deref(), Some(token.as_str()));
        assert!(!web.current_url().await?.as_str().contains("authr_"));
        send(&web, "reset", &[("new_password", OTHER)]).await?;
        assert!(page(&web, "Log in").await?.contains("Your password is set."));
        send(&web, "login", &[("email", ADA), ("password", OTHER)]).await?;
        page(&web, "Your account").await?;
        assert_eq!(complaints(&web).await?, Vec::<String>::new());
        Ok(())
    })
    .await;
}

/// Chromium holds the policy of a page with a form against each redirect that follows it.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_login_the_application_may_redirect_to_another_site() {
    const THERE: &str = "<!doctype html><title>There</title><main><h1>There</h1></main>";
    let another = serve(Route::new().at("/", get(make_sync(|_| Html(THERE))))).await;
    let own = [
        ("database_url", "sqlite::memory:"),
        ("profile", "seed-compat"),
        ("scrypt", "1,8,1"),
        ("login", "on"),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let nothing = Some(Path::new("/dev/null"));
    let settings = Settings::parse(&Layers::collect(nothing, [].into_iter(), own).unwrap()).unwrap();
    let node = Node::start(settings).await.unwrap();
    let leaves = make_sync(move |_| Redirect::temporary(&another));
    let origin = serve(Route::new().at("/leaves", get(leaves)).nest("/", node.endpoint())).await;
    without_scripts(900, 900, async |web| {
        web.goto(format!("{origin}/account/register?next=/leaves")).await?;
        send(&web, "register", &[("email", ADA), ("password", PASSWORD)]).await?;
        page(&web, "Enter the code").await?;
        let address = origin.trim_start_matches("http://");
        let code = until("a mail", || {
            let mails = request(address, "GET", "/dev/mailbox.json", &[], b"").json();
            mails["mails"][0]["code"].as_str().map(str::to_owned)
        });
        send(&web, "activate", &[("password", PASSWORD), ("code", &code)]).await?;
        page(&web, "There").await.map(drop)
    })
    .await;
}

/// Serves on a free port; returns the origin.
#[expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]
async fn serve(routes: impl IntoEndpoint<Endpoint: 'static> + Send + 'static) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(poem::Server::new_with_acceptor(TcpAcceptor::from_std(listener).unwrap()).run(routes));
    origin
}

#[tokio::test]
async fn pages_fit_a_phone() {
    let server = start(&[("AUTH_SERVICE_NAME", "A service with a rather long name of its own for people")]);
    with(500, 900, async |web| {
        let fits = async |name: &str| -> WebDriverResult<()> {
            let overflow =
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            let sideways: i64 = web.execute(overflow, Vec::new()).await?.convert()?;
            picture(&web, &format!("account-phone-{name}.png")).await?;
            assert_eq!(sideways, 0, "nothing is wider than the page {name}");
            Ok(())
        };
        for name in ["register", "activate", "login", "forgot", "reset"] {
            web.goto(at(&server, name)).await?;
            fits(name).await?;
        }
        enter(&web, &server).await?;
        fits("account").await
    })
    .await;
}
