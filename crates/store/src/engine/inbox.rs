//! The inbox: webhooks and documents, stored sealed before they are answered, read afterwards.

use crate::error::StoreError;
use crate::seal::Place;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::{ConnectionId, InboxId};

const BODY: &str = "inbox.body";

/// What came.
#[derive(Clone, Debug)]
pub struct Message {
    /// Id.
    pub id: InboxId,
    /// webhook, document.
    pub kind: String,
    /// Media type.
    pub content_type: String,
    /// Body.
    pub body: Vec<u8>,
}

/// Stores what came; `None` where the same delivery came before.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn store(
    tx: &TenantTx,
    connection: ConnectionId,
    kind: &str,
    delivery_id: &str,
    content_type: &str,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<InboxId>, StoreError> {
    let id = InboxId::new();
    let sealed = tx.keys().seal(Place { column: BODY, row: id.0.as_bytes() }, body)?.0;
    let stored = tx
        .run(
            "INSERT INTO inbox (tenant_id, id, connection_id, kind, delivery_id, content_type, body, received_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, connection_id, delivery_id) DO NOTHING",
            [
                tx.owner(),
                id.0.into(),
                connection.0.into(),
                kind.into(),
                delivery_id.into(),
                content_type.into(),
                sealed.into(),
                now.into(),
            ],
        )
        .await?;
    Ok((stored == 1).then_some(id))
}

/// What waits to be read, oldest first.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn waiting(tx: &TenantTx, connection: ConnectionId, limit: i64) -> Result<Vec<Message>, StoreError> {
    let rows = tx
        .rows(
            "SELECT id, kind, content_type, body FROM inbox
             WHERE tenant_id = $1 AND connection_id = $2 AND state = 'waiting' ORDER BY received_at, id LIMIT $3",
            [tx.owner(), connection.0.into(), limit.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let id = InboxId(get(row, "id")?);
            let body: Vec<u8> = get(row, "body")?;
            Ok(Message {
                id,
                kind: get(row, "kind")?,
                content_type: get(row, "content_type")?,
                body: tx.keys().open(Place { column: BODY, row: id.0.as_bytes() }, &body)?,
            })
        })
        .collect()
}

/// Notes that a message was read, or could not be.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn settle(tx: &TenantTx, id: InboxId, failed: bool, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run(
        "UPDATE inbox SET state = $3, done_at = $4 WHERE tenant_id = $1 AND id = $2",
        [tx.owner(), id.0.into(), if failed { "failed" } else { "done" }.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Makes a message that could not be read wait again.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn wait_again(tx: &TenantTx, id: InboxId) -> Result<u64, StoreError> {
    tx.run(
        "UPDATE inbox SET state = 'waiting', done_at = NULL WHERE tenant_id = $1 AND id = $2 AND state = 'failed'",
        [tx.owner(), id.0.into()],
    )
    .await
}
