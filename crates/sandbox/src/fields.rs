//! Reads the fields of a JSON body, and collects every error in them.
//!
//! Grid answers a bad body with every bad field at once, so reading never stops at the first: each problem is put
//! into [`Faults`], and the reader goes on.

use serde_json::{Map, Value};

use super::error::GridError;
use super::formats::{Form, Refusal};
use gridgate_grid::model::{FieldConstraint, FieldError};

const LONGEST_LIST: usize = 300;

/// What is wrong with a request so far.
#[derive(Default)]
pub(super) struct Faults {
    errors: Vec<FieldError>,
    codes: Vec<&'static str>,
}

impl Faults {
    pub(super) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.add_coded("INVALID_INPUT", field, message, None);
    }

    /// Adds the error of a missing field that Grid needs from this customer.
    pub(super) fn missing_mandatory(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.add_coded("MISSING_MANDATORY_USER_INFO", field, message, None);
    }

    /// Adds an error with its own code and constraint.
    pub(super) fn add_coded(
        &mut self,
        code: &'static str,
        field: impl Into<String>,
        message: impl Into<String>,
        constraint: Option<FieldConstraint>,
    ) {
        self.errors.push(FieldError { field: field.into(), message: Some(message.into()), constraint });
        self.codes.push(code);
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.errors.iter().any(|error| error.field == field)
    }

    /// The error to answer, if anything is wrong. Its code is that of all problems where they agree, and
    /// `INVALID_INPUT` otherwise.
    pub(super) fn into_result(self) -> Result<(), GridError> {
        let Some(first) = self.codes.first().copied() else { return Ok(()) };
        let code = if self.codes.iter().all(|code| *code == first) { first } else { "INVALID_INPUT" };
        Err(GridError::bad_fields(code, self.errors))
    }
}

/// What a field has to be, where it is there.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Text(Form),
    Texts(Form),
    /// At least one of these words.
    Categories(&'static [&'static str]),
    /// A whole number from the first to the second.
    Integer(i32, i32),
}

/// A JSON object at a path of the body.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    pub(super) fn of_body(object: &'a Map<String, Value>) -> Self {
        Self { object, path: String::new() }
    }

    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    pub(super) fn require(&self, names: &[&str], faults: &mut Faults) {
        for name in names.iter().filter(|name| !self.has(name)) {
            faults.add(self.path(name), "is required");
        }
    }

    /// Checks these fields.
    pub(super) fn check(&self, shapes: &[(&str, Shape)], faults: &mut Faults) {
        for &(name, shape) in shapes {
            match shape {
                Shape::Text(form) => drop(self.text(name, form, faults)),
                Shape::Texts(form) => drop(self.texts(name, form, faults)),
                Shape::Categories(words) => drop(self.categories(name, words, faults)),
                Shape::Integer(least, greatest) => self.check_integer(name, least, greatest, faults),
            }
        }
    }

    /// A text field, if it is there and good.
    pub(super) fn text(&self, name: &str, form: Form, faults: &mut Faults) -> Option<String> {
        let value = self.object.get(name)?;
        let Some(text) = value.as_str() else {
            faults.add(self.path(name), "must be a string");
            return None;
        };
        self.checked(text, form, || self.path(name), faults)
    }

    pub(super) fn texts(&self, name: &str, form: Form, faults: &mut Faults) -> Option<Vec<String>> {
        let value = self.object.get(name)?;
        let Some(list) = value.as_array() else {
            faults.add(self.path(name), "must be a list of strings");
            return None;
        };
        if list.len() > LONGEST_LIST {
            faults.add(self.path(name), format!("must have at most {LONGEST_LIST} entries"));
            return None;
        }
        let mut texts = Vec::with_capacity(list.len());
        for (position, entry) in list.iter().enumerate() {
            let path = || format!("{}[{position}]", self.path(name));
            match entry.as_str() {
                Some(text) => texts.extend(self.checked(text, form, path, faults)),
                None => faults.add(path(), "must be a string"),
            }
        }
        Some(texts)
    }

    fn categories(&self, name: &str, words: &'static [&'static str], faults: &mut Faults) -> Option<Vec<String>> {
        if self.object.get(name)?.as_array().is_some_and(Vec::is_empty) {
            let constraint = FieldConstraint { min_length: Some(1), ..FieldConstraint::default() };
            faults.add_coded("INVALID_INPUT", self.path(name), "must have at least one entry", Some(constraint));
            return None;
        }
        self.texts(name, Form::OneOf(words), faults)
    }

    fn check_integer(&self, name: &str, least: i32, greatest: i32, faults: &mut Faults) {
        let Some(value) = self.object.get(name) else { return };
        // JSON Schema counts 40.0 as an integer.
        let whole = value.as_i64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64));
        if !whole.is_some_and(|n| (i64::from(least)..=i64::from(greatest)).contains(&n)) {
            faults.add(self.path(name), format!("must be a whole number from {least} to {greatest}"));
        }
    }

    /// A whole number of at least 0, if it is there.
    pub(super) fn amount(&self, name: &str, faults: &mut Faults) -> Option<i64> {
        let value = self.object.get(name)?;
        let amount = value.as_i64().filter(|amount| *amount >= 0);
        if amount.is_none() {
            faults.add(self.path(name), "must be a whole number of at least 0");
        }
        amount
    }

    pub(super) fn flag(&self, name: &str, faults: &mut Faults) -> Option<bool> {
        let flag = self.object.get(name)?.as_bool();
        if flag.is_none() {
            faults.add(self.path(name), "must be true or false");
        }
        flag
    }

    pub(super) fn list_of_objects(&self, name: &str, faults: &mut Faults) -> Option<Vec<Fields<'a>>> {
        let value = self.object.get(name)?;
        let Some(list) = value.as_array().filter(|list| list.len() <= LONGEST_LIST) else {
            faults.add(self.path(name), format!("must be a list of at most {LONGEST_LIST} objects"));
            return None;
        };
        Some(self.objects_of(name, list, faults))
    }

    /// Adds an error for each field that is read-only.
    pub(super) fn read_only(&self, names: &[&str], faults: &mut Faults) {
        for name in names.iter().filter(|name| self.has(name)) {
            faults.add(self.path(name), "is read-only");
        }
    }

    pub(super) fn others(&self, names: &[&str]) -> Map<String, Value> {
        let others = self.object.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        others.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    pub(super) fn object(&self, name: &str, faults: &mut Faults) -> Option<Fields<'a>> {
        let value = self.object.get(name)?;
        let object = value.as_object();
        if object.is_none() {
            faults.add(self.path(name), "must be an object");
        }
        Some(Fields { object: object?, path: self.path(name) })
    }

    /// A list of objects, if it is there and a list; entries that are no objects are named by their position.
    pub(super) fn objects(&self, name: &str, faults: &mut Faults) -> Option<Vec<Fields<'a>>> {
        let Some(list) = self.object.get(name)?.as_array() else {
            faults.add(self.path(name), "must be a list of objects");
            return None;
        };
        Some(self.objects_of(name, list.get(..LONGEST_LIST).unwrap_or(list), faults))
    }

    fn objects_of(&self, name: &str, list: &'a [Value], faults: &mut Faults) -> Vec<Fields<'a>> {
        let mut objects = Vec::with_capacity(list.len());
        for (position, entry) in list.iter().enumerate() {
            let path = format!("{}[{position}]", self.path(name));
            match entry.as_object() {
                Some(object) => objects.push(Fields { object, path }),
                None => faults.add(path, "must be an object"),
            }
        }
        objects
    }

    fn checked(&self, text: &str, form: Form, path: impl FnOnce() -> String, faults: &mut Faults) -> Option<String> {
        match form.check(text) {
            Ok(()) => Some(text.to_owned()),
            Err(refusal) => {
                let Refusal { message, constraint } = *refusal;
                faults.add_coded(form.code(), path(), message, Some(constraint));
                None
            }
        }
    }
}
