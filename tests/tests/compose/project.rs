//! One run of docker-compose.yml under its own name, and its end: also when a test panics,
//! nothing of it remains but the layers from which the next build starts.

use std::{
    env,
    path::Path,
    process::{self, Command},
    sync::atomic::{AtomicU16, Ordering},
    thread,
};

use auth_tests::container::{docker, free_port};

/// The prefix of every project's name; the number after it is the process that owns it.
const NAME: &str = "auth-test-";
/// The label that Compose gives to everything that it makes.
const LABEL: &str = "com.docker.compose.project";
const KINDS: [&[&str]; 3] = [&["ps", "--all"], &["network", "ls"], &["volume", "ls"]];
const DOWN: [&str; 5] = ["down", "--volumes", "--remove-orphans", "--timeout", "5"];

/// The services that Compose made from the file, or from a part of it. Dropping this removes them.
pub(crate) struct Project {
    pub(crate) name: String,
    /// The URL of the app.
    pub(crate) app: String,
    /// The URL of the page of mails.
    pub(crate) mail: String,
}

impl Project {
    /// Returns an empty project; removes those whose process has ended.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU16 = AtomicU16::new(0);
        sweep();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let [app, mail] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
        Self { name: format!("{NAME}{}-{count}", process::id()), app, mail }
    }

    /// Runs a command of Compose on it; returns its output.
    pub(crate) fn compose(&self, arguments: &[&str]) -> String {
        let port = |authority: &str| authority.rsplit_once(':').unwrap().1.to_owned();
        let ports = [("AUTH_PORT", port(&self.app)), ("AUTH_MAIL_PORT", port(&self.mail))];
        let (done, printed) = compose(&self.name, &ports, arguments);
        assert!(done, "{arguments:?} of {}:\n{printed}", self.name);
        printed
    }

    /// Returns the names of all services.
    pub(crate) fn services(&self) -> Vec<String> {
        lines(&self.compose(&["config", "--services"]))
    }

    /// Returns the id of a service's container.
    pub(crate) fn container(&self, service: &str) -> String {
        let filter = format!("label=com.docker.compose.service={service}");
        let found = list(&self.name, &["ps", "--all", "--filter", &filter]);
        assert_eq!(found.len(), 1, "one container of {service}: {found:?}");
        found[0].clone()
    }

    /// Returns the engine's data about a service's container, by a template.
    pub(crate) fn inspect(&self, service: &str, template: &str) -> String {
        docker(&["inspect", "--format", template, &self.container(service)]).trim().to_owned()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if thread::panicking() {
            // The logs of its services are about to be removed.
            eprintln!("{}", compose(&self.name, &[], &["logs", "--no-color", "--tail", "60"]).1);
        }
        take_down(&self.name);
    }
}

/// Removes everything of a project, and the images under its name. A failure shows in `remains`: the
/// caller may be panicking already.
fn take_down(name: &str) {
    let (done, printed) = compose(name, &[], &DOWN);
    // Not by `--rmi local`: Compose 2 keeps images that the old builder made.
    let removed = images(name).into_iter().all(|image| {
        Command::new("docker")
            .args(["image", "rm", &image])
            .output()
            .is_ok_and(|output| output.status.success())
    });
    if !done || !removed {
        eprintln!("{name} was not removed: {printed}");
    }
}

/// Returns everything that exists of a project: containers, networks, volumes, and images under its name.
pub(crate) fn remains(name: &str) -> Vec<String> {
    KINDS.into_iter().flat_map(|kind| list(name, kind)).chain(images(name)).collect()
}

/// Returns the ids of everything of one kind in a project.
fn list(name: &str, kind: &[&str]) -> Vec<String> {
    let filter = format!("label={LABEL}={name}");
    lines(&docker(&[kind, &["--quiet", "--filter", &filter]].concat()))
}

/// Returns the images under a name: Compose 1 calls them `name_service`, Compose 2 `name-service`.
fn images(name: &str) -> Vec<String> {
    let all = lines(&docker(&["images", "--format", "{{.Repository}}"]));
    all.into_iter()
        .filter(|image| image.strip_prefix(name).is_some_and(|rest| rest.starts_with(['_', '-'])))
        .collect()
}

/// Removes projects whose process has ended without doing so.
fn sweep() {
    let format = format!("{{{{.Label \"{LABEL}\"}}}}");
    let found = KINDS.map(|kind| docker(&[kind, &["--format", &format]].concat())).concat();
    let mut names = lines(&found);
    names.sort();
    names.dedup();
    for name in names {
        let owner = name.strip_prefix(NAME).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            take_down(&name);
        }
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Runs Compose in the repository's root; returns whether it succeeded, and its output.
fn compose(name: &str, environment: &[(&str, String)], arguments: &[&str]) -> (bool, String) {
    let mut command = program();
    command.args(["--project-name", name]).args(arguments);
    command.envs(environment.iter().map(|(key, value)| (key, value)));
    let output = command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).output().unwrap();
    let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        printed += &String::from_utf8_lossy(&output.stderr);
    }
    (output.status.success(), printed)
}

/// Returns this machine's Compose: the engine client's own, or the older program.
fn program() -> Command {
    let mut newer = Command::new("docker");
    newer.arg("compose");
    let version = Command::new("docker").args(["compose", "version"]).output();
    if version.is_ok_and(|output| output.status.success()) {
        return newer;
    }
    let mut folders =
        env::var_os("PATH").into_iter().flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let older = "docker-compose";
    assert!(
        folders.any(|folder| folder.join(older).is_file()),
        "neither `docker compose` nor `docker-compose` is here: install one of them"
    );
    Command::new(older)
}
