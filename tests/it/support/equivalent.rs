//! Grid's JSON as the API's messages: what the protos' documentation promises, made from the descriptors alone.
//!
//! Nothing of the program's conversions is used, so that both can be held against each other. The rules:
//! - A field has the same name, in snake case; `null` is absent.
//! - What only a person has stands in `individual` and `individual.edd`, what only a business has in `business`.
//! - A word of an enum is the enum's value, or `UNSPECIFIED`, and the word itself in the field `…_raw`.
//! - Times are `google.protobuf.Timestamp`.
//! - What a message with `other_fields` has no field for is in there, as it is.
//! - [`RENAMED`], and [`page`] for lists.

use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value as Field,
};
use serde_json::{Map, Value};

use super::api::{self, Rpc, Sends};

/// Message, Grid's field, the API's field.
const RENAMED: &[(&str, &str, &str)] = &[
    ("Customer", "kycStatus", "kyc_status"),
    ("Customer", "kybStatus", "kyc_status"),
    ("ContactVerification", "email", "email_status"),
    ("ContactVerification", "phone", "phone_status"),
    ("UpdateChallenge", "requestId", "challenge_id"),
    ("ListAgreementsResponse", "data", "agreements"),
    ("ListCustomersRequest", "limit", "page_size"),
    ("ListCustomersRequest", "cursor", "page_token"),
    ("ListCustomersRequest", "isIncludingDeleted", "include_deleted"),
    ("ListBeneficialOwnersRequest", "limit", "page_size"),
    ("ListBeneficialOwnersRequest", "cursor", "page_token"),
    ("ListDocumentsRequest", "limit", "page_size"),
    ("ListDocumentsRequest", "cursor", "page_token"),
    ("ListVerificationsRequest", "limit", "page_size"),
    ("ListVerificationsRequest", "cursor", "page_token"),
];

/// Messages in which a person and a business have places of their own.
const TYPED: &[&str] = &["Customer", "CreateCustomerRequest", "CustomerUpdate"];

/// What became of Grid's JSON.
#[derive(Debug)]
pub struct Equivalent {
    pub message: DynamicMessage,
    /// Every leaf that has its place.
    pub placed: Vec<Placed>,
    /// Paths of what has no place in the API.
    pub lost: Vec<String>,
}

impl Equivalent {
    fn nothing(message: &DynamicMessage) -> Self {
        Self { message: message.clone(), placed: Vec::new(), lost: Vec::new() }
    }
}

/// One leaf of Grid's JSON, and where it stands in the message.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Grid's path, such as `address.line1` or `roles[0]`.
    pub grid: String,
    /// JSON pointer to it.
    pub pointer: String,
    /// The API's path, such as `individual.edd.pep_status`.
    pub api: String,
    /// Whether it is personal.
    pub personal: bool,
    pub is_enum: bool,
    /// Whether it is text, which can hold anything.
    pub is_text: bool,
}

/// The request of `rpc` that sends `grid` (query parameters, a JSON body, or the fields beside a file) for the resource `id`.
pub fn request(rpc: &Rpc, id: &str, grid: &Value) -> Equivalent {
    let mut sent = of(&rpc.sent(), grid);
    let mut request = DynamicMessage::new(rpc.request());
    match rpc.sent_from() {
        "" => request = sent.message.clone(),
        field => request.set_field_by_name(field, Field::Message(sent.message.clone())),
    }
    if let Some(path) = rpc.id {
        let (message, name) = match path.split_once('.') {
            Some((outer, name)) => (request.get_field_by_name_mut(outer).unwrap().as_message_mut().unwrap(), name),
            None => (&mut request, path),
        };
        message.set_field_by_name(name, Field::String(id.to_owned()));
    }
    if rpc.name == "UpdateCustomer" {
        let field = rpc.request().get_field_by_name("customer_type").unwrap();
        set(&mut request, &field, &grid["customerType"], &Place::default().field("customerType", &field), &mut sent);
    }
    for placed in &mut sent.placed {
        if !rpc.sent_from().is_empty() && placed.grid != "customerType" {
            placed.api = format!("{}.{}", rpc.sent_from(), placed.api);
        }
    }
    Equivalent { message: request, ..sent }
}

/// The response of `rpc` when Grid answers `grid`.
pub fn answer(rpc: &Rpc, grid: &Value) -> Equivalent {
    answer_in(rpc, rpc.answers, grid)
}

/// The same, where the answer becomes another field than usual.
pub fn answer_in(rpc: &Rpc, field: &str, grid: &Value) -> Equivalent {
    let response = rpc.response();
    if rpc.sends == Sends::Query {
        return page(&response, grid);
    }
    if field.is_empty() {
        return of(&response, grid);
    }
    let inner = response.get_field_by_name(field).unwrap().kind().as_message().unwrap().clone();
    let mut answered = of(&inner, grid);
    if rpc.name.starts_with("Confirm") {
        // Grid answers these with the base customer only.
        for details in ["individual", "business"] {
            let details = inner.get_field_by_name(details).unwrap();
            let says_nothing = answered.message.get_field(&details).as_message().unwrap().fields().next().is_none();
            if says_nothing {
                answered.message.clear_field(&details);
            }
        }
    }
    let mut message = DynamicMessage::new(response);
    message.set_field_by_name(field, Field::Message(answered.message));
    Equivalent { message, ..answered }
}

/// The message that `grid` is the JSON of.
pub fn of(descriptor: &MessageDescriptor, grid: &Value) -> Equivalent {
    let mut message = DynamicMessage::new(descriptor.clone());
    let mut equivalent = Equivalent::nothing(&message);
    let object = grid.as_object().unwrap_or_else(|| panic!("an object, not {grid}"));
    fill(&mut message, object, &Place::default(), &mut equivalent);
    equivalent.message = message;
    equivalent
}

/// The response of a list: `data` is its one repeated message.
fn page(descriptor: &MessageDescriptor, grid: &Value) -> Equivalent {
    let rows = descriptor.fields().find(FieldDescriptor::is_list).unwrap();
    let mut renamed = Map::new();
    for (name, value) in grid.as_object().unwrap() {
        let name = match name.as_str() {
            "data" => rows.json_name(),
            "nextCursor" if grid["hasMore"] != false => "nextPageToken",
            "hasMore" | "nextCursor" => continue,
            "totalCount" => "totalSize",
            other => other,
        };
        renamed.insert(name.to_owned(), value.clone());
    }
    if grid["hasMore"] == true && grid["nextCursor"].is_null() {
        renamed.insert("truncated".to_owned(), Value::Bool(true));
    }
    of(descriptor, &Value::Object(renamed))
}

/// Where a leaf is.
#[derive(Default, Clone)]
struct Place {
    grid: String,
    pointer: String,
    api: String,
    personal: bool,
}

impl Place {
    fn field(&self, key: &str, field: &FieldDescriptor) -> Self {
        let dotted = |path: &str, name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        Self {
            grid: dotted(&self.grid, key),
            pointer: format!("{}/{key}", self.pointer),
            api: dotted(&self.api, field.name()),
            personal: self.personal || api::is_personal(field),
        }
    }

    /// In a message that Grid's JSON does not have.
    fn within(&self, field: &FieldDescriptor) -> Self {
        let Place { grid, pointer, .. } = self.clone();
        Self { grid, pointer, ..self.field("", field) }
    }

    fn item(&self, index: usize) -> Self {
        Self {
            grid: format!("{}[{index}]", self.grid),
            pointer: format!("{}/{index}", self.pointer),
            api: format!("{}[{index}]", self.api),
            personal: self.personal,
        }
    }
}

fn fill(message: &mut DynamicMessage, grid: &Map<String, Value>, at: &Place, out: &mut Equivalent) {
    let descriptor = message.descriptor();
    let details = details_of(&descriptor, grid);
    let others = descriptor.get_field_by_name("other_fields");
    let mut other_fields = Map::new();
    if let Some(details) = &details {
        message.get_field_mut(details);
    }
    for (key, value) in grid.iter().filter(|(_, value)| !value.is_null()) {
        if descriptor.name() == "CustomerUpdate" && key == "customerType" {
            // Beside it, in the request.
            continue;
        }
        if descriptor.name() == "ImportJobError" && key == "error" {
            let at = Place { grid: at.grid.clone() + ".error", pointer: at.pointer.clone() + "/error", ..at.clone() };
            fill(message, value.as_object().unwrap(), &at, out);
        } else if let Some(field) = own_field(&descriptor, key) {
            set(message, &field, value, &at.field(key, &field), out);
        } else if others.is_some() {
            other_fields.insert(key.clone(), value.clone());
        } else if !set_within(message, details.as_ref(), key, value, at, out) {
            out.lost.push(at.grid.clone() + "." + key);
        }
    }
    if let (Some(field), false) = (others, other_fields.is_empty()) {
        // They are placed nowhere: what is tried with single fields does not know them.
        let value = single(&field, &Value::Object(other_fields), &Place::default(), &mut Equivalent::nothing(message));
        message.set_field(&field, value.unwrap());
    }
}

/// A field of the message itself.
fn own_field(descriptor: &MessageDescriptor, key: &str) -> Option<FieldDescriptor> {
    let renamed = RENAMED.iter().find(|(message, grid, _)| *message == descriptor.name() && *grid == key);
    match renamed {
        Some((_, _, name)) => descriptor.get_field_by_name(name),
        None => descriptor.get_field_by_json_name(key).filter(|field| !field.name().ends_with("_raw")),
    }
}

/// `individual` or `business`, as the customer's type says.
fn details_of(descriptor: &MessageDescriptor, grid: &Map<String, Value>) -> Option<FieldDescriptor> {
    if !TYPED.contains(&descriptor.name()) {
        return None;
    }
    let name = match grid.get("customerType").and_then(Value::as_str) {
        Some("INDIVIDUAL") => "individual",
        Some("BUSINESS") => "business",
        Some(_) => return None,
        None => type_in(descriptor, grid)?,
    };
    descriptor.get_field_by_name(name)
}

/// What a customer whose type is not said has only as a person, or only as a business.
fn type_in(descriptor: &MessageDescriptor, grid: &Map<String, Value>) -> Option<&'static str> {
    let says = |name: &str| grid.get(name).is_some_and(|value| !value.is_null());
    if ["kybStatus", "businessInfo", "beneficialOwners"].into_iter().any(says) {
        return Some("business");
    }
    let individual = descriptor.get_field_by_name("individual")?.kind().as_message()?.clone();
    let edd = individual.get_field_by_name("edd")?.kind().as_message()?.clone();
    let of_a_person = |name: &String| own_field(&individual, name).or_else(|| own_field(&edd, name)).is_some();
    let is_person = says("kycStatus") || grid.keys().filter(|name| says(name)).any(of_a_person);
    is_person.then_some("individual")
}

/// Puts what only a person or only a business has where it belongs.
fn set_within(
    message: &mut DynamicMessage,
    details: Option<&FieldDescriptor>,
    key: &str,
    value: &Value,
    at: &Place,
    out: &mut Equivalent,
) -> bool {
    let Some(details) = details else { return false };
    let at = at.within(details);
    let inner = message.get_field_mut(details).as_message_mut().unwrap();
    let descriptor = inner.descriptor();
    if let Some(field) = own_field(&descriptor, key) {
        set(inner, &field, value, &at.field(key, &field), out);
        return true;
    }
    let Some(edd) = descriptor.get_field_by_name("edd") else { return false };
    let Some(field) = edd.kind().as_message().and_then(|edd| own_field(edd, key)) else { return false };
    if value.as_array().is_some_and(Vec::is_empty) {
        return true;
    }
    let at = at.within(&edd).field(key, &field);
    set(inner.get_field_mut(&edd).as_message_mut().unwrap(), &field, value, &at, out);
    true
}

fn set(message: &mut DynamicMessage, field: &FieldDescriptor, value: &Value, at: &Place, out: &mut Equivalent) {
    if let (Some(raw), Value::String(word)) = (message.descriptor().get_field_by_name(&raw_name(field)), value) {
        message.set_field(&raw, Field::String(word.clone()));
    }
    if let (Some(path), Value::String(grid)) = (message.descriptor().get_field_by_name("field_path"), value)
        && field.name() == "field"
    {
        message.set_field(&path, Field::String(path_of_problem(grid).to_owned()));
    }
    let value = match value {
        Value::Array(items) if field.is_list() => {
            let items = items.iter().enumerate().filter(|(_, item)| !item.is_null());
            Some(Field::List(items.filter_map(|(index, item)| single(field, item, &at.item(index), out)).collect()))
        }
        Value::Array(_) => None,
        _ if field.is_list() => None,
        single_value => single(field, single_value, at, out),
    };
    match value {
        Some(Field::List(items)) if items.is_empty() => {}
        Some(value) => message.set_field(field, value),
        None => out.lost.push(format!("{}: not a {:?}", at.grid, field.kind())),
    }
}

/// What this API calls a field that stands in the way of a verification.
fn path_of_problem(grid: &str) -> &str {
    match grid {
        "customer.address.city" | "address.city" => "address.city",
        "customer.address.line1" => "address.line1",
        "customer.birthDate" | "birthDate" => "individual.birth_date",
        "personalInfo.birthDate" => "personal_info.birth_date",
        // Of a field that nobody has heard of.
        "A_WORD_OF_TOMORROW" => "a_word_of_tomorrow",
        other => panic!("nobody has said yet what {other} is called here"),
    }
}

fn raw_name(field: &FieldDescriptor) -> String {
    format!("{}_raw", field.name())
}

fn single(field: &FieldDescriptor, value: &Value, at: &Place, out: &mut Equivalent) -> Option<Field> {
    let converted = match (field.kind(), value) {
        (Kind::Message(inner), value) if inner.package_name() == "google.protobuf" => {
            Field::Message(DynamicMessage::deserialize(inner, value).ok()?)
        }
        (Kind::Message(inner), Value::Object(object)) => {
            let mut nested = DynamicMessage::new(inner);
            fill(&mut nested, object, at, out);
            return Some(Field::Message(nested));
        }
        (Kind::Enum(values), Value::String(word)) => Field::EnumNumber(number_of(&values, word)),
        (Kind::String, Value::String(text)) => Field::String(text.clone()),
        (Kind::Bool, Value::Bool(yes)) => Field::Bool(*yes),
        (Kind::Bool, Value::String(text)) => Field::Bool(text.parse().ok()?),
        (Kind::Int32, Value::Number(number)) => Field::I32(number.as_i64()?.try_into().ok()?),
        (Kind::Int32, Value::String(text)) => Field::I32(text.parse().ok()?),
        (Kind::Int64, Value::Number(number)) => Field::I64(number.as_i64()?),
        _ => return None,
    };
    out.placed.push(Placed {
        grid: at.grid.clone(),
        pointer: at.pointer.clone(),
        api: at.api.clone(),
        personal: at.personal,
        is_enum: matches!(converted, Field::EnumNumber(_)),
        is_text: matches!(converted, Field::String(_)),
    });
    Some(converted)
}

/// The enum's value for a word: `KYC_STATUS_APPROVED` for `APPROVED`.
fn number_of(values: &EnumDescriptor, word: &str) -> i32 {
    let unspecified = values.default_value();
    let prefix = unspecified.name().strip_suffix("UNSPECIFIED").unwrap();
    values.get_value_by_name(&format!("{prefix}{word}")).map_or(0, |value| value.number())
}
