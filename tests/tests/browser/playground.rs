//! The playground: the component in a browser, used as by a person, and all scripts.

use std::{env, fs, path::Path};

use thirtyfour::prelude::*;

use crate::browser::{picture, seen, with};

/// Opens the page from its file and waits until it is ready.
async fn open(web: &WebDriver) -> WebDriverResult<()> {
    let page =
        env::var("AUTH_PLAYGROUND").expect("cargo xtask test --only playground prints where the page is");
    web.goto(format!("file://{page}")).await?;
    seen(web, "html[data-ready] li.empty").await.map(drop)
}

async fn click(web: &WebDriver, css: &str) -> WebDriverResult<()> {
    let button = seen(web, css).await?;
    button.scroll_into_view().await?;
    button.click().await
}

/// Answers the waiting effect, which is of this kind.
async fn does(web: &WebDriver, kind: &str, what: &str) -> WebDriverResult<()> {
    click(web, &format!("li.waits[data-kind={kind}] [data-does={what}]:enabled")).await
}

/// Starts a flow and carries out all of its effects.
async fn asks(web: &WebDriver, flow: &str) -> WebDriverResult<()> {
    click(web, &format!("#ask label:has([value={flow}])")).await?;
    click(web, "#ask button[value=all]").await
}

/// The kinds of the effects so far.
async fn kinds(web: &WebDriver) -> WebDriverResult<Vec<String>> {
    let found = web.execute(
        "return [...document.querySelectorAll('#steps li[data-kind]')].map(li => li.dataset.kind)",
        vec![],
    );
    found.await?.convert()
}

#[tokio::test]
async fn a_person_answers_each_effect_and_lets_some_fail() {
    with(1400, 1000, async |web| {
        open(&web).await?;
        click(&web, "#ask button[value=steps]").await?;
        does(&web, "admit", "done").await?;
        does(&web, "random", "done").await?;
        does(&web, "find_account", "done").await?;
        does(&web, "hash_password", "done").await?;

        // Committed, but the host does not learn of it: nothing was decided, and a server answers 503.
        does(&web, "commit_account", "lost").await?;
        seen(&web, "li[data-outcome=broken]").await?;
        seen(&web, "#kept .state.pending").await?;

        // Undone, the account is gone again; then it is carried out, and the visitor gets the same answer as everybody.
        click(&web, "li[data-kind=commit_account] [data-does=take_back]").await?;
        seen(&web, "li.waits[data-kind=commit_account]").await?;
        assert!(web.find_all(By::Css("#kept .state")).await?.is_empty(), "the stores were taken back, too");
        does(&web, "commit_account", "done").await?;
        let outcome = seen(&web, "li[data-outcome=registered]").await?.text().await?;
        assert!(outcome.contains("accepted"), "{outcome}");

        click(&web, "[data-does=deliver]:enabled").await?;
        does(&web, "find_account", "all").await?;
        seen(&web, "li[data-outcome=mail_sent]").await?;
        click(&web, "#kept .code + button").await?;
        click(&web, "#ask button[value=steps]").await?;
        does(&web, "admit", "done").await?;
        click(&web, "li[data-kind=admit] [data-does=again]").await?;
        let refused = seen(&web, "li[data-kind=admit] .refused").await?.text().await?;
        assert_eq!(refused, "refused: already-answered; the flow is unchanged, byte for byte");
        does(&web, "random", "done").await?;
        web.execute("scrollTo(0, 0)", vec![]).await?;
        picture(&web, "playground.png").await?;
        does(&web, "find_account", "all").await?;
        seen(&web, "li[data-outcome=activated]").await?;
        let flow = ["admit", "random", "find_account", "hash_password", "redeem_code", "commit_account"];
        assert_eq!(kinds(&web).await?, flow);
        seen(&web, "#kept .state.active").await?;

        // The visitor logs in, is recognised by the token, and logs out; then the token opens nothing.
        asks(&web, "login").await?;
        seen(&web, "li[data-outcome=logged_in]").await?;
        let flow = ["admit", "random", "find_account", "admit", "hash_password", "admit", "put_session"];
        assert_eq!(kinds(&web).await?, flow);
        for (asked, outcome) in
            [("authenticate", "authenticated"), ("logout", "logged_out"), ("authenticate", "no_session")]
        {
            asks(&web, asked).await?;
            seen(&web, &format!("li[data-outcome={outcome}]")).await?;
        }

        let asked = "return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'))";
        let asked: Vec<String> = web.execute(asked, vec![]).await?.convert()?;
        assert_eq!(asked, Vec::<String>::new(), "it asks nothing of any network");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_invalid_address_is_reported_beside_the_form() {
    with(1400, 1000, async |web| {
        open(&web).await?;
        let address = seen(&web, "#ask [name=address]").await?;
        address.clear().await?;
        address.send_keys("ada").await?;
        click(&web, "#ask button[value=steps]").await?;
        let told = seen(&web, "#ask .bad").await?.text().await?;
        assert!(told.starts_with("address: "), "{told}");
        assert!(kinds(&web).await?.is_empty(), "nothing was started");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn every_script_is_the_same_in_a_browser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../auth-core/scripts");
    let files: Vec<String> = fs::read_dir(fs::canonicalize(folder).unwrap())
        .unwrap()
        .map(|file| file.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    assert!(files.len() >= 100, "only {} scripts", files.len());
    with(1400, 1000, async |web| {
        open(&web).await?;
        web.find(By::Id("scripts")).await?.send_keys(files.join("\n")).await?;
        let expected = format!("{} scripts replayed, all the same", files.len());
        let told = web.query(By::Id("replayed")).with_filter(async |told: WebElement| {
            let text = told.text().await?;
            Ok(text.contains("replayed") || text.contains(".json"))
        });
        assert_eq!(told.first().await?.text().await?, expected);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_page_fits_a_phone() {
    with(500, 900, async |web| {
        open(&web).await?;
        click(&web, "#ask button[value=all]").await?;
        seen(&web, "li[data-outcome=registered]").await?;
        picture(&web, "playground-phone.png").await?;
        let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let over: i64 = web.execute(wide, vec![]).await?.convert()?;
        assert_eq!(over, 0, "nothing is wider than the page");
        Ok(())
    })
    .await;
}
