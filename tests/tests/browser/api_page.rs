//! The API page: register and activate through "Try it out", with the mailbox in between; and the
//! same page where an application has mounted the service.

use auth_http::{
    config::{Layers, Settings},
    node::Node,
};
use auth_tests::start;
use poem::{Route, Server, listener::TcpAcceptor};
use thirtyfour::{Key, prelude::*};

use crate::browser::{complaints, picture, seen, watch, with};

const ADDRESS: &str = "ada@example.org";
const PASSWORD: &str = "correct horse battery staple";

#[tokio::test]
async fn an_account_is_activated_through_the_api_page_and_the_mailbox() {
    let server = start(&[]);
    with(1300, 1400, async |web| {
        web.goto(format!("{}/docs", server.base)).await?;
        watch(&web).await?;
        let body = format!(r#"{{"email": "{ADDRESS}", "password": "{PASSWORD}"}}"#);
        assert_eq!(try_out(&web, "register", &body).await?, "202");
        assert_eq!(complaints(&web).await?, Vec::<String>::new());

        web.goto(format!("{}/dev/mailbox", server.base)).await?;
        let code = seen(&web, "button.code").await?.attr("data-code").await?.unwrap();

        web.goto(format!("{}/docs", server.base)).await?;
        watch(&web).await?;
        authorize(&web).await?;
        let block = "#operations-accounts-activate";
        assert_eq!(try_out(&web, "activate", &format!(r#"{{"code": "{code}"}}"#)).await?, "200");
        let choices = seen(&web, &format!("{block} .examples-select")).await?.text().await?;
        let both = choices.contains("With Authorization") && choices.contains("Without Authorization");
        assert!(both, "the page offers both ways to give credentials: {choices}");
        picture(&web, "api-page.png").await?;
        assert_eq!(complaints(&web).await?, Vec::<String>::new());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn credentials_in_the_body_need_no_authorization_on_the_api_page() {
    let server = start(&[]);
    server.register(ADDRESS, PASSWORD);
    let code = server.code(ADDRESS);
    with(1300, 1400, async |web| {
        web.goto(format!("{}/docs", server.base)).await?;
        watch(&web).await?;
        let body = format!(r#"{{"email": "{ADDRESS}", "password": "{PASSWORD}", "code": "{code}"}}"#);
        assert_eq!(try_out(&web, "activate", &body).await?, "200");
        assert_eq!(complaints(&web).await?, Vec::<String>::new());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_page_works_below_a_path() {
    let memory = vec![("database_url".to_owned(), "sqlite::memory:".to_owned())];
    let settings = Settings::parse(&Layers::collect(None, std::iter::empty(), memory).unwrap()).unwrap();
    let node = Node::start(settings).await.unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let base = format!("http://{}/accounts", listener.local_addr().unwrap());
    let app = Route::new().nest("/accounts", node.endpoint());
    let server = Server::new_with_acceptor(TcpAcceptor::from_std(listener).unwrap());
    let serving = tokio::spawn(server.run(app));
    with(1300, 1400, async |web| {
        web.goto(&base).await?;
        watch(&web).await?;
        assert_eq!(web.current_url().await?.as_str(), format!("{base}/docs"));
        let body = format!(r#"{{"email": "{ADDRESS}", "password": "{PASSWORD}"}}"#);
        assert_eq!(try_out(&web, "register", &body).await?, "202");
        web.goto(format!("{base}/dev/mailbox")).await?;
        seen(&web, "button.code").await?;
        assert_eq!(complaints(&web).await?, Vec::<String>::new());
        Ok(())
    })
    .await;
    serving.abort();
    assert!(node.finish(async { drop(serving.await) }).await, "nothing is left unfinished");
}

/// Fills in the dialog for address and password.
async fn authorize(web: &WebDriver) -> WebDriverResult<()> {
    seen(web, ".scheme-container .btn.authorize").await?.click().await?;
    seen(web, ".modal-ux input[name='username']").await?.send_keys(ADDRESS).await?;
    seen(web, ".modal-ux input[name='password']").await?.send_keys(PASSWORD).await?;
    seen(web, ".modal-ux button.authorize").await?.click().await?;
    seen(web, ".modal-ux button.btn-done").await?.click().await
}

/// Opens an operation, sends this body, and returns the status that the page shows.
async fn try_out(web: &WebDriver, operation: &str, body: &str) -> WebDriverResult<String> {
    let block = format!("#operations-accounts-{operation}");
    seen(web, &format!("{block} .opblock-summary-control")).await?.click().await?;
    seen(web, &format!("{block} .try-out__btn")).await?.click().await?;
    let text = seen(web, &format!("{block} textarea.body-param__text")).await?;
    text.send_keys(Key::Control + "a").await?;
    text.send_keys(body).await?;
    seen(web, &format!("{block} .execute")).await?.click().await?;
    let status = seen(web, &format!("{block} .live-responses-table .response .response-col_status")).await?;
    Ok(status.text().await?.trim().to_owned())
}
