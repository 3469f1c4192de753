//! Generates `Debug` for the messages that have fields marked `(gridgate.options.v1.personal)`: marked fields are left
//! out, the others are printed.
//!
//! Messages without such fields keep the `Debug` that prost derives. Where a message is told to go without,
//! prost leaves out also that of its oneofs and of the types nested in it, so these are generated here too.

use std::fmt::{self, Write};

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor, Value};

/// The option that marks personal fields.
const PERSONAL: &str = "gridgate.options.v1.personal";

/// What was generated.
pub struct RedactingDebug {
    /// The `Debug` implementations, to be included where prost's output is.
    pub code: String,
    /// Fully qualified names of the messages that prost has to leave without `Debug`.
    pub messages: Vec<String>,
}

/// Generates the implementations for all messages of `package`.
///
/// # Errors
/// The pool has no option that marks personal fields: all of them would be printed.
pub fn generate(pool: &DescriptorPool, package: &str) -> Result<RedactingDebug, Box<dyn std::error::Error>> {
    if pool.get_extension_by_name(PERSONAL).is_none() {
        return Err(format!("the protos do not define {PERSONAL}").into());
    }
    let mut generated = RedactingDebug { code: String::new(), messages: Vec::new() };
    let mut top_level: Vec<_> =
        pool.all_messages().filter(|m| m.package_name() == package && m.parent_message().is_none()).collect();
    top_level.sort_by(|a, b| a.full_name().cmp(b.full_name()));
    for message in &top_level {
        generated.add(message, false)?;
    }
    Ok(generated)
}

impl RedactingDebug {
    /// Adds a message and what is nested in it; `within` says whether a message around it is redacting already.
    fn add(&mut self, message: &MessageDescriptor, within: bool) -> fmt::Result {
        let redacting = within || message.fields().any(|field| is_personal(&field));
        if redacting {
            if !within {
                self.messages.push(format!(".{}", message.full_name()));
            }
            write_message(&mut self.code, message)?;
            for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
                write_oneof(&mut self.code, message, &oneof)?;
            }
            for nested in message.child_enums() {
                write_enum(&mut self.code, &nested)?;
            }
        }
        // A map's entries are a message only on the wire.
        for nested in message.child_messages().filter(|nested| !nested.is_map_entry()) {
            self.add(&nested, redacting)?;
        }
        Ok(())
    }
}

fn write_message(code: &mut String, message: &MessageDescriptor) -> fmt::Result {
    let rust_path = message_path(message);
    open_impl(code, &rust_path)?;
    writeln!(code, "        let mut out = f.debug_struct({:?});", message.name().to_upper_camel_case())?;
    let mut left_out = false;
    for field in message.fields().filter(|field| real_oneof(field).is_none()) {
        if is_personal(&field) {
            left_out = true;
        } else {
            writeln!(code, "        out.field({:?}, &{});", field.name(), shown(&field))?;
        }
    }
    for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
        writeln!(code, "        out.field({0:?}, &self.r#{0});", oneof.name().to_snake_case())?;
    }
    writeln!(code, "        out.{}()", if left_out { "finish_non_exhaustive" } else { "finish" })?;
    close_impl(code)
}

fn write_oneof(code: &mut String, message: &MessageDescriptor, oneof: &OneofDescriptor) -> fmt::Result {
    let rust_path = format!("{}::{}", module_path(message), oneof.name().to_upper_camel_case());
    open_impl(code, &rust_path)?;
    writeln!(code, "        match self {{")?;
    for field in oneof.fields() {
        let variant = field.name().to_upper_camel_case();
        if is_personal(&field) {
            let text = format!("{variant}(..)");
            writeln!(code, "            Self::{variant}(_) => f.write_str({text:?}),")?;
        } else {
            let value = match package_enum(&field) {
                Some(path) => format!("&EnumName::<{path}>::of(*value)"),
                None => "value".to_owned(),
            };
            writeln!(
                code,
                "            Self::{variant}(value) => f.debug_tuple({variant:?}).field({value}).finish(),"
            )?;
        }
    }
    writeln!(code, "        }}")?;
    close_impl(code)
}

fn write_enum(code: &mut String, nested: &EnumDescriptor) -> fmt::Result {
    open_impl(code, &enum_path(nested))?;
    writeln!(code, "        f.write_str(self.as_str_name())")?;
    close_impl(code)
}

fn open_impl(code: &mut String, rust_path: &str) -> fmt::Result {
    writeln!(code, "impl ::core::fmt::Debug for {rust_path} {{")?;
    writeln!(code, "    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{")
}

fn close_impl(code: &mut String) -> fmt::Result {
    writeln!(code, "    }}\n}}")
}

/// The expression that is printed for a field: prost keeps an enum as its number, which says little.
fn shown(field: &FieldDescriptor) -> String {
    let place = format!("self.r#{}", field.name().to_snake_case());
    match package_enum(field) {
        Some(path) if field.is_list() => {
            format!("{place}.iter().copied().map(EnumName::<{path}>::of).collect::<Vec<_>>()")
        }
        Some(path) if field.supports_presence() => format!("{place}.map(EnumName::<{path}>::of)"),
        Some(path) => format!("EnumName::<{path}>::of({place})"),
        None => place,
    }
}

/// Whether the field is marked as personal.
fn is_personal(field: &FieldDescriptor) -> bool {
    let option = field.parent_pool().get_extension_by_name(PERSONAL);
    option.is_some_and(|option| *field.options().get_extension(&option) == Value::Bool(true))
}

/// The oneof the field belongs to; none for the one that `optional` stands for.
fn real_oneof(field: &FieldDescriptor) -> Option<OneofDescriptor> {
    field.containing_oneof().filter(|oneof| !oneof.is_synthetic())
}

/// The Rust type of an enum field, where the enum is one of the field's own package.
fn package_enum(field: &FieldDescriptor) -> Option<String> {
    match field.kind() {
        Kind::Enum(descriptor) if descriptor.package_name() == field.parent_message().package_name() => {
            Some(enum_path(&descriptor))
        }
        _ => None,
    }
}

fn enum_path(descriptor: &EnumDescriptor) -> String {
    let name = descriptor.name().to_upper_camel_case();
    descriptor.parent_message().map_or(name.clone(), |parent| format!("{}::{name}", module_path(&parent)))
}

fn message_path(message: &MessageDescriptor) -> String {
    let name = message.name().to_upper_camel_case();
    message.parent_message().map_or(name.clone(), |parent| format!("{}::{name}", module_path(&parent)))
}

/// The module where prost puts a message's oneofs and nested types.
fn module_path(message: &MessageDescriptor) -> String {
    let name = message.name().to_snake_case();
    message.parent_message().map_or(name.clone(), |parent| format!("{}::{name}", module_path(&parent)))
}
