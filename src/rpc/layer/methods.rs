//! Every method that is served and what the layers need to know of it, read from the descriptors of the services.

use crate::grid::Operation;
use crate::identity::Grantable;
use prost_reflect::{DescriptorError, DescriptorPool, MethodDescriptor, Value};
use prost_types::method_options::IdempotencyLevel;
use std::collections::HashMap;
use std::sync::Arc;

/// The option of methods that no pattern of a policy grants.
const BY_NAME_ONLY: &str = "gridgate.options.v1.granted_by_name_only";

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
    grantable: Grantable,
    kind: MethodKind,
    takes_one_message: bool,
    pub(super) answered_by: AnsweredBy,
    is_served: bool,
}

impl Method {
    fn new(method: &MethodDescriptor) -> Self {
        let service = method.parent_service();
        let answered_by = match service.package_name() {
            "grpc.health.v1" => AnsweredBy::Health,
            package if package.starts_with("grpc.") => AnsweredBy::Reflection,
            _ if Operation::ALL.iter().any(|operation| operation.name() == method.name()) => AnsweredBy::Grid,
            _ => AnsweredBy::EventLog,
        };
        let reads = has_no_side_effects(method) || matches!(answered_by, AnsweredBy::Health | AnsweredBy::Reflection);
        let kind = match (method.is_client_streaming(), method.is_server_streaming()) {
            (_, true) => MethodKind::Watch,
            (true, false) => MethodKind::Upload,
            (false, false) if reads => MethodKind::Read,
            (false, false) => MethodKind::Change,
        };
        let name = format!("{}/{}", service.full_name(), method.name()).into();
        Method {
            grantable: Grantable { name, by_name_only: has_option(method, BY_NAME_ONLY) },
            kind,
            takes_one_message: !method.is_client_streaming(),
            answered_by,
            is_served: true,
        }
    }

    /// `package.Service/Method`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.grantable.name
    }

    /// Its name, shared.
    pub(super) fn label(&self) -> Arc<str> {
        Arc::clone(&self.grantable.name)
    }

    /// What a policy has to know of it.
    #[must_use]
    pub fn grantable(&self) -> &Grantable {
        &self.grantable
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

    /// What a policy has to know of it, unless it stands for the methods that are not served.
    pub(super) fn served(&self) -> Option<&Grantable> {
        self.is_served.then_some(&self.grantable)
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

/// Whether the proto says `idempotency_level = NO_SIDE_EFFECTS`: the method changes nothing.
fn has_no_side_effects(method: &MethodDescriptor) -> bool {
    let options = method.method_descriptor_proto().options.as_ref();
    options.is_some_and(|options| options.idempotency_level() == IdempotencyLevel::NoSideEffects)
}

fn has_option(method: &MethodDescriptor, name: &str) -> bool {
    let option = method.parent_pool().get_extension_by_name(name);
    option.is_some_and(|option| *method.options().get_extension(&option) == Value::Bool(true))
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
    pub fn from_descriptors<'d>(sets: impl IntoIterator<Item = &'d [u8]>) -> Result<Methods, DescriptorError> {
        let mut by_path = HashMap::new();
        for set in sets {
            for service in DescriptorPool::decode(set)?.services() {
                for method in service.methods() {
                    let method = Method::new(&method);
                    by_path.insert(format!("/{}", method.name()), Arc::new(method));
                }
            }
        }
        // A label for metrics, so that callers cannot make labels up.
        let unknown = Method {
            grantable: "_OTHER".into(),
            kind: MethodKind::Change,
            takes_one_message: true,
            answered_by: AnsweredBy::Grid,
            is_served: false,
        };
        Ok(Methods { by_path, unknown: Arc::new(unknown) })
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Method> {
        self.by_path.values().map(Arc::as_ref)
    }

    /// What a policy has to know of each.
    pub fn grantable(&self) -> impl Iterator<Item = Grantable> {
        self.iter().map(|method| method.grantable.clone())
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
            assert_eq!(Some(method.name()), path.strip_prefix('/'));
            assert!(method.served().is_some());
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
        assert!(methods.iter().all(|method| methods.at(&format!("/{}", method.name())).as_ref() == method));
    }

    #[test]
    fn what_reads_asks_grid_for_what_reads() {
        let methods = methods();
        for operation in Operation::ALL {
            let mut of_it = methods.iter().filter(|method| method.name().ends_with(&format!("/{operation}")));
            // Two operations belong to no method of their own.
            let Some(method) = of_it.next() else {
                assert!(
                    matches!(operation, Operation::UpdateCustomerSigned | Operation::SendTestWebhook),
                    "{operation}"
                );
                continue;
            };
            assert_eq!(
                (method.kind() == MethodKind::Read, method.answered_by),
                (operation.is_read(), AnsweredBy::Grid)
            );
        }
        let by_name_only = methods.grantable().filter(|method| method.by_name_only).map(|method| method.name);
        assert_eq!(by_name_only.collect::<Vec<_>>(), ["gridgate.v1.PlatformService/UpdatePlatformConfig".into()]);
    }

    #[test]
    fn what_is_no_descriptor_set_is_an_error() {
        assert!(Methods::from_descriptors([&b"\xff\xff"[..]]).is_err());
    }
}
