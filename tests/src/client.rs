//! Requests: with JSON, with anything, and raw bytes on a socket.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{Server, wait};

/// A complete answer.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl HttpAnswer {
    /// Returns a header, if it occurs once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found =
            self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str());
        match (found.next(), found.next()) {
            (Some(value), None) => Some(value),
            _ => None,
        }
    }

    /// Returns the body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Returns the name of the problem, after checking what every problem must have.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let body = self.json();
        assert_eq!(body["status"], self.status, "{self:?}");
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"), "{self:?}");
        assert!(body["title"].is_string() && body["detail"].is_string(), "{self:?}");
        body["type"].as_str().and_then(|name| name.strip_prefix("/problems/")).unwrap_or_default().to_owned()
    }
}

/// Returns the value of an Authorization header.
pub fn basic(address: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{address}:{password}")))
}

impl Server {
    /// Sends a request with these headers and this body.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpAnswer {
        request(self.authority(), method, path, headers, body)
    }

    /// Sends JSON.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> HttpAnswer {
        let headers = [&[("Content-Type", "application/json")], headers].concat();
        self.request("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Gets a page.
    pub fn get(&self, path: &str) -> HttpAnswer {
        self.request("GET", path, &[], b"")
    }

    /// Returns the paths that take a body and can be asked without a session, by the document.
    pub fn operations(&self) -> Vec<String> {
        let document = self.get("/openapi.json").json();
        let paths = document["paths"].as_object().unwrap_or_else(|| panic!("no paths: {document}"));
        let of_a_session = |post: &Value| post["security"] == json!([{ "bearer": [] }]);
        let takes_a_body = paths
            .iter()
            .filter(|(_, methods)| methods["post"].is_object() && !of_a_session(&methods["post"]));
        let paths: Vec<String> = takes_a_body.map(|(path, _)| path.clone()).collect();
        assert!(paths.len() >= 3, "{paths:?}");
        paths
    }

    /// Registers.
    pub fn register(&self, address: &str, password: &str) -> HttpAnswer {
        self.post("/v1/register", &[], &json!({ "email": address, "password": password }))
    }

    /// Registers at a server that may die in between; the answer does not matter.
    pub fn register_and_ignore(&self, address: &str, password: &str) {
        let body = json!({ "email": address, "password": password }).to_string();
        let headers = [("Content-Type", "application/json")];
        self.raw(&written(self.authority(), "POST", "/v1/register", &headers, body.as_bytes()));
    }

    /// Asks for another mail.
    pub fn resend(&self, address: &str) -> HttpAnswer {
        self.post("/v1/resend", &[], &json!({ "email": address }))
    }

    /// Activates.
    pub fn activate(&self, address: &str, password: &str, code: &str) -> HttpAnswer {
        let authorization = basic(address, password);
        self.post("/v1/activate", &[("Authorization", &authorization)], &json!({ "code": code }))
    }

    /// Activates with the credentials in the body, as a front end in a browser does.
    pub fn activate_in_body(&self, address: &str, password: &str, code: &str) -> HttpAnswer {
        self.post("/v1/activate", &[], &json!({ "email": address, "password": password, "code": code }))
    }

    /// Logs in.
    pub fn login(&self, address: &str, password: &str) -> HttpAnswer {
        self.post("/v1/login", &[], &json!({ "email": address, "password": password }))
    }

    /// Logs in from a device that has a token.
    pub fn login_from(&self, address: &str, password: &str, device: &str) -> HttpAnswer {
        let body = json!({ "email": address, "password": password, "device_token": device });
        self.post("/v1/login", &[], &body)
    }

    /// Registers, activates and logs in; returns the session's token.
    pub fn entered(&self, address: &str, password: &str) -> String {
        self.activated(address, password);
        self.token(address, password)
    }

    /// Logs in; returns the session's token.
    pub fn token(&self, address: &str, password: &str) -> String {
        let answer = self.login(address, password);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["session_token"].as_str().unwrap_or_else(|| panic!("no token: {answer:?}")).to_owned()
    }

    /// Asks something with a session.
    pub fn with_token(&self, method: &str, path: &str, token: &str) -> HttpAnswer {
        self.request(method, path, &[("Authorization", &format!("Bearer {token}"))], b"")
    }

    /// Sends a JSON body with a session's token.
    pub fn send_with_token(&self, method: &str, path: &str, token: &str, body: &Value) -> HttpAnswer {
        let authorization = format!("Bearer {token}");
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        self.request(method, path, &headers, body.to_string().as_bytes())
    }

    /// Asks whose session it is.
    pub fn session(&self, token: &str) -> HttpAnswer {
        self.with_token("GET", "/v1/session", token)
    }

    /// Gives the password of a session once more.
    pub fn confirm(&self, token: &str, password: &str) -> HttpAnswer {
        self.send_with_token("POST", "/v1/session/confirm", token, &json!({ "password": password }))
    }

    /// Returns whether it is ready for sessions, and says that the codes are out of order.
    pub fn is_degraded(&self) -> bool {
        let answer = self.get("/readyz");
        assert_eq!(answer.status, 200, "sessions need no codes: {answer:?}");
        answer.json()["degraded"] == json!(["codes"])
    }

    /// Returns whether it is ready, with everything in order.
    pub fn is_whole(&self) -> bool {
        let answer = self.get("/readyz");
        answer.status == 200 && answer.json()["degraded"].is_null()
    }

    /// Returns the mails, newest first.
    pub fn mails(&self) -> Vec<Value> {
        let answer = self.get("/dev/mailbox.json");
        answer.json()["mails"].as_array().cloned().unwrap_or_else(|| panic!("no mails: {answer:?}"))
    }

    /// Returns the mails to an address, newest first.
    pub fn mails_to(&self, address: &str) -> Vec<Value> {
        self.mails().into_iter().filter(|mail| mail["to"] == address).collect()
    }

    /// Waits until an address has `count` mails; returns them, newest first.
    ///
    /// With metrics it also waits until the worker is done with them: a request while
    /// a mail is under way counts as a request for that mail.
    pub fn wait_for_mails(&self, address: &str, count: usize) -> Vec<Value> {
        let what = format!("{count} mails to {address}");
        let mails = wait::until(&what, || Some(self.mails_to(address)).filter(|mails| mails.len() >= count));
        self.wait_until_nothing_is_due();
        mails
    }

    /// Waits for the first mail to an address; returns the newest one's code.
    pub fn code(&self, address: &str) -> String {
        let mails = self.wait_for_mails(address, 1);
        mails[0]["code"].as_str().unwrap_or_else(|| panic!("no code in {:?}", mails[0])).to_owned()
    }

    /// Asks for a new password; returns the token of the mail that follows, the `count`-th one to this address.
    pub fn reset_token(&self, address: &str, count: usize) -> String {
        assert_eq!(self.forgot(address).status, 202);
        let mails = self.wait_for_mails(address, count);
        mails[0]["token"].as_str().unwrap_or_else(|| panic!("no token in {:?}", mails[0])).to_owned()
    }

    /// Asks for a new password.
    pub fn forgot(&self, address: &str) -> HttpAnswer {
        self.post("/v1/password/forgot", &[], &json!({ "email": address }))
    }

    /// Sets a new password with the token of a mail.
    pub fn reset(&self, address: &str, token: &str, password: &str) -> HttpAnswer {
        let body = json!({ "email": address, "token": token, "new_password": password });
        self.post("/v1/password/reset", &[], &body)
    }

    /// Changes the password in a session.
    pub fn change(&self, token: &str, password: &str, new: &str) -> HttpAnswer {
        let body = json!({ "password": password, "new_password": new });
        self.send_with_token("PUT", "/v1/password", token, &body)
    }

    /// Lets time pass: moves the clocks, and wakes the worker, which otherwise looks once a second.
    pub fn pass(&self, seconds: i64) {
        static WAKERS: AtomicU64 = AtomicU64::new(0);
        // A mail under way would outlive its lease, and be sent twice.
        self.wait_until_nothing_is_due();
        self.shift_clock(seconds);
        let waker = format!("waker-{}@example.net", WAKERS.fetch_add(1, Ordering::Relaxed));
        assert!(matches!(self.register(&waker, crate::PASSWORD).status, 201 | 202));
        self.wait_for_mails(&waker, 1);
    }

    /// Registers and activates; returns the code.
    pub fn activated(&self, address: &str, password: &str) -> String {
        assert!(matches!(self.register(address, password).status, 201 | 202));
        let code = self.code(address);
        assert_eq!(self.activate(address, password, &code).status, 200);
        code
    }

    /// Writes bytes and returns everything that comes back until the server closes.
    pub fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        exchange(self.authority(), bytes)
    }

    /// Opens a connection.
    pub fn connect(&self) -> TcpStream {
        connect(self.authority())
    }

    /// Returns host and port.
    pub fn authority(&self) -> &str {
        self.base.trim_start_matches("http://")
    }
}

/// Sends a request to whatever server listens there.
pub fn request(
    authority: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> HttpAnswer {
    parse(&exchange(authority, &written(authority, method, path, headers, body)))
}

fn written(authority: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

fn connect(authority: &str) -> TcpStream {
    let stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Writes bytes and returns everything that comes back until the server closes.
pub fn exchange(authority: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(authority);
    // A server that refuses early may close before everything is written.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// Parses an answer whose body is not encoded.
pub fn parse(bytes: &[u8]) -> HttpAnswer {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { panic!("no answer: {text:?}") };
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    HttpAnswer { status, headers, body: body.to_owned() }
}
