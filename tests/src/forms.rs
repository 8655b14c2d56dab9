//! A browser without scripts: it sends the pages' forms and keeps cookies.

use std::collections::BTreeMap;

use url::form_urlencoded;

use crate::{HttpAnswer, Server};

/// A browser at the pages for visitors.
pub struct Visitor<'a> {
    server: &'a Server,
    cookies: BTreeMap<String, String>,
    language: &'static str,
}

impl<'a> Visitor<'a> {
    /// Opens a browser without cookies.
    pub fn at(server: &'a Server) -> Self {
        Self { server, cookies: BTreeMap::new(), language: "en" }
    }

    /// Makes it ask for this language.
    pub fn reading(self, language: &'static str) -> Self {
        Self { language, ..self }
    }

    /// Opens a page.
    pub fn open(&mut self, page: &str) -> HttpAnswer {
        self.ask("GET", page, &[], b"")
    }

    /// Sends a form as a page of the service does.
    pub fn send(&mut self, form: &str, fields: &[(&str, &str)]) -> HttpAnswer {
        self.send_from(("Sec-Fetch-Site", "same-origin"), form, fields)
    }

    /// Sends a form with a header that says where it comes from.
    pub fn send_from(&mut self, from: (&str, &str), form: &str, fields: &[(&str, &str)]) -> HttpAnswer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), from];
        self.ask("POST", form, &headers, body.as_bytes())
    }

    /// Returns the value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Opens the page that an answer leads to.
    pub fn follow(&mut self, answer: &HttpAnswer) -> HttpAnswer {
        let place =
            answer.header("location").unwrap_or_else(|| panic!("it leads nowhere: {answer:?}")).to_owned();
        self.open(place.trim_start_matches("./"))
    }

    /// Takes a cookie from elsewhere.
    pub fn take(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Registers, activates and is logged in then.
    pub fn enter(&mut self, address: &str, password: &str) {
        let answer = self.send("register", &[("email", address), ("password", password)]);
        assert_eq!(answer.status, 303, "{answer:?}");
        let code = self.server.code(address);
        let answer = self.send("activate", &[("email", address), ("password", password), ("code", &code)]);
        assert_eq!((answer.status, answer.header("location")), (303, Some("./")), "{answer:?}");
    }

    fn ask(&mut self, method: &str, page: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpAnswer {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = pairs.join("; ");
        // What browsers accept of a page.
        let accept = "text/html,application/xhtml+xml,application/xml;q=0.9";
        let mut all = vec![("Accept", accept), ("Accept-Language", self.language)];
        all.extend(headers);
        if !cookies.is_empty() {
            all.push(("Cookie", &cookies));
        }
        let answer = self.server.request(method, &format!("/account/{page}"), &all, body);
        for (_, line) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = line.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap_or_default();
            if line.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}
