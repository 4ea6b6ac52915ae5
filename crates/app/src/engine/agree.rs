//! Steps 5 and 6 for entities that something happened to: every field is decided, and what each system should hold.

use super::Engine;
use super::freed::freed;
use super::ingest::Origin;
use super::plan::{Entity, Planned, by_entity, plan};
use domain::survivorship::{Member, agree};
use domain::{ConnectionId, GoldenId, Lane, ObjectKind, Record, SystemRole};
use queue::{JobKind, NewJob, enqueue_all};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::engine::goldens::{self, GoldenRow, GoldenState};
use store::engine::landscape::{self, Landscape};
use store::engine::records::{self, Before, MemberRow, RecordState};
use store::engine::{lookup, targets};
use store::{StoreError, TenantTx};
use uuid::Uuid;

impl Engine {
    /// Entities with their members, from the database.
    pub(crate) async fn load(
        &self,
        tx: &TenantTx,
        ids: &BTreeSet<GoldenId>,
    ) -> Result<BTreeMap<GoldenId, Touched>, StoreError> {
        let uuids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let mut touched: BTreeMap<GoldenId, Touched> =
            ids.iter().map(|id| (*id, Touched { before: None, members: Vec::new() })).collect();
        for row in goldens::by_ids(tx, uuids.clone()).await? {
            if let Some(entity) = touched.get_mut(&row.id) {
                entity.before = Some(row);
            }
        }
        for member in records::members(tx, uuids).await? {
            if let Some(entity) = touched.get_mut(&member.golden) {
                entity.members.push(member);
            }
        }
        Ok(touched)
    }

    /// Steps 5 and 6: decides every field of these entities and what each system should hold. Returns how many
    /// deliveries became due.
    pub(crate) async fn agree_and_plan(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        touched: BTreeMap<GoldenId, Touched>,
    ) -> Result<i64, StoreError> {
        let older: Vec<Uuid> = touched.iter().filter(|(_, t)| t.before.is_some()).map(|(id, _)| id.0).collect();
        let known = by_entity(targets::of_goldens(tx, older).await?);
        let none = HashMap::new();
        let mut planned = Planned::default();
        let (mut started, mut rows) = (Vec::new(), Vec::new());
        for (id, entity) in touched {
            if entity.before.as_ref().is_some_and(|before| before.state == GoldenState::Merged) {
                continue;
            }
            let live = !entity.members.is_empty();
            let members = voices(&entity.members, origin.landscape);
            // An entity that no system tells of keeps its last state, for the record and for withdrawals.
            let golden = match &entity.before {
                Some(before) if !live => before.golden.clone(),
                Some(_) | None => agree(object, &members, &origin.landscape.rules),
            };
            let record = golden.record(object);
            let hash = record.content_hash();
            let state = if live { GoldenState::Live } else { GoldenState::Gone };
            let changed =
                entity.before.as_ref().is_none_or(|before| before.content_hash != hash || before.state != state);
            let version = entity.before.as_ref().map_or(1, |before| before.version + i64::from(changed));
            plan(
                &Entity {
                    id,
                    object,
                    version,
                    record: &record,
                    members: &entity.members,
                    changed,
                    live,
                    is_new: entity.before.is_none(),
                },
                origin.landscape,
                self.connector,
                known.get(&id).unwrap_or(&none),
                origin.now,
                &mut planned,
            );
            let conflicts = golden.fields.values().filter(|decided| !decided.losers.is_empty()).count();
            let to = if entity.before.is_none() { &mut started } else { &mut rows };
            to.push(GoldenRow {
                id,
                object,
                version,
                content_hash: hash.to_vec(),
                golden,
                members: i32::try_from(members.len()).unwrap_or(i32::MAX),
                conflicts: i32::try_from(conflicts).unwrap_or(i32::MAX),
                state,
                merged_into: None,
                created_at: entity.before.as_ref().map_or(origin.now, |before| before.created_at),
                updated_at: match &entity.before {
                    Some(before) if !changed => before.updated_at,
                    Some(_) | None => origin.now,
                },
            });
        }
        goldens::add(tx, &started).await?;
        goldens::write(tx, &rows).await?;
        targets::write(tx, &planned.targets).await?;
        self.follow_up(tx, origin, object, &planned).await?;
        let due = planned.targets.iter().filter(|target| target.state == targets::TargetState::Due).count();
        Ok(i64::try_from(due).unwrap_or_default())
    }

    /// Asks for the jobs that bring systems to what was planned.
    async fn follow_up(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        planned: &Planned,
    ) -> Result<(), StoreError> {
        let mut jobs = Vec::new();
        for connection in &planned.deliver {
            jobs.push(deliver_job(*connection, origin.lane));
        }
        for (connection, object) in &planned.feeds {
            // A sold vehicle must leave the web before anything else is done (W8).
            jobs.push(publish_job(*connection, *object, if origin.full { origin.lane } else { Lane::Sold }));
        }
        // A job is asked for by the object's pages again and again; it joins the one that is open.
        tracing::debug!(%object, jobs = jobs.len(), "planned what follows");
        if !jobs.is_empty() {
            enqueue_all(tx, &jobs).await?;
        }
        // After its job is locked, as the job itself does it.
        for (connection, object) in &planned.feeds {
            landscape::raise_feed(tx, *connection, *object).await?;
        }
        Ok(())
    }

    /// Takes records out that their system no longer has: told, or concluded from a whole read behind the brake.
    pub(crate) async fn remove(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        external_ids: Vec<String>,
    ) -> Result<i64, StoreError> {
        if external_ids.is_empty() {
            return Ok(0);
        }
        let before = records::before(tx, origin.connection.id, object, external_ids).await?;
        let living: Vec<&Before> = before.iter().filter(|record| record.state != RecordState::Gone).collect();
        let ids: Vec<Uuid> = living.iter().map(|record| record.id.0).collect();
        let entities: BTreeSet<GoldenId> = living.iter().filter_map(|record| record.golden).collect();
        let removed = i64::try_from(living.len()).unwrap_or_default();
        let (mut keys, mut holders) = (Vec::new(), Vec::new());
        for record in &living {
            for key in &record.lookup_keys {
                keys.push(*key);
                holders.push(record.id.0);
            }
        }
        lookup::remove(tx, keys, holders).await?;
        records::mark_gone(tx, ids).await?;
        let touched = self.load(tx, &entities).await?;
        // Its people deleted it there: writing it again would be an argument with them.
        if object != ObjectKind::Inventory {
            let left = touched
                .iter()
                .filter(|(_, entity)| !entity.members.iter().any(|m| m.connection == origin.connection.id))
                .map(|(id, _)| id.0)
                .collect();
            targets::unwant(tx, origin.connection.id, left).await?;
        }
        self.agree_and_plan(tx, origin, object, touched).await?;
        let exclusive = self.exclusive(origin.connection, object);
        if !exclusive.is_empty() {
            let mut given_up = Vec::new();
            for record in &living {
                given_up.extend(freed(exclusive, record.doc(tx)?.as_ref().map(|doc| &doc.record), None));
            }
            self.offer(tx, origin, object, &given_up).await?;
        }
        Ok(removed)
    }
}

/// An entity that something happened to.
pub(crate) struct Touched {
    pub before: Option<GoldenRow>,
    pub members: Vec<MemberRow>,
}

/// The job that brings a connection's due targets up to date.
pub(crate) fn deliver_job(connection: ConnectionId, lane: Lane) -> NewJob {
    NewJob {
        kind: JobKind::DeliverTargets,
        lane,
        dedupe_key: format!("deliver {connection}"),
        args: serde_json::json!({"connection": connection}),
        run_at: None,
    }
}

/// The job that publishes a feed.
pub(crate) fn publish_job(connection: ConnectionId, object: ObjectKind, lane: Lane) -> NewJob {
    NewJob {
        kind: JobKind::PublishFeed,
        lane,
        dedupe_key: format!("publish {connection} {object}"),
        args: serde_json::json!({"connection": connection, "object": object}),
        run_at: None,
    }
}

/// The members that survivorship hears. What only repeats our own words is heard where nobody else is left.
pub(crate) fn voices(members: &[MemberRow], landscape: &Landscape) -> Vec<Member> {
    let witnesses: Vec<Member> =
        members.iter().filter_map(|row| Some(voice(row, row.doc.own_words()?, landscape))).collect();
    if witnesses.is_empty() {
        return members.iter().map(|row| voice(row, row.doc.record.clone(), landscape)).collect();
    }
    witnesses
}

/// A member as survivorship hears it.
fn voice(row: &MemberRow, record: Record, landscape: &Landscape) -> Member {
    Member {
        id: row.id,
        connection: row.connection,
        role: landscape.connection(row.connection).map_or(SystemRole::Other, |connection| connection.role),
        external_id: row.external_id.clone(),
        changed_at: row.changed_at,
        since: row.doc.since.clone(),
        record,
    }
}
