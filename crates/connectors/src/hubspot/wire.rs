//! What goes over the wire, as HubSpot's OpenAPI files have it.

use domain::ObjectKind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The vendor's kinds of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// People and companies.
    Contacts,
    /// Deals.
    Deals,
}

impl Kind {
    /// The vendor's kind for one of ours.
    pub const fn of(object: ObjectKind) -> Option<Self> {
        match object {
            ObjectKind::Customer => Some(Self::Contacts),
            ObjectKind::Deal => Some(Self::Deals),
            ObjectKind::Vehicle | ObjectKind::Inventory | ObjectKind::RepairOrder | ObjectKind::Lead => None,
        }
    }

    /// As it stands in addresses.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Deals => "0-3",
        }
    }

    /// The property with the time of the last change.
    pub const fn changed_property(self) -> &'static str {
        match self {
            Self::Contacts => "lastmodifieddate",
            Self::Deals => "hs_lastmodifieddate",
        }
    }
}

/// A list or search answer. Records stay JSON: a payload keeps all that was said.
#[derive(Debug, Deserialize)]
pub struct Listed {
    pub results: Vec<Map<String, Json>>,
    pub paging: Option<Paging>,
    pub total: Option<u64>,
}

/// Where the next page is.
#[derive(Debug, Deserialize)]
pub struct Paging {
    pub next: Option<NextPage>,
}

/// The token of the next page.
#[derive(Debug, Deserialize)]
pub struct NextPage {
    pub after: String,
}

/// A batch answer, 200 or 207.
#[derive(Debug, Deserialize)]
pub struct BatchAnswer {
    #[serde(default)]
    pub results: Vec<Map<String, Json>>,
    #[serde(default)]
    pub errors: Vec<ItemError>,
}

/// What failed in a 207.
#[derive(Clone, Debug, Deserialize)]
pub struct ItemError {
    #[serde(default)]
    pub category: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub context: BTreeMap<String, Vec<String>>,
}

/// An error body.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorBody {
    pub message: String,
    pub category: String,
    pub correlation_id: Option<String>,
    pub policy_name: Option<String>,
}

/// A batch of inputs.
#[derive(Debug, Serialize)]
pub struct Inputs<T> {
    pub inputs: Vec<T>,
}

/// A batch read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchRead<'a> {
    pub inputs: Vec<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_property: Option<&'a str>,
    pub properties: &'a [String],
    pub properties_with_history: [String; 0],
}

/// A record by its key.
#[derive(Clone, Debug, Serialize)]
pub struct Id {
    pub id: String,
}

/// A record to write.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_property: Option<&'static str>,
    pub object_write_trace_id: String,
    pub properties: BTreeMap<String, String>,
}

/// A pair to link.
#[derive(Debug, Serialize)]
pub struct Pair {
    pub from: Id,
    pub to: Id,
}

/// A search.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Search<'a> {
    pub filter_groups: Vec<FilterGroup>,
    pub sorts: Vec<String>,
    pub properties: &'a [String],
    pub limit: u32,
    pub after: &'static str,
}

/// Filters that must all hold.
#[derive(Debug, Serialize)]
pub struct FilterGroup {
    pub filters: Vec<Filter>,
}

/// One filter.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    pub property_name: &'static str,
    pub operator: &'static str,
    pub value: String,
}
