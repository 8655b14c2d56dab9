//! Where values come from: defaults, the profile, a TOML file, the environment, flags.
//!
//! Later layers win. A secret may come from a file that its `_file` variant names. Every value
//! remembers its source, so that `--print-config` can show it. An empty value counts as not set.

use std::{collections::BTreeMap, env, ffi::OsString, fmt, fs, path::Path};

use super::{
    ConfigError,
    keys::{self, KEYS, Key},
    links,
};
use crate::hooks;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is built in.
    Default,
    /// The profile sets it.
    Profile,
    /// A configuration file.
    File(String),
    /// A variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile => f.write_str("profile seed-compat"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag(flag) => write!(f, "flag --{flag}"),
        }
    }
}

/// Every value with its source.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    values: BTreeMap<&'static str, (String, Source)>,
    unknown_variables: Vec<String>,
}

type Layer = Vec<(String, String, Source)>;

/// Returns the variables of this process that are ours: `AUTH_…`.
///
/// # Errors
/// [`ConfigError`] names a key whose value is not UTF-8.
pub fn environment() -> Result<Vec<(String, String)>, ConfigError> {
    // A name that is not UTF-8 is not one of ours.
    let ours = |name: OsString| name.into_string().ok().filter(|name| name.starts_with("AUTH_"));
    env::vars_os()
        .filter_map(|(name, value)| Some((ours(name)?, value)))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            // A variable of the platform: its value is not used.
            Err(value) if !is_set_by(&name) => Ok((name, value.to_string_lossy().into_owned())),
            Err(_) => Err(ConfigError(format!("{name}: the value is not UTF-8"))),
        })
        .collect()
}

/// Returns whether a variable sets a key, itself or by a file.
fn is_set_by(variable: &str) -> bool {
    let name = variable.strip_prefix("AUTH_").unwrap_or_default().to_lowercase();
    keys::find(&name).is_some() || keys::find_file(&name).is_some()
}

impl Layers {
    /// Collects the values.
    ///
    /// # Errors
    /// [`ConfigError`] names what cannot be read, and for an unknown key the nearest known one.
    pub fn collect(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: Vec<(String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        let (environment, unknown_variables) = read_environment(environment)?;
        layers.unknown_variables = unknown_variables;
        for layer in [read_toml(file)?, environment, read_flags(flags)] {
            layers.put(layer)?;
        }
        let seed_compat = layers.value("profile") == Some("seed-compat");
        for key in KEYS {
            let profile = key.seed_compat.filter(|_| seed_compat).map(|value| (value, Source::Profile));
            let default = key.default.map(|value| (value, Source::Default));
            if let Some((value, source)) = profile.or(default) {
                layers.values.entry(key.name).or_insert_with(|| (value.to_owned(), source));
            }
        }
        Ok(layers)
    }

    /// Returns a value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(value, _)| value.as_str())
    }

    /// Returns where a value comes from.
    #[must_use]
    pub fn source(&self, name: &str) -> Source {
        self.values.get(name).map_or(Source::Default, |(_, source)| source.clone())
    }

    /// Returns the variables `AUTH_…` that are passed over though no platform is known to set them.
    #[must_use]
    pub fn unknown_variables(&self) -> &[String] {
        &self.unknown_variables
    }

    /// Writes the configuration as TOML, with sources as comments and secrets masked.
    #[must_use]
    pub fn print(&self) -> String {
        let mut lines = String::new();
        for key in KEYS {
            let line = match self.values.get(key.name) {
                Some((value, source)) => {
                    let shown = if key.secret { mask(key, value) } else { value.clone() };
                    format!("{} = {} # {source}\n", key.name, toml::Value::String(shown))
                }
                None => format!("# {} is not set\n", key.name),
            };
            lines.push_str(&line);
        }
        lines
    }

    fn put(&mut self, layer: Layer) -> Result<(), ConfigError> {
        let mut set: BTreeMap<&'static str, Source> = BTreeMap::new();
        for (name, value, source) in layer {
            let (key, value) = resolve(&name, value, &source)?;
            if value.is_empty() {
                continue;
            }
            if let Some(other) = set.insert(key.name, source.clone()) {
                return Err(ConfigError::new(format!(
                    "{source} and {other} both set {}; keep one",
                    key.name
                )));
            }
            self.values.insert(key.name, (value, source));
        }
        Ok(())
    }
}

/// Finds the key of a name; reads the file that a `_file` variant names.
fn resolve(name: &str, value: String, source: &Source) -> Result<(&'static Key, String), ConfigError> {
    if let Some(key) = keys::find(name) {
        return Ok((key, value));
    }
    if let Some(key) = keys::find_file(name) {
        if value.is_empty() {
            return Ok((key, value));
        }
        return match fs::read_to_string(&value) {
            Ok(text) => {
                // Some editors write a byte order mark before UTF-8.
                let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
                Ok((key, text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            Err(error) => {
                let variable = format!("AUTH_{}", name.to_uppercase());
                Err(ConfigError::new(format!("{variable} ({source}): {value} cannot be read: {error}")))
            }
        };
    }
    let nearest = keys::meant(name).or_else(|| keys::nearest(name)).unwrap_or_default();
    let nearest = match source {
        Source::Environment(_) => format!("AUTH_{}", nearest.to_uppercase()),
        Source::Flag(_) => format!("--{}", nearest.replace('_', "-")),
        Source::File(_) | Source::Profile | Source::Default => nearest,
    };
    Err(ConfigError::new(format!("{source}: there is no such key as {name}; did you mean {nearest}?")))
}

fn read_toml(path: Option<&Path>) -> Result<Layer, ConfigError> {
    let default = Path::new("auth.toml");
    let path = match path {
        Some(path) => path,
        None if default.exists() => default,
        None => return Ok(Layer::new()),
    };
    let shown = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| ConfigError::new(format!("{shown} cannot be read: {error}")))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        // Threat: toml's own message quotes the line, and with it a secret.
        ConfigError::new(format!("{shown} is no TOML: {}", error.message()))
    })?;
    let mut layer = Layer::new();
    for (name, value) in table {
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(on) => if on { "on" } else { "off" }.to_owned(),
            toml::Value::Array(items) => {
                let texts: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
                let texts = texts
                    .ok_or_else(|| ConfigError::new(format!("{shown}: {name} must be a list of strings")))?;
                texts.join(",")
            }
            toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => {
                let message =
                    format!("{shown}: {name} must be a string, a whole number, true, false or a list");
                return Err(ConfigError::new(message));
            }
        };
        layer.push((name, text, Source::File(shown.clone())));
    }
    Ok(layer)
}

/// Returns what the environment sets, and the unknown variables.
fn read_environment(
    variables: impl Iterator<Item = (String, String)>,
) -> Result<(Layer, Vec<String>), ConfigError> {
    let (mut layer, mut unknown) = (Layer::new(), Vec::new());
    for (variable, value) in variables {
        let Some(name) = variable.strip_prefix("AUTH_").map(str::to_lowercase) else { continue };
        if hooks::VARIABLES.contains(&variable.as_str()) {
            if hooks::ENABLED {
                continue;
            }
            return Err(ConfigError::new(format!(
                "environment {variable}: there is no such key; it is one of test builds, which this is not"
            )));
        }
        if is_set_by(&variable) || (keys::meant(&name).is_some() && !links::is_link(&variable, &value)) {
            layer.push((name, value, Source::Environment(variable)));
        } else if !value.is_empty() && !links::is_link(&variable, &value) {
            unknown.push(variable);
        }
    }
    layer.sort();
    unknown.sort();
    Ok((layer, unknown))
}

fn read_flags(flags: Vec<(String, String)>) -> Layer {
    flags.into_iter().map(|(flag, value)| (flag.replace('-', "_"), value, Source::Flag(flag))).collect()
}

impl PartialOrd for Source {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Source {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.to_string().cmp(&other.to_string())
    }
}

/// Hides what is secret and leaves what helps: scheme, user and host of a URL, ids of keys.
fn mask(key: &Key, value: &str) -> String {
    if key.name == "code_keys" {
        let ids = value
            .split(',')
            .map(|entry| entry.split_once(':').map_or("***".to_owned(), |(id, _)| format!("{id}:***")));
        return ids.collect::<Vec<_>>().join(",");
    }
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    // Threat: a password that holds an @ or a slash. The last @ ends it, whatever is before.
    match rest.rsplit_once('@') {
        Some((credentials, host)) => {
            let user = credentials.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:***@{host}")
        }
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Layers, ConfigError> {
        let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        Layers::collect(Some(Path::new("/dev/null")), own(environment).into_iter(), own(flags))
    }

    #[test]
    fn later_layers_win_and_remember_their_source() {
        let layers = collect(&[("AUTH_CODE_LENGTH", "7"), ("HOME", "/")], &[]).unwrap();
        assert_eq!(layers.value("code_length"), Some("7"));
        assert_eq!(layers.source("code_length"), Source::Environment("AUTH_CODE_LENGTH".into()));
        let layers = collect(&[("AUTH_CODE_LENGTH", "7")], &[("code-length", "8")]).unwrap();
        assert_eq!(layers.value("code_length"), Some("8"));
        assert_eq!(collect(&[], &[]).unwrap().source("code_length"), Source::Default);
    }

    #[test]
    fn the_profile_sets_defaults_only() {
        let set = [("AUTH_PROFILE", "seed-compat"), ("AUTH_CODE_TRIES", "2")];
        let layers = collect(&set, &[]).unwrap();
        assert_eq!(layers.value("code_length"), Some("4"));
        assert_eq!(layers.source("code_length"), Source::Profile);
        assert_eq!(layers.value("code_tries"), Some("2"));
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        let error = collect(&[("AUTH_CODE_LENGHT", "7")], &[]).unwrap_err();
        assert!(error.0.contains("did you mean AUTH_CODE_LENGTH?"), "{error}");
        let error = collect(&[("AUTH_CODE_KEY_FILE", "x")], &[]).unwrap_err();
        assert!(error.0.contains("AUTH_CODE_KEYS_FILE"), "{error}");
        let error = collect(&[("AUTH_LISTEN_FILE", "x")], &[]).unwrap_err();
        assert!(error.0.contains("no such key"), "only secrets come from files: {error}");
    }

    #[test]
    fn variables_of_platforms_are_passed_over() {
        let links = [("AUTH_PORT", "tcp://10.96.0.7:8000"), ("AUTH_SERVICE_HOST", "10.96.0.7")];
        assert_eq!(collect(&links, &[]).unwrap().unknown_variables(), [] as [String; 0]);
        let others =
            [("AUTH_PORT", "8001"), ("AUTH_MAIL_PORT", "8026"), ("AUTH_SECRET", "x"), ("AUTH_URL", "")];
        let layers = collect(&others, &[]).unwrap();
        assert_eq!(layers.unknown_variables(), ["AUTH_MAIL_PORT", "AUTH_PORT", "AUTH_SECRET"]);
        for key in KEYS {
            assert_eq!(layers.source(key.name), Source::Default, "{}", key.name);
        }
    }

    #[test]
    fn empty_counts_as_not_set() {
        assert_eq!(collect(&[("AUTH_REDIS_URL", "")], &[]).unwrap().value("redis_url"), None);
        assert_eq!(collect(&[("AUTH_CODE_LENGTH", "")], &[]).unwrap().value("code_length"), Some("6"));
    }

    #[test]
    fn secrets_are_masked() {
        let layers = collect(
            &[
                ("AUTH_DATABASE_URL", "mysql://app:canary@p4ss/w@db.example/auth"),
                ("AUTH_CODE_KEYS", "k1:Y2FuYXJ5,k2:Y2FuYXJ5"),
            ],
            &[],
        );
        let printed = layers.unwrap().print();
        assert!(printed.contains("mysql://app:***@db.example/auth"), "{printed}");
        assert!(printed.contains("k1:***,k2:***"), "{printed}");
        assert!(!printed.contains("canary") && !printed.contains("Y2FuYXJ5"), "{printed}");
        assert!(printed.parse::<toml::Table>().is_ok(), "{printed}");
    }
}
