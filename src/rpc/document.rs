//! DocumentService: documents of customers and beneficial owners.

use bytes::Bytes;
use tonic::{Request, Response, Status, Streaming};

use super::error::required_id;
use super::mapping::{At, FromApi as _, IntoApi as _, Reading, mapping};
use super::page::Listed;
use super::upload::{self, Kind, Part, Upload, UploadMemory};
use super::{Error, Violations, call, page};
use crate::grid::model;
use crate::grid::{Client, DocumentFile};
use crate::pb;
use crate::pb::document_service_server::DocumentService;

const DOCUMENT: &str = "gridgate.v1.Document";
const DOCUMENT_HOLDER: &str = "gridgate.v1.DocumentHolder";

/// The implementation of `gridgate.v1.DocumentService`.
#[derive(Debug, Clone)]
pub struct Documents {
    grid: Client,
    memory: UploadMemory,
}

impl Documents {
    /// Answers calls by asking `grid`; documents under way hold no more than `memory`.
    #[must_use]
    pub fn new(grid: Client, memory: UploadMemory) -> Self {
        Self { grid, memory }
    }
}

#[tonic::async_trait]
impl DocumentService for Documents {
    async fn upload_document(
        &self,
        request: Request<Streaming<pb::UploadDocumentRequest>>,
    ) -> Result<Response<pb::UploadDocumentResponse>, Status> {
        let call = call::of(&request);
        let Upload { mut metadata, content, memory: _held } =
            upload::collect(request.into_inner(), &self.memory).await?;
        let mut violations = Violations::default();
        let holder = violations.id("metadata.document_holder", &metadata.document_holder);
        let file_name = metadata.file_name.take();
        let mut fields = model::DocumentFields::from_api(metadata, At::TOP, &mut of_metadata(&mut violations));
        let kind = Kind::read(&content, &mut violations);
        let (holder, kind) = violations.finish(holder.zip(kind))?;
        fields.document_holder = Some(holder.as_str().to_owned());
        let file = file(content, kind, file_name);
        let document =
            self.grid.upload_document(&call, fields, file).await.map_err(Error::about(DOCUMENT_HOLDER, &holder))?;
        Ok(Response::new(pb::UploadDocumentResponse { document: Some(document.into_api()) }))
    }

    async fn replace_document(
        &self,
        request: Request<Streaming<pb::ReplaceDocumentRequest>>,
    ) -> Result<Response<pb::ReplaceDocumentResponse>, Status> {
        let call = call::of(&request);
        let Upload { mut metadata, content, memory: _held } =
            upload::collect(request.into_inner(), &self.memory).await?;
        let mut violations = Violations::default();
        let id = violations.id("metadata.document_id", &metadata.document_id);
        let file_name = metadata.file_name.take();
        let fields = model::DocumentFields::from_api(metadata, At::TOP, &mut of_metadata(&mut violations));
        let kind = Kind::read(&content, &mut violations);
        let (id, kind) = violations.finish(id.zip(kind))?;
        let file = file(content, kind, file_name);
        let document =
            self.grid.replace_document(&call, &id, fields, file).await.map_err(Error::about(DOCUMENT, &id))?;
        Ok(Response::new(pb::ReplaceDocumentResponse { document: Some(document.into_api()) }))
    }

    async fn get_document(
        &self,
        request: Request<pb::GetDocumentRequest>,
    ) -> Result<Response<pb::GetDocumentResponse>, Status> {
        let call = call::of(&request);
        let id = required_id("document_id", &request.into_inner().document_id)?;
        let document = self.grid.get_document(&call, &id).await.map_err(Error::about(DOCUMENT, &id))?;
        Ok(Response::new(pb::GetDocumentResponse { document: Some(document.into_api()) }))
    }

    async fn list_documents(
        &self,
        request: Request<pb::ListDocumentsRequest>,
    ) -> Result<Response<pb::ListDocumentsResponse>, Status> {
        let call = call::of(&request);
        let pb::ListDocumentsRequest { page_size, page_token, document_holder } = request.into_inner();
        let mut violations = Violations::default();
        let page = page::request(page_size, page_token, &mut violations);
        violations.check()?;
        let listed = self.grid.list_documents(&call, document_holder.as_deref(), &page).await.map_err(Error::from)?;
        let Listed { rows: documents, next_page_token, total_size, unreadable_rows, truncated } = listed.into();
        let response = pb::ListDocumentsResponse { documents, next_page_token, total_size, unreadable_rows, truncated };
        Ok(Response::new(response))
    }

    async fn delete_document(
        &self,
        request: Request<pb::DeleteDocumentRequest>,
    ) -> Result<Response<pb::DeleteDocumentResponse>, Status> {
        let call = call::of(&request);
        let id = required_id("document_id", &request.into_inner().document_id)?;
        self.grid.delete_document(&call, &id).await.map_err(Error::about(DOCUMENT, &id))?;
        Ok(Response::new(pb::DeleteDocumentResponse {}))
    }
}

fn file(content: Bytes, kind: Kind, name: Option<String>) -> DocumentFile {
    let file_name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| kind.file_name().to_owned());
    DocumentFile { file_name, media_type: kind.media_type(), content }
}

impl Part for pb::UploadDocumentRequest {
    type Metadata = pb::UploadDocumentMetadata;

    fn split(self) -> (Option<Self::Metadata>, Bytes) {
        let Self { metadata, chunk } = self;
        (metadata, chunk)
    }
}

impl Part for pb::ReplaceDocumentRequest {
    type Metadata = pb::ReplaceDocumentMetadata;

    fn split(self) -> (Option<Self::Metadata>, Bytes) {
        let Self { metadata, chunk } = self;
        (metadata, chunk)
    }
}

fn of_metadata(violations: &mut Violations) -> Reading<'_> {
    Reading { within: "metadata.", ..Reading::new(violations) }
}

mapping! {
    answer pb::Document = model::Document {
        same: id, document_holder, document_type, country, document_number, issuing_authority, file_name, created_at,
            updated_at;
        words: side + side_raw;
    }
}
mapping! {
    request pb::UploadDocumentMetadata = model::DocumentFields {
        same: document_type, side, country, document_number, issuing_authority;
        unused: document_holder, file_name;
        absent: document_holder;
    }
}
mapping! {
    request pb::ReplaceDocumentMetadata = model::DocumentFields {
        same: document_type, side, country, document_number, issuing_authority;
        unused: document_id, file_name;
        absent: document_holder;
    }
}
