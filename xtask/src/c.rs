//! `c`: builds auth-core as a static and a shared library, compares its header with the recorded one and with what the
//! shared library exports, and runs the hosts of `examples/c`, which are compiled with every warning as an error and
//! with the compiler's sanitizers.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::apt;
use crate::recorded::Recorded;
use crate::shell::{Shell, line, on_path};
use crate::test::{StepResult, registers_a_person};

pub(crate) const STATIC: &str = "libauth_core.a";
pub(crate) const SHARED: &str = "libauth_core.so";
pub(crate) const HEADER: Recorded =
    Recorded { path: "auth-c/include/auth_core.h", advice: "cargo xtask c --record" };
const PACKAGES: [&str; 3] = ["gcc", "libc6-dev", "libssl-dev"];
/// The system libraries that a static library of Rust needs, as `rustc --print native-static-libs` says for Linux.
const LIBRARIES: [&str; 6] = ["-lcrypto", "-lgcc_s", "-lrt", "-lpthread", "-lm", "-ldl"];
const STRICT: [&str; 8] = [
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Werror",
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
];

#[derive(clap::Args)]
pub(crate) struct CArgs {
    /// Record the header as it is now
    #[arg(long)]
    record: bool,
}

pub(crate) fn run(shell: &Shell, options: &CArgs) -> Result<ExitCode> {
    if let Some(advice) = missing(shell)? {
        bail!("a C compiler or OpenSSL's header is missing: {advice}");
    }
    build_and_check(shell, options.record)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the command as a step of the tests.
pub(crate) fn step(shell: &Shell) -> Result<StepResult> {
    if let Some(advice) = missing(shell)? {
        return Ok(StepResult::Incomplete(advice));
    }
    build_and_check(shell, false)?;
    Ok(StepResult::Passed)
}

fn missing(shell: &Shell) -> Result<Option<String>> {
    let finds = ["-fsyntax-only", "-include", "openssl/rand.h", "-x", "c", "/dev/null"];
    apt::provide(shell, &PACKAGES, || on_path("cc") && shell.succeeds("cc", &finds))
}

fn build_and_check(shell: &Shell, record: bool) -> Result<()> {
    build(shell, record)?;
    let replays = [compile(shell, "replay", STATIC)?, compile(shell, "replay", SHARED)?];
    let register = compile(shell, "register", STATIC)?;
    if shell.dry_run {
        return Ok(());
    }
    let scripts = scripts(&shell.root.join("auth-core/scripts"))?;
    for replay in replays {
        feed(shell, &replay, &scripts)?;
    }
    registers_a_person(|arguments| shell.command(&register.to_string_lossy(), arguments))
}

/// Builds both libraries under the names that a release gives them, and checks that header and exports agree.
pub(crate) fn build(shell: &Shell, record: bool) -> Result<()> {
    let mut build = shell.cargo(&["build", "--locked", "--release", "-p", "auth-c"]);
    build.env("RUSTFLAGS", shell.portable());
    if !shell.run(&mut build)? {
        bail!("{}", line(&build));
    }
    check_header(shell, record)?;
    if shell.dry_run {
        return Ok(());
    }
    let folder = folder(shell);
    fs::create_dir_all(&folder)?;
    for (built, name) in [("libauth_core_c.a", STATIC), ("libauth_core_c.so", SHARED)] {
        let built = shell.target().join("release").join(built);
        fs::copy(&built, folder.join(name)).with_context(|| format!("cannot copy {}", built.display()))?;
    }
    check_exports(shell)
}

/// Returns the folder in which `build` leaves the libraries.
pub(crate) fn folder(shell: &Shell) -> PathBuf {
    shell.target().join("c")
}

fn check_header(shell: &Shell, record: bool) -> Result<()> {
    let folder = shell.root.join("auth-c");
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
    let made = cbindgen::Builder::new().with_crate(&folder).with_config(config).generate()?;
    let mut header = Vec::new();
    made.write(&mut header);
    let header = String::from_utf8(header)?;
    if record {
        HEADER.record_or_compare(shell, &header, record)?;
    }
    ensure!(HEADER.holds(shell, &header), "{} differs: run `{}`", HEADER.path, HEADER.advice);
    Ok(())
}

/// Checks that the shared library exports what the header declares, and nothing else.
fn check_exports(shell: &Shell) -> Result<()> {
    let library = folder(shell).join(SHARED);
    let options = ["--dynamic", "--defined-only", "--just-symbols"];
    let symbols = shell.ask("nm", &[&options[..], &[&library.to_string_lossy()]].concat())?;
    let exports: BTreeSet<&str> = symbols.lines().collect();
    let header = fs::read_to_string(shell.root.join(HEADER.path))?;
    let code = header.lines().filter(|line| !line.trim_start().starts_with("//"));
    let declared: BTreeSet<&str> = code
        .filter_map(|line| line.split_once('(')?.0.split([' ', '*']).next_back())
        .filter(|name| name.starts_with("auth_"))
        .collect();
    ensure!(exports == declared, "{SHARED} exports {exports:?}, the header declares {declared:?}");
    Ok(())
}

/// Compiles an example and links it with one of the libraries.
fn compile(shell: &Shell, name: &str, library: &str) -> Result<PathBuf> {
    let program = folder(shell).join(format!("{name}-with-{library}"));
    let mut cc = shell.command("cc", &STRICT);
    cc.args(["-Iauth-c/include", &format!("examples/c/{name}.c"), "-o"]).arg(&program);
    cc.arg(folder(shell).join(library)).args(LIBRARIES).arg("-Wl,-rpath,$ORIGIN");
    if !shell.run(&mut cc)? {
        bail!("{}", line(&cc));
    }
    Ok(program)
}

/// Writes all scripts as `replay.c` reads them: a word and bytes per line.
fn scripts(folder: &Path) -> Result<String> {
    let mut lines = String::new();
    for file in fs::read_dir(folder)? {
        let script: Value = serde_json::from_slice(&fs::read(file?.path())?)?;
        let hex = |value: &Value| value.as_str().map(str::to_owned).context("bytes are text");
        let keys = script["code_keys"].as_array().context("keys are a list")?;
        let mut tell = |word: &str, text: &str| lines += &format!("{word} {text}\n");
        tell("policy", &script["policy"].to_string());
        tell("keys", &keys.iter().map(hex).collect::<Result<String>>()?);
        tell("input", &hex(&script["input_wire"])?);
        for step in script["steps"].as_array().context("steps are a list")? {
            tell("order", &hex(&step["order_wire"])?);
            tell("answer", &hex(&step["answer_wire"])?);
        }
        tell("outcome", &hex(&script["outcome_wire"])?);
        tell("snapshot", &hex(&script["snapshot"])?);
    }
    Ok(lines)
}

fn feed(shell: &Shell, replay: &Path, lines: &str) -> Result<()> {
    let mut command = Command::new("timeout");
    command.arg("120").arg(replay);
    println!("$ {}", line(&command));
    let mut program =
        command.current_dir(&shell.root).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = program.stdin.take().context("its input is a pipe")?;
    input.write_all(lines.as_bytes()).context("replay ended early, see above")?;
    drop(input);
    let output = program.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    ensure!(output.status.success(), "replay ended with {}", output.status);
    let replayed: usize = text.split(' ').next().unwrap_or_default().parse().context("it counts")?;
    ensure!(replayed >= 100, "only {replayed} scripts");
    Ok(())
}
