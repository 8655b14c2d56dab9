//! A headless Chromium: its driver is started on a free port and stopped with the test.

#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

use std::{
    future::Future,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use thirtyfour::{ChromeCapabilities, ChromiumLikeCapabilities, DesiredCapabilities, WebDriver, prelude::*};

/// A running chromedriver; dropping it ends it and its browser.
struct Chromedriver(Child);

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Opens a browser of this size, runs the test in it, and closes it whatever happens.
pub async fn with<F>(width: u32, height: u32, test: impl FnOnce(WebDriver) -> F)
where
    F: Future<Output = WebDriverResult<()>>,
{
    run(capabilities(width, height).unwrap(), test).await;
}

/// Opens a browser that runs no scripts of pages.
pub async fn without_scripts<F>(width: u32, height: u32, test: impl FnOnce(WebDriver) -> F)
where
    F: Future<Output = WebDriverResult<()>>,
{
    const BLOCKED: u8 = 2;
    let mut chrome = capabilities(width, height).unwrap();
    let setting = serde_json::json!({ "profile.managed_default_content_settings.javascript": BLOCKED });
    chrome.add_experimental_option("prefs", setting).unwrap();
    run(chrome, test).await;
}

/// Opens a browser that prefers dark pages.
pub async fn in_the_dark<F>(width: u32, height: u32, test: impl FnOnce(WebDriver) -> F)
where
    F: Future<Output = WebDriverResult<()>>,
{
    let mut chrome = capabilities(width, height).unwrap();
    chrome.add_arg("--force-dark-mode").unwrap();
    run(chrome, test).await;
}

async fn run<F>(chrome: ChromeCapabilities, test: impl FnOnce(WebDriver) -> F)
where
    F: Future<Output = WebDriverResult<()>>,
{
    let (_driver, url) = start();
    let web = WebDriver::new(&url, chrome).await.unwrap();
    let result = test(web.clone()).await;
    web.quit().await.unwrap();
    result.unwrap();
}

fn start() -> (Chromedriver, String) {
    let mut child = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver is missing; cargo xtask test --only setup installs it");
    let lines = BufReader::new(child.stdout.take().unwrap());
    let driver = Chromedriver(child);
    for line in lines.lines() {
        if let Some((_, rest)) = line.unwrap().split_once("started successfully on port ") {
            return (driver, format!("http://127.0.0.1:{}", rest.trim_end_matches('.')));
        }
    }
    panic!("chromedriver did not start");
}

fn capabilities(width: u32, height: u32) -> WebDriverResult<ChromeCapabilities> {
    let mut chrome = DesiredCapabilities::chrome();
    chrome.add_arg("--headless=new")?;
    chrome.add_arg("--no-sandbox")?; // as root there is no other way
    chrome.add_arg("--disable-dev-shm-usage")?;
    chrome.add_arg(&format!("--window-size={width},{height}"))?;
    // Requests to other hosts fail, so that a page that needs them fails too.
    chrome.add_arg("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")?;
    Ok(chrome)
}

/// Waits for a visible element.
pub async fn seen(web: &WebDriver, css: &str) -> WebDriverResult<WebElement> {
    web.query(By::Css(css))
        .wait(Duration::from_secs(30), Duration::from_millis(50))
        .and_displayed()
        .first()
        .await
}

/// Returns the errors in the browser's console: refused scripts and styles, failed requests.
pub async fn complaints(web: &WebDriver) -> WebDriverResult<Vec<String>> {
    let found = web.execute("return window.__complaints || []", Vec::new()).await?;
    found.convert()
}

/// Collects policy violations from now on.
pub async fn watch(web: &WebDriver) -> WebDriverResult<()> {
    const SCRIPT: &str = "window.__complaints = []; document.addEventListener('securitypolicyviolation', \
                          e => window.__complaints.push(e.violatedDirective + ' ' + e.blockedURI))";
    web.execute(SCRIPT, Vec::new()).await.map(drop)
}

/// Saves a picture beside the built programs.
pub async fn picture(web: &WebDriver, name: &str) -> WebDriverResult<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pictures");
    std::fs::create_dir_all(&folder).unwrap();
    web.screenshot(&folder.join(name)).await
}
