//! Writing source records together with the keys by which they are found.

use chrono::{DateTime, Utc};
use domain::{ConnectionId, ObjectKind, RunId};
use store::engine::lookup;
use store::engine::records::{self, Write};
use store::{StoreError, TenantTx};
use uuid::Uuid;

/// Records to write, and the keys that they gain and lose.
#[derive(Default)]
pub(crate) struct Kept {
    writes: Vec<Write>,
    gained: Keys,
    lost: Keys,
}

/// Keys and, at the same places, the records that hold them.
#[derive(Default)]
struct Keys {
    keys: Vec<i64>,
    records: Vec<Uuid>,
}

impl Keys {
    fn push(&mut self, key: i64, record: Uuid) {
        self.keys.push(key);
        self.records.push(record);
    }
}

impl Kept {
    /// Adds a record that held the keys `old` until now.
    pub(crate) fn put(&mut self, write: Write, old: &[i64]) {
        for key in write.lookup_keys.iter().filter(|key| !old.contains(key)) {
            self.gained.push(*key, write.id.0);
        }
        for key in old.iter().filter(|key| !write.lookup_keys.contains(key)) {
            self.lost.push(*key, write.id.0);
        }
        self.writes.push(write);
    }

    /// Writes all of it.
    pub(crate) async fn write(
        self,
        tx: &TenantTx,
        connection: ConnectionId,
        object: ObjectKind,
        mapping_version: i32,
        seen_in: Option<RunId>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        records::write(tx, connection, object, mapping_version, seen_in, &self.writes, now).await?;
        lookup::add(tx, self.gained.keys, self.gained.records).await?;
        lookup::remove(tx, self.lost.keys, self.lost.records).await
    }
}
