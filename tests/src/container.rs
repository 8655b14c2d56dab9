//! Real servers in their own containers, and the faults injected into them: stop, kill, freeze, cut off.
//!
//! Dropping the value removes the container, also when a test panics. Whatever is left of a run, even of an
//! interrupted one, is found by its label and removed. Tests that harm no server share those of the run instead:
//! `stack.rs`.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{self, Command},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use tempfile::NamedTempFile;
use testcontainers::{
    Container, ContainerRequest, GenericImage, ImageExt,
    core::{ContainerPort, Mount},
    runners::SyncRunner,
};

use crate::{
    certificates::Issued,
    stack::{reaches_mysql, server},
    until,
};

/// The label of every container of the tests; its value names the run.
pub const LABEL: &str = "auth-tests";
/// The password of every server's administrator.
pub const ROOT: &str = "canary-root-2718";

/// One server in a container. Its port on this machine survives stop and start.
pub struct Service {
    container: Container<GenericImage>,
    ports: Vec<(u16, u16)>,
}

/// A container to be started.
pub type ServiceRequest = ContainerRequest<GenericImage>;

/// Returns the name of the run: that of the process that holds the shared servers, or of this one.
pub fn run_name() -> String {
    let own = || process_name("self").unwrap_or_else(|| process::id().to_string());
    env::var("AUTH_TEST_RUN").unwrap_or_else(|_| own())
}

/// Returns a unique name of a process: ids are reused, and each container has its
/// own. None for one that has ended, or where the system does not say.
fn process_name(pid: &str) -> Option<String> {
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the program's name, which may contain anything: the 22nd field is the start time.
    let started = status.rsplit_once(')')?.1.split_whitespace().nth(19)?;
    let id = status.split(' ').next()?;
    Some(format!("{}-{id}-{started}", namespace.display()))
}

/// Returns whether a run of this machine has ended. Nothing is known about runs of others.
fn is_over(run: &str) -> bool {
    let mut parts = run.split('-');
    let (namespace, pid) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let here = fs::read_link("/proc/self/ns/pid").is_ok_and(|link| link.display().to_string() == namespace);
    here && process_name(pid).as_deref() != Some(run)
}

/// Starts a container of the image that a variable names, with these ports published on loopback.
pub fn start(
    image: (&str, &str),
    ports: &[u16],
    environment: &[(&str, &str)],
    command: &[&str],
    more: impl FnOnce(ServiceRequest) -> ServiceRequest,
) -> Service {
    let ports: Vec<(u16, u16)> = ports.iter().map(|inner| (*inner, free_port())).collect();
    let mut request = named(image)
        .with_cmd(command.iter().copied())
        .with_label(LABEL, run_name())
        .with_host_config_modifier(|config| {
            // Nobody else on the network needs these servers.
            for bindings in config.port_bindings.iter_mut().flat_map(|all| all.values_mut()).flatten() {
                bindings.iter_mut().for_each(|binding| binding.host_ip = Some("127.0.0.1".to_owned()));
            }
        });
    for (inner, outer) in &ports {
        request = request.with_mapped_port(*outer, ContainerPort::Tcp(*inner));
    }
    for (key, value) in environment {
        request = request.with_env_var(*key, *value);
    }
    let container = more(request).start().unwrap_or_else(|error| panic!("{image:?}: {error}"));
    Service { container, ports }
}

/// Returns the image that a variable names, or the official one.
pub fn named((variable, official): (&str, &str)) -> GenericImage {
    let name = env::var(variable).unwrap_or_else(|_| official.to_owned());
    // A colon may belong to a registry's port.
    let tagged = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
    let (repository, tag) = tagged.unwrap_or((&name, "latest"));
    GenericImage::new(repository, tag)
}

/// Finds a port that nobody listens on, below those that the system assigns by itself: nobody takes it in the meantime.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = process::id().wrapping_mul(97) % 10_000;
    until("a free port", || {
        let offset = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(20_000 + (base + offset) % 10_000).unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
    })
}

/// Keeps a database server's files in memory: for one that no test stops, whose disk would be waited for at each commit.
pub fn in_memory(request: ServiceRequest) -> ServiceRequest {
    request.with_mount(Mount::tmpfs_mount("/var/lib/mysql"))
}

/// Starts MySQL with these options of the server, and waits until it answers.
pub fn mysql(options: &[&str]) -> Service {
    mysql_with(options, |request| request)
}

/// Starts MySQL as `mysql` does, with more options for its container.
pub fn mysql_with(options: &[&str], more: impl FnOnce(ServiceRequest) -> ServiceRequest) -> Service {
    const SLIM: [&str; 3] = ["--performance-schema=OFF", "--mysqlx=OFF", "--skip-log-bin"];
    relational(("AUTH_TEST_MYSQL_IMAGE", "mysql:8.4"), "MYSQL", &[&SLIM, options].concat(), more)
}

/// Starts MariaDB with these options of the server, and waits until it answers.
pub fn mariadb(options: &[&str]) -> Service {
    mariadb_with(options, |request| request)
}

/// Starts MariaDB as `mariadb` does, with more options for its container.
pub fn mariadb_with(options: &[&str], more: impl FnOnce(ServiceRequest) -> ServiceRequest) -> Service {
    relational(("AUTH_TEST_MARIADB_IMAGE", "mariadb:11"), "MARIADB", options, more)
}

fn relational(
    image: (&str, &str),
    variables: &str,
    options: &[&str],
    more: impl FnOnce(ServiceRequest) -> ServiceRequest,
) -> Service {
    const COMMON: [&str; 2] = ["--innodb-buffer-pool-size=64M", "--max-connections=400"];
    let [password, host] = ["PASSWORD", "HOST"].map(|name| format!("{variables}_ROOT_{name}"));
    let environment = [(password.as_str(), ROOT), (host.as_str(), "%")];
    let service = start(image, &[3306], &environment, &[&COMMON, options].concat(), more);
    service.wait_for_mysql();
    service
}

/// Starts Redis with these options of the server, and waits until it answers.
pub fn redis(options: &[&str]) -> Service {
    keyed(("AUTH_TEST_REDIS_IMAGE", "redis:8"), "redis-server", options)
}

/// Starts Valkey with these options of the server, and waits until it answers.
pub fn valkey(options: &[&str]) -> Service {
    keyed(("AUTH_TEST_VALKEY_IMAGE", "valkey/valkey:9"), "valkey-server", options)
}

fn keyed(image: (&str, &str), server: &str, options: &[&str]) -> Service {
    let command = [&[server, "--save", ""], options].concat();
    let service = start(image, &[6379], &[], &command, |r| r);
    service.wait_for_redis();
    service
}

/// Starts nginx on this machine's own network with this configuration, and waits until it listens on `port`.
pub fn nginx(configuration: &str, port: u16) -> Service {
    const FILE: &str = "/etc/nginx/of-the-test.conf";
    let text = configuration.as_bytes().to_vec();
    // It reaches servers on loopback, and is reached there alone.
    let own = |request: ServiceRequest| request.with_network("host").with_copy_to(FILE, text);
    let command = ["nginx", "-c", FILE, "-g", "daemon off;"];
    let service = start(("AUTH_TEST_NGINX_IMAGE", "nginx:1"), &[], &[], &command, own);
    until("nginx", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok().map(drop));
    service
}

/// Starts Postfix with these variables (tests/images/README.md) and certificate, and waits for its greeting.
pub fn postfix(environment: &[(&str, &str)], certificate: Option<&Issued>) -> Service {
    let copied = |mut request: ServiceRequest| {
        if let Some(Issued { chain, key }) = certificate {
            request = request.with_copy_to("/etc/postfix/tls/cert.pem", chain.clone().into_bytes());
            request = request.with_copy_to("/etc/postfix/tls/key.pem", key.clone().into_bytes());
        }
        request
    };
    let service = start(("AUTH_TEST_POSTFIX_IMAGE", "postfix"), &[25, 465, 587], environment, &[], copied);
    let greets = || {
        let stream = TcpStream::connect(service.at(25)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        line.starts_with("220 ").then_some(())
    };
    until("Postfix's greeting", greets);
    service
}

impl Service {
    /// Returns the container's id.
    pub fn id(&self) -> &str {
        self.container.id()
    }

    /// Returns the address of a port of the server on this machine.
    pub fn at(&self, inner: u16) -> SocketAddr {
        let found = self.ports.iter().find(|(port, _)| *port == inner);
        (Ipv4Addr::LOCALHOST, found.unwrap().1).into()
    }

    /// Returns the container's own address, where dropped packets are really lost.
    pub fn inner_address(&self) -> String {
        let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        docker(&["inspect", "--format", address, self.id()]).trim().to_owned()
    }

    /// Returns the administrator's URL, without a database.
    pub fn mysql_url(&self) -> String {
        format!("mysql://root:{ROOT}@{}", self.at(3306))
    }

    /// Returns the URL of Redis or Valkey.
    pub fn redis_url(&self) -> String {
        format!("redis://{}", self.at(6379))
    }

    /// Waits until MySQL or MariaDB answers.
    pub fn wait_for_mysql(&self) {
        let url = self.mysql_url();
        until("the database server", || reaches_mysql(&url).then_some(()));
    }

    /// Waits until Redis or Valkey answers.
    pub fn wait_for_redis(&self) {
        let client = redis::Client::open(self.redis_url()).unwrap();
        let answers = || redis::cmd("PING").exec(&mut client.get_connection().ok()?).ok();
        until("the Redis server", answers);
    }

    /// Freezes it: connections stay open, and nothing answers.
    pub fn pause(&self) {
        // With cgroup v1 freezing is a matter of luck: the engine gives up after 1,000 tries, and thaws (runc#2791).
        until("the engine to freeze a service", || match try_docker(&["pause", self.id()]) {
            Err(error) if error.contains("unable to freeze") => None,
            ended => Some(ended.unwrap()),
        });
    }

    /// Lets it continue.
    pub fn unpause(&self) {
        docker(&["unpause", self.id()]);
    }

    /// Kills it (SIGKILL): it cannot write anything more.
    pub fn kill(&self) {
        docker(&["kill", self.id()]);
    }

    /// Stops it gracefully.
    pub fn stop(&self) {
        docker(&["stop", self.id()]);
    }

    /// Starts it again after `kill` or `stop`.
    pub fn start(&self) {
        docker(&["start", self.id()]);
    }

    /// Drops every packet to one of its ports, like a cut cable.
    pub fn cut_off(&self, inner: u16) {
        self.firewall("-I", inner, &["DROP"]);
    }

    /// Undoes `cut_off`.
    pub fn reconnect(&self, inner: u16) {
        self.firewall("-D", inner, &["DROP"]);
    }

    /// Answers every packet to one of its ports with a reset, as if nobody listened.
    pub fn refuse(&self, inner: u16) {
        self.firewall("-I", inner, &["REJECT", "--reject-with", "tcp-reset"]);
    }

    /// Undoes `refuse`.
    pub fn accept(&self, inner: u16) {
        self.firewall("-D", inner, &["REJECT", "--reject-with", "tcp-reset"]);
    }

    /// Changes a rule of the container's firewall, from a second container that has the right to.
    fn firewall(&self, what: &str, inner: u16, verdict: &[&str]) {
        let (network, label) = (format!("container:{}", self.id()), format!("{LABEL}={}", run_name()));
        let image = server("AUTH_TEST_TOOLS_IMAGE");
        let run = ["run", "--rm", "--label", &label, "--network", &network, "--cap-add", "NET_ADMIN", &image];
        let port = inner.to_string();
        let rule = ["iptables", what, "INPUT", "-p", "tcp", "--dport", &port, "-j"];
        docker(&[&run[..], &rule, verdict].concat());
    }

    /// Runs a command in it; returns its output.
    pub fn exec(&self, command: &[&str]) -> String {
        self.try_exec(command).unwrap()
    }

    /// Runs a command in it, which may be starting; returns its output, or why there is none.
    pub fn try_exec(&self, command: &[&str]) -> Result<String, String> {
        try_docker(&[&["exec", self.id()], command].concat())
    }

    /// Fills the disk below a folder to the last byte.
    pub fn fill(&self, folder: &str) {
        // Ends with an error by design: no space is left.
        let fill = format!("dd if=/dev/zero of={folder}/fill bs=64k 2>/dev/null; true");
        self.exec(&["sh", "-c", &fill]);
    }

    /// Frees the space again.
    pub fn empty(&self, folder: &str) {
        self.exec(&["rm", &format!("{folder}/fill")]);
    }

    /// Writes a file into it.
    pub fn copy_in(&self, path: &str, text: &str) {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        docker(&["cp", file.path().to_str().unwrap(), &format!("{}:{path}", self.id())]);
    }

    /// Returns its whole log.
    pub fn logs(&self) -> String {
        let output = Command::new("docker").args(["logs", self.id()]).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

/// Runs a command of the engine's own client; returns its output.
pub fn docker(arguments: &[&str]) -> String {
    try_docker(arguments).unwrap()
}

/// Runs a command of the engine's own client; returns its output, or its name and what it says is wrong.
fn try_docker(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("docker").args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let done = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = output.status;
    status.success().then_some(done).ok_or_else(|| format!("docker {arguments:?}: {status}: {error}"))
}

/// Removes containers, networks and volumes of this run, and of runs that have ended. Returns how many of
/// this run are left.
pub fn sweep() -> usize {
    let own = run_name();
    for (remove, id, run) in labelled() {
        if run == own || is_over(&run) {
            // Another run may remove the same; what is left of this one is counted below.
            let _ = Command::new("docker").args(remove).arg(id).output();
        }
    }
    labelled().iter().filter(|(_, _, run)| *run == own).count()
}

/// Finds everything with the label: the command that removes it, its id, its run.
fn labelled() -> Vec<(&'static [&'static str], String, String)> {
    let lists: [(&[&str], &[&str], &str); 3] = [
        (&["ps", "--all"], &["rm", "--force", "--volumes"], "ID"),
        (&["network", "ls"], &["network", "rm"], "ID"),
        (&["volume", "ls"], &["volume", "rm", "--force"], "Name"),
    ];
    let mut found = Vec::new();
    for (list, remove, name) in lists {
        let (filter, format) =
            (format!("label={LABEL}"), format!("{{{{.{name}}}}} {{{{.Label \"{LABEL}\"}}}}"));
        let lines = docker(&[list, &["--filter", &filter, "--format", &format]].concat());
        let pairs = lines.lines().filter_map(|line| line.split_once(' '));
        found.extend(pairs.map(|(id, run)| (remove, id.to_owned(), run.to_owned())));
    }
    found
}
