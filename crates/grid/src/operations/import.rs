//! Bulk import of customers from CSV.

use bytes::Bytes;
use futures_util::Stream;

use crate::client::{Call, Client, Payload, Request, StreamedFile};
use crate::model::{ImportJob, ImportJobAccepted};
use crate::{Error, Operation, ResourceId};

impl Client {
    /// Imports customers from a CSV (`POST /customers/bulk/csv`), which streams through and is sent once.
    ///
    /// Grid accepts any file and judges it in the job. Where the source ends with an error, the upload is broken off
    /// and Grid has no complete file.
    ///
    /// # Errors
    /// [`Error::UploadBrokenOff`] where the source failed; otherwise see [`Error`].
    pub async fn import_customers<S, E>(&self, call: &Call, csv: S) -> Result<ImportJobAccepted, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: 'static,
    {
        let request = Request::new(Operation::ImportCustomers, None);
        self.json(call, request.payload(Payload::Stream(StreamedFile::new(csv)))).await
    }

    /// Reads an import job (`GET /customers/bulk/jobs/{id}`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get_import_job(&self, call: &Call, id: &ResourceId) -> Result<ImportJob, Error> {
        self.json(call, Request::new(Operation::GetImportJob, Some(id))).await
    }
}
