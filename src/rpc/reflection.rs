//! Reflection: which services there are, and the descriptors of everything in them.
//!
//! An unknown name is answered with an error response in the stream, which goes on, as the protocol says
//! (`grpc/reflection/v1/reflection.proto`): a client may ask for several names, and some may not exist.

use futures_util::{Stream, StreamExt as _};
use prost_reflect::{DescriptorError, DescriptorPool, FileDescriptor, MessageDescriptor};
use std::pin::Pin;
use std::sync::Arc;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_reflection::pb::{v1, v1alpha};
use tonic_reflection::server::{v1 as of_v1, v1alpha as of_v1alpha};

/// The reflection service, in both versions of the protocol.
#[derive(Debug, Clone)]
pub struct Reflection {
    shown: Arc<Shown>,
}

#[derive(Debug)]
struct Shown {
    pool: DescriptorPool,
    services: Vec<String>,
}

/// Why a question has no answer.
#[derive(Debug, PartialEq, Eq)]
struct NoAnswer {
    code: Code,
    message: String,
}

impl Reflection {
    /// Shows what encoded `google.protobuf.FileDescriptorSet`s describe, and lists `services`.
    ///
    /// # Errors
    /// One of the sets cannot be decoded.
    pub fn new<'d>(sets: impl IntoIterator<Item = &'d [u8]>, services: Vec<String>) -> Result<Self, DescriptorError> {
        let mut pool = DescriptorPool::new();
        for set in sets {
            pool.decode_file_descriptor_set(set)?;
        }
        Ok(Reflection { shown: Arc::new(Shown { pool, services }) })
    }
}

impl Shown {
    fn file(&self, name: &str) -> Result<Vec<u8>, NoAnswer> {
        encoded(self.pool.get_file_by_name(name), || format!("there is no file {name:?}"))
    }

    fn file_with_symbol(&self, symbol: &str) -> Result<Vec<u8>, NoAnswer> {
        let file = self.defining(symbol).or_else(|| self.defining_member(symbol));
        encoded(file, || format!("there is no symbol {symbol:?}"))
    }

    fn file_with_extension(&self, message: &str, number: i32) -> Result<Vec<u8>, NoAnswer> {
        let number = u32::try_from(number).ok();
        let extension = number.and_then(|number| self.pool.get_message_by_name(message)?.get_extension(number));
        let file = extension.map(|extension| extension.parent_file());
        encoded(file, || format!("there is no such extension of {message:?}"))
    }

    fn extensions_of(&self, message: &str) -> Result<Vec<i32>, NoAnswer> {
        let found = self.pool.get_message_by_name(message);
        let found = found.ok_or_else(|| NoAnswer::not_found(format!("there is no message {message:?}")))?;
        Ok(found.extensions().filter_map(|extension| extension.number().try_into().ok()).collect())
    }

    /// The file in which a message, an enum, a service or an extension of this full name is.
    fn defining(&self, symbol: &str) -> Option<FileDescriptor> {
        let pool = &self.pool;
        let message = || pool.get_message_by_name(symbol).map(|message| message.parent_file());
        let service = || pool.get_service_by_name(symbol).map(|service| service.parent_file());
        let an_enum = || pool.get_enum_by_name(symbol).map(|found| found.parent_file());
        let extension = || pool.get_extension_by_name(symbol).map(|extension| extension.parent_file());
        message().or_else(service).or_else(an_enum).or_else(extension)
    }

    /// The file in which a method, a field, a oneof or an enum's value of this full name is.
    fn defining_member(&self, symbol: &str) -> Option<FileDescriptor> {
        let (parent, name) = symbol.rsplit_once('.')?;
        let pool = &self.pool;
        if let Some(service) = pool.get_service_by_name(parent) {
            return service.methods().any(|method| method.name() == name).then(|| service.parent_file());
        }
        let of_message = |message: MessageDescriptor| {
            let has = message.get_field_by_name(name).is_some() || message.oneofs().any(|oneof| oneof.name() == name);
            has.then(|| message.parent_file())
        };
        let in_message = pool.get_message_by_name(parent).and_then(of_message);
        let in_enum = || {
            let found = pool.get_enum_by_name(parent)?;
            found.get_value_by_name(name).map(|_| found.parent_file())
        };
        // By protobuf's own rule, a value's full name lies beside its enum, not below it.
        let beside_enum = || {
            let value = |found: &prost_reflect::EnumDescriptor| found.values().any(|value| value.full_name() == symbol);
            pool.all_enums().find(value).map(|found| found.parent_file())
        };
        in_message.or_else(in_enum).or_else(beside_enum)
    }
}

fn encoded(file: Option<FileDescriptor>, otherwise: impl FnOnce() -> String) -> Result<Vec<u8>, NoAnswer> {
    file.map(|file| file.encode_to_vec()).ok_or_else(|| NoAnswer::not_found(otherwise()))
}

impl NoAnswer {
    fn not_found(message: String) -> Self {
        NoAnswer { code: Code::NotFound, message }
    }
}

/// Answers one version of the protocol; its messages differ in their package only.
macro_rules! answer_in {
    ($messages:ident, $server:ident) => {
        impl Shown {
            fn $messages(&self, request: $messages::ServerReflectionRequest) -> $messages::ServerReflectionResponse {
                use $messages::server_reflection_request::MessageRequest as Asked;
                use $messages::server_reflection_response::MessageResponse as Said;
                let file = |file: Vec<u8>| {
                    Said::FileDescriptorResponse($messages::FileDescriptorResponse {
                        file_descriptor_proto: vec![file],
                    })
                };
                let said = match &request.message_request {
                    Some(Asked::FileByFilename(name)) => self.file(name).map(file),
                    Some(Asked::FileContainingSymbol(symbol)) => self.file_with_symbol(symbol).map(file),
                    Some(Asked::FileContainingExtension(asked)) => {
                        self.file_with_extension(&asked.containing_type, asked.extension_number).map(file)
                    }
                    Some(Asked::AllExtensionNumbersOfType(name)) => self.extensions_of(name).map(|extension_number| {
                        let base_type_name = name.clone();
                        Said::AllExtensionNumbersResponse($messages::ExtensionNumberResponse {
                            base_type_name,
                            extension_number,
                        })
                    }),
                    Some(Asked::ListServices(_)) => {
                        let named = |name: &String| $messages::ServiceResponse { name: name.clone() };
                        let service = self.services.iter().map(named).collect();
                        Ok(Said::ListServicesResponse($messages::ListServiceResponse { service }))
                    }
                    // Nothing at all, or something that a later version of the protocol asks.
                    None => Err(NoAnswer {
                        code: Code::Unimplemented,
                        message: "the request holds no question of a known kind".to_owned(),
                    }),
                };
                let said = said.unwrap_or_else(|NoAnswer { code, message: error_message }| {
                    Said::ErrorResponse($messages::ErrorResponse { error_code: code.into(), error_message })
                });
                $messages::ServerReflectionResponse {
                    valid_host: request.host.clone(),
                    original_request: Some(request),
                    message_response: Some(said),
                }
            }
        }

        #[tonic::async_trait]
        impl $server::ServerReflection for Reflection {
            type ServerReflectionInfoStream =
                Pin<Box<dyn Stream<Item = Result<$messages::ServerReflectionResponse, Status>> + Send>>;

            async fn server_reflection_info(
                &self,
                request: Request<Streaming<$messages::ServerReflectionRequest>>,
            ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
                let shown = Arc::clone(&self.shown);
                let answers = request.into_inner().map(move |asked| asked.map(|asked| shown.$messages(asked)));
                Ok(Response::new(Box::pin(answers)))
            }
        }
    };
}

answer_in!(v1, of_v1);
answer_in!(v1alpha, of_v1alpha);

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Shown {
        let mut pool = DescriptorPool::new();
        pool.decode_file_descriptor_set(crate::pb::FILE_DESCRIPTOR_SET).unwrap();
        Shown { pool, services: Vec::new() }
    }

    fn name_of(file: Result<Vec<u8>, NoAnswer>) -> Result<String, Code> {
        use prost::Message as _;
        let file = file.map_err(|none| none.code)?;
        Ok(prost_types::FileDescriptorProto::decode(file.as_slice()).unwrap().name().to_owned())
    }

    #[test]
    fn every_kind_of_symbol_is_found_by_its_full_name() {
        let shown = shown();
        for (symbol, file) in [
            ("gridgate.v1.KycEventService", "kyc_event_service.proto"),
            ("gridgate.v1.KycEventService.WatchKycStatus", "kyc_event_service.proto"),
            ("gridgate.v1.WatchKycStatusRequest", "kyc_event_service.proto"),
            ("gridgate.v1.WatchKycStatusRequest.resume_token", "kyc_event_service.proto"),
            ("gridgate.v1.WatchKycStatusRequest.start", "kyc_event_service.proto"),
        ] {
            assert_eq!(name_of(shown.file_with_symbol(symbol)), Ok(format!("gridgate/v1/{file}")), "{symbol}");
        }
        for symbol in ["gridgate.v1.KycStatus", "gridgate.v1.KycStatus.KYC_STATUS_HOLD", "gridgate.v1.KYC_STATUS_HOLD"]
        {
            assert!(name_of(shown.file_with_symbol(symbol)).is_ok(), "{symbol}");
        }
        for symbol in ["", ".", "gridgate.v1", "gridgate.v1.Nothing", "gridgate.v1.KycEventService.Nothing", "Nothing"]
        {
            assert_eq!(name_of(shown.file_with_symbol(symbol)), Err(Code::NotFound), "{symbol}");
        }
    }

    #[test]
    fn every_file_is_found_with_what_it_imports() {
        let shown = shown();
        for file in shown.pool.files() {
            assert_eq!(name_of(shown.file(file.name())).as_deref(), Ok(file.name()));
            for import in file.dependencies() {
                assert_eq!(name_of(shown.file(import.name())).as_deref(), Ok(import.name()));
            }
        }
        assert_eq!(name_of(shown.file("nothing.proto")), Err(Code::NotFound));
    }

    #[test]
    fn extensions_are_those_of_the_message_and_no_others() {
        let shown = shown();
        assert_eq!(shown.extensions_of("gridgate.v1.Customer"), Ok(vec![]));
        let options = "google.protobuf.FieldOptions";
        let numbers = shown.extensions_of(options).unwrap();
        let personal = numbers.iter().copied().max().unwrap();
        let file = Ok("gridgate/options/v1/options.proto".to_owned());
        assert_eq!(name_of(shown.file_with_extension(options, personal)), file);
        assert_eq!(name_of(shown.file_with_symbol("gridgate.options.v1.personal")), file);
        assert_eq!(numbers.len(), 2, "personal and google.api.field_behavior");
        assert_eq!(shown.extensions_of("gridgate.v1.Nothing").unwrap_err().code, Code::NotFound);
        for (message, number) in [("gridgate.v1.Customer", 1), ("gridgate.v1.Customer", -1), ("gridgate.v1.Nothing", 1)]
        {
            assert_eq!(name_of(shown.file_with_extension(message, number)), Err(Code::NotFound), "{message} {number}");
        }
    }
}
