//! The TOML file as a source of settings, with the line each value stands on.

use super::mistake::Mistake;
use super::setting::Setting;
use super::settings::ALL;
use super::source::{Given, Origin, Values, did_you_mean};
use toml::de::{DeInteger, DeTable, DeValue};

/// What a mistake is called that is about no setting but about the file.
pub(super) const THE_FILE: &str = "the TOML file";

/// A TOML file that was read.
#[derive(Clone)]
pub struct ConfigFile {
    /// Its path, for messages.
    pub path: String,
    /// What it says. May contain a secret.
    pub text: String,
}

/// Reads what the file sets. Broken syntax, unknown keys and values that are neither text, number nor `true`/`false`
/// are mistakes; what could be read nevertheless is returned, so that other mistakes are found in the same run. Where the
/// syntax is broken, it is the only mistake of the file: a key or a value that looks wrong may only be in the wrong place.
pub(super) fn read(file: &ConfigFile, mistakes: &mut Vec<Mistake>) -> Values {
    let (root, errors) = DeTable::parse_recoverable(&file.text);
    let is_broken = !errors.is_empty();
    for error in errors {
        let line = error.span().map(|span| line_at(&file.text, span.start));
        mistakes.push(Mistake {
            setting: THE_FILE.to_owned(),
            origin: Some(line.map_or_else(|| file.path.clone(), |line| format!("{}:{line}", file.path))),
            problem: error.message().trim().to_owned(),
        });
    }
    let mut found = Vec::new();
    let mut reading = Reading { file, values: Values::new(), mistakes: &mut found };
    reading.table("", root.get_ref());
    let values = reading.values;
    if !is_broken {
        mistakes.append(&mut found);
    }
    values
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

struct Reading<'f> {
    file: &'f ConfigFile,
    values: Values,
    mistakes: &'f mut Vec<Mistake>,
}

impl Reading<'_> {
    /// Takes over what `table` sets; `prefix` is its key with a dot behind it, or nothing for the root.
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table.iter() {
            let key = format!("{prefix}{}", name.get_ref());
            let line = line_at(&self.file.text, name.span().start);
            let setting = ALL.iter().find(|setting| setting.key == key);
            match (setting, value.get_ref()) {
                (Some(setting), value) => self.value(setting, value, line),
                (None, DeValue::Table(inner)) if is_section(&key) => self.table(&format!("{key}."), inner),
                (None, _) => {
                    let suggestion = did_you_mean(&key, ALL.iter().map(|setting| setting.key));
                    self.mistake(key, line, format!("there is no such setting{suggestion}"));
                }
            }
        }
    }

    fn value(&mut self, setting: &'static Setting, value: &DeValue<'_>, line: usize) {
        let text = match value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => decimal(number),
            DeValue::Boolean(switch) => Some(switch.to_string()),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
        };
        match text {
            Some(text) => {
                let origin = Origin::File { path: self.file.path.clone(), line };
                self.values.insert(setting.key, Given { text, origin });
            }
            None => {
                let problem = "must be text in quotes, a whole number, true or false".to_owned();
                self.mistake(setting.key.to_owned(), line, problem);
            }
        }
    }

    fn mistake(&mut self, setting: String, line: usize, problem: String) {
        let origin = Some(format!("{}:{line}", self.file.path));
        self.mistakes.push(Mistake { setting, origin, problem });
    }
}

/// Whether a table of this key can hold settings.
fn is_section(key: &str) -> bool {
    ALL.iter().any(|setting| setting.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

fn decimal(number: &DeInteger<'_>) -> Option<String> {
    i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
}
