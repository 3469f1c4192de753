//! The API's messages, clients and servers, generated from `proto/gridgate/v1`, and their descriptors.
//!
//! The protos are the reference of every item here. Messages with personal data have a
//! [`Debug`](std::fmt::Debug) that leaves out the fields that the protos mark as personal.
//! This module knows nothing of Grid or of the rest of the crate.

use std::fmt;
use std::marker::PhantomData;

pub use generated::*;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// The encoded `google.protobuf.FileDescriptorSet` of the package, all it imports, and the details of errors, with comments.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gridgate.v1.binpb"));

/// Path and text of each file below `proto/` that compilers of other languages need, and of the licence of Google's.
pub const PROTO_FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/proto_files.rs"));

#[allow(
    clippy::large_enum_variant,
    reason = "an answer is made once and sent, so its size on the stack matters little"
)]
#[allow(clippy::doc_lazy_continuation, reason = "prost indents the lists of the protos' comments in its own way")]
mod generated {
    use super::EnumName;

    include!(concat!(env!("OUT_DIR"), "/gridgate.v1.rs"));
    include!(concat!(env!("OUT_DIR"), "/gridgate.v1.debug.rs"));
}

/// The server of `KycEventService`, answering WatchKycStatus with [`EncodedWatchKycStatusResponse`]s.
#[allow(clippy::doc_lazy_continuation, reason = "prost indents the lists of the protos' comments in its own way")]
pub mod encoded {
    #![allow(missing_docs, clippy::all, clippy::pedantic, rustdoc::all, reason = "generated code")]

    include!(concat!(env!("OUT_DIR"), "/encoded/gridgate.v1.rs"));
}

/// A [`WatchKycStatusResponse`] that is encoded already, with the same bytes on the wire. Clones share the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedWatchKycStatusResponse(pub bytes::Bytes);

impl prost::Message for EncodedWatchKycStatusResponse {
    fn encode_raw(&self, buf: &mut impl bytes::BufMut) {
        buf.put_slice(&self.0);
    }

    /// Only ever sent: what is received is decoded as a [`WatchKycStatusResponse`].
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: prost::encoding::WireType,
        buf: &mut impl bytes::Buf,
        ctx: prost::encoding::DecodeContext,
    ) -> Result<(), prost::DecodeError> {
        prost::encoding::skip_field(wire_type, tag, buf, ctx)
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// The codec of every service: prost's, with buffers that begin small, where tonic's begin with 8 KiB each. Few messages
/// are that large, and a stream that waits for events keeps its buffer for as long as it lives.
#[derive(Debug)]
pub struct SmallBuffers<T, U>(PhantomData<(T, U)>);

impl<T, U> SmallBuffers<T, U> {
    /// What a buffer begins with, in bytes: about as much as one event or one customer takes. It grows when there is more to say.
    const BEGINS_WITH: usize = 512;
    /// How much is encoded before it is sent, in bytes, while there is more: tonic's own choice.
    const SENT_AT: usize = 32 * 1024;

    fn buffers() -> BufferSettings {
        BufferSettings::new(Self::BEGINS_WITH, Self::SENT_AT)
    }
}

impl<T, U> Default for SmallBuffers<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: prost::Message + Send + 'static, U: prost::Message + Default + Send + 'static> Codec for SmallBuffers<T, U> {
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(Self::buffers())
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<T, U>::raw_decoder(Self::buffers())
    }
}

/// Prints the number that prost keeps for an enum by the enum's name, or as the number where it has none.
struct EnumName<E> {
    number: i32,
    of: PhantomData<E>,
}

impl<E> EnumName<E> {
    fn of(number: i32) -> Self {
        Self { number, of: PhantomData }
    }
}

impl<E: TryFrom<i32> + fmt::Debug> fmt::Debug for EnumName<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match E::try_from(self.number) {
            Ok(known) => known.fmt(f),
            Err(_) => self.number.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
