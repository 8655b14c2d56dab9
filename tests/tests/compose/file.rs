//! The whole file: what it starts, that it works and keeps working, and that
//! nothing of it remains.

use std::{
    panic,
    process::{Command, Stdio},
};

use auth_tests::{HttpAnswer, PASSWORD, basic, container::docker, exchange, parse, request, until};
use serde_json::{Value, json};

use crate::project::{Project, remains};

#[test]
fn every_service_may_restart_and_nothing_stays() {
    let project = Project::new();
    project.compose(&["up", "--build", "--detach"]);
    is_healthy(&project);
    is_locked_up(&project);

    let services = project.services();
    assert_eq!(services.len(), 5, "{services:?}");
    let mut earlier = account(&project, "ada@example.org");
    for service in services {
        project.compose(&["restart", &service]);
        let later = account(&project, &format!("after-{service}@example.org"));
        // The same code is accepted again for a while, for the account that it made active.
        assert_eq!(activate(&project, &earlier).status, 200, "{earlier:?} after {service}");
        earlier = later;
    }

    // All services together, with new containers; the volumes stay.
    project.compose(&["down"]);
    project.compose(&["up", "--detach"]);
    account(&project, "grace@example.org");
    register(&project, "ada@example.org");
    let notice = text_to(&project, "ada@example.org");
    assert!(notice.contains("already an active account"), "{notice}");

    let page = caught(&project, "/").unwrap();
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");

    let name = project.name.clone();
    let all = remains(&name);
    assert_eq!(all.len(), 10, "five containers, a network, three volumes, an image: {all:?}");
    drop(project);
    assert_eq!(remains(&name), Vec::<String>::new());
}

#[test]
fn test_that_fails_leaves_nothing() {
    let project = Project::new();
    let name = project.name.clone();
    let failed = panic::catch_unwind(move || {
        project.compose(&["up", "--detach", "redis"]);
        assert!(remains(&project.name).is_empty(), "it fails on purpose");
    });
    assert!(failed.is_err());
    assert_eq!(remains(&name), Vec::<String>::new());
}

/// Waits until every service is ready.
fn is_healthy(project: &Project) {
    for service in ["app", "mysql", "redis", "mail"] {
        let status = || project.inspect(service, "{{.State.Health.Status}}");
        until(service, || (status() == "healthy").then_some(()));
    }
    assert_eq!(project.inspect("keys", "{{.State.Status}} {{.State.ExitCode}}"), "exited 0");
}

/// Checks what a container could do if an attacker controlled it.
fn is_locked_up(project: &Project) {
    let template =
        "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}";
    assert_eq!(project.inspect("app", template), "65532:65532 true [ALL] [no-new-privileges:true]");
    for service in ["app", "mysql", "redis"] {
        let processes = docker(&["top", &project.container(service), "-eo", "pid,uid"]);
        assert!(processes.lines().skip(1).all(|line| !line.ends_with(" 0")), "{service}: {processes}");
    }
    for service in project.services() {
        let template = "{{range .HostConfig.PortBindings}}{{range .}}{{.HostIp}} {{end}}{{end}}";
        let addresses = project.inspect(&service, template);
        assert!(addresses.split_whitespace().all(|ip| ip == "127.0.0.1"), "{service}: {addresses}");
        // A volume without a name would outlive the container.
        let volumes = project.inspect(&service, "{{range .Mounts}}{{.Name}} {{end}}");
        assert!(
            volumes.split_whitespace().all(|name| name.starts_with(&project.name)),
            "{service}: {volumes}"
        );
    }
    let (program, others): (Vec<_>, Vec<_>) =
        files(project).into_iter().partition(|(name, _)| name == "auth-http");
    assert_eq!(program.len(), 1);
    assert!(others.iter().all(|(name, _)| name.contains(".so")), "more than libraries: {others:?}");
    // The program's size depends on the profile that it was built with.
    let libraries: u64 = others.iter().map(|(_, size)| size).sum();
    assert!(libraries < 10_000_000, "{others:?}");
}

/// Returns the names and sizes in bytes of the app's files, without those that the engine puts into every container.
fn files(project: &Project) -> Vec<(String, u64)> {
    let mut export = Command::new("docker")
        .args(["export", &project.container("app")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let list = Command::new("tar").arg("-tv").stdin(export.stdout.take().unwrap()).output().unwrap();
    assert!(list.status.success() && export.wait().unwrap().success(), "{list:?}");
    let of_the_engine = |name: &str| {
        name.ends_with('/') || name == ".dockerenv" || ["dev/", "etc/"].iter().any(|f| name.starts_with(f))
    };
    // Mode, owner, size, date, time, name.
    let file = |line: &str| {
        let mut words = line.split_whitespace();
        let size = words.nth(2)?.parse().ok()?;
        Some((words.nth(2)?.to_owned(), size))
    };
    let lines = String::from_utf8(list.stdout).unwrap();
    let files = lines.lines().map(|line| file(line).unwrap_or_else(|| panic!("no size and name in {line}")));
    files.filter(|(name, _)| !of_the_engine(name)).collect()
}

/// An active account, with the code that activated it.
#[derive(Debug)]
struct Active {
    address: String,
    code: String,
}

/// Registers, reads the mail and activates.
fn account(project: &Project, address: &str) -> Active {
    register(project, address);
    let text = text_to(project, address);
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    let code = text.lines().find(is_code).unwrap_or_else(|| panic!("no code in {text}")).to_owned();
    let account = Active { address: address.to_owned(), code };
    let answer = activate(project, &account);
    assert_eq!(answer.status, 200, "{answer:?}");
    account
}

fn register(project: &Project, address: &str) {
    let body = json!({ "email": address, "password": PASSWORD });
    let answer = post(project, "/v1/register", &[], &body);
    assert_eq!(answer.status, 202, "{answer:?}");
}

fn activate(project: &Project, account: &Active) -> HttpAnswer {
    let authorization = basic(&account.address, PASSWORD);
    post(project, "/v1/activate", &[("Authorization", &authorization)], &json!({ "code": account.code }))
}

/// Posts until the answer is not 503: then a client may try again.
fn post(project: &Project, path: &str, headers: &[(&str, &str)], body: &Value) -> HttpAnswer {
    let headers = [&[("Content-Type", "application/json")], headers].concat();
    let app = project.container("app");
    until(path, || {
        // The health check first, as a load balancer would do; it counts against no rate limit.
        let ready =
            Command::new("docker").args(["exec", &app, "/auth-http", "healthcheck"]).output().unwrap();
        let answer = || request(&project.app, "POST", path, &headers, body.to_string().as_bytes());
        ready.status.success().then(answer).filter(|answer| answer.status != 503)
    })
}

/// Waits for a mail to an address; returns the newest one's text.
fn text_to(project: &Project, address: &str) -> String {
    until(&format!("a mail to {address}"), || {
        let list = caught(project, "/api/v1/messages")?.json();
        let is_to = |mail: &&Value| mail["To"][0]["Address"] == address;
        let id = list["messages"].as_array().unwrap().iter().find(is_to)?["ID"].as_str().unwrap().to_owned();
        let mail = caught(project, &format!("/api/v1/message/{id}"))?.json();
        Some(mail["Text"].as_str().unwrap().to_owned())
    })
}

/// Asks the mail catcher; returns none while it starts.
fn caught(project: &Project, path: &str) -> Option<HttpAnswer> {
    // HTTP/1.0, so that the body comes in one piece.
    let bytes = exchange(&project.mail, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
    (!bytes.is_empty()).then(|| parse(&bytes))
}
