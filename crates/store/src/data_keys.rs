//! Data keys in the database: loaded, made, given a new version, wrapped under another master key.

use crate::db::Db;
use crate::error::StoreError;
use crate::seal::{PLATFORM, SealKey, TenantKeys, new_data_key};
use crate::sql::get;
use sea_orm::ConnectionTrait;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

impl Db {
    /// An owner's keys: remembered, or loaded and unwrapped.
    ///
    /// # Errors
    /// Where they cannot be loaded or unwrapped.
    pub async fn keys(&self, owner: Uuid) -> Result<Arc<TenantKeys>, StoreError> {
        if let Some(keys) = self.keyring().known(owner) {
            return Ok(keys);
        }
        self.load_keys(owner).await?.ok_or_else(|| StoreError::MasterKey("the tenant has no data key".to_owned()))
    }

    /// Loads an owner's keys from the database, whatever is remembered; `None` where it has none.
    ///
    /// # Errors
    /// Where they cannot be loaded or unwrapped.
    pub async fn load_keys(&self, owner: Uuid) -> Result<Option<Arc<TenantKeys>>, StoreError> {
        let tx = self.begin_platform().await?;
        let keys = self.read_keys(&tx, owner).await?;
        tx.commit().await?;
        if let Some(keys) = &keys {
            self.keyring().remember(Arc::clone(keys));
        }
        Ok(keys)
    }

    pub(crate) async fn read_keys(
        &self,
        tx: &sea_orm::DatabaseTransaction,
        owner: Uuid,
    ) -> Result<Option<Arc<TenantKeys>>, StoreError> {
        let statement = sea_orm::Statement::from_sql_and_values(
            sea_orm::DatabaseBackend::Postgres,
            // The database's clock alone says how long a version has to wait: those of the processes may differ.
            "SELECT purpose, version, wrapped,
                    greatest(0, ceil(1000 * extract(epoch FROM seals_from - clock_timestamp())))::bigint AS seals_in_ms
             FROM data_key WHERE owner = $1 ORDER BY version",
            [owner.into()],
        );
        let asked_at = Instant::now();
        let rows = tx.query_all_raw(statement).await?;
        let mut seals = Vec::new();
        let mut index = None;
        for row in rows {
            let (purpose, version): (String, i32) = (get(&row, "purpose")?, get(&row, "version")?);
            let key = self.keyring().provider().unwrap(owner, &get::<Vec<u8>>(&row, "wrapped")?)?;
            match purpose.as_str() {
                "seal" => seals.push(SealKey {
                    version: u32::try_from(version).unwrap_or_default(),
                    key,
                    seals_in: Duration::from_millis(
                        u64::try_from(get::<i64>(&row, "seals_in_ms")?).unwrap_or_default(),
                    ),
                }),
                _ => index = Some(key),
            }
        }
        let Some(index) = index else { return Ok(None) };
        Ok(Some(Arc::new(TenantKeys::new(owner, &seals, &index, asked_at)?)))
    }

    pub(crate) async fn load_platform_keys(&self) -> Result<Arc<TenantKeys>, StoreError> {
        if let Some(keys) = self.load_keys(PLATFORM).await? {
            return Ok(keys);
        }
        // The first start of a new database; a twin may do the same, and the first insert holds.
        let tx = self.begin_platform().await?;
        self.insert_keys(&tx, PLATFORM).await?;
        tx.commit().await?;
        self.load_keys(PLATFORM).await?.ok_or_else(|| StoreError::MasterKey("the platform has no data key".to_owned()))
    }

    pub(crate) async fn insert_keys(&self, tx: &sea_orm::DatabaseTransaction, owner: Uuid) -> Result<(), StoreError> {
        for purpose in ["seal", "index"] {
            let wrapped = self.keyring().provider().wrap(owner, &new_data_key())?;
            let statement = sea_orm::Statement::from_sql_and_values(
                sea_orm::DatabaseBackend::Postgres,
                "INSERT INTO data_key (owner, purpose, version, wrapped) VALUES ($1, $2, 1, $3) ON CONFLICT DO NOTHING",
                [owner.into(), purpose.into(), wrapped.into()],
            );
            tx.execute_raw(statement).await?;
        }
        Ok(())
    }

    /// Adds a new version of an owner's sealing key. It opens at once and seals after [`KeyTimes::seals_after`], when
    /// every process knows it; what older versions sealed still opens.
    ///
    /// [`KeyTimes::seals_after`]: crate::keyring::KeyTimes::seals_after
    ///
    /// # Errors
    /// Where it cannot be stored, or the owner has no key.
    pub async fn rotate_data_key(&self, owner: Uuid) -> Result<(), StoreError> {
        let wrapped = self.keyring().provider().wrap(owner, &new_data_key())?;
        let wait_ms = i64::try_from(self.keyring().times().seals_after.as_millis()).unwrap_or(i64::MAX);
        let tx = self.platform().await?;
        let added = tx
            .run(
                "INSERT INTO data_key (owner, purpose, version, wrapped, seals_from)
                 SELECT $1, 'seal', max(version) + 1, $2, clock_timestamp() + $3 * interval '1 ms'
                 FROM data_key WHERE owner = $1 AND purpose = 'seal' HAVING count(*) > 0",
                [owner.into(), wrapped.into(), wait_ms.into()],
            )
            .await?;
        tx.commit().await?;
        if added == 0 {
            return Err(StoreError::MasterKey("the tenant has no data key".to_owned()));
        }
        Ok(())
    }

    /// All who have keys of their own: every tenant, and the platform.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn key_owners(&self) -> Result<Vec<Uuid>, StoreError> {
        let tx = self.platform().await?;
        let rows = tx.rows("SELECT DISTINCT owner FROM data_key", []).await?;
        tx.commit().await?;
        rows.iter().map(|row| Ok(get(row, "owner")?)).collect()
    }

    /// Wraps every data key under the current master key; returns how many were not yet. Readers never notice.
    ///
    /// # Errors
    /// Where a key is wrapped under a master key that is not at hand.
    pub async fn rewrap_data_keys(&self) -> Result<u64, StoreError> {
        let tx = self.platform().await?;
        let rows = tx.rows("SELECT owner, purpose, version, wrapped FROM data_key FOR UPDATE", []).await?;
        let mut rewrapped = 0;
        for row in rows {
            let (owner, wrapped): (Uuid, Vec<u8>) = (get(&row, "owner")?, get(&row, "wrapped")?);
            if self.keyring().provider().is_current(&wrapped) {
                continue;
            }
            let key = self.keyring().provider().unwrap(owner, &wrapped)?;
            let again = self.keyring().provider().wrap(owner, &key)?;
            rewrapped += tx
                .run(
                    "UPDATE data_key SET wrapped = $4 WHERE owner = $1 AND purpose = $2 AND version = $3",
                    [
                        owner.into(),
                        get::<String>(&row, "purpose")?.into(),
                        get::<i32>(&row, "version")?.into(),
                        again.into(),
                    ],
                )
                .await?;
        }
        tx.commit().await?;
        Ok(rewrapped)
    }
}
