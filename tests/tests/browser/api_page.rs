//! Owns the test of the API page: register and activate through "Try it out", with the mailbox between.

use auth_tests::start;
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
        assert_eq!(try_out(&web, "activate", &format!(r#"{{"code": "{code}"}}"#)).await?, "200");
        picture(&web, "api-page.png").await?;
        assert_eq!(complaints(&web).await?, Vec::<String>::new());
        Ok(())
    })
    .await;
}

/// Fills in the dialog that sets address and password.
async fn authorize(web: &WebDriver) -> WebDriverResult<()> {
    seen(web, ".scheme-container .btn.authorize").await?.click().await?;
    seen(web, ".modal-ux input[name='username']").await?.send_keys(ADDRESS).await?;
    seen(web, ".modal-ux input[name='password']").await?.send_keys(PASSWORD).await?;
    seen(web, ".modal-ux button.authorize").await?.click().await?;
    seen(web, ".modal-ux button.btn-done").await?.click().await
}

/// Opens an operation, sends this body, and returns the status that the page shows.
async fn try_out(web: &WebDriver, operation: &str, body: &str) -> WebDriverResult<String> {
    let block = format!("#operations-default-{operation}");
    seen(web, &format!("{block} .opblock-summary-control")).await?.click().await?;
    seen(web, &format!("{block} .try-out__btn")).await?.click().await?;
    let text = seen(web, &format!("{block} textarea.body-param__text")).await?;
    text.send_keys(Key::Control + "a").await?;
    text.send_keys(body).await?;
    seen(web, &format!("{block} .execute")).await?.click().await?;
    let status = seen(web, &format!("{block} .live-responses-table .response .response-col_status")).await?;
    Ok(status.text().await?.trim().to_owned())
}
