//! The audit trail as its page shows it.

use super::Views;
use crate::error::AppError;
use chrono::{DateTime, Utc};
use domain::permission::Permission;
use serde_json::Value as Json;
use store::TenantScope;
use store::audit::{self, AuditEntry, Filter};
use uuid::Uuid;

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
    /// To what kind of thing, in words.
    pub subject: String,
    /// The kind as it is asked for.
    pub subject_kind: String,
    /// To which one.
    pub subject_id: String,
    /// What that one is called, where it is a person or a key.
    pub subject_name: Option<String>,
    /// More.
    pub detail: String,
}

/// What the trail can be filtered by: each value as it is asked for, and in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailChoices {
    /// People and keys.
    pub actors: Vec<(Uuid, String)>,
    /// Actions.
    pub actions: Vec<(String, String)>,
    /// Kinds of what they were done to.
    pub subjects: Vec<(String, String)>,
}

/// `noun_of.verb_said` as people read it.
fn words(action: &str) -> String {
    action.replace('_', " ").replacen('.', ": ", 1)
}

/// What an entry says besides, as people read it: what is empty is left out.
fn details(detail: &Json) -> String {
    let Some(detail) = detail.as_object() else { return detail.to_string() };
    let mut said: Vec<String> = detail
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            format!("{}: {value}", name.replace('_', " "))
        })
        .collect();
    said.sort_unstable();
    said.join(", ")
}

impl Views<'_> {
    /// A page of the trail, newest first, before `before`.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn trail(
        &self,
        scope: &TenantScope,
        filter: &Filter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<TrailLine>, AppError> {
        let entries = self.0.audit_trail().page(scope, filter, before, limit).await?;
        let id_of = |entry: &AuditEntry| entry.subject_id.parse::<Uuid>().ok();
        let ids: Vec<_> = entries.iter().flat_map(|entry| entry.actor_id.into_iter().chain(id_of(entry))).collect();
        let names = self.0.audit_trail().names(scope, &ids).await?;
        Ok(entries
            .into_iter()
            .map(|entry| TrailLine {
                seq: entry.seq,
                at: entry.at,
                who: names.of(&entry.actor_kind, entry.actor_id),
                action: words(&entry.action),
                subject: entry.subject_kind.replace('_', " "),
                subject_name: id_of(&entry).and_then(|id| names.bare(id)),
                detail: details(&entry.detail),
                subject_kind: entry.subject_kind,
                subject_id: entry.subject_id,
            })
            .collect())
    }

    /// What the trail can be filtered by.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn trail_choices(&self, scope: &TenantScope) -> Result<TrailChoices, AppError> {
        scope.require_at(None, Permission::ReadAudit)?;
        let tx = self.0.db().tenant(scope).await?;
        let present = audit::present(&tx).await?;
        tx.commit().await?;
        let names = self.0.audit_trail().names(scope, &present.actors).await?;
        let name = |id: Uuid| (id, names.of_id(id).unwrap_or_else(|| "Somebody who left".to_owned()));
        let mut actors: Vec<_> = present.actors.into_iter().map(name).collect();
        actors.sort_by(|(_, one), (_, other)| one.cmp(other));
        let said = |values: Vec<String>| values.into_iter().map(|value| (value.clone(), words(&value))).collect();
        Ok(TrailChoices { actors, actions: said(present.actions), subjects: said(present.subject_kinds) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_an_entry_says_besides_is_read_without_braces() {
        assert_eq!(details(&json!({})), "");
        assert_eq!(
            details(&json!({"rooftop": null, "wrong_codes": 5, "how": "password", "scopes": ["review"]})),
            r#"how: password, scopes: ["review"], wrong codes: 5"#
        );
    }
}
