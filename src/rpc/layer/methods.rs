//! Every method that is served and what the layers need to know of it, read from the descriptors of the services.

use prost::Message as _;
use prost_types::{FileDescriptorSet, MethodDescriptorProto};
use std::collections::HashMap;
use std::sync::Arc;

/// What a call of a method does, and how its messages flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodKind {
    /// One request, one response; nothing changes.
    Read,
    /// One request, one response; something changes.
    Change,
    /// A stream of requests, one response; something changes.
    Upload,
    /// A stream of responses. It lasts until one side ends it, and has no deadline of its own.
    Watch,
}

/// What answers a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnsweredBy {
    Grid,
    EventLog,
    Health,
    /// Reflection, the other service about the server itself.
    Reflection,
}

/// A method.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    name: Arc<str>,
    kind: MethodKind,
    takes_one_message: bool,
    pub(super) answered_by: AnsweredBy,
    is_served: bool,
}

impl Method {
    fn new(package: &str, service: &str, method: &MethodDescriptorProto) -> Self {
        let answered_by = match (package, service) {
            ("grpc.health.v1", _) => AnsweredBy::Health,
            (package, _) if package.starts_with("grpc.") => AnsweredBy::Reflection,
            (_, "KycEventService") => AnsweredBy::EventLog,
            _ => AnsweredBy::Grid,
        };
        let is_about_the_server = matches!(answered_by, AnsweredBy::Health | AnsweredBy::Reflection);
        let reads = is_about_the_server || ["Get", "List"].iter().any(|verb| method.name().starts_with(verb));
        let kind = match (method.client_streaming(), method.server_streaming()) {
            (_, true) => MethodKind::Watch,
            (true, false) => MethodKind::Upload,
            (false, false) if reads => MethodKind::Read,
            (false, false) => MethodKind::Change,
        };
        Method {
            name: format!("{package}.{service}/{}", method.name()).into(),
            kind,
            takes_one_message: !method.client_streaming(),
            answered_by,
            is_served: true,
        }
    }

    /// `package.Service/Method`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name, shared.
    pub(super) fn label(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// What it does.
    #[must_use]
    pub fn kind(&self) -> MethodKind {
        self.kind
    }

    /// Whether its calls may change something, and so have a line in the audit log.
    #[must_use]
    pub fn changes_something(&self) -> bool {
        self.is_served && matches!(self.kind, MethodKind::Change | MethodKind::Upload)
    }

    /// Whether the caller sends exactly one message.
    #[must_use]
    pub fn takes_one_message(&self) -> bool {
        self.takes_one_message
    }

    /// Its name, unless it stands for the methods that are not served.
    #[must_use]
    pub fn served(&self) -> Option<&str> {
        self.is_served.then_some(&*self.name)
    }

    /// Whether it is a health check (`grpc.health.v1`), which is open to everyone.
    pub(super) fn is_health(&self) -> bool {
        self.answered_by == AnsweredBy::Health
    }

    /// Whether it is about the server itself: health and reflection.
    pub(super) fn is_about_the_server(&self) -> bool {
        matches!(self.answered_by, AnsweredBy::Health | AnsweredBy::Reflection)
    }
}

/// The methods that are served.
#[derive(Debug, Clone)]
pub struct Methods {
    /// By path: `/package.Service/Method`.
    by_path: HashMap<String, Arc<Method>>,
    unknown: Arc<Method>,
}

impl Methods {
    /// The methods of every service in encoded `google.protobuf.FileDescriptorSet`s.
    ///
    /// # Errors
    /// One of them cannot be decoded.
    pub fn from_descriptors<'d>(sets: impl IntoIterator<Item = &'d [u8]>) -> Result<Methods, prost::DecodeError> {
        let mut by_path = HashMap::new();
        for set in sets {
            for file in FileDescriptorSet::decode(set)?.file {
                for service in &file.service {
                    for method in &service.method {
                        let method = Method::new(file.package(), service.name(), method);
                        by_path.insert(format!("/{}", method.name), Arc::new(method));
                    }
                }
            }
        }
        // A label for metrics, so that callers cannot make labels up.
        let unknown = Method {
            name: "_OTHER".into(),
            kind: MethodKind::Change,
            takes_one_message: true,
            answered_by: AnsweredBy::Grid,
            is_served: false,
        };
        Ok(Methods { by_path, unknown: Arc::new(unknown) })
    }

    /// The names of all methods, as `package.Service/Method`, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_path.values().map(|method| method.name())
    }

    /// The method at `path`; one that stands for all others where there is none.
    #[must_use]
    pub fn at(&self, path: &str) -> &Arc<Method> {
        self.by_path.get(path).unwrap_or(&self.unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods() -> Methods {
        Methods::from_descriptors([
            crate::pb::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        ])
        .unwrap()
    }

    #[test]
    fn kinds_come_from_the_descriptors() {
        let methods = methods();
        for (path, kind, one_message) in [
            ("/gridgate.v1.CustomerService/GetCustomer", MethodKind::Read, true),
            ("/gridgate.v1.CustomerService/ListCustomers", MethodKind::Read, true),
            ("/gridgate.v1.CustomerService/CreateCustomer", MethodKind::Change, true),
            ("/gridgate.v1.CustomerService/ImportCustomers", MethodKind::Upload, false),
            ("/gridgate.v1.DocumentService/UploadDocument", MethodKind::Upload, false),
            ("/gridgate.v1.DocumentService/ReplaceDocument", MethodKind::Upload, false),
            ("/gridgate.v1.KycEventService/WatchKycStatus", MethodKind::Watch, true),
            ("/grpc.health.v1.Health/Check", MethodKind::Read, true),
            ("/grpc.health.v1.Health/Watch", MethodKind::Watch, true),
            ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", MethodKind::Watch, false),
        ] {
            let method = methods.at(path);
            assert_eq!((method.kind(), method.takes_one_message()), (kind, one_message), "{path}");
            assert_eq!(method.served(), path.strip_prefix('/'));
            assert_eq!(method.changes_something(), matches!(kind, MethodKind::Change | MethodKind::Upload), "{path}");
        }
    }

    #[test]
    fn a_method_is_found_by_its_exact_path() {
        let methods = methods();
        for path in
            ["gridgate.v1.CustomerService/GetCustomer", "//gridgate.v1.CustomerService/GetCustomer", "", "/a.B/C"]
        {
            let method = methods.at(path);
            assert_eq!((method.name(), method.served(), method.changes_something()), ("_OTHER", None, false), "{path}");
            assert!(method.takes_one_message(), "{path}");
        }
        assert!(methods.names().all(|name| methods.at(&format!("/{name}")).served() == Some(name)));
    }

    #[test]
    fn what_is_no_descriptor_set_is_an_error() {
        assert!(Methods::from_descriptors([&b"\xff\xff"[..]]).is_err());
    }
}
