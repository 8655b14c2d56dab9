//! Uses the application as a person does: its own page, and everything of the service below `/accounts`.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use ureq::{Agent, http::Response};

const PASSWORD: &str = "correct horse battery staple";

struct App {
    program: Child,
    base: String,
    agent: Agent,
}

impl App {
    fn starts() -> Self {
        Self::starts_with(&[])
    }

    fn starts_with(settings: &[(&str, &str)]) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_poem-app"))
            .envs([("AUTH_LISTEN", "127.0.0.1:0"), ("AUTH_DATABASE_URL", "sqlite::memory:")])
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();
        let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        Self { program, base, agent: agent.into() }
    }

    fn get(&self, path: &str) -> (u16, String) {
        let answer = self.agent.get(format!("{}{path}", self.base)).call().unwrap();
        (answer.status().as_u16(), text(answer))
    }

    fn post(&self, path: &str, authorization: Option<&str>, body: &Value) -> (u16, String) {
        let request = self.agent.post(format!("{}{path}", self.base)).content_type("application/json");
        let request = match authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        };
        let answer = request.send(body.to_string()).unwrap();
        (answer.status().as_u16(), text(answer))
    }
}

/// Registers Ada, and activates her with the code of her mail.
fn activated(app: &App, headers: &[(&str, &str)]) {
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    assert_eq!(app.ask("POST", "/accounts/v1/register", headers, Some(&body)).status(), 202);
    let code = until("a mail", || {
        let mailbox: Value = serde_json::from_str(&app.get("/accounts/dev/mailbox.json").1).unwrap();
        mailbox["mails"].get(0).map(|mail| mail["code"].clone())
    });
    let body = json!({ "email": "ada@example.org", "password": PASSWORD, "code": code });
    assert_eq!(app.ask("POST", "/accounts/v1/activate", headers, Some(&body)).status(), 200);
}

impl App {
    /// Asks something with headers; returns the whole answer.
    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Response<ureq::Body> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (kind, body) = ("application/json", body.map(Value::to_string).unwrap_or_default());
        self.agent.run(request.header("Content-Type", kind).body(body).unwrap()).unwrap()
    }
}

#[test]
fn routes_of_its_own_know_who_asks_by_their_token() {
    let app = App::starts();
    activated(&app, &[]);
    let nobody = app.ask("GET", "/orders", &[], None);
    assert_eq!(nobody.status(), 401);
    assert!(nobody.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer "));
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let login: Value =
        serde_json::from_str(&text(app.ask("POST", "/accounts/v1/login", &[], Some(&body)))).unwrap();
    let bearer = format!("Bearer {}", login["session_token"].as_str().unwrap());
    let ada = [("Authorization", bearer.as_str())];
    let orders = text(app.ask("GET", "/orders", &ada, None));
    let id = login["account"]["id"].as_str().unwrap();
    assert!(orders.contains("ada@example.org") && orders.contains(id), "{orders}");
    assert_eq!(app.ask("POST", "/orders", &ada, None).status(), 201, "the password was just given");
    assert_eq!(app.ask("DELETE", "/accounts/v1/session", &ada, None).status(), 204);
    for method in ["GET", "POST"] {
        assert_eq!(app.ask(method, "/orders", &ada, None).status(), 401, "logged out here, logged out there");
    }
    assert_eq!(app.ask("GET", "/orders", &[("Authorization", "Bearer made-up")], None).status(), 401);
}

/// Threat: another site's page that buys something with the cookies of its visitors.
#[test]
fn routes_of_its_own_know_who_asks_by_their_cookie_from_their_own_pages_alone() {
    const ORIGIN: &str = "http://localhost:8000";
    let app = App::starts_with(&[("AUTH_SESSION_COOKIE", "on"), ("AUTH_ORIGIN", ORIGIN)]);
    let own = [("Origin", ORIGIN)];
    activated(&app, &own);
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let login = app.ask("POST", "/accounts/v1/login", &own, Some(&body));
    let cookies = login.headers().get_all("set-cookie").iter().map(|set| set.to_str().unwrap());
    let session = cookies.filter_map(|set| set.split(';').next()).find(|set| set.starts_with("session="));
    let cookie = ("Cookie", session.unwrap());
    let orders = text(app.ask("GET", "/orders", &[cookie], None));
    assert!(orders.contains("ada@example.org"), "{orders}");
    assert_eq!(app.ask("POST", "/orders", &[cookie, own[0]], None).status(), 201);
    for elsewhere in [&[cookie][..], &[cookie, ("Origin", "https://evil.example")]] {
        assert_eq!(app.ask("POST", "/orders", elsewhere, None).status(), 403, "{elsewhere:?}");
    }
    let both = [cookie, own[0], ("Authorization", "Bearer auths_x")];
    assert_eq!(app.ask("GET", "/orders", &both, None).status(), 400);
}

#[test]
fn routes_of_its_own_know_who_has_logged_in_on_the_pages() {
    let app = App::starts();
    activated(&app, &[]);
    let (status, home) = app.get("/");
    assert!(status == 200 && home.contains("accounts/account/login?next=/orders"), "{home}");
    let (status, page) = app.get("/accounts/account/login?next=/orders");
    assert!(status == 200 && page.contains("action=\"login\""), "{page}");

    let form = format!("email=ada%40example.org&password={}&next=/orders", PASSWORD.replace(' ', "+"));
    let url = format!("{}/accounts/account/login", app.base);
    let post = app.agent.post(url).content_type("application/x-www-form-urlencoded");
    let login = post.header("Sec-Fetch-Site", "same-origin").send(form).unwrap();
    assert_eq!(login.status(), 200);
    let cookies = login.headers().get_all("set-cookie").iter().map(|set| set.to_str().unwrap());
    let session = cookies.filter_map(|set| set.split(';').next()).find(|set| set.starts_with("session="));
    let session = session.unwrap().to_owned();
    let page = text(login);
    assert!(page.contains("content=\"0;url=&#x2f;orders\""), "it leads to the orders: {page}");
    let cookie = ("Cookie", session.as_str());
    assert!(text(app.ask("GET", "/orders", &[cookie], None)).contains("ada@example.org"));
    assert_eq!(app.ask("POST", "/orders", &[cookie], None).status(), 403, "from nowhere");
    let own = ("Sec-Fetch-Site", "same-origin");
    assert_eq!(app.ask("POST", "/orders", &[cookie, own], None).status(), 201);
    let account = text(app.ask("GET", "/accounts/account/", &[cookie], None));
    assert!(account.contains("Shop") && account.contains("ada@example.org"), "{account}");
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Calls `look` until it returns something, for at most a minute.
#[expect(clippy::disallowed_methods, reason = "another process can only be polled")]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..6000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(10)); // polling interval
    }
    panic!("waited too long for {what}");
}

fn text(mut answer: Response<ureq::Body>) -> String {
    answer.body_mut().read_to_string().unwrap()
}

#[test]
fn an_account_is_registered_and_activated_below_the_path() {
    let app = App::starts();
    let (status, page) = app.get("/");
    assert!(status == 200 && page.contains("Shop"), "the application is still there: {page}");

    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    assert_eq!(app.post("/accounts/v1/register", None, &body).0, 202);
    let mail = until("a mail", || {
        let mailbox: Value = serde_json::from_str(&app.get("/accounts/dev/mailbox.json").1).unwrap();
        mailbox["mails"].get(0).cloned()
    });
    assert!(mail["text"].as_str().unwrap().contains("Shop"), "the mail has the application's name: {mail}");
    // ada@example.org:correct horse battery staple
    let basic = "Basic YWRhQGV4YW1wbGUub3JnOmNvcnJlY3QgaG9yc2UgYmF0dGVyeSBzdGFwbGU=";
    let (status, answer) = app.post("/accounts/v1/activate", Some(basic), &json!({ "code": mail["code"] }));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(app.post("/v1/register", None, &body).0, 404, "the service is only below its path");
}

#[test]
fn answers_name_paths_below_the_path() {
    let app = App::starts();
    let (status, problem) = app.get("/accounts/no-such-page");
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!((status, problem["type"].as_str()), (404, Some("/accounts/problems/not-found")));
    assert_eq!(app.get("/accounts/problems/not-found").0, 200);

    for root in ["/accounts", "/accounts/"] {
        let answer = app.agent.get(format!("{}{root}", app.base)).call().unwrap();
        let location = answer.headers()["location"].to_str().unwrap();
        let folder = root.rsplit_once('/').unwrap().0;
        assert_eq!(
            (answer.status().as_u16(), format!("{folder}/{location}")),
            (307, "/accounts/docs".into())
        );
    }
    let (_, document) = app.get("/accounts/openapi.json");
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["servers"][0]["url"], "/accounts", "where generated clients find the operations");
}

#[cfg(unix)]
#[test]
fn it_ends_in_order() {
    let mut app = App::starts();
    let told = Command::new("kill").args(["-TERM", &app.program.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert!(app.program.wait().unwrap().success());
}
