//! The audit trail, page by page, taken out as a table, and whether it still holds together.

use crate::error::AppError;
use crate::fields::{Fields, invalid};
use crate::sheet::cell;
use crate::start::App;
use domain::UserId;
use domain::permission::Permission;
use serde_json::json;
use std::collections::HashMap;
pub use store::audit::{AuditEntry, Filter};
use store::{TenantScope, api_keys, audit, people};
use uuid::Uuid;

/// An export holds at most so many entries; of more, a part is asked for.
pub const EXPORT_ENTRIES_MAX: usize = 50_000;
/// Entries that are read at a time.
const EXPORT_PAGE: u32 = 1_000;

/// What can be done with the audit trail.
#[derive(Clone, Copy)]
pub struct AuditTrail<'a>(&'a App);

impl App {
    /// The audit trail.
    #[must_use]
    pub const fn audit_trail(&self) -> AuditTrail<'_> {
        AuditTrail(self)
    }
}

/// Who acts in a trail, by id: people by name, keys by theirs.
pub(crate) struct Names {
    people: HashMap<Uuid, String>,
    keys: HashMap<Uuid, String>,
}

impl Names {
    /// Who an entry names, in words.
    pub(crate) fn of(&self, kind: &str, id: Option<Uuid>) -> String {
        match kind {
            "person" => {
                id.and_then(|id| self.people.get(&id).cloned()).unwrap_or_else(|| "Somebody who left".to_owned())
            }
            "api_key" => id
                .and_then(|id| self.keys.get(&id))
                .map_or_else(|| "An API key".to_owned(), |key| format!("API key {key}")),
            _ => "Driveline".to_owned(),
        }
    }

    /// What a person or key is called where its kind is said beside it.
    pub(crate) fn bare(&self, id: Uuid) -> Option<String> {
        self.people.get(&id).or_else(|| self.keys.get(&id)).cloned()
    }

    /// The name of a person or key, where it is known.
    pub(crate) fn of_id(&self, id: Uuid) -> Option<String> {
        let key = || self.keys.get(&id).map(|key| format!("API key {key}"));
        self.people.get(&id).cloned().or_else(key)
    }
}

/// Postgres takes no text with the character zero in it.
fn readable(filter: &Filter) -> Result<(), AppError> {
    let Filter { actor_kind, actor: _, action, subject_kind, subject, from: _, until: _ } = filter;
    let mut fields = Fields::default();
    for (name, text) in
        [("actor_kind", actor_kind), ("action", action), ("subject_kind", subject_kind), ("subject", subject)]
    {
        fields.optional(name, text.as_deref().unwrap_or_default(), 200);
    }
    fields.done()
}

impl AuditTrail<'_> {
    /// A page, newest first, before `before` where given.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn page(
        self,
        scope: &TenantScope,
        filter: &Filter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, AppError> {
        scope.require_at(None, Permission::ReadAudit)?;
        readable(filter)?;
        let tx = self.0.db().tenant(scope).await?;
        let page = audit::page(&tx, filter, before, limit).await?;
        tx.commit().await?;
        Ok(page)
    }

    /// The names behind these ids.
    pub(crate) async fn names(self, scope: &TenantScope, ids: &[Uuid]) -> Result<Names, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let keys = api_keys::list(&tx).await?.into_iter().map(|key| (key.id.0, key.name)).collect();
        tx.commit().await?;
        let people: Vec<UserId> = ids.iter().copied().map(UserId).collect();
        let tx = self.0.db().platform().await?;
        let people = people::by_ids(&tx, &people).await?.into_iter().map(|person| (person.id.0, person.name)).collect();
        tx.commit().await?;
        Ok(Names { people, keys })
    }

    /// Everything that matches as CSV, newest first; the export is itself an entry, written with it.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Invalid`] where more than [`EXPORT_ENTRIES_MAX`] match, [`AppError::Store`].
    pub async fn export(self, scope: &TenantScope, filter: &Filter) -> Result<Vec<u8>, AppError> {
        scope.require_at(None, Permission::ReadAudit)?;
        scope.require_at(None, Permission::Export)?;
        readable(filter)?;
        let tx = self.0.db().tenant(scope).await?;
        let mut entries: Vec<AuditEntry> = Vec::new();
        loop {
            let before = entries.last().map(|entry| entry.seq);
            let page = audit::page(&tx, filter, before, EXPORT_PAGE).await?;
            let is_last = u32::try_from(page.len()).is_ok_and(|length| length < EXPORT_PAGE);
            entries.extend(page);
            if entries.len() > EXPORT_ENTRIES_MAX {
                let said = format!("More than {EXPORT_ENTRIES_MAX} entries match; choose a shorter time.");
                return Err(invalid("from", said));
            }
            if is_last {
                break;
            }
        }
        let mut ids: Vec<Uuid> = entries.iter().filter_map(|entry| entry.actor_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let table = written(&entries, &self.names(scope, &ids).await?)?;
        let detail = json!({ "entries": entries.len(), "filter": filter });
        audit::append(&tx, "audit.exported", "audit", "", detail, self.0.now()).await?;
        tx.commit().await?;
        Ok(table)
    }

    /// Whether every entry still follows from the one before; the place of the first that does not.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn first_broken(self, scope: &TenantScope) -> Result<Option<i64>, AppError> {
        scope.require_at(None, Permission::ReadAudit)?;
        let tx = self.0.db().tenant(scope).await?;
        let broken = audit::first_broken(&tx).await?;
        tx.commit().await?;
        Ok(broken)
    }
}

const HEADS: [&str; 10] =
    ["No.", "Time (UTC)", "Who", "Kind of who", "Id of who", "Action", "Of what", "Id of what", "More", "Hash"];

fn written(entries: &[AuditEntry], names: &Names) -> Result<Vec<u8>, AppError> {
    let broken = |error: csv::Error| AppError::broken("writing a table", error);
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(HEADS).map_err(broken)?;
    for entry in entries {
        let row = [
            entry.seq.to_string(),
            entry.at.to_rfc3339(),
            names.of(&entry.actor_kind, entry.actor_id),
            entry.actor_kind.clone(),
            entry.actor_id.map(|id| id.to_string()).unwrap_or_default(),
            entry.action.clone(),
            entry.subject_kind.clone(),
            entry.subject_id.clone(),
            entry.detail.to_string(),
            hex::encode(&entry.hash),
        ];
        table.write_record(row.iter().map(|text| cell(text).into_owned())).map_err(broken)?;
    }
    table.into_inner().map_err(|error| AppError::broken("writing a table", error.into_error()))
}
