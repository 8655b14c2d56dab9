//! `images`: the container images that the tests use. Each is the one that its variable names, otherwise
//! the official one from this machine or the registry, otherwise a stand-in that is built from
//! tests/images (see the README there). Does not know which test uses which.

mod base;
mod digest;
mod env_file;

use std::collections::BTreeMap;
use std::env;
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::shell::Shell;

struct Image {
    variable: &'static str,
    /// The official image; without one the stand-in is always used.
    official: Option<&'static str>,
    /// The name of the stand-in.
    name: &'static str,
    /// The folder of its Dockerfile below `FOLDER`.
    folder: &'static str,
    /// The package whose version the stand-in reports.
    package: &'static str,
}

const IMAGES: [Image; 9] = [
    Image {
        variable: "AUTH_TEST_MYSQL_IMAGE",
        official: Some("mysql:8.4"),
        name: "mysql",
        folder: "mysql",
        package: "mysql-server-core",
    },
    Image {
        variable: "AUTH_TEST_MARIADB_IMAGE",
        official: Some("mariadb:11"),
        name: "mariadb",
        folder: "mysql",
        package: "mariadb-server-core",
    },
    Image {
        variable: "AUTH_TEST_REDIS_IMAGE",
        official: Some("redis:8"),
        name: "redis",
        folder: "redis",
        package: "redis-server",
    },
    Image {
        variable: "AUTH_TEST_VALKEY_IMAGE",
        official: Some("valkey/valkey:9"),
        name: "valkey",
        folder: "redis",
        package: "valkey-server",
    },
    Image {
        variable: "AUTH_TEST_MAILPIT_IMAGE",
        official: Some("axllent/mailpit"),
        name: "mailpit",
        folder: "mailpit",
        package: "python3-aiosmtpd",
    },
    Image {
        variable: "AUTH_TEST_NGINX_IMAGE",
        official: Some("nginx:1"),
        name: "nginx",
        folder: "nginx",
        package: "nginx",
    },
    Image {
        variable: "AUTH_TEST_BUILDER_IMAGE",
        official: Some("rust:1.95-slim-bookworm"),
        name: "builder",
        folder: "builder",
        package: "rustc",
    },
    Image {
        variable: "AUTH_TEST_POSTFIX_IMAGE",
        official: None,
        name: "postfix",
        folder: "postfix",
        package: "postfix",
    },
    Image {
        variable: "AUTH_TEST_TOOLS_IMAGE",
        official: None,
        name: "tools",
        folder: "tools",
        package: "iptables",
    },
];

const FOLDER: &str = "tests/images";

#[derive(clap::Args)]
pub(crate) struct ImagesArgs {
    /// Also note the names in .env, where Compose reads them
    #[arg(long)]
    write_env: bool,
}

pub(crate) fn run(shell: &Shell, options: &ImagesArgs) -> Result<ExitCode> {
    let images = ensure(shell)?;
    for (variable, name) in &images {
        println!("{variable}={name}");
    }
    if options.write_env && !shell.dry_run {
        env_file::write(&shell.root, &images)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns what to do about a missing container engine; none if there is one.
pub(crate) fn engine(shell: &Shell) -> Option<String> {
    let answers = shell.succeeds("docker", &["info"]);
    (!answers).then(|| {
        "no container engine answers (`docker info` fails): start Docker and see that you may talk to it (group \
         `docker`), or leave these tests out with --embedded"
            .to_owned()
    })
}

/// Brings every image to this machine. Returns the variable and the name of each.
pub(crate) fn ensure(shell: &Shell) -> Result<Vec<(&'static str, String)>> {
    if let Some(advice) = engine(shell) {
        bail!("{advice}");
    }
    let mut images = Images { shell, registry_answers: true, base: None };
    IMAGES.iter().map(|image| Ok((image.variable, images.bring(image)?))).collect()
}

/// Builds the server's image from this tree, so that Compose finds its layers.
pub(crate) fn build_app(shell: &Shell) -> Result<()> {
    let builder = ensure(shell)?.into_iter().find(|(variable, _)| *variable == "AUTH_TEST_BUILDER_IMAGE");
    let (_, builder) = builder.context("the builder is one of the images")?;
    let mut command = shell.command("docker", &["build", "--force-rm", "--cpu-shares", "128"]);
    command.args(["--tag", "auth-standin/app:latest", "--build-arg", &format!("BUILDER={builder}")]);
    command.args(["--build-arg", &format!("PROFILE={APP_PROFILE}"), "."]);
    if !shell.run(&mut command)? {
        bail!("the server's image cannot be built");
    }
    Ok(())
}

/// The profile of the server in the image that is tested. A release build takes three times as long
/// on two cores and differs in nothing else.
pub(crate) const APP_PROFILE: &str = "dev";

struct Images<'a> {
    shell: &'a Shell,
    registry_answers: bool,
    /// The name of the base image of all stand-ins, once it exists.
    base: Option<String>,
}

impl Images<'_> {
    fn bring(&mut self, image: &Image) -> Result<String> {
        if let Some(name) = env::var(image.variable).ok().filter(|name| !name.is_empty()) {
            return Ok(name);
        }
        if let Some(official) = image.official.filter(|official| is_here(self.shell, official)) {
            return Ok(official.to_owned());
        }
        // Before any pull, so that a second run asks no registry.
        let stand_in = self.name(image)?;
        if is_here(self.shell, &stand_in) {
            return Ok(stand_in);
        }
        match image.official {
            Some(official) if self.pull(official)? => Ok(official.to_owned()),
            _ => self.build(image, stand_in),
        }
    }

    /// Builds a stand-in. Its tag is a digest of what goes into the image: a changed Dockerfile is built again.
    fn name(&self, image: &Image) -> Result<String> {
        let mut parts = digest::read(&self.shell.root.join(FOLDER).join(image.folder))?;
        parts.insert("server".to_owned(), image.name.into());
        parts.insert("base".to_owned(), base::name(self.shell)?.into());
        Ok(stand_in(image.name, &parts))
    }

    /// Pulls an image, without a time limit: an engine gives up by itself on a registry that does not answer, and a
    /// download may take long on a slow line. After the first such failure no other image is pulled.
    fn pull(&mut self, official: &str) -> Result<bool> {
        if !self.registry_answers {
            return Ok(false);
        }
        println!("$ docker pull {official}");
        if self.shell.dry_run {
            return Ok(true);
        }
        let mut command = self.shell.command("docker", &["pull", official]);
        let output = command.stdout(Stdio::inherit()).stderr(Stdio::piped()).output();
        let output = output.context("cannot start `docker pull`")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        eprint!("{complaint}");
        self.registry_answers = output.status.success() || is_about_the_image(&complaint);
        Ok(output.status.success())
    }

    fn build(&mut self, image: &Image, stand_in: String) -> Result<String> {
        let base = match &self.base {
            Some(base) => base.clone(),
            None => self.base.insert(base::ensure(self.shell)?).clone(),
        };
        let why = match image.official {
            Some(official) => format!("{official} cannot be pulled"),
            None => format!("there is no official image of {}", image.name),
        };
        println!("{why}: building a stand-in from the distribution's packages");
        // `--force-rm`: the old builder would leave the container of a step that failed.
        let build = ["build", "--quiet", "--force-rm", "--tag", &stand_in];
        let mut command = self.shell.command("docker", &build);
        command.arg("--build-arg").arg(format!("BASE={base}"));
        command.arg("--build-arg").arg(format!("SERVER={}", image.name));
        command.arg(format!("{FOLDER}/{}", image.folder));
        if !self.shell.run(&mut command)? {
            bail!("the stand-in of {} cannot be built; name another image in {}", image.name, image.variable);
        }
        if !self.shell.dry_run {
            let version = version(self.shell, &stand_in, image.package)?;
            println!("{why}; built a stand-in with {version}: {stand_in}");
        }
        Ok(stand_in)
    }
}

fn is_here(shell: &Shell, name: &str) -> bool {
    shell.succeeds("docker", &["image", "inspect", name])
}

fn stand_in(name: &str, parts: &BTreeMap<String, Vec<u8>>) -> String {
    format!("auth-standin/{name}:{}", digest::of(parts))
}

/// Returns whether a registry answered, and refused this image alone.
fn is_about_the_image(complaint: &str) -> bool {
    ["manifest", "not found", "denied"].iter().any(|words| complaint.contains(words))
}

fn version(shell: &Shell, image: &str, package: &str) -> Result<String> {
    let query = ["-W", "-f", "${Package} ${Version}", package];
    let run = ["run", "--rm", "--entrypoint", "dpkg-query", image];
    shell.ask("docker", &[&run[..], &query].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_refuses_one_image_is_asked_for_the_next() {
        assert!(is_about_the_image("manifest for rust:0.1 not found: manifest unknown"));
        assert!(is_about_the_image("pull access denied for a/b, repository does not exist"));
        assert!(!is_about_the_image(
            "Get \"https://r.example/v2/\": dial tcp: lookup r.example: no such host"
        ));
        assert!(!is_about_the_image("net/http: request canceled while waiting for connection"));
    }

    #[test]
    fn servers_of_one_folder_have_stand_ins_of_their_own() {
        let shell = Shell::new(true).unwrap();
        let images = Images { shell: &shell, registry_answers: false, base: None };
        let names = IMAGES.map(|image| images.name(&image).unwrap());
        let distinct = names.iter().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(distinct.len(), IMAGES.len());
        assert_eq!(names[0], images.name(&IMAGES[0]).unwrap());
    }

    #[test]
    fn every_folder_has_a_dockerfile() {
        let shell = Shell::new(true).unwrap();
        for image in IMAGES {
            let dockerfile = shell.root.join(FOLDER).join(image.folder).join("Dockerfile");
            assert!(dockerfile.is_file(), "{}", dockerfile.display());
        }
    }
}
