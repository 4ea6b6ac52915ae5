//! The audit trail as its page shows it.

use super::Views;
use crate::error::AppError;
use chrono::{DateTime, Utc};
use domain::UserId;
use domain::permission::Permission;
use std::collections::HashMap;
use store::{TenantScope, audit, people};

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailLine {
    /// Place in the chain.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who, in words.
    pub who: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// More.
    pub detail: String,
}

impl Views<'_> {
    /// A page of the trail, newest first, before `before`.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn trail(
        &self,
        scope: &TenantScope,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<TrailLine>, AppError> {
        scope.require_at(None, Permission::ReadAudit)?;
        let tx = self.0.db().tenant(scope).await?;
        let entries = audit::page(&tx, before, limit).await?;
        tx.commit().await?;
        let ids: Vec<_> = entries
            .iter()
            .filter(|entry| entry.actor_kind == "person")
            .filter_map(|entry| entry.actor_id.map(UserId))
            .collect();
        let tx = self.0.db().platform().await?;
        let names: HashMap<_, _> =
            people::by_ids(&tx, &ids).await?.into_iter().map(|person| (person.id.0, person.name)).collect();
        Ok(entries
            .into_iter()
            .map(|entry| {
                let name = entry.actor_id.and_then(|id| names.get(&id).cloned());
                let who = match entry.actor_kind.as_str() {
                    "person" => name.unwrap_or_else(|| "Somebody who left".to_owned()),
                    "api_key" => "An API key".to_owned(),
                    _ => "Driveline".to_owned(),
                };
                let action = entry.action.split_once('.').map_or(entry.action.as_str(), |(_, verb)| verb);
                TrailLine {
                    seq: entry.seq,
                    at: entry.at,
                    who,
                    action: action.replace('_', " "),
                    subject: entry.subject_kind.replace('_', " "),
                    detail: if entry.detail.as_object().is_some_and(|map| map.is_empty()) {
                        String::new()
                    } else {
                        entry.detail.to_string()
                    },
                }
            })
            .collect())
    }
}
