//! Importing a CSV file.

use super::super::expect::{count, is, items, one_of};
use super::super::script::{Abandoned, Script};
use crate::pb;
use bytes::Bytes;
use tonic::Code;

const COLUMNS: &str = "umaAddress,platformCustomerId,customerType,fullName,birthDate,businessLegalName,addressLine1,city,\
                       state,postalCode,country";

/// How much of a file goes into a message here: little, so that lines are cut anywhere.
const CHUNK: usize = 150;

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    let [jane, acme, nobody] = ["import-jane", "import-acme", "import-nobody"].map(|name| script.unique(name));
    let file = format!(
        "{COLUMNS}\n\
         {jane}@uma.example,{jane},INDIVIDUAL,Jane Doe,1990-01-15,,123 Pine Street,Seattle,WA,98101,US\n\
         {acme}@uma.example,{acme},BUSINESS,,,Acme Corporation,456 Oak Avenue,New York,NY,10001,US\n\
         {nobody}@uma.example,{nobody},INDIVIDUAL,,,,789 Elm Street,Portland,OR,97201,US\n"
    );
    let accepted = script
        .call(
            "A person, a business, and somebody without name and birth date.",
            messages(&file),
            [one_of("status", [pb::ImportJobStatus::Pending, pb::ImportJobStatus::Processing])],
        )
        .await?;
    script
        .call_until(
            "Ask about the job until it is done. Two rows became customers, and the third says what is missing.",
            pb::GetImportJobRequest { job_id: accepted.text("job_id")? },
            is("import_job.status", pb::ImportJobStatus::Completed),
            [
                is("import_job.progress.total", 3),
                is("import_job.progress.processed", 3),
                is("import_job.progress.successful", 2),
                is("import_job.progress.failed", 1),
                items("import_job.errors[].correlation_id", [&nobody]),
            ],
        )
        .await?;
    script
        .call(
            "The business is there.",
            pb::ListCustomersRequest { platform_customer_id: Some(acme), ..pb::ListCustomersRequest::default() },
            [
                count("customers", 1),
                is("customers[0].customer_type", pb::CustomerType::Business),
                is("customers[0].business.business_info.legal_name", "Acme Corporation"),
            ],
        )
        .await?;
    script
        .call(
            "Nobody is not.",
            pb::ListCustomersRequest { platform_customer_id: Some(nobody), ..pb::ListCustomersRequest::default() },
            [count("customers", 0)],
        )
        .await?;
    bad_files(script).await
}

async fn bad_files(script: &mut Script) -> Result<(), Abandoned> {
    let accepted = script
        .call(
            "A file that lacks a column is accepted too…",
            messages("platformCustomerId,fullName\nx,Jane Doe\n"),
            [one_of("status", [pb::ImportJobStatus::Pending, pb::ImportJobStatus::Processing])],
        )
        .await?;
    script
        .call_until(
            "…and becomes a job that failed.",
            pb::GetImportJobRequest { job_id: accepted.text("job_id")? },
            is("import_job.status", pb::ImportJobStatus::Failed),
            [count("import_job.errors", 1)],
        )
        .await?;
    script
        .refused(
            "A job that nobody started.",
            pb::GetImportJobRequest { job_id: "Job:00000000-0000-7000-8000-000000000000".to_owned() },
            Code::NotFound,
            [
                is("error_info.reason", "BULK_UPLOAD_JOB_NOT_FOUND"),
                is("resource_info.resource_name", "Job:00000000-0000-7000-8000-000000000000"),
            ],
        )
        .await;
    Ok(())
}

fn messages(file: &str) -> Vec<pb::ImportCustomersRequest> {
    file.as_bytes()
        .chunks(CHUNK)
        .map(|chunk| pb::ImportCustomersRequest { chunk: Bytes::copy_from_slice(chunk) })
        .collect()
}
