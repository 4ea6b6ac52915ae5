//! HubSpot as it behaves: contacts and deals with unique properties, batch writes that fail item by item, a search
//! that ends at 10,000, rate limits with headers, OAuth with rotating refresh tokens, webhooks signed v3.
//!
//! Assumed: `batch/read` by e-mail also finds nothing by secondary addresses; an input with `objectWriteTraceId` turns
//! a validation error of one item into a 207, without it the whole batch is refused with a 400.

mod answer;
mod api;
mod batch;
mod control;
mod limits;
mod oauth;
mod outbox;
mod people;
mod search;
mod table;

pub use control::Contact;
pub use limits::Limits;

use crate::Simulator;
use crate::faults::Faults;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use limits::Meter;
use oauth::Grants;
use outbox::Outbox;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use table::Table;

/// The connector's key.
pub const KEY: &str = "hubspot";
/// The private app token that the account takes.
pub const PRIVATE_TOKEN: &str = "pat-na1-simulated";

/// The kinds of CRM object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// People.
    Contacts,
    /// Deals.
    Deals,
}

impl Kind {
    fn named(text: &str) -> Option<Self> {
        [Self::Contacts, Self::Deals].into_iter().find(|kind| kind.is_named(text))
    }

    fn is_named(self, text: &str) -> bool {
        match self {
            Self::Contacts => matches!(text, "contacts" | "contact" | "0-1"),
            Self::Deals => matches!(text, "deals" | "deal" | "0-3"),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Deals => "deals",
        }
    }

    const fn singular(self) -> &'static str {
        match self {
            Self::Contacts => "contact",
            Self::Deals => "deal",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Contacts => Self::Deals,
            Self::Deals => Self::Contacts,
        }
    }

    /// The property that holds the time of the last change: not the same for both.
    const fn changed_property(self) -> &'static str {
        match self {
            Self::Contacts => "lastmodifieddate",
            Self::Deals => "hs_lastmodifieddate",
        }
    }
}

/// What was done to this account.
#[derive(Default)]
struct Effects {
    created: u64,
    updated: u64,
    archived: u64,
    /// Writes that had an effect for a key that had had one.
    duplicates: u64,
    /// Inputs refused one by one.
    refused: u64,
    /// Times each idempotency key (`objectWriteTraceId`) had an effect, by the key's hash.
    by_key: HashMap<u64, u32>,
}

/// The account.
struct State {
    contacts: Table,
    deals: Table,
    /// Contacts of each deal.
    links: BTreeMap<u64, BTreeSet<u64>>,
    /// Deals of each contact.
    linked_deals: BTreeMap<u64, BTreeSet<u64>>,
    /// Properties of the account's own, and whether each is unique.
    defined: BTreeMap<(&'static str, String), bool>,
    grants: Grants,
    meter: Meter,
    effects: Effects,
    /// Who is behind each contact that came from a population.
    people: BTreeMap<u64, u64>,
    /// How long a change is invisible to the search.
    search_lag_ms: i64,
}

impl State {
    fn new() -> Self {
        Self {
            contacts: Table::new(&["email", "driveline_id"], 101),
            deals: Table::new(&["driveline_id"], 9_000_000_001),
            links: BTreeMap::new(),
            linked_deals: BTreeMap::new(),
            defined: BTreeMap::new(),
            grants: Grants::default(),
            meter: Meter::default(),
            effects: Effects::default(),
            people: BTreeMap::new(),
            search_lag_ms: 0,
        }
    }

    fn table(&self, kind: Kind) -> &Table {
        match kind {
            Kind::Contacts => &self.contacts,
            Kind::Deals => &self.deals,
        }
    }

    fn table_mut(&mut self, kind: Kind) -> &mut Table {
        match kind {
            Kind::Contacts => &mut self.contacts,
            Kind::Deals => &mut self.deals,
        }
    }

    fn linked(&self, kind: Kind, id: u64) -> Vec<u64> {
        let links = match kind {
            Kind::Contacts => &self.linked_deals,
            Kind::Deals => &self.links,
        };
        links.get(&id).map(|ids| ids.iter().copied().collect()).unwrap_or_default()
    }

    fn link(&mut self, deal: u64, contact: u64) -> bool {
        self.linked_deals.entry(contact).or_default().insert(deal);
        self.links.entry(deal).or_default().insert(contact)
    }

    fn unlink_all(&mut self, kind: Kind, id: u64) {
        let others = self.linked(kind, id);
        let (own, other) = match kind {
            Kind::Contacts => (&mut self.linked_deals, &mut self.links),
            Kind::Deals => (&mut self.links, &mut self.linked_deals),
        };
        own.remove(&id);
        for linked in others {
            if let Some(ids) = other.get_mut(&linked) {
                ids.remove(&id);
            }
        }
    }

    /// The first name that neither the vendor nor this account knows.
    fn undefined<'a>(&self, kind: Kind, mut names: impl Iterator<Item = &'a String>) -> Option<&'a str> {
        names
            .find(|name| {
                let own = name.starts_with("driveline_");
                own && !self.defined.contains_key(&(kind.name(), (*name).clone()))
            })
            .map(String::as_str)
    }
}

/// What all routes share.
#[derive(Clone)]
pub struct Shared {
    state: Arc<Mutex<State>>,
    outbox: Arc<Outbox>,
    faults: Faults,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The simulator.
pub struct HubSpot {
    shared: Shared,
}

impl HubSpot {
    /// An empty account.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        let shared =
            Shared { state: Arc::new(Mutex::new(State::new())), outbox: Arc::default(), faults: faults.clone() };
        Self { shared }
    }

    /// Allows so many calls.
    pub fn limit(&self, limits: Limits) {
        self.shared.lock().meter.limits = limits;
    }
}

impl Simulator for HubSpot {
    fn key(&self) -> &'static str {
        KEY
    }

    fn routes(&self, config: &mut ServiceConfig) {
        config
            .app_data(web::Data::new(self.shared.clone()))
            .route("/oauth/authorize", web::get().to(oauth::authorize))
            .route("/oauth/v3/token", web::post().to(oauth::token))
            .service(web::scope("/crm").wrap(from_fn(api::guard)).configure(api::routes));
    }

    fn control(&self, config: &mut ServiceConfig) {
        config.app_data(web::Data::new(self.shared.clone())).configure(control::routes);
    }

    fn truth(&self) -> Json {
        let state = self.shared.lock();
        let owned = |kind: Kind| {
            let table = state.table(kind);
            table.from(0).filter(|(_, row)| table.value(row, "driveline_id").is_some()).count()
        };
        let effects = &state.effects;
        let repeated = effects.by_key.values().filter(|times| **times > 1).count();
        json!({
            "objects": {"customer": state.contacts.len(), "deal": state.deals.len()},
            "effects": {
                "created": effects.created,
                "updated": effects.updated,
                "archived": effects.archived,
                "duplicates": effects.duplicates,
                "refused": effects.refused,
                "keys": effects.by_key.len(),
                "keys_with_more_than_one_effect": repeated,
            },
            "by_driveline_id": {"customer": owned(Kind::Contacts), "deal": owned(Kind::Deals)},
            "same": control::same(&state),
            "calls": {"allowed": state.meter.today, "refused": state.meter.refused},
            "renewals": state.grants.renewals,
            "webhooks": self.shared.outbox.told(),
        })
    }

    fn reset(&self) {
        *self.shared.lock() = State::new();
        self.shared.outbox.reset();
    }
}
