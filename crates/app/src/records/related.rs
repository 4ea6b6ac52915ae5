//! What a record has to do with others: what it points to, what points to it, what is about the same car.

use crate::error::AppError;
use domain::check::name_key;
use domain::{Field, GoldenId, ObjectKind, Record};
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
    /// A customer's household: others of the same surname at the same address. They are not one.
    pub household: Vec<RelatedShown>,
}

/// How two entities have to do with each other, as seen from one of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Out,
    In,
    Household,
}

/// One connection between two entities, as seen from one of them.
struct Link {
    from: GoldenId,
    to: GoldenId,
    field: &'static str,
    way: Way,
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
        links.push(Link { from: found.from, to: found.to, field: found.field.name(), way: Way::Out });
    }
    for found in references::referred_by(tx, ids, tellers.clone(), per_kind).await? {
        links.push(Link { from: found.to, to: found.from, field: found.field.name(), way: Way::In });
    }
    links.extend(of_one_car(tx, tellers.clone(), rows, per_kind).await?);
    links.extend(of_one_household(tx, tellers, rows, per_kind).await?);
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
        match link.way {
            Way::Out => of.refers_to.push(shown),
            Way::In => of.referred_by.push(shown),
            Way::Household => of.household.push(shown),
        }
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
            let way = match (is_car(row.object), is_car(object)) {
                (false, true) => Way::Out,
                (true, _) => Way::In,
                // Two deals about one car have nothing to do with each other.
                (false, false) => continue,
            };
            links.push(Link { from: row.id, to, field: "vin", way });
        }
    }
    Ok(links)
}

/// Customers of the same surname at the same address.
async fn of_one_household(
    tx: &TenantTx,
    tellers: Option<Vec<Uuid>>,
    rows: &[GoldenRow],
    per_kind: i64,
) -> Result<Vec<Link>, AppError> {
    let mut by_key: HashMap<i64, Vec<&GoldenRow>> = HashMap::new();
    for row in rows.iter().filter(|row| row.object == ObjectKind::Customer) {
        for key in matching::keys(&row.golden.record(row.object), None) {
            if key.purpose == matching::STREET_KEY {
                by_key.entry(tx.keys().index64(key.purpose, &key.value)).or_default().push(row);
            }
        }
    }
    let keys: Vec<i64> = by_key.keys().copied().collect();
    let found = lookup::entities_of_keys(tx, keys, tellers, per_kind).await?;
    let ids: HashSet<Uuid> = found.iter().map(|(_, other, _)| other.0).collect();
    let others: HashMap<GoldenId, GoldenRow> =
        goldens::by_ids(tx, ids.into_iter().collect()).await?.into_iter().map(|row| (row.id, row)).collect();
    let mut links = Vec::new();
    for (key, to, _) in found {
        let Some(other) = others.get(&to) else { continue };
        for row in by_key.get(&key).into_iter().flatten().filter(|row| row.id != to) {
            if live_together(&row.golden.record(row.object), &other.golden.record(other.object)) {
                links.push(Link { from: row.id, to, field: "household", way: Way::Household });
            }
        }
    }
    Ok(links)
}

/// Whether two customers at one street and number are of one household: the key says nothing of the town.
fn live_together(a: &Record, b: &Record) -> bool {
    let same = |field: Field| {
        let key = |record: &Record| record.text(field).map(name_key);
        key(a).is_some() && key(a) == key(b)
    };
    same(Field::LAST_NAME) && (same(Field::ZIP) || same(Field::CITY))
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
