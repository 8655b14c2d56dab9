//! Uses the application as a person does, removes its mail folder, and kills its process.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

const EMAIL: &str = "Ada@example.org";
const PASSWORD: &str = "correct horse battery staple";

struct Club {
    program: Child,
    base: String,
    agent: Agent,
    mails: PathBuf,
    log: PathBuf,
}

impl Club {
    fn opens(folder: &Path) -> Self {
        let (mails, log) = (folder.join("pickup"), folder.join("log"));
        let mut program = Command::new(env!("CARGO_BIN_EXE_axum-app"))
            .args(["127.0.0.1:0".as_ref(), folder.join("club.db").as_os_str(), mails.as_os_str()])
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        Self { program, base, agent, mails, log }
    }

    fn home(&self) -> String {
        self.agent.get(&self.base).call().unwrap().body_mut().read_to_string().unwrap()
    }

    fn asks(&self, path: &str, body: &Value) -> u16 {
        let request = self.agent.post(format!("{}{path}", self.base)).content_type("application/json");
        request.send(body.to_string()).unwrap().status().as_u16()
    }

    fn joins(&self) -> u16 {
        self.asks("/join", &json!({ "name": "Ada", "email": EMAIL, "password": PASSWORD }))
    }

    fn confirms(&self, code: &str) -> u16 {
        self.asks("/join/confirm", &json!({ "email": EMAIL, "password": PASSWORD, "code": code }))
    }

    fn logs_in(&self, password: &str) -> (u16, Value) {
        let request = self.agent.post(format!("{}/login", self.base)).content_type("application/json");
        let body = json!({ "email": EMAIL, "password": password }).to_string();
        let mut answer = request.send(body).unwrap();
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().unwrap();
        (status, if status == 200 { serde_json::from_str(&text).unwrap() } else { Value::Null })
    }

    /// Asks something with a session; returns status and text.
    fn asks_as(&self, token: &str, method: &str, path: &str) -> (u16, String) {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        let request = request.header("Authorization", format!("Bearer {token}")).body(()).unwrap();
        let mut answer = self.agent.run(request).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// Waits for a mail and takes it out of the folder.
    fn mail(&self) -> String {
        until("a mail", || {
            let mut files = fs::read_dir(&self.mails).unwrap().map(|file| file.unwrap().path());
            let file = files.find(|file| file.extension().is_some_and(|end| end == "eml"))?;
            let mail = fs::read_to_string(&file).unwrap();
            fs::remove_file(file).unwrap();
            Some(mail)
        })
    }

    /// Waits until the log contains `what`.
    fn logs(&self, what: &str) {
        until(what, || fs::read_to_string(&self.log).unwrap().contains(what).then_some(()));
    }
}

impl Drop for Club {
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

/// Returns the line of a mail that is a code.
fn code_in(mail: &str) -> String {
    let code = mail.lines().map(str::trim).find(|line| line.len() == 6 && line.parse::<u32>().is_ok());
    code.unwrap_or_else(|| panic!("{mail}")).to_owned()
}

fn another(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[test]
fn a_visitor_becomes_a_member() {
    let folder = TempDir::new().unwrap();
    let club = Club::opens(folder.path());
    assert_eq!(club.joins(), 202);
    let mail = club.mail();
    assert!(mail.contains("To: <Ada@example.org>"), "as it was typed: {mail}");
    let code = &code_in(&mail);
    assert_eq!(club.home(), "The reading club has 0 members.\n");
    assert_eq!(club.confirms(&another(code)), 403);
    assert_eq!(club.confirms(code), 200);
    assert_eq!(club.home(), "The reading club has 1 members.\n");
    assert_eq!(club.confirms(code), 200, "the answer may have been lost");
    assert_eq!(club.joins(), 202, "nobody learns who is a member");
    assert!(club.mail().contains("You are a member: nothing has changed."), "but the owner does");
    assert_eq!(club.asks("/join/again", &json!({ "email": EMAIL })), 202);
}

#[test]
fn a_member_logs_in_reads_and_logs_out() {
    let folder = TempDir::new().unwrap();
    let club = Club::opens(folder.path());
    assert_eq!(club.joins(), 202);
    let code = code_in(&club.mail());
    assert_eq!(club.logs_in(PASSWORD).0, 403, "not before the address is proven");
    assert_eq!(club.confirms(&code), 200);
    assert_eq!(club.logs_in("another password").0, 403);
    let (status, session) = club.logs_in(PASSWORD);
    assert_eq!(status, 200);
    let token = session["token"].as_str().unwrap();
    assert_eq!(club.asks_as(token, "GET", "/me"), (200, "Ada has read 0 books.\n".to_owned()));
    assert_eq!(club.asks_as(token, "POST", "/me/books").0, 204);
    // A session survives a restart.
    drop(club);
    let club = Club::opens(folder.path());
    assert_eq!(club.asks_as(token, "GET", "/me"), (200, "Ada has read 1 books.\n".to_owned()));
    for nobody in ["", "auths_made-up", &token[1..]] {
        assert_eq!(club.asks_as(nobody, "GET", "/me").0, 401, "{nobody}");
        assert_eq!(club.asks_as(nobody, "POST", "/me/books").0, 401, "{nobody}");
    }
    assert_eq!(club.asks_as(token, "DELETE", "/login").0, 204);
    assert_eq!(club.asks_as(token, "GET", "/me").0, 401);
    let log = fs::read_to_string(&club.log).unwrap();
    assert!(!log.contains(token) && !log.contains(PASSWORD), "{log}");
}

#[test]
fn passwords_cannot_be_guessed_without_end() {
    let folder = TempDir::new().unwrap();
    let club = Club::opens(folder.path());
    assert_eq!(club.joins(), 202);
    assert_eq!(club.confirms(&code_in(&club.mail())), 200);
    let statuses: Vec<u16> = (0..11).map(|n| club.logs_in(&format!("guess number {n}")).0).collect();
    assert_eq!(statuses, [vec![403; 10], vec![429]].concat());
    assert_eq!(club.logs_in(PASSWORD).0, 429, "nor by who guesses right at last");
}

#[test]
fn tries_are_used_up() {
    let folder = TempDir::new().unwrap();
    let club = Club::opens(folder.path());
    assert_eq!(club.joins(), 202);
    let code = code_in(&club.mail());
    for _ in 0..5 {
        assert_eq!(club.confirms(&another(&code)), 403);
    }
    assert_eq!(club.confirms(&code), 403, "no try is left");
    club.logs("tries_used_up");
}

#[test]
fn a_client_has_his_rate_and_no_more() {
    let folder = TempDir::new().unwrap();
    let club = Club::opens(folder.path());
    let asks = || club.asks("/join/again", &json!({ "email": EMAIL }));
    assert!((0..20).all(|_| asks() == 202));
    assert_eq!(asks(), 429);
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = TempDir::new().unwrap();
    let club = Club::opens(folder.path());
    for (path, body, status) in [
        ("/join", json!({ "name": "Ada", "email": "ada", "password": PASSWORD }), 422),
        ("/join", json!({ "name": "Ada", "email": EMAIL, "password": "secret" }), 422),
        ("/join", json!({ "name": "Ada", "email": EMAIL, "password": "q1w2e3r4t5y6u7i8o9p0" }), 422),
        ("/join", json!({ "name": "Ada", "email": [EMAIL], "password": PASSWORD }), 422),
        ("/join", json!({ "name": "", "email": EMAIL, "password": PASSWORD }), 422),
        ("/join", json!({ "name": "Ada", "email": EMAIL, "password": PASSWORD, "admin": true }), 422),
        ("/join", json!({ "name": "Ada", "email": EMAIL, "password": "x".repeat(5000) }), 413),
        ("/join/confirm", json!({ "email": EMAIL, "password": PASSWORD, "code": "12" }), 400),
    ] {
        assert_eq!(club.asks(path, &body), status, "{path} {body}");
    }
    let log = fs::read_to_string(&club.log).unwrap();
    assert!(!log.contains("registered"), "{log}");
    assert!(log.contains("weak_password"), "the log tells what happened: {log}");
}

#[test]
fn a_mail_that_cannot_be_sent_is_sent_later() {
    let folder = TempDir::new().unwrap();
    let club = Club::opens(folder.path());
    fs::remove_dir_all(&club.mails).unwrap();
    assert_eq!(club.joins(), 202, "requests do not wait for mails");
    club.logs("mail_deferred");
    fs::create_dir(&club.mails).unwrap();
    assert_eq!(club.confirms(&code_in(&club.mail())), 200);
}

#[test]
fn nothing_is_lost_when_the_process_is_killed() {
    let folder = TempDir::new().unwrap();
    let club = Club::opens(folder.path());
    fs::remove_dir_all(&club.mails).unwrap();
    assert_eq!(club.joins(), 202);
    club.logs("mail_deferred");
    drop(club);
    // The mail was owed, and the next process sends it; its code is valid there.
    let club = Club::opens(folder.path());
    let code = code_in(&club.mail());
    assert_eq!(club.confirms(&code), 200);
    // Neither is in the log.
    let log = fs::read_to_string(&club.log).unwrap();
    assert!(!log.contains(PASSWORD) && !log.contains(&code), "{log}");
    drop(club);
    assert_eq!(Club::opens(folder.path()).home(), "The reading club has 1 members.\n");
}
