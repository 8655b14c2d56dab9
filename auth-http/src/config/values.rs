//! How a value is read: its type, its range, and what is said if it has another.

use std::{ops::RangeInclusive, str::FromStr, time::Duration};

use super::{ConfigError, keys, layers::Layers};

/// The values of all layers.
pub(super) struct Values<'a>(pub(super) &'a Layers);

impl Values<'_> {
    pub(super) fn wrong(&self, name: &str, wanted: &str) -> ConfigError {
        let (source, secret) = (self.0.source(name), keys::find(name).is_some_and(|key| key.secret));
        let value = self.0.value(name).unwrap_or_default();
        // Threat: a value that forges a line of a log or colours a terminal.
        let shown = if secret { "its value".to_owned() } else { format!("`{}`", value.escape_debug()) };
        ConfigError::new(format!("AUTH_{} ({source}): {shown} is not {wanted}", name.to_uppercase()))
    }

    pub(super) fn optional<T: FromStr>(&self, name: &str, wanted: &str) -> Result<Option<T>, ConfigError> {
        let parse = |value: &str| value.parse().map_err(|_| self.wrong(name, wanted));
        self.0.value(name).map(parse).transpose()
    }

    pub(super) fn required<T: FromStr>(&self, name: &str, wanted: &str) -> Result<T, ConfigError> {
        self.optional(name, wanted)?.ok_or_else(|| self.wrong(name, wanted))
    }

    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<T, ConfigError> {
        self.required(name, "a whole number in its range")
    }

    pub(super) fn optional_within(
        &self,
        name: &str,
        range: RangeInclusive<usize>,
    ) -> Result<Option<usize>, ConfigError> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        match self.optional(name, &wanted)? {
            Some(number) if !range.contains(&number) => Err(self.wrong(name, &wanted)),
            number => Ok(number),
        }
    }

    pub(super) fn within(&self, name: &str, range: RangeInclusive<usize>) -> Result<usize, ConfigError> {
        self.optional_within(name, range)?.ok_or_else(|| self.wrong(name, "set"))
    }

    pub(super) fn optional_choice<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.0.value(name) else { return Ok(None) };
        match choices.iter().find(|(choice, _)| *choice == value) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let names: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
                Err(self.wrong(name, &format!("one of: {}", names.join(", "))))
            }
        }
    }

    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        self.optional_choice(name, choices)?.ok_or_else(|| self.wrong(name, "set"))
    }

    pub(super) fn switch(&self, name: &str) -> Result<bool, ConfigError> {
        self.optional_switch(name)?.ok_or_else(|| self.wrong(name, "set"))
    }

    pub(super) fn optional_switch(&self, name: &str) -> Result<Option<bool>, ConfigError> {
        const WORDS: [(&str, bool); 8] = [
            ("on", true),
            ("off", false),
            ("true", true),
            ("false", false),
            ("yes", true),
            ("no", false),
            ("1", true),
            ("0", false),
        ];
        let meaning = |value: &str| {
            let word = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(value));
            let wanted = "one of: on, off, true, false, yes, no, 1, 0";
            word.map(|(_, on)| *on).ok_or_else(|| self.wrong(name, wanted))
        };
        self.0.value(name).map(meaning).transpose()
    }

    pub(super) fn seconds(&self, name: &str) -> Result<Duration, ConfigError> {
        Ok(Duration::from_secs(self.required(name, "a whole number of seconds")?))
    }

    pub(super) fn list<T>(
        &self,
        name: &str,
        wanted: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, ConfigError> {
        let items = self.0.value(name).unwrap_or_default().split(',').map(str::trim);
        let items = items.filter(|item| !item.is_empty());
        items
            .map(|item| {
                parse(item).ok_or_else(|| self.wrong(name, &format!("a list of items like {wanted}")))
            })
            .collect()
    }
}
