//! Why a call could not be answered, before it becomes a status.

use crate::grid::{self, InvalidResourceId, ResourceId};
use crate::kyc::log::LogError;
use crate::kyc::source::SourceError;
use crate::kyc::token::InvalidToken;

/// Why a call could not be answered. [`super::status`] says what the caller hears of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request can never be right, so Grid was not asked.
    #[error("the request is not valid")]
    Invalid(Violations),
    /// Grid was asked, or should have been.
    #[error("{error}")]
    Grid {
        /// What went wrong.
        #[source]
        error: grid::Error,
        /// What the call was about, where it was about one thing.
        about: Option<Box<Resource>>,
    },
    /// Uploads under way already hold all the memory that uploads may have.
    #[error("uploads under way hold all the memory there is for uploads")]
    UploadsBusy,
    /// The event log did not do what was asked.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A resume token is none.
    #[error(transparent)]
    Token(#[from] InvalidToken),
    /// This replica has not seen the end of the log for too long.
    #[error("this replica is behind")]
    Behind {
        /// Where to go on, elsewhere.
        resume_token: String,
    },
    /// The log no longer holds what follows the place that was asked for.
    #[error("the log no longer holds what follows that place")]
    Expired {
        /// The oldest token that works.
        oldest_resume_token: String,
    },
    /// Grid could not be asked about a customer that is not known well enough.
    #[error("{error}")]
    Source {
        /// Why not.
        #[source]
        error: SourceError,
        /// The customer.
        about: Box<Resource>,
    },
    /// The policy does not let the caller see all that the request is about.
    #[error("{filter} {description}")]
    NotWatchable {
        /// The field of the request that asks for too much.
        filter: &'static str,
        /// How it does, and what would be right.
        description: String,
    },
    /// The caller's stream of messages broke, with the status that the transport gave it.
    #[error("the stream of requests broke")]
    BrokenStream(#[source] tonic::Status),
}

impl Error {
    /// Puts what a call was about beside what Grid said, for a `map_err`.
    pub(super) fn about(resource_type: &'static str, id: &ResourceId) -> impl FnOnce(grid::Error) -> Self {
        let about = Some(Box::new(Resource::new(resource_type, id.as_str())));
        move |error| Self::Grid { error, about }
    }
}

impl From<grid::Error> for Error {
    fn from(error: grid::Error) -> Self {
        Self::Grid { error, about: None }
    }
}

/// What the details of a status call a customer.
pub(super) const CUSTOMER: &str = "gridgate.v1.Customer";

/// The resource that a call was about, or that prevents it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    /// Full name of its message, such as `gridgate.v1.Customer`.
    pub resource_type: &'static str,
    /// Grid's id, or the platform's. Empty: it is not known, or there are several.
    pub name: String,
    /// Grid's id of what it belongs to; mostly empty.
    pub owner: String,
    /// What about it; mostly empty.
    pub description: String,
    /// Where there are several: Grid's ids, as many as are known.
    pub candidates: Vec<String>,
}

impl Resource {
    /// One that is known by its id.
    #[must_use]
    pub fn new(resource_type: &'static str, name: &str) -> Self {
        Self { resource_type, name: name.to_owned(), ..Self::default() }
    }
}

/// Every field of a request that can never be right, collected so that the caller hears of all at once.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

/// One field that can never be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request.
    pub field: String,
    /// What is wrong with it; never the value.
    pub description: String,
}

impl Violations {
    /// Notes a bad field.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation { field: field.into(), description: description.into() });
    }

    /// A single bad field, as an error.
    pub fn of(field: impl Into<String>, description: impl Into<String>) -> Error {
        let mut violations = Self::default();
        violations.add(field, description);
        Error::Invalid(violations)
    }

    /// The bad fields, in the order they were noted.
    #[must_use]
    pub fn list(&self) -> &[Violation] {
        &self.0
    }

    /// Ends the check of a request.
    ///
    /// # Errors
    /// [`Error::Invalid`] if any field was noted.
    pub fn check(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self)) }
    }

    /// Ends the check of a request, with what could be read of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if any field was noted, which also explains a value that is not there.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Error> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            Some(_) | None => Err(Error::Invalid(self)),
        }
    }

    /// Reads a required id.
    pub(super) fn id(&mut self, field: &str, id: &str) -> Option<ResourceId> {
        match ResourceId::parse(id) {
            Ok(id) => Some(id),
            Err(invalid) => {
                self.add(field, describe_id(invalid));
                None
            }
        }
    }

    /// Reads a `request_id`: a UUID (RFC 9562), or nothing.
    pub(super) fn request_id(&mut self, request_id: Option<&str>) -> Option<uuid::Uuid> {
        let text = request_id?;
        match uuid::Uuid::try_parse(text) {
            Ok(uuid) => Some(uuid),
            Err(_) => {
                self.add("request_id", "must be a UUID such as 0190d3c2-7b1e-7cc3-98c4-dc0c0c07398f");
                None
            }
        }
    }
}

fn describe_id(invalid: InvalidResourceId) -> String {
    match invalid {
        InvalidResourceId::Empty => "is required".to_owned(),
        InvalidResourceId::TooLong | InvalidResourceId::Reserved | InvalidResourceId::NotOneSegment => {
            invalid.to_string()
        }
    }
}

/// Reads a request that is only about one id.
pub(super) fn required_id(field: &str, id: &str) -> Result<ResourceId, Error> {
    let mut violations = Violations::default();
    let id = violations.id(field, id);
    violations.finish(id)
}
