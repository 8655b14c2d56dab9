//! What mails say: minijinja templates, built in, each replaceable by a file of its name.
//!
//! Threat: text from a visitor in a mail (spam through our server, header injection). Templates
//! get the service's name, the code and numbers; nothing else, so nothing else can be in a mail.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use auth_core::{Locale, Secret, Template};
use minijinja::{Environment, UndefinedBehavior, context};

/// The built-in templates, by file name.
const BUILT_IN: [(&str, &str); 12] = [
    ("activation.en.subject.txt", include_str!("../../assets/mails/activation.en.subject.txt")),
    ("activation.en.txt", include_str!("../../assets/mails/activation.en.txt")),
    ("activation.en.html", include_str!("../../assets/mails/activation.en.html")),
    ("activation.fr.subject.txt", include_str!("../../assets/mails/activation.fr.subject.txt")),
    ("activation.fr.txt", include_str!("../../assets/mails/activation.fr.txt")),
    ("activation.fr.html", include_str!("../../assets/mails/activation.fr.html")),
    ("notice.en.subject.txt", include_str!("../../assets/mails/notice.en.subject.txt")),
    ("notice.en.txt", include_str!("../../assets/mails/notice.en.txt")),
    ("notice.en.html", include_str!("../../assets/mails/notice.en.html")),
    ("notice.fr.subject.txt", include_str!("../../assets/mails/notice.fr.subject.txt")),
    ("notice.fr.txt", include_str!("../../assets/mails/notice.fr.txt")),
    ("notice.fr.html", include_str!("../../assets/mails/notice.fr.html")),
];

/// The parts of every mail, as the ends of their files' names.
const PARTS: [&str; 3] = ["subject.txt", "txt", "html"];
const KINDS: [&str; 2] = ["activation", "notice"];
const FALLBACK: &str = "en";

/// Renders mails.
pub struct MailTemplates {
    environment: Environment<'static>,
    locales: Vec<String>,
    service: String,
}

/// A rendered mail.
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// The text part.
    pub text: Secret<String>,
    /// The HTML part.
    pub html: Secret<String>,
}

/// Why templates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The folder cannot be read.
    #[error("the template folder {0} cannot be read: {1}")]
    Folder(String, std::io::Error),
    /// A file cannot be read.
    #[error("the template {0} cannot be read: {1}; it must be a file in UTF-8")]
    File(String, std::io::Error),
    /// A file's name is not the name of a template.
    #[error(
        "{0} is no template; names are (activation|notice).<language>.(subject.txt|txt|html), \
         activation.en.txt for example"
    )]
    Name(String),
    /// A language has not all its files.
    #[error("the language {0} lacks {1}; add it, or remove the language's other files")]
    Incomplete(String, String),
    /// A template does not parse or render.
    #[error("the template {name} is wrong: {cause:#}")]
    Wrong {
        /// Its name.
        name: String,
        /// What minijinja says.
        cause: minijinja::Error,
    },
    /// The code is not in the text where people look for it.
    #[error("the template {0} must carry {{{{ code }}}} alone on a line")]
    NoCode(String),
    /// A subject is not one line, or tells the code.
    #[error("the template {0} must render to one line without the code")]
    Subject(String),
}

impl MailTemplates {
    /// Loads the built-in templates and a folder's over them, and tries each of them.
    ///
    /// # Errors
    /// [`TemplateError`] names the file and what is wrong with it.
    pub fn load(folder: Option<&Path>, service: &str) -> Result<Self, TemplateError> {
        let mut sources: BTreeMap<String, String> =
            BUILT_IN.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned())).collect();
        if let Some(folder) = folder {
            sources.extend(read_folder(folder)?);
        }
        let locales = locales(&sources)?;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in sources {
            environment
                .add_template_owned(name.clone(), source)
                .map_err(|cause| TemplateError::Wrong { name, cause })?;
        }
        let mut templates = Self { environment, locales, service: service.to_owned() };
        templates.try_all()?;
        // Threat: a debug build's errors show the values of variables, the code among them.
        templates.environment.set_debug(false);
        Ok(templates)
    }

    /// Returns the languages that there are.
    pub fn locales(&self) -> &[String] {
        &self.locales
    }

    /// Renders a mail in its language, or its language without the region, or English.
    ///
    /// # Errors
    /// minijinja's error; every template has been tried at start.
    pub fn render(&self, template: &Template, locale: &Locale) -> Result<Rendered, TemplateError> {
        let locale = self.nearest(locale.as_str());
        let (kind, values) = match template {
            Template::Activation { code, ttl, tries } => {
                ("activation", self.values(code.expose(), *ttl, *tries))
            }
            Template::Notice => ("notice", context! { service => self.service.as_str() }),
        };
        let part = |part: &str| self.part(&format!("{kind}.{locale}.{part}"), &values);
        let [subject, text, html] = PARTS.map(part);
        Ok(Rendered {
            subject: subject?.trim().to_owned(),
            text: Secret::new(text?),
            html: Secret::new(html?),
        })
    }

    fn values(&self, code: &str, ttl: Duration, tries: u8) -> minijinja::Value {
        context! {
            service => self.service.as_str(),
            code => code,
            ttl_seconds => ttl.as_secs(),
            ttl_minutes => ttl.as_secs() / 60,
            tries => tries,
        }
    }

    fn part(&self, name: &str, values: &minijinja::Value) -> Result<String, TemplateError> {
        let wrong = |cause| TemplateError::Wrong { name: name.to_owned(), cause };
        self.environment.get_template(name).map_err(wrong)?.render(values).map_err(wrong)
    }

    fn nearest(&self, tag: &str) -> &str {
        let language = tag.split('-').next().unwrap_or(tag);
        let known = |wanted: &str| self.locales.iter().find(|locale| *locale == wanted);
        known(tag).or_else(|| known(language)).map_or(FALLBACK, String::as_str)
    }

    fn try_all(&self) -> Result<(), TemplateError> {
        const CODE: &str = "271828";
        let activation = self.values(CODE, Duration::from_secs(600), 5);
        let notice = context! { service => self.service.as_str() };
        for locale in &self.locales {
            for (kind, values) in KINDS.into_iter().zip([&activation, &notice]) {
                let subject = format!("{kind}.{locale}.subject.txt");
                let line = self.part(&subject, values)?;
                // Threat: notifications and mail logs show subjects.
                let line = line.trim();
                if line.is_empty() || line.chars().any(char::is_control) || line.contains(CODE) {
                    return Err(TemplateError::Subject(subject));
                }
                let name = format!("{kind}.{locale}.txt");
                let text = self.part(&name, values)?;
                if kind == "activation" && !text.lines().any(|line| line.trim() == CODE) {
                    return Err(TemplateError::NoCode(name));
                }
                self.part(&format!("{kind}.{locale}.html"), values)?;
            }
        }
        Ok(())
    }
}

fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, TemplateError> {
    let unreadable = |error| TemplateError::Folder(folder.display().to_string(), error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // Languages are told apart without case (RFC 5646 section 2.1.1), and so are their files.
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if is_left_by_an_editor(&name) {
            continue;
        }
        let source = fs::read_to_string(entry.path())
            .map_err(|error| TemplateError::File(entry.path().display().to_string(), error))?;
        // Some editors write a byte order mark before UTF-8; in a mail it would be text.
        let source = source.strip_prefix('\u{feff}').unwrap_or(&source);
        files.push((name, source.to_owned()));
    }
    Ok(files)
}

/// Returns whether editors or file managers leave files of this name: hidden files (also those that Kubernetes
/// mounts a ConfigMap by), `x~` (Emacs, Vim, nano), `#x#` (Emacs), `x.swp` and its like (Vim).
fn is_left_by_an_editor(name: &str) -> bool {
    let saved = name.starts_with('#') && name.ends_with('#');
    let swapped = [".swp", ".swo", ".swx"].iter().any(|end| name.ends_with(end));
    name.starts_with('.') || name.ends_with('~') || saved || swapped
}

/// Collects the languages; each must have every kind and part.
fn locales(sources: &BTreeMap<String, String>) -> Result<Vec<String>, TemplateError> {
    let mut locales = Vec::new();
    for name in sources.keys() {
        let parts = name.split_once('.').and_then(|(kind, rest)| Some((kind, rest.split_once('.')?)));
        let (kind, (locale, part)) = parts.ok_or_else(|| TemplateError::Name(name.clone()))?;
        if !KINDS.contains(&kind) || !PARTS.contains(&part) || Locale::parse(locale).is_err() {
            return Err(TemplateError::Name(name.clone()));
        }
        if !locales.iter().any(|known| known == locale) {
            locales.push(locale.to_owned());
        }
    }
    for locale in &locales {
        for kind in KINDS {
            for part in PARTS {
                let name = format!("{kind}.{locale}.{part}");
                if !sources.contains_key(&name) {
                    return Err(TemplateError::Incomplete(locale.clone(), name));
                }
            }
        }
    }
    Ok(locales)
}
