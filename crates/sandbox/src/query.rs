//! Query parameters, read like body fields: every bad one at once.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use jiff::Timestamp;

use super::error::GridError;
use super::fields::Faults;
use super::pagination::{Cursor, PageRequest};
use gridgate_grid::model::Time;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// The query of a request. Of a parameter that comes more than once, the first counts.
pub(super) struct Params {
    pairs: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = GridError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, GridError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| GridError::invalid_format("The query can't be read"))?;
        Ok(Self { pairs })
    }
}

impl Params {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn one_of(&self, name: &str, words: &'static [&'static str], faults: &mut Faults) -> Option<&str> {
        let value = self.get(name)?;
        if let Err(refusal) = super::formats::Form::OneOf(words).check(value) {
            faults.add_coded("INVALID_INPUT", name, refusal.message, Some(refusal.constraint));
            return None;
        }
        Some(value)
    }

    pub(super) fn time(&self, name: &str, faults: &mut Faults) -> Option<Timestamp> {
        let value = self.get(name)?;
        let time = value.parse().ok().map(Time::clamped);
        if time.is_none() {
            faults.add(name, "must be a date and time (RFC 3339)");
        }
        time
    }

    pub(super) fn flag(&self, name: &str, faults: &mut Faults) -> Option<bool> {
        let value = self.get(name)?;
        let flag = value.parse().ok();
        if flag.is_none() {
            faults.add(name, "must be true or false");
        }
        flag
    }

    /// `limit` and `cursor` of a list. A cursor belongs to one list and its filters.
    pub(super) fn page(&self, list: &'static str, filters: &[&str], faults: &mut Faults) -> PageRequest {
        let limit = match self.get("limit").map(str::parse::<usize>) {
            None => DEFAULT_LIMIT,
            Some(Ok(limit)) if (1..=MAX_LIMIT).contains(&limit) => limit,
            Some(_) => {
                faults.add("limit", format!("must be a whole number from 1 to {MAX_LIMIT}"));
                DEFAULT_LIMIT
            }
        };
        let scope = Cursor::scope(list, filters.iter().map(|name| self.get(name)));
        let after = match self.get("cursor").map(|text| Cursor::decode(text, scope)) {
            None => 0,
            Some(Some(cursor)) => cursor.position,
            Some(None) => {
                faults.add("cursor", "is not a cursor of this list");
                0
            }
        };
        PageRequest { limit, after, scope }
    }
}
