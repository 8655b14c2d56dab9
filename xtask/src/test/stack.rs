//! The real servers of a run: starts them once, passes their addresses to the tests, and removes them
//! at the end. `images` selects their images, the tests' `servers` starts them.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::apt;
use crate::images;
use crate::shell::{Shell, line, on_path};

/// Servers that run until this is dropped.
pub(crate) struct Servers {
    child: Option<Child>,
    environment: Vec<(String, String)>,
}

impl Servers {
    /// Builds or finds the images, starts the servers and waits until they answer.
    pub(crate) fn start(shell: &Shell) -> Result<Self> {
        let mut environment: Vec<(String, String)> =
            images::ensure(shell)?.into_iter().map(|(variable, name)| (variable.to_owned(), name)).collect();
        environment.extend(faketime(shell)?.map(|library| ("AUTH_TEST_FAKETIME".to_owned(), library)));
        let mut build = shell.cargo(&["build", "--locked", "--workspace", "--bin", "servers"]);
        if !shell.run(&mut build)? {
            bail!("{}", line(&build));
        }
        let program = shell.built.join(format!("servers{}", std::env::consts::EXE_SUFFIX));
        let mut command = Command::new(&program);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        println!("$ {}", line(&command));
        if shell.dry_run {
            return Ok(Self { child: None, environment });
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It must not get Ctrl-C: it notices the end of its input, and removes what the run has started.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let output = child.stdout.take().context("the servers' output")?;
        let mut servers = Self { child: Some(child), environment };
        for text in BufReader::new(output).lines() {
            let text = text?;
            match text.split_once('=') {
                Some((name, value)) => servers.environment.push((name.to_owned(), value.to_owned())),
                None if text.is_empty() => return Ok(servers),
                None => println!("{text}"),
            }
        }
        bail!("the servers did not start, see above");
    }

    /// Passes the servers' addresses to a command of the tests.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// Returns their names and versions, and the images of these and all other servers.
    pub(crate) fn versions(&self) -> String {
        let found = self.environment.iter().find(|(name, _)| name == "AUTH_TEST_VERSIONS");
        let versions = found.map_or("none", |(_, versions)| versions.as_str());
        let images = self.environment.iter().filter(|(name, _)| name.ends_with("_IMAGE"));
        let images: Vec<&str> = images.map(|(_, image)| image.as_str()).collect();
        format!("{versions}\nimages: {}", images.join(", "))
    }
}

/// Finds the library that gives a node a wrong clock, or installs it where that needs no prompt; the
/// tests that need it say what is missing.
fn faketime(shell: &Shell) -> Result<Option<String>> {
    let path = format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
    if !Path::new(&path).exists() && on_path("apt-get") {
        apt::install(shell, &["libfaketime"])?;
    }
    Ok(Path::new(&path).exists().then_some(path))
}

impl Drop for Servers {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // It removes its containers when its input ends.
        drop(child.stdin.take());
        match child.wait() {
            Ok(status) if status.success() => {}
            ended => eprintln!("the servers did not shut down cleanly: {ended:?}; see `docker ps`"),
        }
    }
}
