//! Documents: multipart on their way in, JSON on their way back.

use crate::client::{Call, Client, Payload, Request};
use crate::model::{Document, DocumentFields, Page};
use crate::{DocumentFile, Error, Operation, PageRequest, ResourceId};

impl Client {
    /// Uploads a document (`POST /documents`, multipart with its length). Sent once.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn upload_document(
        &self,
        call: &Call,
        fields: DocumentFields,
        file: DocumentFile,
    ) -> Result<Document, Error> {
        let request = Request::new(Operation::UploadDocument, None);
        self.json(call, request.payload(Payload::Document(fields, file))).await
    }

    /// Replaces a document (`PUT /documents/{id}`, multipart with its length); `document_holder` is not sent, since
    /// Grid takes none here. Repeated where its outcome is lost.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn replace_document(
        &self,
        call: &Call,
        id: &ResourceId,
        fields: DocumentFields,
        file: DocumentFile,
    ) -> Result<Document, Error> {
        let fields = DocumentFields { document_holder: None, ..fields };
        let request = Request::new(Operation::ReplaceDocument, Some(id));
        self.json(call, request.payload(Payload::Document(fields, file))).await
    }

    /// Reads what is known of a document (`GET /documents/{id}`); its file never comes back.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get_document(&self, call: &Call, id: &ResourceId) -> Result<Document, Error> {
        self.json(call, Request::new(Operation::GetDocument, Some(id))).await
    }

    /// Reads a page of documents (`GET /documents`), of one customer or beneficial owner or of all.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_documents(
        &self,
        call: &Call,
        document_holder: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Document>, Error> {
        let mut query: Vec<_> = document_holder.iter().map(|&holder| ("documentHolder", holder.to_owned())).collect();
        page.append_to(&mut query);
        let listed: Page<_> = self.json(call, Request::new(Operation::ListDocuments, None).query(query)).await?;
        Ok(listed.after(page.cursor.as_deref()))
    }

    /// Deletes a document (`DELETE /documents/{id}`).
    ///
    /// Repeated where its outcome is lost; a repetition that is answered 404 or 410 is a success.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_document(&self, call: &Call, id: &ResourceId) -> Result<(), Error> {
        let request = Request::new(Operation::DeleteDocument, Some(id));
        self.send_deletion(call, request, |_| Ok(())).await.map(|_| ())
    }
}
