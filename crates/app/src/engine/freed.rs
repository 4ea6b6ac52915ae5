//! What a system gives to one record only, an e-mail address say, and that became free there.

use super::Engine;
use super::agree::deliver_job;
use super::ingest::Origin;
use domain::{Field, ObjectKind, Record};
use matching::SHARED_MAX;
use queue::enqueue;
use std::collections::BTreeSet;
use store::engine::landscape::ConnectionPlan;
use store::engine::{goldens, lookup, records, targets};
use store::{StoreError, TenantTx};

/// What a record held of these fields and does not hold any more.
pub(crate) fn freed(exclusive: &[Field], before: Option<&Record>, after: Option<&Record>) -> Option<Record> {
    let before = before?;
    let left: Vec<Field> = exclusive
        .iter()
        .copied()
        .filter(|field| before.get(*field).is_some_and(|value| after.and_then(|a| a.get(*field)) != Some(value)))
        .collect();
    (!left.is_empty()).then(|| before.only(&left))
}

impl Engine {
    /// The fields of an object that a connection's system gives to one record only.
    pub(crate) fn exclusive(&self, plan: &ConnectionPlan, object: ObjectKind) -> &'static [Field] {
        (self.connector)(&plan.connector)
            .and_then(|connector| connector.push(object))
            .map_or(&[], |push| push.exclusive(object))
    }

    /// Delivers once more what may want these values: it was written without them while another record had them.
    pub(crate) async fn offer(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        freed: &[Record],
    ) -> Result<(), StoreError> {
        if freed.is_empty() {
            return Ok(());
        }
        let plan = origin.connection;
        let mut keys: Vec<i64> = freed
            .iter()
            .flat_map(|values| matching::keys(values, plan.rooftop))
            .map(|key| tx.keys().index64(key.purpose, &key.value))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let holders = lookup::holders(tx, keys, SHARED_MAX).await?;
        let ids: BTreeSet<_> = holders.into_values().flatten().map(|id| id.0).collect();
        let entities: BTreeSet<_> =
            records::by_ids(tx, ids.into_iter().collect()).await?.into_iter().map(|member| member.golden.0).collect();
        let wanting: Vec<_> = goldens::by_ids(tx, entities.into_iter().collect())
            .await?
            .into_iter()
            .filter(|golden| {
                let wanted = golden.golden.record(object);
                freed.iter().any(|values| values.fields().any(|(field, value)| wanted.get(field) == Some(value)))
            })
            .map(|golden| golden.id.0)
            .collect();
        if wanting.is_empty() {
            return Ok(());
        }
        if targets::replay(tx, plan.id, Some(wanting), origin.now).await? > 0 {
            enqueue(tx, &deliver_job(plan.id, origin.lane)).await?;
        }
        Ok(())
    }
}
