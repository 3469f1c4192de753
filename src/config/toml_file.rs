//! The TOML file as a source of settings, with the line that each value stands on.

use super::mistake::{Mistake, THE_FILE, no_such_setting};
use super::setting::Setting;
use super::settings::ALL;
use toml::de::{DeTable, DeValue};

/// A TOML file that was read.
#[derive(Clone)]
pub struct ConfigFile {
    /// Its path, for messages.
    pub path: String,
    /// Its content. May contain a secret.
    pub text: String,
}

/// Reads what the file sets: each setting with its text and its line. Broken syntax, unknown keys and values that are neither
/// text, number nor `true`/`false` are mistakes; what could be read nevertheless is returned, so that other mistakes are found
/// in the same run. Where the syntax is broken, it is the only mistake of the file: a key or a value that looks wrong may only
/// be in the wrong place.
pub(super) fn read(file: &ConfigFile, mistakes: &mut Vec<Mistake>) -> Vec<(&'static Setting, String, usize)> {
    let (root, errors) = DeTable::parse_recoverable(&file.text);
    let is_broken = !errors.is_empty();
    mistakes.extend(errors.into_iter().map(|error| Mistake {
        setting: THE_FILE.to_owned(),
        origin: Some(error.span().map_or_else(|| file.path.clone(), |span| file.place(file.line_at(span.start)))),
        problem: error.message().trim().to_owned(),
    }));
    let mut reading = Reading { file, values: Vec::new(), mistakes: Vec::new() };
    reading.table("", root.get_ref());
    if !is_broken {
        mistakes.append(&mut reading.mistakes);
    }
    reading.values
}

impl ConfigFile {
    fn line_at(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
    }

    pub(super) fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

struct Reading<'f> {
    file: &'f ConfigFile,
    values: Vec<(&'static Setting, String, usize)>,
    mistakes: Vec<Mistake>,
}

impl Reading<'_> {
    /// Takes over what `table` sets; `prefix` is its key with a dot behind it, or nothing for the root.
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table.iter() {
            let key = format!("{prefix}{}", name.get_ref());
            let line = self.file.line_at(name.span().start);
            let setting = ALL.iter().find(|setting| setting.key == key);
            match (setting, value.get_ref()) {
                (Some(setting), value) => match text_of(value) {
                    Some(text) => self.values.push((setting, text, line)),
                    None => self.mistake(key, line, "must be text in quotes, a whole number, true or false".to_owned()),
                },
                (None, DeValue::Table(inner)) if ALL.iter().any(|setting| setting.section() == key) => {
                    self.table(&format!("{key}."), inner);
                }
                (None, _) => {
                    let problem = no_such_setting(&key, ALL.iter().map(|setting| setting.key));
                    self.mistake(key, line, problem);
                }
            }
        }
    }

    fn mistake(&mut self, setting: String, line: usize, problem: String) {
        self.mistakes.push(Mistake { setting, origin: Some(self.file.place(line)), problem });
    }
}

/// What a value would be in an environment variable.
fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Boolean(switch) => Some(switch.to_string()),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
