//! Values made from the schemas of an OpenAPI document.

use serde_json::{Map, Value, json};

/// Which way a body goes: `readOnly` properties are never sent, `writeOnly` ones never answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Sent,
    Answered,
}

/// An OpenAPI document (3.1, as JSON).
pub(super) struct Document<'a>(pub(super) &'a Value);

/// A kind of body: one way through all `oneOf`s.
struct Body {
    /// Every property.
    full: Value,
    /// JSON pointers to what has a fixed vocabulary, and its words.
    words: Vec<(String, Vec<Value>)>,
}

impl<'a> Document<'a> {
    /// What a `$ref` points to, or the node itself.
    pub(super) fn resolve(&self, node: &'a Value) -> &'a Value {
        match node.get("$ref").and_then(Value::as_str) {
            Some(target) => {
                let pointer = target.strip_prefix('#').expect("a reference within the document");
                self.resolve(self.0.pointer(pointer).unwrap_or_else(|| panic!("nothing is at {target}")))
            }
            None => node,
        }
    }

    /// Bodies of a schema: for every alternative one with all properties, and one for each other word of each of its
    /// vocabularies. Properties that exclude each other take turns.
    pub(super) fn bodies(&self, schema: &'a Value, direction: Direction) -> Vec<Value> {
        let mut bodies = Vec::new();
        for alternative in self.alternatives(schema) {
            let Body { full, words } = self.body(alternative, direction);
            let mut made = vec![full.clone()];
            for (pointer, words) in words {
                for word in words {
                    let mut body = full.clone();
                    *body.pointer_mut(&pointer).unwrap() = word;
                    made.extend(Some(body).filter(|body| *body != full));
                }
            }
            for excluding in self.exclusions(alternative) {
                let mut apart = Vec::new();
                for body in made.iter().flat_map(|body| without_each(body, &excluding)) {
                    apart.extend(Some(body).filter(|body| !apart.contains(body)));
                }
                made = apart;
            }
            bodies.append(&mut made);
        }
        bodies
    }

    /// The properties that may not stand together, as `not: {required: [...]}` says it, of an object and all its parts.
    fn exclusions(&self, schema: &'a Value) -> Vec<Vec<&'a str>> {
        let parts = schema.get("allOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let inherited = parts.iter().flat_map(|part| self.exclusions(self.resolve(part)));
        let own = schema.pointer("/not/required").and_then(Value::as_array);
        let own = own.map(|names| names.iter().map(|name| name.as_str().expect("a name")).collect());
        inherited.chain(own).collect()
    }

    fn alternatives(&self, schema: &'a Value) -> Vec<&'a Value> {
        let schema = self.resolve(schema);
        match schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array) {
            Some(alternatives) => alternatives.iter().flat_map(|schema| self.alternatives(schema)).collect(),
            None => vec![schema],
        }
    }

    fn body(&self, schema: &'a Value, direction: Direction) -> Body {
        let mut words = Vec::new();
        let full = self.value(schema, "", direction, "", &mut words);
        Body { full, words }
    }

    fn value(
        &self,
        schema: &'a Value,
        name: &str,
        direction: Direction,
        at: &str,
        words: &mut Vec<(String, Vec<Value>)>,
    ) -> Value {
        let schema = self.resolve(schema);
        if let Some(first) = self.alternatives(schema).first().filter(|_| schema.get("allOf").is_none())
            && !std::ptr::eq(*first, schema)
        {
            return self.value(first, name, direction, at, words);
        }
        let properties = self.properties(schema);
        if !properties.is_empty() {
            let wanted = properties.iter().filter(|(_, property)| !is_hidden(self.resolve(property), direction));
            let value = |(name, property): &(&String, &'a Value)| {
                let value = self.value(property, name, direction, &format!("{at}/{name}"), words);
                ((*name).clone(), value)
            };
            return Value::Object(wanted.map(value).collect());
        }
        if let Some(inner) = schema.get("allOf").and_then(Value::as_array).and_then(|parts| parts.first()) {
            return self.value(inner, name, direction, at, words);
        }
        let vocabulary = schema.get("enum").and_then(Value::as_array);
        if let Some(vocabulary) = vocabulary.filter(|vocabulary| vocabulary.len() > 1) {
            words.push((at.to_owned(), vocabulary.clone()));
        }
        let first = || vocabulary.and_then(|words| words.first().cloned());
        match schema.get("type").and_then(Value::as_str) {
            Some("array") => {
                let item = self.value(&schema["items"], name, direction, &format!("{at}/0"), words);
                schema.get("example").cloned().unwrap_or_else(|| json!([item]))
            }
            _ if schema.get("example").is_some() => schema["example"].clone(),
            _ if first().is_some() => first().unwrap(),
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(7)),
            Some("boolean") => json!(true),
            Some("object") => json!({ "note": "anything" }),
            Some("string") | None => match schema.get("format").and_then(Value::as_str) {
                Some("date-time") => json!("2026-01-02T03:04:05Z"),
                Some("date") => json!("2026-01-02"),
                Some("uri") => json!("https://example.com/uri"),
                _ => json!(format!("some-{name}")),
            },
            Some(other) => panic!("a schema of type {other}"),
        }
    }

    /// The properties of an object, those of all its parts; the last word on one counts.
    fn properties(&self, schema: &'a Value) -> Vec<(&'a String, &'a Value)> {
        let mut properties: Vec<(&String, &Value)> = Vec::new();
        let parts = schema.get("allOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let inherited = parts.iter().flat_map(|part| self.properties(self.resolve(part)));
        let own = schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::iter);
        for (name, property) in inherited.chain(own) {
            properties.retain(|(known, _)| *known != name);
            properties.push((name, property));
        }
        properties
    }
}

/// A body without each of these properties in turn, or as it is, if it does not have all of them.
fn without_each(body: &Value, excluding: &[&str]) -> Vec<Value> {
    if !excluding.iter().all(|name| body.get(name).is_some()) {
        return vec![body.clone()];
    }
    let without = |name: &&str| {
        let mut body = body.clone();
        body.as_object_mut().expect("an object").remove(*name);
        body
    };
    excluding.iter().map(without).collect()
}

fn is_hidden(property: &Value, direction: Direction) -> bool {
    let mark = match direction {
        Direction::Sent => "readOnly",
        Direction::Answered => "writeOnly",
    };
    property.get(mark) == Some(&Value::Bool(true))
}
