//! Step 6: for each connection that should hold an entity, what it should hold. Pure.

use chrono::{DateTime, Utc};
use connectors::Connector;
use domain::survivorship::Golden;
use domain::{ConnectionId, Field, GoldenId, ObjectKind, Record};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::engine::landscape::{ConnectionPlan, Landscape, Push};
use store::engine::records::MemberRow;
use store::engine::targets::{TargetRow, TargetState};

/// An entity as it stands after a change.
pub(crate) struct Entity<'a> {
    pub id: GoldenId,
    pub object: ObjectKind,
    pub version: i64,
    pub record: &'a Record,
    pub members: &'a [MemberRow],
    /// Whether what it says changed; a change of members alone can still leave a system out of step.
    pub changed: bool,
    /// Whether any system still tells of it.
    pub live: bool,
    /// Whether it is first known with this change.
    pub is_new: bool,
}

/// What is to be written and done.
#[derive(Default)]
pub(crate) struct Planned {
    pub targets: Vec<TargetRow>,
    /// Connections with something due.
    pub deliver: BTreeSet<ConnectionId>,
    /// Feeds that show something else now.
    pub feeds: BTreeSet<(ConnectionId, ObjectKind)>,
}

/// Plans an entity's targets. `known` are its targets as they were.
pub(crate) fn plan(
    entity: &Entity<'_>,
    landscape: &Landscape,
    connector: fn(&str) -> Option<&'static dyn Connector>,
    known: &HashMap<ConnectionId, TargetRow>,
    now: DateTime<Utc>,
    planned: &mut Planned,
) {
    for connection in landscape.connections.values().filter(|c| c.takes_part()) {
        plan_for(entity, connection, landscape, connector, known.get(&connection.id), now, planned);
    }
}

/// Plans what one connection should hold of an entity. `before` is its target as it was.
pub(crate) fn plan_for(
    entity: &Entity<'_>,
    connection: &ConnectionPlan,
    landscape: &Landscape,
    connector: fn(&str) -> Option<&'static dyn Connector>,
    before: Option<&TargetRow>,
    now: DateTime<Utc>,
    planned: &mut Planned,
) {
    let Some(sync) = connection.objects.get(&entity.object) else { return };
    if !concerns(connection, entity.members, landscape) && before.is_none() {
        return;
    }
    match sync.push {
        Push::None => {}
        Push::Feed => {
            if entity.changed {
                planned.feeds.insert((connection.id, entity.object));
            }
        }
        Push::UpdateOnly | Push::CreateAndUpdate => {
            let Some(push) = connector(&connection.connector).and_then(|c| c.push(entity.object)) else { return };
            // What came before this system was connected is not news to it, and would be acted on once more.
            if push.only_new(entity.object) && !entity.is_new && before.is_none() {
                return;
            }
            if let Some(target) = one(entity, connection, sync.push, push.fields(entity.object), before, now) {
                if target.state == TargetState::Due {
                    planned.deliver.insert(connection.id);
                }
                planned.targets.push(target);
            }
        }
    }
}

/// Whether an entity is this connection's business: the group's systems hold all, a rooftop's its own.
fn concerns(connection: &ConnectionPlan, members: &[MemberRow], landscape: &Landscape) -> bool {
    connection.rooftop.is_none()
        || members.iter().any(|member| {
            let rooftop = landscape.connection(member.connection).and_then(|c| c.rooftop);
            rooftop.is_none() || rooftop == connection.rooftop
        })
}

fn one(
    entity: &Entity<'_>,
    connection: &ConnectionPlan,
    push: Push,
    fields: &[Field],
    before: Option<&TargetRow>,
    now: DateTime<Utc>,
) -> Option<TargetRow> {
    if before.is_some_and(|target| target.state == TargetState::Unwanted) {
        return None;
    }
    let here = there(entity.members, connection.id, before.and_then(|target| target.external_id.as_deref()));
    let wanted = entity.record.only(fields);
    let withdraw = !entity.live && entity.object == ObjectKind::Inventory || !is_offered(entity.record);
    let held = here.map(|member| member.doc.record.only(fields));
    let hash = agreement(&wanted, held.as_ref(), withdraw);
    let key = here.map(|member| member.external_id.clone()).or_else(|| before.and_then(|t| t.external_id.clone()));
    let made = match before {
        Some(target) if target.external_id.is_some() => target.made && target.external_id == key,
        // It is known to be there from what the system tells: ours, where nothing of it is the system's own.
        Some(_) | None => here.is_some_and(|member| member.doc.known_as().is_none()),
    };
    let is_asked_anew = before.is_some_and(TargetRow::is_asked_anew);
    let in_step = (!withdraw && held.as_ref() == Some(&wanted) && !is_asked_anew)
        || before.is_some_and(|target| target.delivered_hash == hash && target.state == TargetState::Settled);
    if in_step && before.is_none() {
        return None;
    }
    // What was never there needs neither an update nor a withdrawal.
    if key.is_none() && (withdraw || push == Push::UpdateOnly) && before.is_none_or(|t| t.delivered_version == 0) {
        return None;
    }
    // A new customer of a system that nobody tells of any more is not created elsewhere.
    if !entity.live && entity.object != ObjectKind::Inventory {
        return None;
    }
    let raised = before.is_none_or(|target| target.desired_version < entity.version);
    Some(TargetRow {
        connection: connection.id,
        golden: entity.id,
        object: entity.object,
        // A system can leave what we wrote without our record changing; that too is a new state to reach.
        desired_version: if in_step || raised {
            entity.version
        } else {
            before.map_or(entity.version, |target| target.desired_version)
        },
        delivered_version: if in_step { entity.version } else { before.map_or(0, |target| target.delivered_version) },
        delivered_hash: if in_step { hash } else { before.map(|t| t.delivered_hash.clone()).unwrap_or_default() },
        external_id: key,
        made,
        surplus: before.and_then(|target| target.surplus.clone()),
        state: if in_step { TargetState::Settled } else { TargetState::Due },
        withdraw,
        attempts: 0,
        due_at: now,
        desired_at: before.filter(|t| t.state == TargetState::Due).map_or(now, |target| target.desired_at),
        delivered_at: None,
        last_error: String::new(),
    })
}

/// An entity's record in a system: the one that we write to, else the oldest of its own, else the oldest. A system may
/// hold somebody twice.
pub(crate) fn there<'a>(
    members: &'a [MemberRow],
    connection: ConnectionId,
    key: Option<&str>,
) -> Option<&'a MemberRow> {
    let of_it = || members.iter().filter(|member| member.connection == connection);
    of_it()
        .find(|member| Some(member.external_id.as_str()) == key)
        .or_else(|| of_it().find(|member| member.doc.known_as().is_some()))
        .or_else(|| of_it().next())
}

/// What of a golden record is written to a system that takes these fields.
pub(crate) fn written(golden: &Golden, object: ObjectKind, fields: &[Field]) -> Record {
    golden.record(object).only(fields)
}

/// A hash of what should be at a system and what is there: while neither changes, there is nothing to write.
pub(crate) fn agreement(wanted: &Record, held: Option<&Record>, withdraw: bool) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&wanted.content_hash());
    hasher.update(&held.map(Record::content_hash).unwrap_or_default());
    hasher.update(&[u8::from(withdraw)]);
    hasher.finalize().as_bytes().get(..16).map(<[u8]>::to_vec).unwrap_or_default()
}

/// Whether a vehicle may be shown for sale; everything that is no vehicle for sale may be anywhere.
pub(crate) fn is_offered(record: &Record) -> bool {
    if record.object() != ObjectKind::Inventory {
        return true;
    }
    let on_the_lot = record.text(Field::STOCK_STATUS).is_none_or(|status| matches!(status, "in_stock" | "in_transit"));
    on_the_lot && record.get(Field::STOCK_PUBLISH) != Some(&domain::Value::Flag(false))
}

/// The targets of entities by entity and connection.
pub(crate) fn by_entity(targets: Vec<TargetRow>) -> BTreeMap<GoldenId, HashMap<ConnectionId, TargetRow>> {
    let mut by: BTreeMap<GoldenId, HashMap<ConnectionId, TargetRow>> = BTreeMap::new();
    for target in targets {
        by.entry(target.golden).or_default().insert(target.connection, target);
    }
    by
}
