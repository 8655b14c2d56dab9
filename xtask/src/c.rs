//! `c`: builds auth-core as a static library, compares its header with the recorded one, and runs the hosts of
//! `examples/c`, which are compiled with every warning an error and watched by the compiler's sanitizers.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::apt;
use crate::recorded::Recorded;
use crate::shell::{Shell, line, on_path};
use crate::test::{Conversation, Outcome};

const HEADER: Recorded = Recorded { path: "auth-c/include/auth_core.h", advice: "cargo xtask c --record" };
const PACKAGES: [&str; 3] = ["gcc", "libc6-dev", "libssl-dev"];
/// What a static library of Rust wants of the system, as `rustc --print native-static-libs` says for Linux.
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
pub(crate) struct Options {
    /// Record the header as it is now
    #[arg(long)]
    record: bool,
}

pub(crate) fn run(shell: &Shell, options: &Options) -> Result<ExitCode> {
    if let Some(advice) = missing(shell)? {
        bail!("a C compiler or OpenSSL's header is missing: {advice}");
    }
    build_and_check(shell, options.record)?;
    Ok(ExitCode::SUCCESS)
}

/// The same as a step of the tests.
pub(crate) fn step(shell: &Shell) -> Result<Outcome> {
    if let Some(advice) = missing(shell)? {
        return Ok(Outcome::Incomplete(advice));
    }
    build_and_check(shell, false)?;
    Ok(Outcome::Passed)
}

fn missing(shell: &Shell) -> Result<Option<String>> {
    let finds = ["-fsyntax-only", "-include", "openssl/rand.h", "-x", "c", "/dev/null"];
    apt::provide(shell, &PACKAGES, || on_path("cc") && shell.succeeds("cc", &finds))
}

fn build_and_check(shell: &Shell, record: bool) -> Result<()> {
    let mut build = shell.cargo(&["build", "--locked", "--release", "-p", "auth-c"]);
    if !shell.run(&mut build)? {
        bail!("{}", line(&build));
    }
    check_header(shell, record)?;
    let replay = compile(shell, "replay")?;
    let register = compile(shell, "register")?;
    if shell.dry_run {
        return Ok(());
    }
    feed(shell, &replay, &scripts(&shell.root.join("auth-core/scripts"))?)?;
    as_a_person(shell, &register)
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
    ensure!(HEADER.holds(shell, &header), "{} is another one: run `{}`", HEADER.path, HEADER.advice);
    Ok(())
}

fn compile(shell: &Shell, name: &str) -> Result<PathBuf> {
    let program = shell.target().join("c").join(name);
    fs::create_dir_all(shell.target().join("c"))?;
    let mut cc = shell.command("cc", &STRICT);
    cc.args(["-Iauth-c/include", &format!("examples/c/{name}.c"), "-o"]).arg(&program);
    cc.arg(shell.target().join("release/libauth_core_c.a")).args(LIBRARIES);
    if !shell.run(&mut cc)? {
        bail!("{}", line(&cc));
    }
    Ok(program)
}

/// Writes all scripts as `replay.c` reads them: a word and octets a line.
fn scripts(folder: &Path) -> Result<String> {
    let mut lines = String::new();
    for file in fs::read_dir(folder)? {
        let script: Value = serde_json::from_slice(&fs::read(file?.path())?)?;
        let hex = |value: &Value| value.as_str().map(str::to_owned).context("octets are text");
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

fn as_a_person(shell: &Shell, register: &Path) -> Result<()> {
    let mut command =
        shell.command(&register.to_string_lossy(), &["Ada@example.org", "correct-horse-battery"]);
    let mut person = Conversation::start(&mut command)?;
    ensure!(person.line()? == "accepted", "it is registered");
    let mail = person.line()?;
    let code = mail.strip_prefix("mail to Ada@example.org: ").context("a mail came")?.to_owned();
    let wrong = format!("{:06}", (code.parse::<u32>()? + 1) % 1_000_000);
    for (typed, told) in [
        ("12", "a code has six digits"),
        (wrong.as_str(), "refused"),
        (code.as_str(), "activated"),
        (code.as_str(), "activated"),
    ] {
        ensure!(person.does(typed)? == told, "{told} was expected");
    }
    person.ends()?;
    let weak = shell.command(&register.to_string_lossy(), &["ada@example.org", "short"]).output()?;
    let refused = weak.status.code() == Some(1) && weak.stderr == b"the password is too weak\n";
    ensure!(refused, "a short password is refused, not {weak:?}");
    Ok(())
}
