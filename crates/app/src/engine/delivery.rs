//! The next deliveries of a connection, put together from the database: the record, its key there, what it points to.

use super::deliver::CALLS_AT_ONCE;
use super::plan::{agreement, there, written};
use super::{Engine, EngineError};
use chrono::TimeDelta;
use connectors::{Outgoing, Push as PushTo};
use domain::schema::FieldType;
use domain::{Field, GoldenId, ObjectKind, Record};
use matching::SHARED_MAX;
use queue::Lease;
use std::collections::{BTreeSet, HashMap};
use store::TenantTx;
use store::engine::landscape::{ConnectionPlan, Push};
use store::engine::records::{self, MemberRow};
use store::engine::targets::{self, Missed, TargetRow, TargetState};
use store::engine::{goldens, lookup, references, take_turn};
use uuid::Uuid;

/// How long a record waits for the one it refers to.
const REFERENCE_WAIT: TimeDelta = TimeDelta::seconds(2);
/// After so many waits it goes without.
const REFERENCE_WAITS_MAX: i32 = 30;

/// A record on its way out.
pub(crate) struct Delivery {
    pub target: TargetRow,
    pub out: Outgoing,
    pub version: i64,
    /// What the system is known to hold.
    pub held: Option<Record>,
    pub call: Call,
}

/// What is asked of the system for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// To hold it, or not to hold it any more.
    Push,
    /// Not to hold another record of it any more that we made: it is one too many.
    Surplus,
    /// To forget that it is one of ours: it is the system's own, and its entity was merged away.
    LetGo,
    /// Nothing: its entity was merged away, and the survivor has the record by now.
    None,
}

impl Engine {
    /// The next batch, put together in one short transaction.
    pub(crate) async fn due(
        &self,
        lease: &Lease,
        plan: &ConnectionPlan,
        push: &dyn PushTo,
        object: ObjectKind,
    ) -> Result<Vec<Delivery>, EngineError> {
        let now = self.now();
        let tx = self.db.tenant(&lease.scope()).await?;
        let many = i64::try_from(push.batch_max() * CALLS_AT_ONCE).unwrap_or(100);
        let due = targets::due(&tx, plan.id, object, now, many).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = due.iter().map(|target| target.golden.0).collect();
        let goldens: HashMap<GoldenId, goldens::GoldenRow> =
            goldens::by_ids(&tx, ids.clone()).await?.into_iter().map(|row| (row.id, row)).collect();
        let mut members: HashMap<GoldenId, Vec<MemberRow>> = HashMap::new();
        for member in records::members(&tx, ids.clone()).await? {
            members.entry(member.golden).or_default().push(member);
        }
        let refs = self.references(&tx, plan, object, ids).await?;
        let carried = self.carried(&tx, push.carries(object), &refs).await?;
        let mut taken = taken(&tx, plan, object, &due, &goldens).await?;
        let inherited = inherited(&tx, plan, &due, &goldens).await?;
        let may_create = plan.objects.get(&object).is_some_and(|sync| sync.push == Push::CreateAndUpdate);
        let fields = push.fields(object);
        let (mut batch, mut early) = (Vec::with_capacity(due.len()), Vec::new());
        for target in due {
            let Some(golden) = goldens.get(&target.golden) else { continue };
            let pointing = refs.get(&target.golden);
            if pointing.is_some_and(|p| p.awaited) && target.attempts < REFERENCE_WAITS_MAX {
                early.push(Missed {
                    golden: target.golden,
                    state: TargetState::Due,
                    due_at: now + REFERENCE_WAIT,
                    error: "waits for the customer to be delivered first".to_owned(),
                    counts: true,
                });
                continue;
            }
            let record = written(&golden.golden, object, fields);
            let all = members.get(&target.golden).map(Vec::as_slice).unwrap_or_default();
            let member = there(all, plan.id, target.external_id.as_deref());
            let held = member.map(|m| m.doc.record.only(fields));
            let known = || member.map(|m| m.external_id.clone()).or_else(|| target.external_id.clone());
            let withdraw = target.withdraw || target.surplus.is_some();
            let mut idempotency_key = key_of(target.golden, golden.version, &record, held.as_ref(), withdraw);
            idempotency_key.extend(target.surplus.iter().flat_map(|key| ["-", key]));
            batch.push(Delivery {
                version: golden.version,
                out: Outgoing {
                    golden: target.golden,
                    idempotency_key,
                    external_id: target.surplus.clone().or_else(known),
                    record,
                    taken: taken.remove(&target.golden).unwrap_or_default(),
                    refs: pointing.map(|p| p.keys.clone()).unwrap_or_default(),
                    related: pointing.map(|p| carried_by(p, push.carries(object), &carried)).unwrap_or_default(),
                    may_create: may_create && !withdraw,
                    withdraw,
                },
                call: match golden.merged_into {
                    _ if target.surplus.is_some() => Call::Surplus,
                    Some(_) if inherited.contains(&target.golden) => Call::None,
                    Some(_) if target.withdraw && !target.made => Call::LetGo,
                    Some(_) | None => Call::Push,
                },
                held,
                target,
            });
        }
        if !early.is_empty() {
            take_turn(&tx, object).await?;
            lease.hold(&tx).await?;
            targets::postpone(&tx, plan.id, &early).await?;
            failpoint!("engine::wait_for_reference::before_commit");
            lease.commit(tx).await?;
            failpoint!("engine::wait_for_reference::after_commit");
            if batch.is_empty() {
                return Box::pin(self.due(lease, plan, push, object)).await;
            }
        }
        Ok(batch)
    }

    /// What the batch's records point to, by the keys of this system.
    async fn references(
        &self,
        tx: &TenantTx,
        plan: &ConnectionPlan,
        object: ObjectKind,
        ids: Vec<Uuid>,
    ) -> Result<HashMap<GoldenId, Pointing>, EngineError> {
        let mut found: HashMap<GoldenId, Pointing> = HashMap::new();
        if !Field::of(object).any(|field| matches!(field.spec().holds, FieldType::Ref(_))) {
            return Ok(found);
        }
        let resolved = references::from_goldens(tx, ids).await?;
        let to: BTreeSet<Uuid> = resolved.iter().map(|r| r.to.0).collect();
        let keys: HashMap<GoldenId, String> =
            targets::keys_at(tx, plan.id, to.iter().copied().collect()).await?.into_iter().collect();
        let waiting: BTreeSet<GoldenId> = targets::of_goldens(tx, to.into_iter().collect())
            .await?
            .into_iter()
            .filter(|target| target.connection == plan.id && target.state == TargetState::Due)
            .map(|target| target.golden)
            .collect();
        for reference in resolved {
            let pointing = found.entry(reference.from).or_default();
            pointing.to.push((reference.field, reference.to));
            match keys.get(&reference.to) {
                Some(key) => pointing.keys.push((reference.field, key.clone())),
                None => pointing.awaited |= waiting.contains(&reference.to),
            }
        }
        Ok(found)
    }

    /// The records that documents of this batch carry inside (a lead its customer).
    async fn carried(
        &self,
        tx: &TenantTx,
        fields: &[Field],
        refs: &HashMap<GoldenId, Pointing>,
    ) -> Result<HashMap<GoldenId, goldens::GoldenRow>, EngineError> {
        let wanted: BTreeSet<Uuid> = refs
            .values()
            .flat_map(|pointing| &pointing.to)
            .filter(|(field, _)| fields.contains(field))
            .map(|(_, to)| to.0)
            .collect();
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = goldens::by_ids(tx, wanted.into_iter().collect()).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// The same for every try of one write, and another one as soon as the system is known to hold something else: what its
/// people changed back after us is written again.
fn key_of(golden: GoldenId, version: i64, wanted: &Record, held: Option<&Record>, withdraw: bool) -> String {
    format!("{golden}-{version}-{}", hex::encode(agreement(wanted, held, withdraw)))
}

/// For what is not known to be in a system: its records that a search may find and that are somebody else's.
async fn taken(
    tx: &TenantTx,
    plan: &ConnectionPlan,
    object: ObjectKind,
    due: &[TargetRow],
    goldens: &HashMap<GoldenId, goldens::GoldenRow>,
) -> Result<HashMap<GoldenId, Vec<String>>, EngineError> {
    let unknown = due.iter().filter(|target| target.external_id.is_none() && !target.withdraw);
    let keys: Vec<(GoldenId, i64)> = unknown
        .filter_map(|target| goldens.get(&target.golden))
        .flat_map(|golden| {
            let keys = matching::search_keys(&golden.golden.record(object), plan.rooftop);
            keys.into_iter().map(|key| (golden.id, tx.keys().index64(key.purpose, &key.value)))
        })
        .collect();
    let mut taken: HashMap<GoldenId, Vec<String>> = HashMap::new();
    for (golden, key) in lookup::of_others(tx, plan.id, &keys, SHARED_MAX).await? {
        taken.entry(golden).or_default().push(key);
    }
    Ok(taken)
}

/// Those that were merged away and whose record there is the survivor's now.
async fn inherited(
    tx: &TenantTx,
    plan: &ConnectionPlan,
    due: &[TargetRow],
    goldens: &HashMap<GoldenId, goldens::GoldenRow>,
) -> Result<BTreeSet<GoldenId>, EngineError> {
    let gone: Vec<&TargetRow> = due
        .iter()
        .filter(|target| goldens.get(&target.golden).is_some_and(|golden| golden.merged_into.is_some()))
        .collect();
    let survivors = goldens::survivors(tx, gone.iter().map(|target| target.golden)).await?;
    let theirs = targets::of_goldens(tx, survivors.values().map(|golden| golden.0).collect()).await?;
    let held: BTreeSet<(GoldenId, String)> = theirs
        .into_iter()
        .filter(|target| target.connection == plan.id)
        .filter_map(|target| Some((target.golden, target.external_id?)))
        .collect();
    let is_held = |target: &&TargetRow| {
        survivors
            .get(&target.golden)
            .zip(target.external_id.as_ref())
            .is_some_and(|(survivor, key)| held.contains(&(*survivor, key.clone())))
    };
    Ok(gone.into_iter().filter(is_held).map(|target| target.golden).collect())
}

#[derive(Default)]
struct Pointing {
    keys: Vec<(Field, String)>,
    to: Vec<(Field, GoldenId)>,
    awaited: bool,
}

fn carried_by(
    pointing: &Pointing,
    fields: &[Field],
    carried: &HashMap<GoldenId, goldens::GoldenRow>,
) -> Vec<(Field, domain::Record)> {
    pointing
        .to
        .iter()
        .filter(|(field, _)| fields.contains(field))
        .filter_map(|(field, to)| {
            let FieldType::Ref(object) = field.spec().holds else { return None };
            Some((*field, carried.get(to)?.golden.record(object)))
        })
        .collect()
}
