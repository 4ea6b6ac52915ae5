//! Writing source records together with the keys by which they are found.

use chrono::{DateTime, Utc};
use domain::{ConnectionId, ObjectKind, RunId};
use matching::{Key, NAME_KEY};
use store::engine::lookup;
use store::engine::records::{self, Write};
use store::{StoreError, TenantKeys, TenantTx};
use uuid::Uuid;

/// The keyed hash of a key, as it stands in `lookup_key`.
pub(crate) fn hashed(keys: &TenantKeys, key: &Key) -> i64 {
    match key.value.split_once(' ') {
        Some((surname, first)) if key.purpose == NAME_KEY => keys.name_key(surname, first),
        Some(_) | None => keys.index64(key.purpose, &key.value),
    }
}

/// Records to write, and the keys that they gain and lose.
#[derive(Default)]
pub(crate) struct Kept {
    writes: Vec<Write>,
    /// Keys of records that are new.
    first: Vec<(i64, Uuid)>,
    gained: Vec<(i64, Uuid)>,
    lost: Vec<(i64, Uuid)>,
}

impl Kept {
    /// Adds a record that held the keys `old` until now.
    pub(crate) fn put(&mut self, write: Write, old: &[i64]) {
        let id = write.id.0;
        let gained = write.lookup_keys.iter().filter(|key| !old.contains(key)).map(|key| (*key, id));
        let to = if write.is_new { &mut self.first } else { &mut self.gained };
        to.extend(gained);
        self.lost.extend(old.iter().filter(|key| !write.lookup_keys.contains(key)).map(|key| (*key, id)));
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
        lookup::add_new(tx, self.first).await?;
        lookup::add(tx, self.gained).await?;
        let (keys, records) = self.lost.into_iter().unzip();
        lookup::remove(tx, keys, records).await
    }
}
