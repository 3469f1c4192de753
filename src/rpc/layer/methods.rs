//! What kind of call a path is, read from the descriptors of the services, so that a new RPC needs no entry anywhere.

use prost::Message as _;
use prost_types::FileDescriptorSet;
use std::collections::HashMap;

/// What begins the paths of health checks (`grpc.health.v1`), which are open to everyone.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// How the messages of a call flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodKind {
    /// One request, one response.
    Unary,
    /// A stream of requests, one response: an upload.
    Upload,
    /// A stream of responses: it ends when caller or server want it to, and has no deadline of its own.
    Stream,
}

/// A method that is served.
#[derive(Debug, Clone, Copy)]
struct Method {
    kind: MethodKind,
    takes_one_message: bool,
}

/// What there is to know of every method that is served, by its path (`/package.Service/Method`).
#[derive(Debug, Clone, Default)]
pub struct Methods {
    methods: HashMap<String, Method>,
}

impl Methods {
    /// The methods of every service in encoded `google.protobuf.FileDescriptorSet`s.
    ///
    /// # Errors
    /// One of them cannot be decoded.
    pub fn from_descriptors<'d>(sets: impl IntoIterator<Item = &'d [u8]>) -> Result<Methods, prost::DecodeError> {
        let mut methods = HashMap::new();
        for set in sets {
            for file in FileDescriptorSet::decode(set)?.file {
                for service in &file.service {
                    for method in &service.method {
                        let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                        let kind = match (method.client_streaming(), method.server_streaming()) {
                            (_, true) => MethodKind::Stream,
                            (true, false) => MethodKind::Upload,
                            (false, false) => MethodKind::Unary,
                        };
                        methods.insert(path, Method { kind, takes_one_message: !method.client_streaming() });
                    }
                }
            }
        }
        Ok(Methods { methods })
    }

    /// Every method, as `package.Service/Method`, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.methods.keys().map(|path| path.trim_start_matches('/'))
    }

    /// The method at `path`, as `package.Service/Method`, if there is one.
    #[must_use]
    pub fn name<'m>(&'m self, path: &str) -> Option<&'m str> {
        self.methods.get_key_value(path).map(|(path, _)| path.trim_start_matches('/'))
    }

    /// Whether a method, written `package.Service/Method`, may change something: all do but those that are called after
    /// reading. So a new one is taken for a mutation unless its name says otherwise.
    #[must_use]
    pub fn is_mutation(name: &str) -> bool {
        let (service, method) = name.split_once('/').unwrap_or(("", name));
        let reads = ["Get", "List", "Watch"].iter().any(|verb| method.starts_with(verb));
        !reads && !service.starts_with("grpc.")
    }

    /// Whether `path` is that of a health check.
    #[must_use]
    pub fn is_health(path: &str) -> bool {
        path.starts_with(HEALTH)
    }

    /// The kind of the method at `path`. One that does not exist is answered like a unary one.
    #[must_use]
    pub fn kind(&self, path: &str) -> MethodKind {
        self.methods.get(path).map_or(MethodKind::Unary, |method| method.kind)
    }

    /// Whether the caller says all it has to say in one message. So with a method that does not exist.
    #[must_use]
    pub fn takes_one_message(&self, path: &str) -> bool {
        self.methods.get(path).is_none_or(|method| method.takes_one_message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_from_the_descriptors() {
        let methods =
            Methods::from_descriptors([crate::pb::FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET]).unwrap();
        assert_eq!(methods.kind("/gridgate.v1.CustomerService/GetCustomer"), MethodKind::Unary);
        assert_eq!(methods.kind("/gridgate.v1.CustomerService/ImportCustomers"), MethodKind::Upload);
        assert_eq!(methods.kind("/gridgate.v1.DocumentService/UploadDocument"), MethodKind::Upload);
        assert_eq!(methods.kind("/gridgate.v1.DocumentService/ReplaceDocument"), MethodKind::Upload);
        assert_eq!(methods.kind("/grpc.health.v1.Health/Watch"), MethodKind::Stream);
        assert_eq!(methods.kind("/no.such.Service/Method"), MethodKind::Unary);
        for (path, one) in [
            ("/gridgate.v1.CustomerService/GetCustomer", true),
            ("/gridgate.v1.KycEventService/WatchKycStatus", true),
            ("/no.such.Service/Method", true),
            ("/gridgate.v1.CustomerService/ImportCustomers", false),
        ] {
            assert_eq!(methods.takes_one_message(path), one, "{path}");
        }
    }

    #[test]
    fn names_are_told_with_and_without_their_slash() {
        let methods = Methods::from_descriptors([crate::pb::FILE_DESCRIPTOR_SET]).unwrap();
        assert_eq!(
            methods.name("/gridgate.v1.CustomerService/GetCustomer"),
            Some("gridgate.v1.CustomerService/GetCustomer")
        );
        assert_eq!(methods.name("gridgate.v1.CustomerService/GetCustomer"), None);
        assert_eq!(methods.name("//gridgate.v1.CustomerService/GetCustomer"), None);
        assert!(methods.names().all(|name| methods.name(&format!("/{name}")) == Some(name)));
    }

    #[test]
    fn mutations() {
        for name in
            ["gridgate.v1.CustomerService/CreateCustomer", "gridgate.v1.CustomerService/ImportCustomers", "a.B/Do"]
        {
            assert!(Methods::is_mutation(name), "{name}");
        }
        for name in [
            "gridgate.v1.CustomerService/GetCustomer",
            "gridgate.v1.CustomerService/ListCustomers",
            "gridgate.v1.KycEventService/WatchKycStatus",
            "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ] {
            assert!(!Methods::is_mutation(name), "{name}");
        }
    }

    #[test]
    fn what_is_no_descriptor_set_is_an_error() {
        assert!(Methods::from_descriptors([&b"\xff\xff"[..]]).is_err());
    }
}
