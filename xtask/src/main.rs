//! The project's own commands, one module each. `test` is the one test command; `tidy` checks the invariants of
//! ARCHITECTURE.md that a program can check.

mod api;
mod apt;
mod bench;
mod c;
mod component;
mod counts;
mod dev;
mod dist;
mod images;
mod notices;
mod panics;
mod playground;
mod printed;
mod recorded;
mod shell;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::shell::Shell;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    /// Print the commands instead of running them
    #[arg(long, global = true)]
    dry_run: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every check and test there is, set-up included
    Test(test::TestArgs),
    /// Build what `test` needs later; `test` starts this itself
    #[command(hide = true)]
    Prepare(test::prepare::PrepareArgs),
    /// Find, pull or build the container images that the tests use, and print their names
    Images(images::ImagesArgs),
    /// Start the server from this tree, with debug logs
    Dev(dev::DevArgs),
    /// Write auth-http/openapi.json from the server's own document
    Openapi(printed::PrintedArgs),
    /// Write docs/configuration.md, and the rows of README.md, from the server's own reference
    Config(printed::PrintedArgs),
    /// Compare the public API of auth-core with the recorded one
    Api(api::ApiArgs),
    /// Build auth-core as a WebAssembly component, check it and print its size
    Component(component::ComponentArgs),
    /// Look for paths from the entries of auth-core to a panic, and compare them with the recorded ones
    Panics(panics::PanicsArgs),
    /// Count the instructions and allocations of auth-core's flows, and compare them with the recorded ones
    Counts(counts::CountsArgs),
    /// Make the page that runs the core in a browser, and print its path
    Playground,
    /// Build auth-core as a C library, static and shared, check its header and run the hosts in C
    C(c::CArgs),
    /// Measure the server beside what limits it: requests, mails, processor time, memory
    Bench(bench::BenchArgs),
    /// Let people register while one thing after another fails; check that nothing is lost and nothing grows
    Soak(bench::SoakArgs),
    /// Write the artefacts of a release: component, C library, package for Node, checksums
    Dist(dist::DistArgs),
    /// Check the invariants of ARCHITECTURE.md and the documentation
    Tidy,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = Shell::new(arguments.dry_run).and_then(|shell| match arguments.command {
        Command::Test(options) => test::run(&shell, &options),
        Command::Prepare(options) => test::prepare::run(&shell, &options),
        Command::Images(options) => images::run(&shell, &options),
        Command::Dev(options) => dev::run(&shell, &options),
        Command::Openapi(options) => printed::openapi(&shell, &options),
        Command::Config(options) => printed::config(&shell, &options),
        Command::Api(options) => api::run(&shell, &options),
        Command::Component(options) => component::run(&shell, &options),
        Command::Panics(options) => panics::run(&shell, &options),
        Command::Counts(options) => counts::run(&shell, &options),
        Command::Playground => playground::run(&shell),
        Command::Bench(options) => bench::run(&shell, &options),
        Command::Soak(options) => bench::soak(&shell, &options),
        Command::C(options) => c::run(&shell, &options),
        Command::Dist(options) => dist::run(&shell, &options),
        Command::Tidy => tidy::run(&shell),
    });
    result.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
