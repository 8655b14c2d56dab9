//! What the pages look like and say: minijinja templates, and a file of texts for each language. They are built in, and
//! each can be replaced by a file of its name.
//!
//! Threat: text from a visitor that becomes markup. Templates escape whatever they show, and the only page with a script
//! puts nothing of a request into it.

use std::{collections::BTreeMap, path::Path};

use auth_core::{Alphabet, Locale, Policy};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context, value::Serde};

use super::{
    Problem,
    texts::{self, FALLBACK, Texts, TextsError},
    view::{Refused, View},
};
use crate::{
    http::problem::{CODE_WRONG, PASSWORD_REFUSED, RESET_REFUSED},
    template_folder::{self, FolderError},
};

macro_rules! built_in {
    ($($name:literal)+) => { [$(($name, include_str!(concat!("../../../assets/pages/", $name)))),+] };
}

const BUILT_IN: [(&str, &str); 14] = built_in![
    "layout.html" "macros.html" "style.css" "register.html" "activate.html" "login.html" "forgot.html" "reset.html"
    "account.html" "confirm.html" "onward.html" "message.html" "en.toml" "fr.toml"
];

/// The pages. Their files are `<name>.html`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageName {
    Register,
    Activate,
    Login,
    Forgot,
    Reset,
    Account,
    Confirm,
    Onward,
    Message,
}

impl PageName {
    const ALL: [Self; 9] = [
        Self::Register,
        Self::Activate,
        Self::Login,
        Self::Forgot,
        Self::Reset,
        Self::Account,
        Self::Confirm,
        Self::Onward,
        Self::Message,
    ];

    /// Returns its name, which is the last part of its path where it has one of its own.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Activate => "activate",
            Self::Login => "login",
            Self::Forgot => "forgot",
            Self::Reset => "reset",
            Self::Account => "account",
            Self::Confirm => "confirm",
            Self::Onward => "onward",
            Self::Message => "message",
        }
    }

    fn file(self) -> String {
        format!("{}.html", self.name())
    }
}

/// Why templates or texts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// The folder or a file of it cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file's name is not the name of a template or a language.
    #[error("{0} is not a file of the pages; names are {names}, and <language>.toml", names = BUILT_IN.map(|(name, _)| name).join(", "))]
    Name(String),
    /// A template does not parse or render.
    #[error("the template {0} is wrong: {1:#}")]
    Template(String, minijinja::Error),
    /// A file of texts cannot be used.
    #[error(transparent)]
    Texts(#[from] TextsError),
}

/// The templates and texts of all languages.
pub(super) struct Theme {
    environment: Environment<'static>,
    texts: BTreeMap<String, Texts>,
    /// The same for templates.
    shown: BTreeMap<String, Value>,
    languages: Vec<String>,
    service: String,
    keyboard: &'static str,
}

impl Theme {
    /// Loads what is built in and a folder's files over it, with which it tries each page in each language.
    ///
    /// # Errors
    /// [`ThemeError`] names the file and what is wrong with it.
    pub(super) fn load(folder: Option<&Path>, service: &str, policy: &Policy) -> Result<Self, ThemeError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_auto_escape_callback(|name| {
            if name.ends_with(".css") { AutoEscape::None } else { AutoEscape::Html }
        });
        let (mut built_in, mut own) = (BTreeMap::new(), BTreeMap::new());
        let mut put = |name: String, source: String, texts: &mut BTreeMap<String, Texts>| {
            if let Some(tag) = name.strip_suffix(".toml") {
                texts.insert(tag.to_owned(), Texts::parse(tag, &source, service, policy)?);
                return Ok(());
            }
            environment
                .add_template_owned(name.clone(), source)
                .map_err(|error| ThemeError::Template(name, error))
        };
        for (name, source) in BUILT_IN {
            put(name.to_owned(), source.to_owned(), &mut built_in)?;
        }
        for (name, source) in folder.map(template_folder::read).transpose()?.unwrap_or_default() {
            let language = name.strip_suffix(".toml").is_some_and(|tag| Locale::parse(tag).is_ok());
            if !language && !BUILT_IN.iter().any(|(known, _)| *known == name) {
                return Err(ThemeError::Name(name));
            }
            put(name, source, &mut own)?;
        }
        let languages = texts::complete(built_in, own)?;
        let theme = Self {
            environment,
            languages: languages.keys().cloned().collect(),
            shown: languages.iter().map(|(tag, texts)| (tag.clone(), Value::from(Serde(texts)))).collect(),
            texts: languages,
            service: service.to_owned(),
            keyboard: match policy.code.alphabet() {
                Alphabet::Digits => "numeric",
                Alphabet::Crockford => "text",
            },
        };
        // What is built in is tried by a test, not at each start.
        if folder.is_some() {
            theme.try_all()?;
        }
        Ok(theme)
    }

    /// Returns the languages that there are.
    pub(super) fn languages(&self) -> &[String] {
        &self.languages
    }

    /// Returns the text at the end of a path of names, if there is one.
    pub(super) fn text(&self, language: &str, path: &[&str]) -> Option<String> {
        self.texts.get(language)?.text(path).map(str::to_owned)
    }

    /// Writes a page.
    pub(super) fn render(
        &self,
        page: PageName,
        language: &str,
        view: &View,
    ) -> Result<String, minijinja::Error> {
        let values = context! {
            language,
            service => self.service.as_str(),
            t => self.shown.get(language),
            code_keyboard => self.keyboard,
            ..Value::from(Serde(view))
        };
        self.environment.get_template(&page.file())?.render(values)
    }

    fn try_all(&self) -> Result<(), ThemeError> {
        for language in &self.languages {
            for page in PageName::ALL {
                for view in View::samples(page) {
                    let wrong = |error| ThemeError::Template(page.file(), error);
                    self.render(page, language, &view).map_err(wrong)?;
                }
            }
        }
        Ok(())
    }

    /// Returns what a problem says on a page: its own text, and one for each field that it is about.
    pub(super) fn refused(&self, language: &str, form: &'static str, problem: &Problem) -> Refused {
        let text = self.text(language, &["problem", problem.kind.name]);
        let text = text.unwrap_or_else(|| problem.kind.title.to_owned());
        let mut fields: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for error in problem.errors() {
            // Advice has no code of its own; a language that has none of it shows none of it.
            let own = match error.code {
                "advice" if language == FALLBACK => Some(error.message.clone().into_owned()),
                "advice" => self.text(language, &["advice", &error.message]),
                code => self.text(language, &["field", code]).or(Some(error.message.clone().into_owned())),
            };
            fields.entry(error.field).or_default().extend(own);
        }
        // What one field alone can be blamed for.
        let blamed = [(&PASSWORD_REFUSED, "password"), (&CODE_WRONG, "code"), (&RESET_REFUSED, "token")];
        if let Some((_, field)) = blamed.iter().find(|(kind, _)| *kind == problem.kind) {
            fields.entry(field).or_default().push(text.clone());
        }
        let wait = problem.wait().and_then(|seconds| self.wait(language, seconds));
        Refused { form, text, wait, fields }
    }

    fn wait(&self, language: &str, seconds: u64) -> Option<String> {
        let (unit, count) =
            if seconds < 120 { ("seconds", seconds.max(2)) } else { ("minutes", seconds.div_ceil(60)) };
        Some(self.text(language, &["wait", unit])?.replace("{n}", &count.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::KINDS;

    fn theme() -> Theme {
        Theme::load(None, "Accounts", &Policy::default()).unwrap()
    }

    /// What a page says of a problem is for visitors, not for those who write programs.
    #[test]
    fn every_problem_has_its_text_in_every_language() {
        let theme = theme();
        // What the API alone answers.
        let others = ["not-acceptable"];
        for language in theme.languages() {
            for kind in KINDS.iter().filter(|kind| !others.contains(&kind.name)) {
                assert!(theme.text(language, &["problem", kind.name]).is_some(), "{language}: {}", kind.name);
            }
        }
    }

    #[test]
    fn built_in_pages_render_in_every_language() {
        theme().try_all().unwrap();
    }

    #[test]
    fn built_in_languages_have_the_same_texts() {
        let parse = |(name, source): &(&str, &str)| {
            let tag = name.strip_suffix(".toml")?;
            Some((tag.to_owned(), Texts::parse(tag, source, "Accounts", &Policy::default()).unwrap()))
        };
        let texts: BTreeMap<String, Texts> = BUILT_IN.iter().filter_map(parse).collect();
        for (one, other) in [("en", "fr"), ("fr", "en")] {
            assert_eq!(texts[one].unknown_to(&texts[other]), None, "{one}.toml has more than {other}.toml");
        }
    }

    #[test]
    fn waits_are_said_in_the_unit_that_fits() {
        for (seconds, expected) in
            [(0, "2 seconds"), (119, "119 seconds"), (120, "2 minutes"), (841, "15 minutes")]
        {
            assert_eq!(theme().wait("en", seconds).unwrap(), format!("Try again in {expected}."));
        }
    }
}
