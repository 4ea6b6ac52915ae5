//! The connector trait: what a vendor's system can do is what answers `Some`.

use crate::about::{About, PushMode};
use crate::access::{Access, Tokens};
use crate::error::ConnectorError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::mapping::Mapping;
use domain::{Field, GoldenId, ObjectKind, Record};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// One kind of system.
#[async_trait]
pub trait Connector: Send + Sync {
    /// What it can do and needs.
    fn about(&self) -> &'static About;

    /// How its payloads of an object become canonical records; `None` for objects it cannot read.
    /// `access` because a file's columns are the dealer's settings.
    fn mapping(&self, access: &Access, object: ObjectKind) -> Option<Mapping>;

    /// Tries the connection in steps (address → TLS → sign-in → permission → sample), each with the remote's own words.
    /// Changes nothing. A failed step is an outcome, not an error.
    async fn verify(&self, access: &Access) -> Verified;

    /// How a connection with these settings writes an object: for some connectors the channel is the dealer's choice.
    fn push_mode(&self, _settings: &BTreeMap<String, String>, object: ObjectKind) -> PushMode {
        self.about().capability(object).map_or(PushMode::None, |capability| capability.push)
    }

    /// Reading an object page by page.
    fn pull(&self, _object: ObjectKind) -> Option<&dyn Pull> {
        None
    }

    /// Writing an object record by record or in small batches.
    fn push(&self, _object: ObjectKind) -> Option<&dyn Push> {
        None
    }

    /// Publishing a whole object at once (feeds).
    fn feed(&self, _object: ObjectKind) -> Option<&dyn Feed> {
        None
    }

    /// Being told of changes.
    fn webhooks(&self) -> Option<&dyn Webhooks> {
        None
    }

    /// Being sent whole documents (ADF by HTTP POST or e-mail).
    fn intake(&self) -> Option<&dyn Intake> {
        None
    }

    /// Sign-in by OAuth 2 instead of typed credentials.
    fn oauth(&self) -> Option<&dyn OAuth> {
        None
    }
}

/// One step of a connection test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was tried ("Sign in").
    pub name: String,
    /// How it went.
    pub outcome: StepOutcome,
    /// The remote's own words, or ours; redacted.
    pub said: String,
    /// How to fix it; empty where it went well.
    pub fix: String,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It works.
    Good,
    /// It does not.
    Bad,
    /// Not tried, because an earlier step failed.
    Skipped,
}

/// A tested connection.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// The steps in order.
    pub steps: Vec<Step>,
    /// A few real records per object that was allowed.
    pub samples: Vec<Sample>,
}

/// A few real records of one object.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The object.
    pub object: ObjectKind,
    /// As the system sent them, at most five.
    pub payloads: Vec<Payload>,
}

impl Verified {
    /// Whether every step went well.
    #[must_use]
    pub fn is_good(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|step| step.outcome == StepOutcome::Good)
    }

    /// Adds a step by its result; returns the value where it went well, so that the next step can be tried.
    pub fn step<T>(&mut self, name: &str, said: &str, result: Result<T, ConnectorError>) -> Option<T> {
        let (outcome, said, fix, value) = match result {
            Ok(value) => (StepOutcome::Good, said.to_owned(), String::new(), Some(value)),
            Err(error) => (StepOutcome::Bad, error.failure(name).said, error.fix_in_a_test(), None),
        };
        self.steps.push(Step { name: name.to_owned(), outcome, said, fix });
        value
    }
}

/// Where a pull goes on: opaque outside the connector, stored with the page it follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub Json);

/// Everything, or what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullMode {
    /// All records there are.
    Full,
    /// What changed since the `resume` cursor of the last finished pull.
    Changes,
}

/// Which page is wanted.
#[derive(Clone, Debug)]
pub struct PageAsk {
    /// Everything or changes. `Changes` without a cursor is read as `Full`.
    pub mode: PullMode,
    /// `Next::Page` of the page before; for the first page of `Changes`, `Next::Done::resume` of the last pull.
    pub cursor: Option<Cursor>,
    /// Time of asking.
    pub now: DateTime<Utc>,
}

/// One record as the system said it.
#[derive(Clone, Debug, PartialEq)]
pub struct Payload {
    /// The system's own key, stable over the record's life.
    pub external_id: String,
    /// Everything it said, losslessly as JSON (XML attributes under `@name`, an element's text under `#text`).
    pub body: Json,
    /// When the system last changed it, where it tells.
    pub changed_at: Option<DateTime<Utc>>,
    /// Whether the system says that the record is gone (told, not concluded).
    pub deleted: bool,
    /// The id of ours that it bears, where the system keeps one. After the first read a record that is new bears one only
    /// where we made it: a connector must not mark a record of the system's own before it is known.
    pub mark: Option<String>,
}

/// A piece that could not even become a payload: a ragged row, a broken element. Kept, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Where: "customers.csv line 17". Also its identity: the same piece read again has the same place.
    pub place: String,
    /// What is wrong, without the content.
    pub said: String,
    /// What to do.
    pub fix: String,
    /// The piece itself, at most 64 KiB; sealed when stored.
    pub raw: Vec<u8>,
}

/// What follows a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Another page.
    Page(Cursor),
    /// The end.
    Done {
        /// Where the next pull of changes starts; `None` where the system knows no changes.
        resume: Option<Cursor>,
        /// What this pull, from its first page to here, has read.
        coverage: Coverage,
    },
}

/// What a finished pull has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// All records there are: one that did not come is gone. The brake decides whether that is believed.
    Everything,
    /// Only some: absence says nothing.
    Part,
}

/// One page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Records in the system's order; the same record twice is allowed, the later one holds.
    pub records: Vec<Payload>,
    /// Pieces that could not be read.
    pub rejects: Vec<Reject>,
    /// What follows.
    pub next: Next,
    /// How many records the system says the whole pull has, for the progress bar.
    pub expected: Option<u64>,
}

/// Reading.
#[async_trait]
pub trait Pull: Send + Sync {
    /// One page. Asking twice with the same cursor gives the same records, or newer versions of them.
    async fn page(&self, access: &Access, object: ObjectKind, ask: &PageAsk) -> Result<Page, ConnectorError>;

    /// One record by its key; `None` where the system says there is none.
    async fn one(
        &self,
        access: &Access,
        object: ObjectKind,
        external_id: &str,
    ) -> Result<Option<Payload>, ConnectorError>;
}

/// One record to write.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The entity.
    pub golden: GoldenId,
    /// The same for every try of the same state: send it where the vendor takes such keys.
    pub idempotency_key: String,
    /// The system's key, where the system is known to have the record.
    pub external_id: Option<String>,
    /// The state to reach, only the fields that `Push::fields` names.
    pub record: Record,
    /// Records of this system that are known to be somebody else's, though a search may find them by what both have in
    /// common. Not to be taken over.
    pub taken: Vec<String>,
    /// The keys in this system of the objects that `Ref` fields point to, where it has them.
    pub refs: Vec<(Field, String)>,
    /// The records behind the `Ref` fields that `Push::carries` names; empty for all others.
    pub related: Vec<(Field, Record)>,
    /// Whether it may be created where a search finds none.
    pub may_create: bool,
    /// Whether it shall be gone from the system instead (sold, removed, merged away).
    pub withdraw: bool,
}

/// How one write went.
#[derive(Debug)]
pub enum Outcome {
    /// It was not there and is now.
    Created {
        /// Its key there.
        external_id: String,
    },
    /// It was there (known or found by search) and holds the state now.
    Updated {
        /// Its key there.
        external_id: String,
    },
    /// It is gone there, or never was there and should not be.
    Withdrawn,
    /// It is not there and may not be created.
    Absent,
    /// This record failed; others of the batch did not.
    Failed(ConnectorError),
}

/// How one record of a batch went.
#[derive(Debug)]
pub struct Pushed {
    /// The entity.
    pub golden: GoldenId,
    /// How it went.
    pub outcome: Outcome,
    /// What the system holds now, where its answer says so: taken as if it had been pulled, so that no echo follows.
    pub echo: Option<Payload>,
    /// What the system held before, where a search found a record that we had not made: its own word, and not ours to
    /// withdraw.
    pub found: Option<Payload>,
}

impl Pushed {
    /// Gone, with nothing more to tell.
    #[must_use]
    pub const fn withdrawn(out: &Outgoing) -> Self {
        Self { golden: out.golden, outcome: Outcome::Withdrawn, echo: None, found: None }
    }

    /// Not written.
    #[must_use]
    pub const fn failed(out: &Outgoing, error: ConnectorError) -> Self {
        Self { golden: out.golden, outcome: Outcome::Failed(error), echo: None, found: None }
    }
}

/// Writing.
#[async_trait]
pub trait Push: Send + Sync {
    /// The most records of one call of `push`.
    fn batch_max(&self) -> usize;

    /// The fields that are written; a change of others causes no write.
    fn fields(&self, object: ObjectKind) -> &'static [Field];

    /// The fields whose value the system gives to one record only. A record that wants a value which another has is
    /// written without it, and written again when the other gives it up.
    fn exclusive(&self, _object: ObjectKind) -> &'static [Field] {
        &[]
    }

    /// Whether only what is new is written. A system that acts on each record it is sent (a lead is called back) must
    /// not be sent the old ones when it is connected.
    fn only_new(&self, _object: ObjectKind) -> bool {
        false
    }

    /// The `Ref` fields whose whole record is written inside this one's document (a lead carries its customer).
    fn carries(&self, _object: ObjectKind) -> &'static [Field] {
        &[]
    }

    /// Brings records to the wanted state: searches before it creates, sends idempotency keys, one result per record.
    /// `Err` only where the whole batch failed. After `OutcomeUnknown` the same batch comes again, and the search or
    /// the vendor's key must find what happened the first time.
    async fn push(
        &self,
        access: &Access,
        object: ObjectKind,
        batch: &[Outgoing],
    ) -> Result<Vec<Pushed>, ConnectorError>;

    /// Takes off records the mark by which we know ours, where we put one on what we write to: they are the system's
    /// own, and their entities were merged into others. Each ends as [`Outcome::Withdrawn`], also where it has no mark
    /// or is gone.
    async fn let_go(
        &self,
        _access: &Access,
        _object: ObjectKind,
        batch: &[Outgoing],
    ) -> Result<Vec<Pushed>, ConnectorError> {
        Ok(batch.iter().map(Pushed::withdrawn).collect())
    }
}

/// What a feed says of the dealership itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedContext {
    /// The rooftop's code at the channel.
    pub store_code: String,
    /// The rooftop's name.
    pub dealership_name: String,
    /// Its postal address on one line.
    pub dealership_address: String,
}

/// One vehicle of a feed.
#[derive(Clone, Debug)]
pub struct FeedRow {
    /// The entity.
    pub golden: GoldenId,
    /// Its state.
    pub record: Record,
    /// Which dealership has it.
    pub context: FeedContext,
}

/// A record that a feed does not carry, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The entity.
    pub golden: GoldenId,
    /// What is wrong ("The VIN's check digit is wrong").
    pub why: String,
    /// What to do.
    pub fix: String,
}

/// A delivered feed.
#[derive(Clone, Debug)]
pub struct Published {
    /// Records in it.
    pub rows: usize,
    /// Its size.
    pub size_bytes: usize,
    /// What was left out.
    pub left_out: Vec<LeftOut>,
}

/// Publishing everything at once.
#[async_trait]
pub trait Feed: Send + Sync {
    /// The fields a feed shows; a change of others causes no new feed.
    fn fields(&self, object: ObjectKind) -> &'static [Field];

    /// Builds and delivers the whole feed, replacing the one before in one step.
    async fn publish(&self, access: &Access, rows: &[FeedRow]) -> Result<Published, ConnectorError>;
}

/// A received HTTP request, as it came over the wire.
#[derive(Clone, Debug)]
pub struct WebhookRequest {
    /// `POST`.
    pub method: String,
    /// The full public address that was called.
    pub url: String,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl WebhookRequest {
    /// The first header of this name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Why a webhook is not believed. The sender learns nothing more than "401".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefused {
    /// No signature, or a wrong one.
    #[error("the signature is missing or wrong")]
    Signature,
    /// Signed too long ago, or in the future.
    #[error("the signature is too old")]
    Stale,
}

/// What a webhook tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// This record changed; fetch it.
    Changed {
        /// The object.
        object: ObjectKind,
        /// The system's key.
        external_id: String,
    },
    /// This record changed, and here it is.
    Told {
        /// The object.
        object: ObjectKind,
        /// The record.
        payload: Payload,
    },
}

/// Being told of changes.
pub trait Webhooks: Send + Sync {
    /// Whether the request comes from the vendor. Compares in constant time.
    ///
    /// # Errors
    /// Where it is not believed.
    fn authenticate(&self, access: &Access, request: &WebhookRequest, now: DateTime<Utc>)
    -> Result<(), WebhookRefused>;

    /// The vendor's id of this delivery, by which a repeated delivery is known.
    fn delivery_id(&self, request: &WebhookRequest) -> Option<String>;

    /// What it tells.
    ///
    /// # Errors
    /// [`ConnectorError::Unreadable`].
    fn read(&self, access: &Access, body: &[u8]) -> Result<Vec<Change>, ConnectorError>;
}

/// What a document held.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Records, referred-to ones first.
    pub records: Vec<(ObjectKind, Payload)>,
    /// Pieces that could not be read.
    pub rejects: Vec<Reject>,
}

/// Being sent whole documents.
pub trait Intake: Send + Sync {
    /// The largest document in bytes.
    fn size_max(&self) -> usize;

    /// Reads a document, leniently.
    ///
    /// # Errors
    /// [`ConnectorError::Unreadable`] where nothing in it can be read.
    fn receive(&self, access: &Access, content_type: &str, body: &[u8]) -> Result<Received, ConnectorError>;
}

/// Sign-in by OAuth 2 (authorization code with refresh).
#[async_trait]
pub trait OAuth: Send + Sync {
    /// Where to send the dealer's browser.
    ///
    /// # Errors
    /// [`ConnectorError::Misconfigured`].
    fn authorize_url(&self, access: &Access, state: &str, redirect: &str) -> Result<String, ConnectorError>;

    /// Exchanges the code the browser came back with.
    async fn exchange(&self, access: &Access, code: &str, redirect: &str) -> Result<Tokens, ConnectorError>;
}
