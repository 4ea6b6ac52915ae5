//! Writing: known records by id, unknown ones by our own unique key after a search, all in batches.

use super::HubSpot;
use super::api;
use super::properties::{OWN_ID, fields, of_record, wanted};
use super::read::{add_contacts, kind_of, payload};
use super::search::is_same;
use super::setup;
use super::wire::{BatchAnswer, Id, Input, Inputs, ItemError, Kind, Pair};
use crate::access::Access;
use crate::connector::{Outcome, Outgoing, Payload, Push, Pushed};
use crate::error::ConnectorError;
use crate::vendor_http::{Answer, Effect};
use async_trait::async_trait;
use domain::{Field, ObjectKind};
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The vendor's ceiling of a batch.
const BATCH_MAX: usize = 100;

#[async_trait]
impl Push for HubSpot {
    fn batch_max(&self) -> usize {
        BATCH_MAX
    }

    fn fields(&self, object: ObjectKind) -> &'static [Field] {
        Kind::of(object).map_or(&[], fields)
    }

    /// An address belongs to one contact; a second one is refused with 409.
    fn exclusive(&self, object: ObjectKind) -> &'static [Field] {
        match Kind::of(object) {
            Some(Kind::Contacts) => &[Field::EMAIL],
            Some(Kind::Deals) | None => &[],
        }
    }

    async fn push(
        &self,
        access: &Access,
        object: ObjectKind,
        batch: &[Outgoing],
    ) -> Result<Vec<Pushed>, ConnectorError> {
        let mut writing = Writing::of(access, object, batch)?;
        writing.withdraw().await?;
        writing.update_known().await?;
        writing.find_and_upsert().await?;
        writing.link().await?;
        writing.read_back().await;
        Ok(writing.finish())
    }

    async fn let_go(
        &self,
        access: &Access,
        object: ObjectKind,
        batch: &[Outgoing],
    ) -> Result<Vec<Pushed>, ConnectorError> {
        let mut writing = Writing::of(access, object, batch)?;
        writing.unmark().await?;
        Ok(writing.finish())
    }
}

/// How one record went.
enum Done {
    Created(Payload),
    /// What the system holds now, where it was read back.
    Updated(String, Option<Payload>),
    Withdrawn,
    Absent,
    Failed(ConnectorError),
}

/// A batch on its way.
pub(super) struct Writing<'a> {
    access: &'a Access,
    pub(super) kind: Kind,
    batch: &'a [Outgoing],
    /// One place per record of the batch.
    done: Vec<Option<Done>>,
    /// The account's own contacts that a search found, as they were, by place.
    found: BTreeMap<usize, Payload>,
}

impl<'a> Writing<'a> {
    fn of(access: &'a Access, object: ObjectKind, batch: &'a [Outgoing]) -> Result<Self, ConnectorError> {
        let done = batch.iter().map(|_| None).collect();
        Ok(Self { access, kind: kind_of(object)?, batch, done, found: BTreeMap::new() })
    }

    fn set(&mut self, place: usize, done: Done) {
        if let Some(slot) = self.done.get_mut(place) {
            *slot = Some(done);
        }
    }

    fn open(&self) -> Vec<(usize, &Outgoing)> {
        let open = self.done.iter().enumerate().filter(|(_, done)| done.is_none());
        open.filter_map(|(place, _)| Some((place, self.batch.get(place)?))).collect()
    }

    fn path(&self, tail: &str) -> Result<String, ConnectorError> {
        Ok(format!("{}/{tail}", api::objects(self.access, self.kind)?))
    }

    /// Posts, and makes our properties where the account does not have them yet.
    pub(super) async fn post<B: Serialize + Sync>(
        &self,
        effect: Effect,
        tail: &str,
        body: &B,
    ) -> Result<Answer, ConnectorError> {
        let answer = api::post(self.access, effect, self.path(tail)?, body).await?;
        if !setup::is_wanted(&answer) {
            return Ok(answer);
        }
        setup::make_properties(self.access, self.kind).await?;
        api::post(self.access, effect, self.path(tail)?, body).await
    }

    async fn withdraw(&mut self) -> Result<(), ConnectorError> {
        let leaving: Vec<(usize, &Outgoing)> = self.open().into_iter().filter(|(_, out)| out.withdraw).collect();
        if leaving.is_empty() {
            return Ok(());
        }
        let unknown: Vec<&Outgoing> =
            leaving.iter().filter(|(_, out)| out.external_id.is_none()).map(|(_, out)| *out).collect();
        let by_own = self.find_own(&unknown).await?;
        let ids: BTreeSet<String> = leaving
            .iter()
            .filter_map(|(_, out)| out.external_id.clone().or_else(|| by_own.get(&out.golden.to_string()).cloned()))
            .collect();
        if !ids.is_empty() {
            let inputs = ids.into_iter().map(|id| Id { id }).collect();
            let answer = self.post(Effect::Writes, "batch/archive", &Inputs { inputs }).await?;
            if !answer.status.is_success() {
                return Err(api::refused(&answer));
            }
        }
        let places: Vec<usize> = leaving.iter().map(|(place, _)| *place).collect();
        for place in places {
            self.set(place, Done::Withdrawn);
        }
        Ok(())
    }

    /// Takes our id off: an empty value clears a property.
    async fn unmark(&mut self) -> Result<(), ConnectorError> {
        let cleared = BTreeMap::from([(OWN_ID.to_owned(), String::new())]);
        let inputs = self
            .open()
            .into_iter()
            .filter_map(|(place, out)| {
                let properties = cleared.clone();
                let trace = out.idempotency_key.clone();
                let input =
                    Input { id: out.external_id.clone()?, id_property: None, object_write_trace_id: trace, properties };
                Some((place, input))
            })
            .collect();
        for (place, result) in self.write("batch/update", inputs).await? {
            match result {
                Err((_, error)) if error.category != "OBJECT_NOT_FOUND" => {
                    self.set(place, Done::Failed(failed(&error)))
                }
                Ok(_) | Err(_) => self.set(place, Done::Withdrawn),
            }
        }
        Ok(())
    }

    fn input(&self, out: &Outgoing, id: String, by_own_id: bool, without_email: bool) -> Input {
        let mut properties = of_record(self.kind, &out.record, by_own_id);
        if without_email {
            properties.remove("email");
        }
        if !by_own_id {
            properties.insert(OWN_ID.to_owned(), out.golden.to_string());
        }
        Input {
            id,
            id_property: by_own_id.then_some(OWN_ID),
            object_write_trace_id: out.idempotency_key.clone(),
            properties,
        }
    }

    async fn update_known(&mut self) -> Result<(), ConnectorError> {
        let known: Vec<(usize, Input)> = self
            .open()
            .into_iter()
            .filter_map(|(place, out)| Some((place, self.input(out, out.external_id.clone()?, false, false))))
            .collect();
        self.update(known).await
    }

    async fn update(&mut self, inputs: Vec<(usize, Input)>) -> Result<(), ConnectorError> {
        // Two entities that hold the same record of the vendor's would make it refuse the whole batch.
        let mut seen = BTreeSet::new();
        let (first, again): (Vec<_>, Vec<_>) = inputs.into_iter().partition(|(_, input)| seen.insert(input.id.clone()));
        for round in [first, again] {
            for (place, result) in self.write("batch/update", round).await? {
                match result {
                    Ok(record) => {
                        let id = record.external_id;
                        self.set(place, Done::Updated(id, None));
                    }
                    // Archived or merged since: looked for again, as one that was never known.
                    Err((_, error)) if error.category == "OBJECT_NOT_FOUND" => {}
                    Err((mut input, error)) if is_about_email(&error) && input.properties.contains_key("email") => {
                        input.properties.remove("email");
                        let retried = self.write("batch/update", vec![(place, input)]).await?;
                        for (place, result) in retried {
                            let done = match result {
                                Ok(record) => Done::Updated(record.external_id, None),
                                Err((_, error)) => Done::Failed(failed(&error)),
                            };
                            self.set(place, done);
                        }
                    }
                    Err((_, error)) => self.set(place, Done::Failed(failed(&error))),
                }
            }
        }
        Ok(())
    }

    async fn find_and_upsert(&mut self) -> Result<(), ConnectorError> {
        let open = self.open();
        if open.is_empty() {
            return Ok(());
        }
        let outs: Vec<&Outgoing> = open.iter().map(|(_, out)| *out).collect();
        let search = self.search(&outs).await?;
        let (mut updates, mut upserts, mut absent, mut adopted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // An address can be written once; the first record of the batch that has it gets it.
        let mut addresses = BTreeSet::new();
        for (place, out) in open {
            let own_id = out.golden.to_string();
            let email = out.record.text(Field::EMAIL).map(str::to_lowercase);
            let holder = email.as_ref().and_then(|email| search.by_email.get(email));
            let is_taken = email.as_ref().is_some_and(|email| !addresses.insert(email.clone()));
            let holder_is_same = holder.is_some_and(|found| !out.taken.contains(&found.id) && is_same(found, out));
            let without_email = is_taken || (holder.is_some() && !holder_is_same);
            if let Some(id) = search.by_own.get(&own_id) {
                updates.push((place, self.input(out, id.clone(), false, without_email)));
            } else if let Some(found) = holder.filter(|_| holder_is_same && !is_taken) {
                let mut input = self.input(out, found.id.clone(), false, false);
                if found.own_id.is_none() {
                    // Not with our id before we know it as theirs: should this answer be lost, the next search must not
                    // take the contact for one that we made.
                    input.properties.remove(OWN_ID);
                    adopted.push((place, found.as_it_was.clone()));
                }
                updates.push((place, input));
            } else if out.may_create {
                upserts.push((place, self.input(out, own_id, true, without_email)));
            } else {
                absent.push(place);
            }
        }
        for place in absent {
            self.set(place, Done::Absent);
        }
        self.found.extend(adopted);
        self.update(updates).await?;
        let mut again = Vec::new();
        for (place, result) in self.write("batch/upsert", upserts).await? {
            match result {
                Ok(record) => self.set(place, upserted(record)),
                // Somebody made a contact with this address since we looked.
                Err((mut input, error)) if is_about_email(&error) && input.properties.contains_key("email") => {
                    input.properties.remove("email");
                    again.push((place, input));
                }
                Err((_, error)) => self.set(place, Done::Failed(failed(&error))),
            }
        }
        for (place, result) in self.write("batch/upsert", again).await? {
            let done = match result {
                Ok(record) => upserted(record),
                Err((_, error)) => Done::Failed(failed(&error)),
            };
            self.set(place, done);
        }
        // Found a moment ago and gone now.
        let lost: Vec<usize> = self.open().iter().map(|(place, _)| *place).collect();
        for place in lost {
            let error = ConnectorError::Unavailable {
                said: "the record vanished between the search and the write".to_owned(),
                evidence: None,
                source: None,
            };
            self.set(place, Done::Failed(error));
        }
        Ok(())
    }

    /// Writes inputs and tells each one's result. Where the vendor refuses a whole batch for one bad input, halves of
    /// it are tried until that one stands alone.
    async fn write(&self, tail: &str, inputs: Vec<(usize, Input)>) -> Result<Vec<Written>, ConnectorError> {
        let mut written = Vec::with_capacity(inputs.len());
        let mut waiting = vec![inputs];
        while let Some(mut inputs) = waiting.pop() {
            if inputs.is_empty() {
                continue;
            }
            let body = Inputs { inputs: inputs.iter().map(|(_, input)| input).collect::<Vec<_>>() };
            let answer = self.post(Effect::Writes, tail, &body).await?;
            match answer.status.as_u16() {
                200 | 201 | 207 => {
                    // What was written is not known, so the batch comes again.
                    let told: BatchAnswer = answer.json().map_err(|error| ConnectorError::OutcomeUnknown {
                        said: error.to_string(),
                        source: Some(Box::new(error)),
                    })?;
                    written.extend(matched(self.kind, inputs, told)?);
                }
                400 | 409 if inputs.len() > 1 => {
                    let half = inputs.split_off(inputs.len() / 2);
                    waiting.extend([inputs, half]);
                }
                400 | 404 | 409 => {
                    let told: ItemError = serde_json::from_slice(&answer.body).map_err(|_| api::refused(&answer))?;
                    written.extend(inputs.into_iter().map(|(place, input)| (place, Err((input, told.clone())))));
                }
                _ => return Err(api::refused(&answer)),
            }
        }
        Ok(written)
    }

    /// Links deals to their buyers.
    async fn link(&mut self) -> Result<(), ConnectorError> {
        if self.kind != Kind::Deals {
            return Ok(());
        }
        let mut pairs = Vec::new();
        for (done, out) in self.done.iter_mut().zip(self.batch) {
            let id = match done {
                Some(Done::Created(record)) => record.external_id.clone(),
                Some(Done::Updated(id, _)) => id.clone(),
                Some(Done::Withdrawn | Done::Absent | Done::Failed(_)) | None => continue,
            };
            let buyers: Vec<String> = out
                .refs
                .iter()
                .filter(|(field, _)| *field == Field::DEAL_CUSTOMER)
                .map(|(_, contact)| contact.clone())
                .collect();
            if let (Some(Done::Created(record)), false) = (done, buyers.is_empty()) {
                let results: Vec<Json> = buyers.iter().map(|id| json!({"id": id, "type": "deal_to_contact"})).collect();
                if let Some(body) = record.body.as_object_mut() {
                    body.insert("associations".to_owned(), json!({"contacts": {"results": results}}));
                }
            }
            pairs.extend(buyers.into_iter().map(|to| Pair { from: Id { id: id.clone() }, to: Id { id: to } }));
        }
        if pairs.is_empty() {
            return Ok(());
        }
        let path = "/crm/v4/associations/deals/contacts/batch/associate/default".to_owned();
        let answer = api::post(self.access, Effect::Writes, path, &Inputs { inputs: pairs }).await?;
        if !matches!(answer.status.as_u16(), 200 | 201 | 207) {
            return Err(api::refused(&answer));
        }
        let told: BatchAnswer = answer.json()?;
        for error in told.errors {
            let deal = error.context.get("fromObjectId").and_then(|ids| ids.first()).cloned();
            let place = self.done.iter().position(|done| match done {
                Some(Done::Created(record)) => Some(&record.external_id) == deal.as_ref(),
                Some(Done::Updated(id, _)) => Some(id) == deal.as_ref(),
                Some(Done::Withdrawn | Done::Absent | Done::Failed(_)) | None => false,
            });
            if let Some(place) = place {
                self.set(place, Done::Failed(failed(&error)));
            }
        }
        Ok(())
    }

    /// Reads updated records back: an answer to an update tells only what was written. Where that fails nothing is
    /// lost, the next pull tells.
    async fn read_back(&mut self) {
        let ids: Vec<String> = self
            .done
            .iter()
            .filter_map(|done| match done {
                Some(Done::Updated(id, None)) => Some(id.clone()),
                Some(
                    Done::Updated(_, Some(_)) | Done::Created(_) | Done::Withdrawn | Done::Absent | Done::Failed(_),
                )
                | None => None,
            })
            .collect();
        let Ok(bodies) = self.read_by("id", ids, &wanted(self.kind)).await else { return };
        let Ok(mut records) = bodies.into_iter().map(|body| payload(self.kind, body)).collect::<Result<Vec<_>, _>>()
        else {
            return;
        };
        if self.kind == Kind::Deals && add_contacts(self.access, &mut records).await.is_err() {
            return;
        }
        let mut by_id: BTreeMap<String, Payload> =
            records.into_iter().map(|record| (record.external_id.clone(), record)).collect();
        for done in self.done.iter_mut().flatten() {
            if let Done::Updated(id, echo) = done {
                *echo = by_id.remove(id);
            }
        }
    }

    fn finish(mut self) -> Vec<Pushed> {
        let pushed = |(place, (out, done)): (usize, (&Outgoing, Option<Done>))| {
            let (outcome, echo) = match done {
                Some(Done::Created(record)) => {
                    (Outcome::Created { external_id: record.external_id.clone() }, Some(record))
                }
                Some(Done::Updated(external_id, echo)) => (Outcome::Updated { external_id }, echo),
                Some(Done::Withdrawn) => (Outcome::Withdrawn, None),
                Some(Done::Absent) => (Outcome::Absent, None),
                Some(Done::Failed(error)) => (Outcome::Failed(error), None),
                None => {
                    let said = "HubSpot's answer does not mention this record".to_owned();
                    (Outcome::Failed(ConnectorError::OutcomeUnknown { said, source: None }), None)
                }
            };
            let found = self.found.remove(&place).filter(|_| matches!(outcome, Outcome::Updated { .. }));
            Pushed { golden: out.golden, outcome, echo, found }
        };
        self.batch.iter().zip(self.done).enumerate().map(pushed).collect()
    }
}

/// One input's place in the batch, and its record or why it failed.
type Written = (usize, Result<Record, (Input, ItemError)>);

/// A written record.
struct Record {
    external_id: String,
    is_new: bool,
    payload: Payload,
}

fn upserted(record: Record) -> Done {
    if record.is_new { Done::Created(record.payload) } else { Done::Updated(record.external_id, None) }
}

/// Finds each input's result: by its trace id, which is our idempotency key, else by its key.
fn matched(kind: Kind, inputs: Vec<(usize, Input)>, told: BatchAnswer) -> Result<Vec<Written>, ConnectorError> {
    let mut by_key: BTreeMap<String, Record> = BTreeMap::new();
    for body in told.results {
        let own = |name: &str| body.get("properties").and_then(|p| p.get(name)).and_then(Json::as_str);
        let keys =
            [body.get("objectWriteTraceId").and_then(Json::as_str), own(OWN_ID), body.get("id").and_then(Json::as_str)];
        let Some(key) = keys.into_iter().flatten().next().map(ToOwned::to_owned) else { continue };
        let is_new = body.get("new").and_then(Json::as_bool).unwrap_or(false);
        let payload = payload(kind, body)?;
        by_key.insert(key, Record { external_id: payload.external_id.clone(), is_new, payload });
    }
    let lost = |input: &Input| {
        let names = |error: &&ItemError| {
            error.context.values().flatten().any(|name| *name == input.object_write_trace_id || *name == input.id)
        };
        // An error that names nobody is everybody's who has no result.
        let error = told.errors.iter().find(names).or_else(|| told.errors.iter().find(|e| e.context.is_empty()));
        error.cloned()
    };
    let mut written = Vec::with_capacity(inputs.len());
    for (place, input) in inputs {
        let own = input.properties.get(OWN_ID).cloned();
        let keys = [Some(input.object_write_trace_id.clone()), own, Some(input.id.clone())];
        let record = keys.into_iter().flatten().find_map(|key| by_key.remove(&key));
        match record {
            Some(record) => written.push((place, Ok(record))),
            None => {
                if let Some(error) = lost(&input) {
                    written.push((place, Err((input, error))));
                }
            }
        }
    }
    Ok(written)
}

fn is_about_email(error: &ItemError) -> bool {
    error.category == "CONFLICT" && !error.message.contains(OWN_ID)
}

fn failed(error: &ItemError) -> ConnectorError {
    api::refusal(&error.category, &error.message, None)
}
