//! The systems of a tenant as the engine sees them: who tells what, who should hold what, who is believed.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::mapping::Rule;
use domain::survivorship::SourceRules;
use domain::{ConnectionId, ObjectKind, RooftopId, SystemRole};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a connection does with one object.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectSync {
    /// Whether it is read.
    pub pull: bool,
    /// none, update_only, create_and_update, feed.
    pub push: Push,
    /// Where the next pull of changes starts; `None`: a full pull is due.
    pub resume: Option<Json>,
    /// When all of it was read last.
    pub full_at: Option<DateTime<Utc>>,
    /// When a pull succeeded last.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// The tenant's lines over the default mapping.
    pub overrides: Vec<Rule>,
    /// Version of those lines.
    pub mapping_version: i32,
}

impl ObjectSync {
    /// Whether nothing may be written yet: a system that is read as well must be read once before, or what it has
    /// already would be made a second time.
    #[must_use]
    pub const fn awaits_first_read(&self) -> bool {
        self.pull && self.full_at.is_none()
    }
}

/// How an object is written to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// Not at all.
    None,
    /// Only what the system already has.
    UpdateOnly,
    /// Missing ones are created.
    CreateAndUpdate,
    /// As a whole.
    Feed,
}

impl Push {
    /// The name in the database and in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::UpdateOnly => "update_only",
            Self::CreateAndUpdate => "create_and_update",
            Self::Feed => "feed",
        }
    }

    /// The mode of this name; an unknown name writes nothing.
    #[must_use]
    pub fn named(name: &str) -> Self {
        [Self::UpdateOnly, Self::CreateAndUpdate, Self::Feed]
            .into_iter()
            .find(|mode| mode.name() == name)
            .unwrap_or(Self::None)
    }
}

/// One connection.
#[derive(Clone, Debug)]
pub struct ConnectionPlan {
    /// Id.
    pub id: ConnectionId,
    /// What people call it.
    pub name: String,
    /// Its rooftop; `None` for the group's.
    pub rooftop: Option<RooftopId>,
    /// The connector's key.
    pub connector: String,
    /// The part it plays.
    pub role: SystemRole,
    /// draft, active, paused, broken.
    pub state: String,
    /// Per object.
    pub objects: BTreeMap<ObjectKind, ObjectSync>,
}

impl ConnectionPlan {
    /// Whether deliveries are planned for it. A paused or broken system misses nothing: its targets wait.
    #[must_use]
    pub fn takes_part(&self) -> bool {
        self.state != "draft"
    }

    /// Whether it may be called now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == "active"
    }
}

/// All connections of a tenant and its source-of-truth rules.
#[derive(Clone, Debug, Default)]
pub struct Landscape {
    /// The connections.
    pub connections: BTreeMap<ConnectionId, ConnectionPlan>,
    /// Who is believed.
    pub rules: SourceRules,
}

impl Landscape {
    /// Loads it.
    ///
    /// # Errors
    /// [`StoreError::Database`], or a stored rule that cannot be read.
    pub async fn load(tx: &TenantTx) -> Result<Self, StoreError> {
        let mut connections = BTreeMap::new();
        let rows = tx
            .rows(
                "SELECT id, name, rooftop_id, connector, system_role, state FROM connection WHERE tenant_id = $1",
                [tx.owner()],
            )
            .await?;
        for row in rows {
            let id = ConnectionId(get(&row, "id")?);
            let role: String = get(&row, "system_role")?;
            connections.insert(
                id,
                ConnectionPlan {
                    id,
                    name: get(&row, "name")?,
                    rooftop: get::<Option<Uuid>>(&row, "rooftop_id")?.map(RooftopId),
                    connector: get(&row, "connector")?,
                    role: role.parse().unwrap_or(SystemRole::Other),
                    state: get(&row, "state")?,
                    objects: BTreeMap::new(),
                },
            );
        }
        let rows = tx.rows("SELECT * FROM object_sync WHERE tenant_id = $1", [tx.owner()]).await?;
        for row in rows {
            let Some(object) = ObjectKind::from_code(get(&row, "object")?) else { continue };
            let Some(plan) = connections.get_mut(&ConnectionId(get(&row, "connection_id")?)) else { continue };
            let overrides: Json = get(&row, "overrides")?;
            let sync = ObjectSync {
                pull: get(&row, "pull")?,
                push: Push::named(&get::<String>(&row, "push")?),
                resume: get(&row, "resume")?,
                full_at: get(&row, "full_at")?,
                succeeded_at: get(&row, "succeeded_at")?,
                overrides: serde_json::from_value(overrides)
                    .map_err(|source| StoreError::Document { place: "object_sync.overrides", source })?,
                mapping_version: get(&row, "mapping_version")?,
            };
            plan.objects.insert(object, sync);
        }
        let settings: Option<Json> = tx
            .row("SELECT settings->'source_rules' AS rules FROM tenant WHERE id = $1", [tx.owner()])
            .await?
            .map(|row| get::<Option<Json>>(&row, "rules"))
            .transpose()?
            .flatten();
        let rules = match settings {
            Some(rules) => serde_json::from_value(rules)
                .map_err(|source| StoreError::Document { place: "tenant.settings", source })?,
            None => SourceRules::default(),
        };
        Ok(Self { connections, rules })
    }

    /// One connection.
    #[must_use]
    pub fn connection(&self, id: ConnectionId) -> Option<&ConnectionPlan> {
        self.connections.get(&id)
    }
}

/// Notes where the next pull of changes starts and that a pull succeeded.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn settle_pull(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    resume: Option<&Json>,
    full: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE object_sync SET resume = $4::jsonb, succeeded_at = $5,
                full_at = CASE WHEN $6 THEN $5 ELSE full_at END
         WHERE tenant_id = $1 AND connection_id = $2 AND object = $3",
        [tx.owner(), connection.0.into(), object.code().into(), resume.cloned().into(), now.into(), full.into()],
    )
    .await?;
    Ok(())
}

/// Notes names in payloads that the mapping does not know; returns those that are new.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_drift(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    names: &[String],
    now: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .rows(
            "WITH told AS (SELECT DISTINCT name FROM unnest($4::text[]) AS name),
                  fresh AS (SELECT name FROM told, object_sync o
                            WHERE o.tenant_id = $1 AND o.connection_id = $2 AND o.object = $3 AND NOT o.drift ? name),
                  noted AS (UPDATE object_sync o
                            SET drift = o.drift || (SELECT coalesce(jsonb_object_agg(name, $5::text), '{}') FROM fresh)
                            WHERE o.tenant_id = $1 AND o.connection_id = $2 AND o.object = $3
                              AND EXISTS (SELECT FROM fresh))
             SELECT name FROM fresh ORDER BY name",
            [tx.owner(), connection.0.into(), object.code().into(), names.to_vec().into(), now.to_rfc3339().into()],
        )
        .await?;
    rows.iter().map(|row| Ok(get(row, "name")?)).collect()
}

/// Raises what feeds should show; returns nothing: a raised feed is published by its job.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn raise_feed(tx: &TenantTx, connection: ConnectionId, object: ObjectKind) -> Result<(), StoreError> {
    tx.run(
        "UPDATE object_sync SET feed_desired = feed_desired + 1
         WHERE tenant_id = $1 AND connection_id = $2 AND object = $3",
        [tx.owner(), connection.0.into(), object.code().into()],
    )
    .await?;
    Ok(())
}

/// What a feed should show and what was published last, as counters.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn feed_state(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
) -> Result<Option<(i64, i64)>, StoreError> {
    let row = tx
        .row(
            "SELECT feed_desired, feed_published FROM object_sync
             WHERE tenant_id = $1 AND connection_id = $2 AND object = $3",
            [tx.owner(), connection.0.into(), object.code().into()],
        )
        .await?;
    row.map(|row| Ok((get(&row, "feed_desired")?, get(&row, "feed_published")?))).transpose()
}

/// Notes that a feed was published with the state that `desired` counted.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn feed_published(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    desired: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE object_sync SET feed_published = greatest(feed_published, $4), feed_published_at = $5
         WHERE tenant_id = $1 AND connection_id = $2 AND object = $3",
        [tx.owner(), connection.0.into(), object.code().into(), desired.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Marks a connection as broken: it waits for a person, and nothing calls it meanwhile.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn break_connection(
    tx: &TenantTx,
    connection: ConnectionId,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE connection SET state = 'broken', state_reason = $3, updated_at = $4
         WHERE tenant_id = $1 AND id = $2 AND state = 'active'",
        [tx.owner(), connection.0.into(), reason.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// A rooftop as feeds name it.
#[derive(Clone, Debug)]
pub struct RooftopPlan {
    /// Id.
    pub id: RooftopId,
    /// Name.
    pub name: String,
    /// The group's short code for it.
    pub code: String,
    /// Postal address on one line.
    pub address: String,
}

/// All rooftops of a tenant.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn rooftops(tx: &TenantTx) -> Result<Vec<RooftopPlan>, StoreError> {
    let rows = tx
        .rows("SELECT id, name, code, street, city, state, zip FROM rooftop WHERE tenant_id = $1", [tx.owner()])
        .await?;
    rows.iter()
        .map(|row| {
            let line: [String; 4] = [get(row, "street")?, get(row, "city")?, get(row, "state")?, get(row, "zip")?];
            let [street, city, state, zip] = &line;
            let address = format!("{street}, {city}, {state} {zip}");
            Ok(RooftopPlan {
                id: RooftopId(get(row, "id")?),
                name: get(row, "name")?,
                code: get(row, "code")?,
                address: address.trim_matches([',', ' ']).to_owned(),
            })
        })
        .collect()
}
