//! What people call those who act: people by their names, programs by their key's.

use domain::UserId;
use std::collections::{BTreeSet, HashMap};
use store::{Db, StoreError, TenantScope, api_keys, people};
use uuid::Uuid;

/// The names of these people and keys; nobody of another tenant is named by what a tenant's own rows say.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub(crate) async fn names(
    db: &Db,
    scope: &TenantScope,
    ids: BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, String>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: Vec<UserId> = ids.iter().copied().map(UserId).collect();
    let tx = db.platform().await?;
    let mut names: HashMap<Uuid, String> =
        people::by_ids(&tx, &wanted).await?.into_iter().map(|person| (person.id.0, person.name)).collect();
    drop(tx);
    if ids.iter().any(|id| !names.contains_key(id)) {
        let tx = db.tenant(scope).await?;
        for key in api_keys::list(&tx).await? {
            names.entry(key.id.0).or_insert_with(|| format!("The API key “{}”", key.name));
        }
    }
    Ok(names)
}

/// What somebody is called who has no name here any more.
pub(crate) const SOMEBODY: &str = "Somebody else";
