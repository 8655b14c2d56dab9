//! Encodes a component with each of its types once.
//!
//! wit-component lifts the core module's functions with types that have no names, and gives both to a component inside,
//! which imports them and exports them under their names. Here the core module moves into that component, which imports
//! nothing any more, and its functions are lifted with the types that it exports. Each type stands there once instead
//! of three times, and what is exported stays the same.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "what wit-component does not write is refused, whatever it is"
)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::mem;
use std::ops::Range;

use anyhow::{Context, Result, bail};
use wasm_encoder::reencode::{Reencode, ReencodeComponent};
use wasm_encoder::{
    CanonicalFunctionSection, Component, ComponentAliasSection, ComponentExportKind, ComponentExportSection,
    ComponentInstanceSection, ComponentSectionId, ComponentTypeSection, InstanceSection,
    NestedComponentSection, RawSection,
};
use wasmparser::{
    CanonicalFunction, CanonicalOption, Chunk, ComponentExport, ComponentExternalKind, ComponentInstance,
    ComponentType, ComponentTypeRef, ComponentTypeSectionReader, Parser, Payload,
};

/// Encodes once more what wit-component has encoded for a world that exports one interface and imports nothing.
pub(super) fn encode(component: &[u8]) -> Result<Vec<u8>> {
    let outer = Outer::read(component)?;
    let name = outer.name;
    let inner = outer.inner()?;
    let mut whole = Component::new();
    whole.section(&NestedComponentSection(&inner));
    let mut instances = ComponentInstanceSection::new();
    instances.instantiate::<_, &str>(0, []);
    let mut exports = ComponentExportSection::new();
    exports.export(name, ComponentExportKind::Instance, 0, None);
    whole.section(&instances).section(&exports);
    let whole = whole.finish();
    wasmparser::validate(&whole)?;
    Ok(whole)
}

/// What the component outside consists of.
#[derive(Default)]
struct Outer<'a> {
    /// The modules, their instances, and the resources: what the component inside begins with.
    begun: Component,
    /// How many types these are.
    types: u32,
    lifts: Vec<(u32, Box<[CanonicalOption]>)>,
    shim: &'a [u8],
    /// What the component inside imports: resources as types of `begun`, functions as places in `lifts`.
    imports: HashMap<&'a str, u32>,
    name: &'a str,
}

impl<'a> Outer<'a> {
    fn read(component: &'a [u8]) -> Result<Self> {
        let (mut outer, mut own, mut read) = (Self::default(), Types::default(), 0);
        for payload in payloads(component)? {
            match payload {
                Payload::ModuleSection { unchecked_range, .. } => {
                    let module = ComponentSectionId::CoreModule;
                    let data = part(component, &unchecked_range)?;
                    outer.begun.section(&RawSection { id: module.into(), data });
                }
                Payload::InstanceSection(section) => {
                    let mut instances = InstanceSection::new();
                    own.parse_instance_section(&mut instances, section)?;
                    outer.begun.section(&instances);
                }
                Payload::ComponentAliasSection(section) => {
                    let mut aliases = ComponentAliasSection::new();
                    own.parse_component_alias_section(&mut aliases, section)?;
                    outer.begun.section(&aliases);
                }
                Payload::ComponentTypeSection(section) => {
                    let mut resources = ComponentTypeSection::new();
                    for ty in section {
                        let ty = ty?;
                        if matches!(ty, ComponentType::Resource { .. }) {
                            own.0.insert(read, outer.types);
                            outer.types += 1;
                            own.parse_component_type(resources.ty(), ty)?;
                        }
                        read += 1;
                    }
                    if !resources.is_empty() {
                        outer.begun.section(&resources);
                    }
                }
                Payload::ComponentCanonicalSection(section) => {
                    let mut functions = CanonicalFunctionSection::new();
                    for function in section {
                        match function? {
                            CanonicalFunction::Lift { core_func_index, options, .. } => {
                                outer.lifts.push((core_func_index, options));
                            }
                            other => own.parse_component_canonical(&mut functions, other)?,
                        }
                    }
                    if !functions.is_empty() {
                        outer.begun.section(&functions);
                    }
                }
                Payload::ComponentSection { unchecked_range, .. } => {
                    outer.shim = part(component, &unchecked_range)?
                }
                Payload::ComponentInstanceSection(section) => {
                    for instance in section {
                        let ComponentInstance::Instantiate { args, .. } = instance? else {
                            bail!("an instance of something else");
                        };
                        outer.imports.extend(args.iter().map(|arg| match arg.kind {
                            ComponentExternalKind::Type => (arg.name, own.component_type_index(arg.index)),
                            _ => (arg.name, arg.index),
                        }));
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        outer.name = export?.name.name;
                    }
                }
                Payload::Version { .. } | Payload::CustomSection(_) | Payload::End(_) => {}
                other => bail!("an unexpected section: {other:?}"),
            }
        }
        Ok(outer)
    }

    /// Returns the component inside: what the one outside began with, the types, the functions, and their names.
    fn inner(mut self) -> Result<Component> {
        let (mut types, mut read, mut lifts, mut functions) = (Types::default(), 0, Vec::new(), Vec::new());
        // Sections have heads: as many types as possible are defined before they get their names.
        let (mut defined, mut unnamed) = (ComponentTypeSection::new(), Vec::new());
        // What is defined before the last import is defined again for the exports.
        let sections = payloads(self.shim)?;
        let last = sections.iter().rposition(|payload| matches!(payload, Payload::ComponentImportSection(_)));
        for (place, payload) in sections.into_iter().enumerate() {
            let imports = last.is_some_and(|last| place <= last);
            match payload {
                Payload::ComponentImportSection(section) => {
                    for import in section {
                        let import = import?;
                        let given = self.imports.get(import.name.name).copied();
                        match import.ty {
                            ComponentTypeRef::Type(_) => {
                                types.0.extend(given.map(|given| (read, given)));
                                read += 1;
                            }
                            ComponentTypeRef::Func(_) => lifts.push(given.context("a function is missing")?),
                            other => bail!("an unexpected import: {other:?}"),
                        }
                    }
                }
                Payload::ComponentTypeSection(section) if imports => read += section.count(),
                Payload::ComponentTypeSection(section) => {
                    if refers_to(&section, &unnamed)? {
                        self.name(&mut defined, &mut unnamed, &mut types);
                    }
                    for ty in section {
                        types.parse_component_type(defined.ty(), ty?)?;
                        types.0.insert(read, self.types);
                        (read, self.types) = (read + 1, self.types + 1);
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        let ComponentExport { name, kind, index, ty } = export?;
                        match (kind, ty) {
                            (ComponentExternalKind::Type, _) => {
                                unnamed.push((read, name.name, types.component_type_index(index)));
                                read += 1;
                            }
                            (ComponentExternalKind::Func, Some(ComponentTypeRef::Func(ty))) => {
                                let lift = *lifts.get(index as usize).context("a function is missing")?;
                                functions.push((name.name, lift, ty));
                            }
                            other => bail!("an unexpected export: {other:?}"),
                        }
                    }
                }
                Payload::Version { .. } | Payload::CustomSection(_) | Payload::End(_) => {}
                other => bail!("an unexpected section: {other:?}"),
            }
        }
        self.name(&mut defined, &mut unnamed, &mut types);
        let (mut lifted, mut named) = (CanonicalFunctionSection::new(), ComponentExportSection::new());
        for (place, (name, lift, ty)) in functions.into_iter().enumerate() {
            let (function, options) = self.lifts.get(lift as usize).context("a function is missing")?;
            let options: Vec<_> = options.iter().map(|option| (*option).into()).collect();
            lifted.lift(*function, types.component_type_index(ty), options);
            named.export(name, ComponentExportKind::Func, u32::try_from(place)?, None);
        }
        self.begun.section(&lifted).section(&named);
        Ok(self.begun)
    }

    /// Writes the types that are defined, and exports those that have names: what refers to one refers to its export.
    fn name(
        &mut self,
        defined: &mut ComponentTypeSection,
        unnamed: &mut Vec<(u32, &str, u32)>,
        types: &mut Types,
    ) {
        let mut named = ComponentExportSection::new();
        for (read, name, index) in unnamed.drain(..) {
            named.export(name, ComponentExportKind::Type, index, None);
            types.0.insert(read, self.types);
            self.types += 1;
        }
        self.begun.section(&mem::take(defined)).section(&named);
    }
}

/// Returns whether one of these types refers to one that has no name yet.
fn refers_to(types: &ComponentTypeSectionReader<'_>, unnamed: &[(u32, &str, u32)]) -> Result<bool> {
    let mut referred = Referred { unnamed, is: false };
    let mut unused = ComponentTypeSection::new();
    for ty in types.clone() {
        referred.parse_component_type(unused.ty(), ty?)?;
    }
    Ok(referred.is)
}

struct Referred<'a> {
    unnamed: &'a [(u32, &'a str, u32)],
    is: bool,
}

impl Reencode for Referred<'_> {
    type Error = Infallible;
}

impl ReencodeComponent for Referred<'_> {
    fn component_type_index(&mut self, ty: u32) -> u32 {
        self.is |= self.unnamed.iter().any(|(read, ..)| *read == ty);
        ty
    }
}

/// The places of types where they are read, and where they are written.
#[derive(Default)]
struct Types(HashMap<u32, u32>);

impl Reencode for Types {
    type Error = Infallible;
}

impl ReencodeComponent for Types {
    /// A type that is not there is the validation's to find.
    fn component_type_index(&mut self, ty: u32) -> u32 {
        self.0.get(&ty).copied().unwrap_or(u32::MAX)
    }
}

/// Returns a component's own sections, without those of the modules and components in it.
fn payloads(mut bytes: &[u8]) -> Result<Vec<Payload<'_>>> {
    let (mut parser, mut payloads) = (Parser::new(0), Vec::new());
    loop {
        let Chunk::Parsed { consumed, payload } = parser.parse(bytes, true)? else { bail!("it ends early") };
        bytes = bytes.get(consumed..).context("it ends early")?;
        if let Payload::ModuleSection { unchecked_range, .. }
        | Payload::ComponentSection { unchecked_range, .. } = &payload
        {
            let nested = unchecked_range.end.saturating_sub(unchecked_range.start);
            bytes = bytes.get(usize::try_from(nested)?..).context("it ends early")?;
        }
        let ended = matches!(payload, Payload::End(_));
        payloads.push(payload);
        if ended {
            return Ok(payloads);
        }
    }
}

fn part<'a>(bytes: &'a [u8], range: &Range<u64>) -> Result<&'a [u8]> {
    let (start, end) = (usize::try_from(range.start)?, usize::try_from(range.end)?);
    bytes.get(start..end).context("it ends early")
}
