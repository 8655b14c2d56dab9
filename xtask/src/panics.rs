//! `panics`: looks for paths from the entries of auth-core to a panic, in the compiled code of
//! `auth-core/probe`, and compares them with the recorded ones: each entry with its path, if there is one. The
//! probe has three of its own, which must be found.
//!
//! Running out of memory is not a defect of the core, so the functions that report it are not followed. A false length
//! would be a defect and ends there, too: their callers are recorded as well, so that a new one is reviewed.

mod uncalled;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{DataKind, ExternalKind, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

use crate::recorded::Recorded;
use crate::shell::{Shell, line};
use crate::test::{StepResult, targets};

const RECORDED: Recorded =
    Recorded { path: "auth-core/panics.txt", advice: "cargo xtask panics --record, after a review" };
const API: &str = "auth-core/public-api.txt";
const PROBE: &str = "auth-core/probe/src/lib.rs";
/// The functions that end a program that is out of memory.
const OUT_OF_MEMORY: [&str; 3] =
    ["alloc::raw_vec::handle_error", "alloc::raw_vec::capacity_overflow", "alloc::alloc::handle_alloc_error"];

#[derive(clap::Args)]
pub(crate) struct PanicsArgs {
    /// Record what is found now
    #[arg(long)]
    record: bool,
}

pub(crate) fn run(shell: &Shell, options: &PanicsArgs) -> Result<ExitCode> {
    targets(shell)?;
    RECORDED.record_or_compare(shell, &ways(shell)?, options.record)
}

/// Runs the comparison as a step of the tests.
pub(crate) fn step(shell: &Shell) -> Result<StepResult> {
    Ok(RECORDED.step(shell, &ways(shell)?))
}

/// Builds the probe and returns a line for each entry.
fn ways(shell: &Shell) -> Result<String> {
    let read =
        |path: &str| fs::read_to_string(shell.root.join(path)).with_context(|| format!("cannot read {path}"));
    let (api, probe) = (read(API)?, read(PROBE)?);
    let uncalled = uncalled::uncalled(&api, &probe);
    ensure!(uncalled.is_empty(), "{PROBE} does not call:\n{}", uncalled.join("\n"));
    let cargo = |command: &str| {
        let mut cargo = shell.cargo(&[command, "--locked", "-p", "auth-probe", "--profile", "panics"]);
        cargo.args(["--target", "wasm32v1-none"]);
        cargo
    };
    // The other lints find nothing to check on the host's own target.
    let mut lint = cargo("clippy");
    lint.args(["--", "-D", "warnings"]);
    for mut command in [lint, cargo("build")] {
        if !shell.run(&mut command)? {
            bail!("{}", line(&command));
        }
    }
    if shell.dry_run {
        return Ok(String::new());
    }
    let built = shell.target().join("wasm32v1-none/panics/auth_probe.wasm");
    let graph = Graph::read(&fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?)?;
    let mut lines = String::new();
    let mut panicking = 0;
    for (name, entry) in &graph.entries {
        let way = graph.way(*entry);
        panicking += usize::from(way.is_some());
        lines += &format!("{name}: {}\n", way.as_deref().unwrap_or("never"));
    }
    for name in graph.short_of_memory() {
        lines += &format!("for want of memory: {name}\n");
    }
    println!("{} entries, {panicking} of them may panic", graph.entries.len());
    Ok(lines)
}

/// The functions and their calls.
#[derive(Default)]
struct Graph {
    entries: BTreeMap<String, u32>,
    names: BTreeMap<u32, String>,
    /// The calls of each function, with the last constant before each: for a panic, its place in the source.
    calls: BTreeMap<u32, Vec<(u32, u32)>>,
    data: Vec<(usize, Vec<u8>)>,
    /// Functions with calls whose target cannot be known here.
    blind: Vec<u32>,
    /// The imports in which a panic ends.
    panicked: Vec<u32>,
}

impl Graph {
    #[expect(clippy::wildcard_enum_match_arm, reason = "hundreds of instructions, of which these call")]
    fn read(wasm: &[u8]) -> Result<Self> {
        let (mut graph, mut imported) = (Self::default(), 0);
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        ensure!(matches!(import.ty, TypeRef::Func(_)), "only functions are imported");
                        if import.name == "panicked" {
                            graph.panicked.push(imported);
                        }
                        imported += 1;
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            graph.entries.insert(export.name.to_owned(), export.index);
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let function = imported + u32::try_from(graph.calls.len())?;
                    let (mut calls, mut constant) = (Vec::new(), 0);
                    for operator in body.get_operators_reader()? {
                        match operator? {
                            Operator::I32Const { value } => constant = value.cast_unsigned(),
                            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                                calls.push((function_index, constant))
                            }
                            Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => {
                                graph.blind.push(function)
                            }
                            _ => {}
                        }
                    }
                    graph.calls.insert(function, calls);
                }
                Payload::DataSection(data) => {
                    for segment in data {
                        let segment = segment?;
                        if let DataKind::Active { offset_expr, .. } = segment.kind
                            && let Operator::I32Const { value } = offset_expr.get_operators_reader().read()?
                        {
                            graph.data.push((value.cast_unsigned() as usize, segment.data.to_vec()));
                        }
                    }
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(names) = section.as_known() {
                        graph.take_names(names)?;
                    }
                }
                _ => {}
            }
        }
        ensure!(!graph.panicked.is_empty(), "the probe's panic handler is missing: nothing could be found");
        ensure!(!graph.names.is_empty(), "the probe has no names");
        Ok(graph)
    }

    fn take_names(&mut self, names: wasmparser::NameSectionReader<'_>) -> Result<()> {
        for name in names {
            if let Name::Function(functions) = name? {
                for naming in functions {
                    let naming = naming?;
                    self.names.insert(naming.index, format!("{:#}", rustc_demangle::demangle(naming.name)));
                }
            }
        }
        Ok(())
    }

    fn name(&self, function: u32) -> &str {
        self.names.get(&function).map_or("?", String::as_str)
    }

    /// Returns the functions that end the program when it is out of memory, or because of an impossible length.
    fn short_of_memory(&self) -> BTreeSet<&str> {
        let ends = |function: &u32| OUT_OF_MEMORY.contains(&self.name(*function));
        let calls = self.calls.iter().filter(|(function, _)| !ends(function));
        calls
            .filter(|(_, called)| called.iter().any(|(called, _)| ends(called)))
            .map(|(function, _)| self.name(*function))
            .collect()
    }

    /// Returns the shortest path from an entry to a panic, or to a call that cannot be followed.
    fn way(&self, entry: u32) -> Option<String> {
        let mut from = BTreeMap::from([(entry, entry)]);
        let mut queue = VecDeque::from([entry]);
        while let Some(function) = queue.pop_front() {
            if OUT_OF_MEMORY.contains(&self.name(function)) {
                continue;
            }
            if self.panicked.contains(&function) {
                return Some(self.told(function, &from));
            }
            if self.blind.contains(&function) {
                let way = [self.told(function, &from), "what cannot be known".to_owned()];
                return Some(way.join(" -> ").trim_start_matches(" -> ").to_owned());
            }
            for &(called, _) in self.calls.get(&function).into_iter().flatten() {
                from.entry(called).or_insert_with(|| {
                    queue.push_back(called);
                    function
                });
            }
        }
        None
    }

    fn told(&self, last: u32, from: &BTreeMap<u32, u32>) -> String {
        let (mut way, mut function) = (vec![self.name(last)], last);
        while let Some(&before) = from.get(&function).filter(|&&before| before != function) {
            if let Some(place) = self.place(before, function) {
                println!("{} panics at {place}", self.name(before));
            }
            way.push(self.name(before));
            function = before;
        }
        way.reverse();
        way[1..].join(" -> ")
    }

    /// Returns where in the source a function panics by calling another one: the constant is a `core::panic::Location`,
    /// which is address and length of the file's name, line and column.
    fn place(&self, function: u32, called: u32) -> Option<String> {
        let (_, constant) = self.calls.get(&function)?.iter().find(|(other, _)| *other == called)?;
        let word = |at: usize| Some(u32::from_le_bytes(self.bytes(at, 4)?.try_into().ok()?) as usize);
        let location = *constant as usize;
        let (file, len, line) = (word(location)?, word(location + 4)?, word(location + 8)?);
        let file = str::from_utf8(self.bytes(file, len)?).ok().filter(|file| file.ends_with(".rs"))?;
        Some(format!("{file}:{line}"))
    }

    fn bytes(&self, at: usize, len: usize) -> Option<&[u8]> {
        self.data.iter().find_map(|(offset, data)| {
            let begin = at.checked_sub(*offset)?;
            data.get(begin..begin.checked_add(len)?)
        })
    }
}
