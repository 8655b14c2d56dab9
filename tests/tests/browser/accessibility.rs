//! The pages for visitors under axe-core, which looks for what keeps people out: labels, names, contrast, structure.

use std::{env, fs};

use auth_tests::{PASSWORD, Server, start};
use serde_json::Value;
use thirtyfour::prelude::*;

use crate::{
    account_pages::{at, enter, page, send},
    browser::{in_the_dark, picture, with},
};

/// Returns axe-core, which `cargo xtask test --only browser` downloads.
fn axe() -> String {
    let path = env::var("AUTH_AXE").expect("AUTH_AXE is not set; run: cargo xtask test --only browser");
    fs::read_to_string(path).expect("AUTH_AXE names a file")
}

/// Fails with what axe finds on the page that is shown.
async fn check(web: &WebDriver, axe: &str, name: &str) -> WebDriverResult<()> {
    const RUN: &str = "const done = arguments[0]; axe.run().then(\
        found => done([found.passes.length, found.violations.map(v => [v.id, v.help, v.nodes.map(n => n.html)])]))";
    web.execute(axe, Vec::new()).await?;
    let (passes, violations): (u32, Vec<Value>) = web.execute_async(RUN, Vec::new()).await?.convert()?;
    assert!(violations.is_empty(), "{name}: {violations:#?}");
    assert!(passes > 10, "{name}: axe has looked at {passes} rules only");
    picture(web, &format!("account-{name}.png")).await
}

async fn every_page(web: &WebDriver, server: &Server, look: &str) -> WebDriverResult<()> {
    let axe = axe();
    let dark: bool = web
        .execute("return matchMedia('(prefers-color-scheme: dark)').matches", Vec::new())
        .await?
        .convert()?;
    assert_eq!(dark, look == "dark");
    for name in ["register", "activate", "login", "forgot", "reset"] {
        web.goto(at(server, name)).await?;
        check(web, &axe, &format!("{look}-{name}")).await?;
    }
    web.goto(at(server, "register")).await?;
    send(web, "register", &[("email", "ada@example.org"), ("password", "12345678")]).await?;
    page(web, "Create an account").await?;
    check(web, &axe, &format!("{look}-refused")).await?;
    enter(web, server).await?;
    server.token("ada@example.org", PASSWORD);
    web.goto(at(server, "?notice=password_changed")).await?;
    check(web, &axe, &format!("{look}-account")).await?;
    send(web, "delete", &[]).await?;
    page(web, "Your password once more").await?;
    check(web, &axe, &format!("{look}-confirm")).await
}

#[tokio::test]
async fn axe_finds_nothing_on_any_page() {
    let server = start(&[]);
    with(900, 1400, async |web| every_page(&web, &server, "light").await).await;
}

#[tokio::test]
async fn axe_finds_nothing_on_any_page_in_the_dark() {
    let server = start(&[]);
    in_the_dark(900, 1400, async |web| every_page(&web, &server, "dark").await).await;
}
