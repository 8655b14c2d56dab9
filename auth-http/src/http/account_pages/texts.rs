//! The words of a language: tables of texts in a file of TOML.

use std::{collections::BTreeMap, mem};

use auth_core::Policy;
use serde::{Deserialize, Serialize};

/// The language that has every text.
pub(super) const FALLBACK: &str = "en";

/// The table of zxcvbn's sentences, which are English: other languages may translate them, and English has none.
const ADVICE: &str = "advice";

/// A text, or a table of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum Texts {
    Text(String),
    Table(BTreeMap<String, Texts>),
}

/// Why a file of texts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TextsError {
    /// It is not TOML, or has something else than texts and tables.
    #[error("{0}.toml is not a TOML file of texts: {1}")]
    Toml(String, toml::de::Error),
    /// It has a text that no page shows, or a table where a text belongs.
    #[error("{0}.toml: there is no text `{1}`; the built-in en.toml has them all")]
    Unknown(String, String),
}

impl Texts {
    /// Reads a file, and fills in what is fixed for a deployment.
    pub(super) fn parse(tag: &str, source: &str, service: &str, policy: &Policy) -> Result<Self, TextsError> {
        let mut texts = toml::from_str(source).map_err(|error| TextsError::Toml(tag.to_owned(), error))?;
        let (least, length) = (policy.password.min_length.to_string(), policy.code.length().to_string());
        fill_in(&mut texts, &|text| {
            let text = text.replace("{min_length}", &least).replace("{code_length}", &length);
            text.replace("{service}", service)
        });
        Ok(texts)
    }

    /// Returns the text at the end of a path of names.
    pub(super) fn text(&self, path: &[&str]) -> Option<&str> {
        match (self, path) {
            (Self::Text(text), []) => Some(text),
            (Self::Table(table), [name, rest @ ..]) => table.get(*name)?.text(rest),
            (Self::Text(_), [_, ..]) | (Self::Table(_), []) => None,
        }
    }

    /// Returns the path of the first text that the other one does not have at its place.
    pub(super) fn unknown_to(&self, other: &Self) -> Option<String> {
        let (Self::Table(own), Self::Table(other)) = (self, other) else {
            return (mem::discriminant(self) != mem::discriminant(other)).then(String::new);
        };
        own.iter().filter(|(name, _)| *name != ADVICE).find_map(|(name, text)| {
            let path = other.get(name).map_or_else(|| Some(String::new()), |other| text.unknown_to(other))?;
            Some(if path.is_empty() { name.clone() } else { format!("{name}.{path}") })
        })
    }

    /// Takes what it lacks from another one; adds the paths of that.
    fn take_from(&mut self, other: &Self, path: &str, taken: &mut Vec<String>) {
        let (Self::Table(own), Self::Table(other)) = (self, other) else { return };
        for (name, text) in other {
            match own.get_mut(name) {
                Some(inner) => inner.take_from(text, &format!("{path}{name}."), taken),
                None => {
                    own.insert(name.clone(), text.clone());
                    taken.extend((name != ADVICE).then(|| format!("{path}{name}")));
                }
            }
        }
    }
}

fn fill_in(texts: &mut Texts, fill: &impl Fn(&str) -> String) {
    match texts {
        Texts::Text(text) => *text = fill(text),
        Texts::Table(table) => table.values_mut().for_each(|inner| fill_in(inner, fill)),
    }
}

/// Puts an operator's files over the texts that are built in, and gives each language all of them: what it lacks is taken
/// from its language without the region, or from English.
pub(super) fn complete(
    mut built_in: BTreeMap<String, Texts>,
    own: BTreeMap<String, Texts>,
) -> Result<BTreeMap<String, Texts>, TextsError> {
    let Some(known) = built_in.get(FALLBACK).cloned() else { return Ok(built_in) };
    let mut own: Vec<(String, Texts)> = own.into_iter().collect();
    // English first, and those without a region before those with one, which find their own complete.
    own.sort_by_key(|(tag, _)| (tag != FALLBACK, tag.len()));
    for (tag, mut texts) in own {
        if let Some(unknown) = texts.unknown_to(&known) {
            return Err(TextsError::Unknown(tag, unknown));
        }
        let language = tag.split('-').next().unwrap_or(&tag);
        let base = [&tag, language, FALLBACK].iter().find_map(|tag| built_in.get(*tag));
        let mut taken = Vec::new();
        texts.take_from(base.unwrap_or(&known), "", &mut taken);
        if !taken.is_empty() && !built_in.contains_key(&tag) && !built_in.contains_key(language) {
            let taken = taken.join(", ");
            tracing::warn!(language = %tag, texts = taken, "AUTH_PAGE_TEMPLATES lacks texts: they are in English");
        }
        built_in.insert(tag, texts);
    }
    Ok(built_in)
}
