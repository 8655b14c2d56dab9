//! The steps of `test`: their names, their order and what they need of each other.

use super::prepare::Part;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Step {
    Setup,
    Format,
    Lint,
    Targets,
    Unit,
    Doc,
    Api,
    Panics,
    Server,
    Integration,
    Browser,
    Client,
    Component,
    Wasmtime,
    Python,
    Playground,
    Firmware,
    C,
    Dist,
    Node,
    Servers,
    Mysql,
    Mariadb,
    Faults,
    Compose,
    Tidy,
}

/// In the order in which they run: what is quick to fail comes first, what is prepared in the background last.
const ALL: [Step; 26] = [
    Step::Setup,
    Step::Format,
    Step::Tidy,
    Step::Lint,
    Step::Targets,
    Step::Unit,
    Step::Doc,
    Step::Api,
    Step::Panics,
    Step::Server,
    Step::Integration,
    Step::Browser,
    Step::Client,
    Step::Component,
    Step::Python,
    Step::C,
    Step::Servers,
    Step::Mysql,
    Step::Mariadb,
    Step::Faults,
    Step::Firmware,
    Step::Wasmtime,
    Step::Dist,
    Step::Node,
    Step::Playground,
    Step::Compose,
];

impl Step {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::Setup => "setup",
            Step::Format => "format",
            Step::Lint => "lint",
            Step::Targets => "targets",
            Step::Unit => "unit",
            Step::Doc => "doc",
            Step::Api => "api",
            Step::Panics => "panics",
            Step::Server => "server",
            Step::Integration => "integration",
            Step::Browser => "browser",
            Step::Client => "client",
            Step::Component => "component",
            Step::Wasmtime => "wasmtime",
            Step::Python => "python",
            Step::Playground => "playground",
            Step::Firmware => "firmware",
            Step::C => "c",
            Step::Dist => "dist",
            Step::Node => "node",
            Step::Servers => "servers",
            Step::Mysql => "mysql",
            Step::Mariadb => "mariadb",
            Step::Faults => "faults",
            Step::Compose => "compose",
            Step::Tidy => "tidy",
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Step::Setup => "add the rustup targets and the browser where they are missing",
            Step::Format => "formatting, by rustfmt",
            Step::Lint => "clippy, warnings are errors, with and without features",
            Step::Targets => "the core built for targets without an operating system",
            Step::Unit => "unit tests of the core, the server and xtask, and the Rust hosts",
            Step::Doc => "doc tests, and the docs built with warnings as errors",
            Step::Api => "the public API of auth-core, compared with the recorded one",
            Step::Panics => {
                "no way from an entry of auth-core to a panic, in what the compiler has made of it"
            }
            Step::Server => "build the server under test, plain and with test hooks",
            Step::Integration => "tests through HTTP and the mailbox, and the ports' contracts, embedded",
            Step::Browser => "the mailbox page, Swagger UI and front ends in a headless Chromium",
            Step::Client => "a client generated from openapi.json, in Python, drives the server",
            Step::Component => "the core as a WebAssembly component, checked and weighed",
            Step::Wasmtime => {
                "the component in wasmtime from Rust: all scripts, a host, and what a flow costs"
            }
            Step::Python => "the component in wasmtime from Python: all scripts, and a host",
            Step::Playground => {
                "the component in a headless Chromium: all scripts, and the page that explains it"
            }
            Step::Firmware => "the core on a Cortex-M4 under QEMU: all scripts, a host, and what it weighs",
            Step::C => {
                "the core as a C library, static and shared: its header, all scripts from C, and a host"
            }
            Step::Dist => "what a release carries, with checksums",
            Step::Node => "the package that a release carries in Node: all scripts, and a host",
            Step::Servers => "images where they are missing, and the servers that the run shares",
            Step::Mysql => "the same tests on MySQL and Redis",
            Step::Mariadb => "the same tests on MariaDB and Valkey",
            Step::Faults => "real servers and nodes stopped, killed, frozen and cut off",
            Step::Compose => "docker-compose.yml: brought up, used, each service restarted, taken down",
            Step::Tidy => "invariants of the architecture and the papers",
        }
    }

    /// Steps without whose product this one cannot start. `targets` and `browser` look for
    /// themselves at what `setup` brings: either half of it may be there without the other.
    pub(crate) fn needs(self) -> &'static [Step] {
        match self {
            Step::Integration | Step::Browser | Step::Client => &[Step::Server],
            Step::Mysql | Step::Mariadb | Step::Faults => &[Step::Server, Step::Servers],
            Step::Compose => &[Step::Servers],
            Step::Wasmtime | Step::Python | Step::Playground | Step::Dist => &[Step::Component],
            Step::Node => &[Step::Component, Step::Dist],
            Step::Setup
            | Step::Format
            | Step::Lint
            | Step::Targets
            | Step::Unit
            | Step::Doc
            | Step::Api
            | Step::Panics
            | Step::Server
            | Step::Component
            | Step::Firmware
            | Step::C
            | Step::Servers
            | Step::Tidy => &[],
        }
    }

    /// What it wants of what is prepared in the background.
    pub(crate) fn prepared(self) -> Option<Part> {
        match self {
            Step::Servers => Some(Part::Images),
            Step::Compose => Some(Part::App),
            Step::Firmware => Some(Part::Firmware),
            Step::Wasmtime => Some(Part::Wasmtime),
            Step::Dist | Step::Playground => Some(Part::Playground),
            Step::Setup
            | Step::Format
            | Step::Lint
            | Step::Targets
            | Step::Unit
            | Step::Doc
            | Step::Api
            | Step::Panics
            | Step::Server
            | Step::Integration
            | Step::Browser
            | Step::Client
            | Step::Component
            | Step::Python
            | Step::C
            | Step::Node
            | Step::Mysql
            | Step::Mariadb
            | Step::Faults
            | Step::Tidy => None,
        }
    }

    /// Whether its tests watch a running server, whose time-outs another load would reach.
    pub(crate) fn depends_on_time(self) -> bool {
        matches!(
            self,
            Step::Integration | Step::Browser | Step::Client | Step::Mysql | Step::Mariadb | Step::Faults
        )
    }

    /// Whether it needs a container engine.
    pub(crate) fn wants_engine(self) -> bool {
        matches!(self, Step::Servers | Step::Mysql | Step::Mariadb | Step::Faults | Step::Compose)
    }

    fn wants_setup(self) -> bool {
        matches!(
            self,
            Step::Targets
                | Step::Panics
                | Step::Browser
                | Step::Component
                | Step::Playground
                | Step::Firmware
        )
    }
}

/// All steps, or those named and what they need, in the order of `ALL`.
pub(crate) fn plan(only: &[Step]) -> Vec<Step> {
    let wanted = |step: Step| {
        only.is_empty()
            || only.contains(&step)
            || only.iter().any(|named| named.needs().contains(&step))
            || (step == Step::Setup
                && only
                    .iter()
                    .any(|named| named.wants_setup() || named.needs().iter().any(|need| need.wants_setup())))
    };
    ALL.into_iter().filter(|&step| wanted(step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_named_is_everything() {
        assert_eq!(plan(&[]), ALL);
    }

    #[test]
    fn a_step_brings_what_it_needs() {
        assert_eq!(plan(&[Step::Browser]), [Step::Setup, Step::Server, Step::Browser]);
        assert_eq!(plan(&[Step::Lint, Step::Format]), [Step::Format, Step::Lint]);
    }
}
