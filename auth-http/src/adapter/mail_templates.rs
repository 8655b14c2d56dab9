//! What mails say: minijinja templates, built in, each replaceable by a file of its name.
//!
//! Threat: text from a visitor in a mail (spam through our server, header injection). Templates
//! get the service's name, the code or token, its link and numbers; nothing else, so nothing else can be in a mail.

use std::{collections::BTreeMap, path::Path, time::Duration};

use auth_core::{Alphabet, CodeFormat, Locale, Purpose, ResetToken, Secret, Template};
use minijinja::{Environment, UndefinedBehavior, context};
use url::form_urlencoded::byte_serialize;

use crate::template_folder::{self, FolderError};

macro_rules! built_in {
    ($($name:literal)+) => {
        [$(
            (concat!($name, ".subject.txt"), include_str!(concat!("../../assets/mails/", $name, ".subject.txt"))),
            (concat!($name, ".txt"), include_str!(concat!("../../assets/mails/", $name, ".txt"))),
            (concat!($name, ".html"), include_str!(concat!("../../assets/mails/", $name, ".html"))),
        )+]
    };
}

/// The built-in templates, by file name: seven kinds in two languages.
const BUILT_IN: [(&str, &str); 42] = built_in![
    "activation.en" "activation.fr" "notice.en" "notice.fr" "reset.en" "reset.fr"
    "password_changed.en" "password_changed.fr" "account_deleted.en" "account_deleted.fr"
    "address_change.en" "address_change.fr" "address_changed.en" "address_changed.fr"
];

/// The parts of every mail, as the ends of their files' names.
const PARTS: [&str; 3] = ["subject.txt", "txt", "html"];
/// The mails that a language must have; a folder of an earlier version has no others.
const REQUIRED: [Purpose; 2] = [Purpose::Activation, Purpose::Notice];
const FALLBACK: &str = "en";

/// Renders mails.
pub struct MailTemplates {
    environment: Environment<'static>,
    locales: Vec<String>,
    service: String,
    reset_page: Option<String>,
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
    /// The folder or a file of it cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file's name is not the name of a template.
    #[error(
        "{0} is no template; names are ({names}).<language>.(subject.txt|txt|html), activation.en.txt for example",
        names = Purpose::ALL.map(Purpose::name).join("|")
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
    /// The code, or what resets a password, is not in the text where people look for it.
    #[error("the template {0} must carry {{{{ {1} }}}} alone on a line")]
    NoCode(String, &'static str),
    /// A subject is not one line, or tells the code.
    #[error("the template {0} must render to one line without the code or token")]
    Subject(String),
}

impl MailTemplates {
    /// Loads the built-in templates and a folder's over them, and tries each of them. Mails that reset a password link to
    /// the page, if there is one, and carry the token otherwise.
    ///
    /// # Errors
    /// [`TemplateError`] names the file and what is wrong with it.
    pub fn load(
        folder: Option<&Path>,
        service: &str,
        reset_page: Option<String>,
    ) -> Result<Self, TemplateError> {
        let mut sources: BTreeMap<String, String> =
            BUILT_IN.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned())).collect();
        if let Some(folder) = folder {
            sources.extend(template_folder::read(folder)?);
        }
        let locales = locales(&mut sources)?;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in sources {
            environment
                .add_template_owned(name.clone(), source)
                .map_err(|cause| TemplateError::Wrong { name, cause })?;
        }
        let mut templates = Self { environment, locales, service: service.to_owned(), reset_page };
        templates.try_all()?;
        // Threat: a debug build's errors show the values of variables, the code among them.
        templates.environment.set_debug(false);
        Ok(templates)
    }

    /// Returns the languages that there are.
    pub fn locales(&self) -> &[String] {
        &self.locales
    }

    /// Renders a mail to an address in its language, or its language without the region, or English.
    ///
    /// # Errors
    /// minijinja's error; every template has been tried at start.
    pub fn render(&self, template: &Template, locale: &Locale, to: &str) -> Result<Rendered, TemplateError> {
        let locale = self.nearest(locale.as_str());
        let (kind, values) = (template.purpose().name(), self.values(template, to));
        let part = |part: &str| self.part(&format!("{kind}.{locale}.{part}"), &values);
        let [subject, text, html] = PARTS.map(part);
        Ok(Rendered {
            subject: subject?.trim().to_owned(),
            text: Secret::new(text?),
            html: Secret::new(html?),
        })
    }

    /// Returns the link to the page that takes a token, if there is one.
    ///
    /// Threat: a token in the logs of the page's server and in the `Referer` of what it loads. Browsers send no fragment.
    fn link(&self, token: &ResetToken, to: &str) -> Option<String> {
        let page = self.reset_page.as_ref()?;
        let email: String = byte_serialize(to.as_bytes()).collect();
        Some(format!("{page}#email={email}&token={}", token.expose()))
    }

    fn values(&self, template: &Template, to: &str) -> minijinja::Value {
        match template {
            Template::Activation { code, ttl, tries } | Template::AddressChange { code, ttl, tries } => {
                context! {
                    service => self.service.as_str(),
                    code => code.expose(),
                    ttl_seconds => ttl.as_secs(),
                    ttl_minutes => ttl.as_secs() / 60,
                    tries => tries,
                }
            }
            Template::Reset { token, ttl } => context! {
                service => self.service.as_str(),
                token => token.expose(),
                link => self.link(token, to),
                ttl_seconds => ttl.as_secs(),
                ttl_minutes => ttl.as_secs() / 60,
            },
            Template::Notice
            | Template::PasswordChanged
            | Template::AccountDeleted
            | Template::AddressChanged => context! { service => self.service.as_str() },
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
        const TO: &str = "ada@example.org";
        for template in Purpose::ALL.map(tried) {
            let (kind, values) = (template.purpose().name(), self.values(&template, TO));
            // What must be alone on a line of the text.
            let shown = match &template {
                Template::Activation { .. } | Template::AddressChange { .. } => {
                    Some((CODE.to_owned(), "code"))
                }
                Template::Reset { token, .. } => {
                    let link = self.link(token, TO).map(|link| (link, "link"));
                    Some(link.unwrap_or_else(|| (token.expose().to_owned(), "token")))
                }
                Template::Notice
                | Template::PasswordChanged
                | Template::AccountDeleted
                | Template::AddressChanged => None,
            };
            for locale in &self.locales {
                let subject = format!("{kind}.{locale}.subject.txt");
                let line = self.part(&subject, &values)?;
                // Threat: notifications and mail logs show subjects.
                let line = line.trim();
                if line.is_empty() || line.chars().any(char::is_control) || line.contains(CODE) {
                    return Err(TemplateError::Subject(subject));
                }
                let name = format!("{kind}.{locale}.txt");
                let text = self.part(&name, &values)?;
                if let Some((shown, what)) = &shown
                    && !text.lines().any(|line| line.trim() == shown)
                {
                    return Err(TemplateError::NoCode(name, what));
                }
                self.part(&format!("{kind}.{locale}.html"), &values)?;
            }
        }
        Ok(())
    }
}

/// What templates are tried with; in the token, too.
const CODE: &str = "271828";

/// Returns the mail that the templates of a purpose are tried with.
fn tried(purpose: Purpose) -> Template {
    let ttl = Duration::from_secs(600);
    let code = || {
        let six_digits = CodeFormat::new(Alphabet::Digits, 6).ok().and_then(|format| format.parse(CODE));
        six_digits.unwrap_or_else(|| unreachable!("it has six digits"))
    };
    match purpose {
        Purpose::Activation => Template::Activation { code: code(), ttl, tries: 5 },
        Purpose::Notice => Template::Notice,
        Purpose::Reset => {
            Template::Reset { token: ResetToken::new(Secret::new(format!("authr_{CODE}"))), ttl }
        }
        Purpose::PasswordChanged => Template::PasswordChanged,
        Purpose::AccountDeleted => Template::AccountDeleted,
        Purpose::AddressChange => Template::AddressChange { code: code(), ttl, tries: 5 },
        Purpose::AddressChanged => Template::AddressChanged,
    }
}

/// Collects the languages; each must have every part of the required kinds. A mail that it lacks is
/// that of its language without the region, or in English.
fn locales(sources: &mut BTreeMap<String, String>) -> Result<Vec<String>, TemplateError> {
    let mut locales = Vec::new();
    for name in sources.keys() {
        let parts = name.split_once('.').and_then(|(kind, rest)| Some((kind, rest.split_once('.')?)));
        let (kind, (locale, part)) = parts.ok_or_else(|| TemplateError::Name(name.clone()))?;
        let known = Purpose::ALL.iter().any(|purpose| purpose.name() == kind);
        if !known || !PARTS.contains(&part) || Locale::parse(locale).is_err() {
            return Err(TemplateError::Name(name.clone()));
        }
        if !locales.iter().any(|known| known == locale) {
            locales.push(locale.to_owned());
        }
    }
    for locale in &locales {
        for purpose in Purpose::ALL {
            let kind = purpose.name();
            let name = |part: &str| format!("{kind}.{locale}.{part}");
            let missing: Vec<&str> =
                PARTS.into_iter().filter(|part| !sources.contains_key(&name(part))).collect();
            match missing.first() {
                None => {}
                Some(_) if missing.len() == PARTS.len() && !REQUIRED.contains(&purpose) => {
                    let language = locale.split('-').next().unwrap_or(locale);
                    let instead = [language, FALLBACK]
                        .into_iter()
                        .find(|tag| *tag != locale && sources.contains_key(&format!("{kind}.{tag}.txt")))
                        .unwrap_or(FALLBACK);
                    tracing::warn!(language = %locale, mail = kind, instead, "AUTH_MAIL_TEMPLATES lacks a mail");
                    for part in PARTS {
                        let other = sources.get(&format!("{kind}.{instead}.{part}")).cloned();
                        sources.insert(name(part), other.unwrap_or_default());
                    }
                }
                Some(part) => return Err(TemplateError::Incomplete(locale.clone(), name(part))),
            }
        }
    }
    Ok(locales)
}
