//! Front ends in a browser: a refused activation opens no login dialog, whatever sends the request.

use std::time::Duration;

use auth_tests::{PASSWORD, start};
use poem::{Route, Server, endpoint::make_sync, get, listener::TcpAcceptor, web::Html};
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::browser::with;

const ADDRESS: &str = "ada@example.org";

/// Sends requests with `fetch` and with XMLHttpRequest; a dialog would block both forever.
const FETCH: &str = "const [body, done] = arguments; fetch('/v1/activate', { method: 'POST', body, \
                     headers: { 'Content-Type': 'application/json' } }).then(answer => done(answer.status));";
const XHR: &str = "const [body, done] = arguments; const request = new XMLHttpRequest(); \
                   request.open('POST', '/v1/activate'); \
                   request.setRequestHeader('Content-Type', 'application/json'); \
                   request.onloadend = () => done(request.status); request.send(body);";

async fn ask(web: &WebDriver, script: &str, body: &Value) -> WebDriverResult<u16> {
    web.execute_async(script, vec![body.to_string().into()]).await?.convert()
}

#[tokio::test]
async fn wrong_code_opens_no_login_dialog() {
    let server = start(&[]);
    server.register(ADDRESS, PASSWORD);
    let code = server.code(ADDRESS);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    with(1100, 900, async |web| {
        // A page of the same origin, where nothing would prevent the dialog.
        web.goto(format!("{}/dev/mailbox", server.base)).await?;
        web.set_script_timeout(Duration::from_secs(20)).await?;
        let body = |code: &str| json!({ "email": ADDRESS, "password": PASSWORD, "code": code });
        for script in [FETCH, XHR] {
            assert_eq!(ask(&web, script, &body(wrong)).await?, 401);
            assert_eq!(ask(&web, script, &json!({ "code": wrong })).await?, 401, "no credentials at all");
            assert_eq!(ask(&web, script, &body(&code)).await?, 200);
        }
        Ok(())
    })
    .await;
}

/// Requests of a front end of another origin as its framework sends them: with headers of its own.
#[tokio::test(flavor = "multi_thread")]
async fn front_end_of_another_origin_registers_and_activates() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let page = Route::new().at("/", get(make_sync(|_| Html("<!doctype html><title>Shop</title>"))));
    let serving = tokio::spawn(Server::new_with_acceptor(TcpAcceptor::from_std(listener).unwrap()).run(page));
    let server = start(&[("AUTH_CORS_ORIGINS", &origin)]);
    with(1100, 900, async |web| {
        web.goto(&origin).await?;
        web.set_script_timeout(Duration::from_secs(20)).await?;
        let ask = async |path: &str, body: Value| -> WebDriverResult<(u16, Value)> {
            const SCRIPT: &str = "const [url, body, done] = arguments; fetch(url, { method: 'POST', body, headers: { \
                'Content-Type': 'application/json', traceparent: '00-1-1-00', 'X-Requested-With': 'fetch' } }) \
                .then(async answer => done([answer.status, await answer.json()]), error => done([0, '' + error]));";
            let url = format!("{}{path}", server.base);
            web.execute_async(SCRIPT, vec![url.into(), body.to_string().into()]).await?.convert()
        };
        let (status, told) = ask("/v1/register", json!({ "email": ADDRESS, "password": PASSWORD })).await?;
        assert_eq!(status, 202, "{told}");
        let code = server.code(ADDRESS);
        let credentials = |code: &str| json!({ "email": ADDRESS, "password": PASSWORD, "code": code });
        let (status, told) = ask("/v1/activate", credentials("1")).await?;
        assert_eq!((status, &told["errors"][0]["field"]), (400, &json!("code")), "{told}");
        assert_eq!(ask("/v1/activate", credentials(&code)).await?.0, 200);
        Ok(())
    })
    .await;
    serving.abort();
}
