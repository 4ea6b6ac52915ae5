//! Cursor paging: opaque places in a list, and the page that is sent.

use crate::problem::ApiError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Entries on a page unless the caller says otherwise.
pub const LIMIT_DEFAULT: u32 = 50;
/// The most entries on a page.
pub const LIMIT_MAX: u32 = 200;

/// Which page is wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageAsk {
    /// `next` of the page before; absent for the first.
    pub cursor: Option<String>,
    /// Entries on the page, 1 to 200; 50 where absent.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
}

/// The size of the page.
///
/// # Errors
/// [`ApiError::Fields`] where it is not from 1 to 200.
pub fn limit(asked: Option<u32>) -> Result<u32, ApiError> {
    match asked {
        None => Ok(LIMIT_DEFAULT),
        Some(limit @ 1..=LIMIT_MAX) => Ok(limit),
        Some(_) => Err(ApiError::field("limit", "Use a number from 1 to 200.")),
    }
}

/// The place that a cursor names.
///
/// # Errors
/// [`ApiError::Fields`] where it is none of ours.
pub fn place<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, ApiError> {
    let Some(cursor) = cursor else { return Ok(None) };
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .map(Some)
        .ok_or_else(|| ApiError::field("cursor", "This is no cursor; use `next` of the page before as it is."))
}

/// A cursor that names this place.
#[must_use]
pub fn cursor<T: Serialize>(place: &T) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Send it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page; there is a next one where this one is full. `place` names an entry's place in the list.
    pub fn of<P: Serialize>(items: Vec<T>, limit: u32, place: impl Fn(&T) -> P) -> Self {
        let is_full = u32::try_from(items.len()).is_ok_and(|length| length >= limit);
        let next = items.last().filter(|_| is_full).map(|last| cursor(&place(last)));
        Self { items, next }
    }

    /// All of a list that has one page only.
    #[must_use]
    pub const fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        let there = (0.75_f32, uuid::Uuid::max());
        assert_eq!(place(Some(&cursor(&there))).ok(), Some(Some(there)));
    }

    #[test]
    fn a_made_up_cursor_is_refused() {
        assert!(place::<uuid::Uuid>(Some("%%%")).is_err());
        assert!(place::<uuid::Uuid>(Some(&cursor(&"x"))).is_err());
    }

    #[test]
    fn a_page_that_is_not_full_is_the_last() {
        assert!(Page::of(vec![1, 2], 3, |n| *n).next.is_none());
        assert!(Page::of(vec![1, 2, 3], 3, |n| *n).next.is_some());
    }
}
