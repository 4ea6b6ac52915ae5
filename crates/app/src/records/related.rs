//! What a record has to do with others: what it points to, what points to it, what is about the same car.

use crate::error::AppError;
use domain::{Field, GoldenId, ObjectKind};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use store::TenantTx;
use store::engine::goldens::{self, GoldenRow};
use store::engine::{lookup, references};
use uuid::Uuid;

/// A record that another one has to do with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelatedShown {
    /// Id.
    pub id: GoldenId,
    /// Kind.
    pub object: ObjectKind,
    /// What people call it.
    pub title: String,
    /// By which field they have to do with each other.
    pub field: String,
}

/// All that a record has to do with, within a limit for each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Related {
    /// What it points to: a deal its customer and its vehicle.
    pub refers_to: Vec<RelatedShown>,
    /// What points to it, newest first: a customer's vehicles, deals and repair orders.
    pub referred_by: Vec<RelatedShown>,
}

/// One connection between two entities, as seen from one of them.
struct Link {
    from: GoldenId,
    to: GoldenId,
    field: &'static str,
    outwards: bool,
}

/// What these records have to do with others, as far as `tellers` tell of both (all, where there are none), at most
/// `per_kind` of a kind and direction.
pub(crate) async fn related(
    tx: &TenantTx,
    tellers: Option<Vec<Uuid>>,
    rows: &[GoldenRow],
    per_kind: i64,
) -> Result<BTreeMap<GoldenId, Related>, AppError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let mut links = Vec::new();
    for found in references::refers_to(tx, ids.clone(), tellers.clone(), per_kind).await? {
        links.push(Link { from: found.from, to: found.to, field: found.field.name(), outwards: true });
    }
    for found in references::referred_by(tx, ids, tellers.clone(), per_kind).await? {
        links.push(Link { from: found.to, to: found.from, field: found.field.name(), outwards: false });
    }
    links.extend(of_one_car(tx, tellers, rows, per_kind).await?);
    let others: HashSet<Uuid> = links.iter().map(|link| link.to.0).collect();
    let others: HashMap<GoldenId, GoldenRow> =
        goldens::by_ids(tx, others.into_iter().collect()).await?.into_iter().map(|row| (row.id, row)).collect();
    let mut by_record: BTreeMap<GoldenId, Related> = BTreeMap::new();
    let mut seen = HashSet::new();
    for link in links {
        let Some(other) = others.get(&link.to).filter(|_| seen.insert((link.from, link.to))) else { continue };
        let shown = RelatedShown {
            id: other.id,
            object: other.object,
            title: other.golden.record(other.object).title(),
            field: link.field.to_owned(),
        };
        let of = by_record.entry(link.from).or_default();
        if link.outwards { of.refers_to.push(shown) } else { of.referred_by.push(shown) }
    }
    Ok(by_record)
}

/// Records that name the same VIN.
async fn of_one_car(
    tx: &TenantTx,
    tellers: Option<Vec<Uuid>>,
    rows: &[GoldenRow],
    per_kind: i64,
) -> Result<Vec<Link>, AppError> {
    let mut by_key: HashMap<i64, Vec<&GoldenRow>> = HashMap::new();
    for row in rows {
        let Some(field) = vin_field(row.object) else { continue };
        if let Some(vin) = row.golden.record(row.object).text(field) {
            by_key.entry(tx.keys().index64("vin", vin)).or_default().push(row);
        }
    }
    let mut links = Vec::new();
    let keys = by_key.keys().copied().collect();
    for (key, to, object) in lookup::entities_of_keys(tx, keys, tellers, per_kind).await? {
        for row in by_key.get(&key).into_iter().flatten().filter(|row| row.id != to) {
            let outwards = match (is_car(row.object), is_car(object)) {
                (false, true) => true,
                (true, _) => false,
                // Two deals about one car have nothing to do with each other.
                (false, false) => continue,
            };
            links.push(Link { from: row.id, to, field: "vin", outwards });
        }
    }
    Ok(links)
}

const fn vin_field(object: ObjectKind) -> Option<Field> {
    match object {
        ObjectKind::Vehicle => Some(Field::VEHICLE_VIN),
        ObjectKind::Inventory => Some(Field::STOCK_VIN),
        ObjectKind::Deal => Some(Field::DEAL_VIN),
        ObjectKind::RepairOrder => Some(Field::RO_VIN),
        ObjectKind::Customer | ObjectKind::Lead => None,
    }
}

const fn is_car(object: ObjectKind) -> bool {
    match object {
        ObjectKind::Vehicle | ObjectKind::Inventory => true,
        ObjectKind::Customer | ObjectKind::Deal | ObjectKind::RepairOrder | ObjectKind::Lead => false,
    }
}
