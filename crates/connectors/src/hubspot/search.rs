//! Searching before a write: what an account has already, by our own key and by e-mail.

use super::api;
use super::properties::{OWN_ID, wanted};
use super::read::payload;
use super::wire::{BatchAnswer, BatchRead, Id, Kind};
use super::write::Writing;
use crate::connector::{Outgoing, Payload};
use crate::error::ConnectorError;
use crate::vendor_http::Effect;
use domain::Field;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A contact that a search found.
pub(super) struct Found {
    pub id: String,
    pub own_id: Option<String>,
    pub as_it_was: Payload,
}

impl Found {
    fn read(kind: Kind, body: Map<String, Json>) -> Result<Self, ConnectorError> {
        let as_it_was = payload(kind, body)?;
        let mut found = Self { id: as_it_was.external_id.clone(), own_id: None, as_it_was };
        found.own_id = found.property(OWN_ID).map(ToOwned::to_owned);
        Ok(found)
    }

    fn property(&self, name: &str) -> Option<&str> {
        self.as_it_was.body.get("properties")?.get(name)?.as_str()
    }

    /// Every address it is found by.
    fn addresses(&self) -> Vec<String> {
        let further = self.property("hs_additional_emails").into_iter().flat_map(|all| all.split(';'));
        self.property("email").into_iter().chain(further).map(|address| address.trim().to_lowercase()).collect()
    }
}

/// What a search found, by driveline id and by e-mail.
#[derive(Default)]
pub(super) struct Search {
    pub by_own: BTreeMap<String, String>,
    pub by_email: BTreeMap<String, Arc<Found>>,
}

impl Writing<'_> {
    /// What there is already. An upsert by our own key finds its record by itself, so that key is only looked for where
    /// nothing may be created.
    pub(super) async fn search(&self, outs: &[&Outgoing]) -> Result<Search, ConnectorError> {
        let careful: Vec<&Outgoing> = outs.iter().filter(|out| !out.may_create).copied().collect();
        let mut search = Search { by_own: self.find_own(&careful).await?, ..Search::default() };
        let emails: BTreeSet<String> = match self.kind {
            Kind::Contacts => {
                outs.iter().filter_map(|out| out.record.text(Field::EMAIL).map(str::to_lowercase)).collect()
            }
            Kind::Deals => BTreeSet::new(),
        };
        for body in self.read_by("email", emails.into_iter().collect(), &wanted(self.kind)).await? {
            let found = Arc::new(Found::read(self.kind, body)?);
            for address in found.addresses() {
                search.by_email.insert(address, found.clone());
            }
        }
        Ok(search)
    }

    pub(super) async fn find_own(&self, outs: &[&Outgoing]) -> Result<BTreeMap<String, String>, ConnectorError> {
        let keys = outs.iter().map(|out| out.golden.to_string()).collect();
        let found = self.read_by(OWN_ID, keys, &[OWN_ID.to_owned()]).await?;
        Ok(found
            .iter()
            .filter_map(|body| {
                let own = body.get("properties")?.get(OWN_ID)?.as_str()?.to_owned();
                Some((own, body.get("id")?.as_str()?.to_owned()))
            })
            .collect())
    }

    pub(super) async fn read_by(
        &self,
        property: &'static str,
        keys: Vec<String>,
        properties: &[String],
    ) -> Result<Vec<Map<String, Json>>, ConnectorError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let body = BatchRead {
            inputs: keys.into_iter().map(|id| Id { id }).collect(),
            id_property: (property != "id").then_some(property),
            properties,
            properties_with_history: [],
        };
        let answer = self.post(Effect::Reads, "batch/read", &body).await?;
        match answer.status.as_u16() {
            // 207: some of the keys are not there, which is an answer.
            200 | 207 => Ok(answer.json::<BatchAnswer>()?.results),
            _ => Err(api::refused(&answer)),
        }
    }
}

/// Whether a contact with the same address is the same person: ours already, or nobody's and of the same name.
pub(super) fn is_same(found: &Found, out: &Outgoing) -> bool {
    if let Some(own) = &found.own_id {
        return *own == out.golden.to_string();
    }
    let ours = |field: Field| out.record.text(field).map(str::to_lowercase);
    let theirs = |property: &str| found.property(property).map(str::to_lowercase);
    let agrees = |theirs: Option<String>, ours: Option<String>| match (theirs, ours) {
        (Some(theirs), Some(ours)) => theirs == ours,
        (None, _) | (_, None) => true,
    };
    let surname = match (theirs("lastname"), ours(Field::LAST_NAME)) {
        (Some(theirs), Some(ours)) => theirs == ours,
        // Neither is a person by name: companies, or nothing but an address.
        (None, None) => agrees(theirs("company"), ours(Field::COMPANY_NAME)),
        // A company and the person who answers its mail are two.
        (Some(_), None) => ours(Field::COMPANY_NAME).is_none(),
        (None, Some(_)) => theirs("company").is_none(),
    };
    surname && agrees(theirs("firstname"), ours(Field::FIRST_NAME))
}
