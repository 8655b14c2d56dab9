//! The mailbox page as a person uses it, on a desktop and on a phone.

use auth_tests::start;
use thirtyfour::prelude::*;

use crate::browser::{complaints, picture, seen, watch, with};

const PASSWORD: &str = "correct horse battery staple";

#[tokio::test]
async fn new_mail_appears_by_itself_and_a_click_copies_its_code() {
    let server = start(&[]);
    with(1100, 900, async |web| {
        web.goto(format!("{}/dev/mailbox", server.base)).await?;
        watch(&web).await?;
        assert!(web.find_all(By::Css("article.mail")).await?.is_empty(), "no mail yet");
        picture(&web, "mailbox-empty.png").await?;

        server.register("ada@example.org", PASSWORD);
        server.register("grace@example.org", PASSWORD);
        server.wait_for_mails("grace@example.org", 1);
        seen(&web, "article.mail[data-to='grace@example.org']").await?;
        let button = seen(&web, "article.mail[data-to='ada@example.org'] button.code").await?;
        let code = button.attr("data-code").await?.unwrap();
        assert_eq!(code, server.code("ada@example.org"));
        assert!(button.text().await?.replace([' ', '\u{a0}'], "").contains(&code));

        let newest = web.find(By::Css("article.mail")).await?.attr("data-to").await?;
        let newest_by_server = server.mails()[0]["to"].clone();
        assert_eq!(newest.as_deref(), newest_by_server.as_str(), "newest first");

        button.click().await?;
        web.query(By::Css("article.mail[data-to='ada@example.org']"))
            .with_filter(async |mail: WebElement| Ok(mail.text().await?.contains("Copied")))
            .first()
            .await?;
        let status = server.activate("ada@example.org", PASSWORD, &code).status;
        assert_eq!(status, 200);
        picture(&web, "mailbox.png").await?;
        assert_eq!(complaints(&web).await?, Vec::<String>::new());
        Ok(())
    })
    .await;
}

/// A command that activates would fail with a code that moves an account.
#[tokio::test]
async fn only_a_code_that_activates_has_its_command() {
    let server = start(&[]);
    let session = server.entered("ada@example.org", PASSWORD);
    let body = serde_json::json!({ "email": "ada@new.example" });
    assert_eq!(server.send_with_token("PUT", "/v1/email", &session, &body).status, 202);
    server.wait_for_mails("ada@new.example", 1);
    with(1100, 900, async |web| {
        web.goto(format!("{}/dev/mailbox", server.base)).await?;
        for (address, commands) in [("ada@example.org", 1), ("ada@new.example", 0)] {
            seen(&web, &format!("article.mail[data-to='{address}'] button.code")).await?;
            let buttons = format!("article.mail[data-to='{address}'] .actions button.plain");
            assert_eq!(web.find_all(By::Css(buttons)).await?.len(), commands, "{address}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_page_fits_a_phone() {
    let server = start(&[]);
    server.register("somebody.with.a.rather.long.address@subdomain.example.org", PASSWORD);
    server.code("somebody.with.a.rather.long.address@subdomain.example.org");
    with(500, 900, async |web| {
        web.goto(format!("{}/dev/mailbox", server.base)).await?;
        seen(&web, "button.code").await?;
        let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let sideways: i64 = web.execute(overflow, Vec::new()).await?.convert()?;
        picture(&web, "mailbox-phone.png").await?;
        assert_eq!(sideways, 0, "nothing is wider than the page");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_html_part_shows_without_scripts() {
    let server = start(&[]);
    server.register("ada@example.org", PASSWORD);
    let code = server.code("ada@example.org");
    with(1100, 900, async |web| {
        web.goto(format!("{}/dev/mailbox", server.base)).await?;
        watch(&web).await?;
        seen(&web, "article.mail summary").await?.click().await?;
        web.query(By::XPath("//article//*[self::button or self::label][normalize-space()='HTML']"))
            .and_displayed()
            .first()
            .await?
            .click()
            .await?;
        let frame = seen(&web, "article.mail iframe").await?;
        assert_eq!(frame.attr("sandbox").await?.as_deref(), Some(""), "scripts cannot run in it");
        frame.enter_frame().await?;
        let shown = web.find(By::Css("body")).await?.text().await?;
        assert!(shown.contains(&code), "{shown}");
        web.enter_default_frame().await?;
        picture(&web, "mailbox-html.png").await?;
        assert_eq!(complaints(&web).await?, Vec::<String>::new());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_page_says_when_the_server_is_away_and_recovers() {
    let mut server = start(&[]);
    let address = server.authority().to_owned();
    server.register("ada@example.org", PASSWORD);
    server.code("ada@example.org");
    with(1100, 900, async |web| {
        web.goto(format!("{}/dev/mailbox", server.base)).await?;
        seen(&web, "article.mail").await?;
        server.kill();
        let body = web.query(By::Css("body")).with_filter(async |body: WebElement| {
            let text = body.text().await?.to_lowercase();
            Ok(["connection", "lost", "unreachable", "away"].iter().any(|word| text.contains(word)))
        });
        body.first().await?;
        picture(&web, "mailbox-away.png").await?;

        let server = server.restart(&[("AUTH_LISTEN", address.as_str())]);
        server.register("grace@example.org", PASSWORD);
        seen(&web, "article.mail[data-to='grace@example.org']").await?;
        Ok(())
    })
    .await;
}
