//! Reads the properties of an event by the table, and collects every fault on the way.

use super::property::{
    CLOUDFORMATION_PROPERTIES, MAX_TAG_KEY, MAX_TAG_VALUE, MAX_TAGS, Pattern, Property, Shape, TAGS,
};
use crate::model::ids::join;
use crate::model::tags::{self, Tags};
use regex_lite::Regex;
use serde_json::{Map, Value};
use std::fmt;

/// What is wrong with one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub property: String,
    /// What was found and what to write instead, without the final period.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.", self.property, self.what)
    }
}

pub struct Reader<'a> {
    map: Option<&'a Map<String, Value>>,
    pub faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub fn new(raw: &'a Value) -> Self {
        let mut reader = Self { map: raw.as_object(), faults: Vec::new() };
        if reader.map.is_none() {
            reader.fault("ResourceProperties", format!("must be an object, not {}", kind(raw)));
        }
        reader
    }

    pub fn fault(&mut self, property: &str, what: impl Into<String>) {
        self.faults.push(Fault { property: shorten(property), what: what.into() });
    }

    pub fn unknown_names(&mut self, properties: &[Property]) {
        let known = || properties.iter().map(|property| property.name).chain(CLOUDFORMATION_PROPERTIES);
        let names = self.map.into_iter().flat_map(Map::keys);
        for name in names.filter(|name| !known().any(|k| k == *name)) {
            let nearest = known()
                .map(|k| (strsim::damerau_levenshtein(&k.to_lowercase(), &name.to_lowercase()), k))
                .filter(|(distance, k)| *distance <= k.len() / 3)
                .min();
            match nearest {
                Some((_, nearest)) => self.fault(name, format!("is not a supported property; did you mean {nearest}?")),
                None => self.fault(
                    name,
                    format!(
                        "is not a supported property; the supported properties are {}",
                        join(properties.iter().map(|p| p.name), ", ")
                    ),
                ),
            }
        }
    }

    /// The raw value; `None` if it was not given or is blank.
    fn get(&self, property: Property) -> Option<&'a Value> {
        self.map?.get(property.name).filter(|value| !is_blank(value))
    }

    pub fn is_given(&self, property: Property) -> bool {
        self.get(property).is_some()
    }

    /// A property with a single value, as a string that fits the property's shape; `None` if it is missing or faulty.
    pub fn scalar(&mut self, property: Property) -> Option<String> {
        self.scalar_with_hint(property, |_| String::new())
    }

    /// The same, with a hint for what was found instead.
    pub fn scalar_with_hint(&mut self, property: Property, hint: impl Fn(&str) -> String) -> Option<String> {
        let value = self.get(property)?;
        let Some(text) = string_of(value) else {
            self.fault(property.name, format!("must be a single value, not {}", kind(value)));
            return None;
        };
        let text = text.trim();
        match check(property.shape, text) {
            Ok(()) => Some(text.to_owned()),
            Err(what) if matches!(property.shape, Shape::Secret(_)) => {
                self.fault(property.name, format!("is {what}; it must not contain the key itself"));
                None
            }
            Err(what) => {
                self.fault(property.name, format!("is '{}', which is {what}{}", shorten(text), hint(text)));
                None
            }
        }
    }

    /// The items of a list that fit the property's shape, each once; `convert` may find further faults.
    pub fn list<T: PartialEq>(&mut self, property: Property, convert: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let mut values: Vec<T> = Vec::new();
        for text in self.strings(property) {
            match check(property.shape, &text).and_then(|()| convert(&text)) {
                Ok(value) if values.contains(&value) => {}
                Ok(value) => values.push(value),
                Err(what) => self.fault(property.name, format!("contains '{}', which is {what}", shorten(&text))),
            }
        }
        values
    }

    fn strings(&mut self, property: Property) -> Vec<String> {
        let mut strings = Vec::new();
        match self.get(property) {
            None => {}
            Some(Value::Array(items)) => {
                for item in items {
                    match string_of(item) {
                        Some(text) => strings.push(text.trim().to_owned()),
                        None => {
                            self.fault(
                                property.name,
                                format!("must be a list of strings, but contains {}", kind(item)),
                            );
                        }
                    }
                }
            }
            Some(Value::String(text)) => strings.extend(text.split(',').map(|part| part.trim().to_owned())),
            Some(other) => self.fault(property.name, format!("must be a list, not {}", kind(other))),
        }
        strings.retain(|text| !text.is_empty());
        strings
    }

    pub fn tags(&mut self) -> Tags {
        let mut tags = Tags::new();
        let items = match self.get(TAGS) {
            None => return tags,
            Some(Value::Array(items)) => items.iter().filter(|item| !is_blank(item)),
            Some(other) => {
                self.fault(TAGS.name, format!("must be a list of Key and Value pairs, not {}", kind(other)));
                return tags;
            }
        };
        for item in items {
            let Some((key, value)) = pair(item) else {
                self.fault(
                    TAGS.name,
                    "must be a list of pairs such as {\"Key\": \"team\", \"Value\": \"data\"} or team=data",
                );
                continue;
            };
            let shown = shorten(&key);
            if key.is_empty() || key.chars().count() > MAX_TAG_KEY {
                self.fault(
                    TAGS.name,
                    format!("contains the key '{shown}', which is not 1 to {MAX_TAG_KEY} characters long"),
                );
            } else if value.chars().count() > MAX_TAG_VALUE {
                let what = format!("contains a value longer than {MAX_TAG_VALUE} characters for the key '{shown}'");
                self.fault(TAGS.name, what);
            } else if key.to_ascii_lowercase().starts_with("aws:") || key.starts_with(tags::PREFIX) {
                self.fault(TAGS.name, format!("contains the key '{shown}', which has a reserved prefix"));
            } else if tags.insert(key, value).is_some() {
                self.fault(TAGS.name, format!("contains the key '{shown}' more than once"));
            }
        }
        if tags.len() > MAX_TAGS {
            self.fault(TAGS.name, format!("contains {} tags; at most {MAX_TAGS} are allowed", tags.len()));
        }
        tags
    }
}

/// A tag: an object with exactly these two fields, or `KEY=VALUE`, because a template's parameter can only be a list of
/// strings.
fn pair(item: &Value) -> Option<(String, String)> {
    if let Value::String(text) = item {
        return text.split_once('=').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
    }
    let fields = item.as_object()?;
    let part = |name: &str| fields.get(name).and_then(string_of);
    part("Key").zip(part("Value")).filter(|_| fields.len() == 2)
}

/// Whether a string fits the shape of a property, or of an item of it; else what it is not.
fn check(shape: Shape, text: &str) -> Result<(), String> {
    match shape {
        Shape::String(pattern) | Shape::List(pattern) | Shape::Secret(pattern) => {
            if pattern.matches(text) {
                Ok(())
            } else {
                Err(format!("not {}", pattern.what))
            }
        }
        Shape::Enum(words) if words.contains(&text) => Ok(()),
        Shape::Enum(words) => Err(format!("none of {}", join(words, ", "))),
        Shape::Integer(first, last) => match text.parse::<u16>() {
            Ok(number) if (first..=last).contains(&number) => Ok(()),
            _ => Err(format!("not a whole number from {first} to {last}")),
        },
        Shape::Boolean if ["true", "false"].contains(&text.to_ascii_lowercase().as_str()) => Ok(()),
        Shape::Boolean => Err("neither true nor false".to_owned()),
        Shape::Text | Shape::Tags => Ok(()),
    }
}

impl Property {
    /// Whether a text fits the shape.
    pub fn accepts(self, text: &str) -> bool {
        check(self.shape, text).is_ok()
    }
}

impl Pattern {
    fn matches(self, text: &str) -> bool {
        // The table is constant, and a test compiles each of its expressions.
        Regex::new(&format!("^(?:{})$", self.regex)).is_ok_and(|regex| regex.is_match(text))
    }
}

/// What a template leaves behind where a parameter was left empty.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().all(is_blank),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// CloudFormation sends every scalar as a string; other senders do not.
fn string_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a Boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A piece of the input that is safe to repeat in a message.
fn shorten(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    match printable.char_indices().nth(80) {
        Some((cut, _)) => format!("{}…", printable.get(..cut).unwrap_or_default()),
        None => printable,
    }
}
