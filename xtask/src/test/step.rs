//! The steps of `test`: their order, and what each needs of the others and of the machine.

use super::prepare::Part;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Step {
    Setup,
    Format,
    Tidy,
    Lint,
    Targets,
    Unit,
    Doc,
    Package,
    Api,
    Panics,
    Counts,
    Server,
    Integration,
    Browser,
    Client,
    Component,
    Python,
    C,
    Deny,
    Servers,
    Mysql,
    Mariadb,
    Faults,
    Firmware,
    Wasmtime,
    Dist,
    Node,
    Playground,
    Compose,
}

/// A requirement of a step on the machine. `--without` leaves out the steps that have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Want {
    #[value(skip)]
    Targets,
    Browser,
    Wasmtime,
    Python,
    Node,
    Qemu,
    Valgrind,
    C,
    /// A container engine: `--embedded`.
    #[value(skip)]
    Engine,
}

/// The description of a step before it runs.
struct Spec {
    step: Step,
    about: &'static str,
    /// The steps whose results this one needs.
    needs: &'static [Step],
    wants: &'static [Want],
    /// The part that it needs of what is prepared in the background.
    prepared: Option<Part>,
}

impl Spec {
    const fn new(step: Step, about: &'static str) -> Self {
        Self { step, about, needs: &[], wants: &[], prepared: None }
    }

    const fn needs(self, needs: &'static [Step]) -> Self {
        Self { needs, ..self }
    }

    const fn wants(self, wants: &'static [Want]) -> Self {
        Self { wants, ..self }
    }

    const fn prepared(self, part: Part) -> Self {
        Self { prepared: Some(part), ..self }
    }
}

const TARGETS: &[Want] = &[Want::Targets];
const ENGINE: &[Want] = &[Want::Engine];
const BOTH_SERVERS: &[Step] = &[Step::Server, Step::Servers];

/// The steps in the order in which they run: those that fail fast first, those prepared in the background last.
const SPECS: [Spec; 29] = [
    Spec::new(Step::Setup, "add the rustup targets and the browser where they are missing"),
    Spec::new(Step::Format, "formatting, by rustfmt"),
    Spec::new(Step::Tidy, "invariants of the architecture and the documentation"),
    Spec::new(Step::Lint, "clippy, warnings are errors, with and without features"),
    Spec::new(Step::Targets, "the core built for targets without an operating system").wants(TARGETS),
    Spec::new(Step::Unit, "unit tests of the core, the server and xtask, and the Rust hosts"),
    Spec::new(Step::Doc, "doc tests, and the docs built with warnings as errors"),
    Spec::new(Step::Package, "what a release uploads: its files, its size, and that it builds on its own"),
    Spec::new(Step::Api, "the public API of auth-core, compared with the recorded one"),
    Spec::new(Step::Panics, "no entry of auth-core can reach a panic in the compiled code").wants(TARGETS),
    Spec::new(
        Step::Counts,
        "instructions and allocations of auth-core's flows, compared with the recorded ones",
    )
    .wants(&[Want::Valgrind]),
    Spec::new(Step::Server, "build the server under test, plain and with test hooks"),
    Spec::new(Step::Integration, "tests through HTTP and the mailbox, and the ports' contracts, embedded")
        .needs(&[Step::Server]),
    Spec::new(
        Step::Browser,
        "the pages for visitors, the mailbox, Swagger UI and front ends in a headless Chromium",
    )
    .needs(&[Step::Server])
    .wants(&[Want::Browser]),
    Spec::new(Step::Client, "a client generated from openapi.json, in Python, drives the server")
        .needs(&[Step::Server])
        .wants(&[Want::Python]),
    Spec::new(Step::Component, "the core as a WebAssembly component, its checks and its size").wants(TARGETS),
    Spec::new(Step::Python, "the component in wasmtime from Python: all scripts, and a host")
        .needs(&[Step::Component])
        .wants(&[Want::Python]),
    Spec::new(
        Step::C,
        "the core as a static and a shared library: its header, all scripts from C, and a host",
    )
    .wants(&[Want::C]),
    Spec::new(
        Step::Deny,
        "licences, bans and sources of all dependencies, by cargo-deny; advisories where they can be fetched",
    )
    .prepared(Part::Deny),
    Spec::new(Step::Servers, "missing images, and the servers that the run shares")
        .wants(ENGINE)
        .prepared(Part::Images),
    Spec::new(Step::Mysql, "the same tests on MySQL and Redis").needs(BOTH_SERVERS).wants(ENGINE),
    Spec::new(Step::Mariadb, "the same tests on MariaDB and Valkey").needs(BOTH_SERVERS).wants(ENGINE),
    Spec::new(Step::Faults, "real servers and nodes stopped, killed, frozen and cut off")
        .needs(BOTH_SERVERS)
        .wants(ENGINE),
    Spec::new(Step::Firmware, "the core on a Cortex-M4 under QEMU: all scripts, a host, and its size")
        .wants(&[Want::Targets, Want::Qemu])
        .prepared(Part::Firmware),
    Spec::new(
        Step::Wasmtime,
        "the component in wasmtime from Rust: all scripts, a host, and what a flow costs",
    )
    .needs(&[Step::Component])
    .wants(&[Want::Wasmtime])
    .prepared(Part::Wasmtime),
    Spec::new(Step::Dist, "the artefacts of a release, and their checksums")
        .needs(&[Step::Component])
        .prepared(Part::Playground),
    Spec::new(Step::Node, "the release's package in Node: all scripts, and a host")
        .needs(&[Step::Component, Step::Dist])
        .wants(&[Want::Node]),
    Spec::new(Step::Playground, "the component in a headless Chromium: all scripts, and its page")
        .needs(&[Step::Component])
        .wants(&[Want::Browser])
        .prepared(Part::Playground),
    Spec::new(Step::Compose, "docker-compose.yml: brought up, used, each service restarted, taken down")
        .needs(&[Step::Servers])
        .wants(ENGINE)
        .prepared(Part::App),
];

impl Step {
    fn spec(self) -> &'static Spec {
        SPECS.iter().find(|spec| spec.step == self).expect("the table has every step, as a test checks")
    }

    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    pub(crate) fn about(self) -> &'static str {
        self.spec().about
    }

    pub(crate) fn needs(self) -> &'static [Step] {
        self.spec().needs
    }

    pub(crate) fn wants(self) -> &'static [Want] {
        self.spec().wants
    }

    pub(crate) fn wants_engine(self) -> bool {
        self.wants().contains(&Want::Engine)
    }

    pub(crate) fn prepared(self) -> Option<Part> {
        self.spec().prepared
    }

    /// Returns whether `setup` installs something that it needs.
    fn wants_setup(self) -> bool {
        self.wants().iter().any(|want| [Want::Targets, Want::Browser].contains(want))
    }
}

/// Returns all steps, or the named ones and those that they need, in the order in which they run.
pub(crate) fn plan(only: &[Step]) -> Vec<Step> {
    let named = |step: Step| {
        only.is_empty() || only.contains(&step) || only.iter().any(|named| named.needs().contains(&step))
    };
    let steps: Vec<Step> = SPECS.iter().map(|spec| spec.step).filter(|&step| named(step)).collect();
    let setup = !steps.contains(&Step::Setup) && steps.iter().any(|step| step.wants_setup());
    setup.then_some(Step::Setup).into_iter().chain(steps).collect()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn nothing_named_is_every_step_once_in_the_order_of_the_type() {
        assert_eq!(plan(&[]), Step::value_variants());
    }

    #[test]
    fn a_step_comes_after_what_it_needs() {
        for (index, spec) in SPECS.iter().enumerate() {
            let before: Vec<Step> = SPECS[..index].iter().map(|spec| spec.step).collect();
            assert!(spec.needs.iter().all(|need| before.contains(need)), "{:?}", spec.step);
        }
    }

    #[test]
    fn a_step_brings_what_it_needs() {
        assert_eq!(plan(&[Step::Browser]), [Step::Setup, Step::Server, Step::Browser]);
        assert_eq!(plan(&[Step::Lint, Step::Format]), [Step::Format, Step::Lint]);
        assert_eq!(plan(&[Step::Python]), [Step::Setup, Step::Component, Step::Python]);
    }
}
