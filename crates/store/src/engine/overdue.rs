//! Work that is due and that nobody did for a while: jobs are only wake-ups, so what they were for is read from here.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::{ConnectionId, ObjectKind};

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// Deliveries.
    Targets,
    /// Webhooks and documents to be read.
    Inbox,
    /// A feed that shows an old state.
    Feed(ObjectKind),
    /// What exists already, to be planned.
    Existing(ObjectKind),
}

/// What has waited since before `since` at connections that may be worked for.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &TenantTx, since: DateTime<Utc>) -> Result<Vec<(ConnectionId, Overdue)>, StoreError> {
    let rows = tx
        .rows(
            "SELECT c.id, 'targets' AS what, NULL::smallint AS object FROM connection c
             WHERE c.tenant_id = $1 AND c.state = 'active'
               AND EXISTS (SELECT FROM target t WHERE t.tenant_id = $1 AND t.connection_id = c.id
                           AND t.state = 1 AND t.due_at < $2)
             UNION ALL
             SELECT c.id, 'inbox', NULL FROM connection c
             WHERE c.tenant_id = $1 AND c.state <> 'draft'
               AND EXISTS (SELECT FROM inbox i WHERE i.tenant_id = $1 AND i.connection_id = c.id
                           AND i.state = 'waiting' AND i.received_at < $2)
             UNION ALL
             SELECT c.id, 'feed', o.object FROM connection c
             JOIN object_sync o ON o.tenant_id = $1 AND o.connection_id = c.id AND o.push = 'feed'
             WHERE c.tenant_id = $1 AND c.state = 'active' AND o.feed_desired > o.feed_published
               AND coalesce(o.feed_published_at, '-infinity') < $2
             UNION ALL
             SELECT c.id, 'existing', o.object FROM connection c
             JOIN object_sync o ON o.tenant_id = $1 AND o.connection_id = c.id
             WHERE c.tenant_id = $1 AND c.state <> 'draft' AND o.plan_wanted > o.plan_done",
            [tx.owner(), since.into()],
        )
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let what: String = get(row, "what")?;
        let object = get::<Option<i16>>(row, "object")?.and_then(ObjectKind::from_code);
        let overdue = match (what.as_str(), object) {
            ("targets", _) => Overdue::Targets,
            ("inbox", _) => Overdue::Inbox,
            ("feed", Some(object)) => Overdue::Feed(object),
            ("existing", Some(object)) => Overdue::Existing(object),
            (_, _) => continue,
        };
        found.push((ConnectionId(get(row, "id")?), overdue));
    }
    Ok(found)
}
