//! Mappings: a connector's default, a tenant's own lines over it, versioned; saved lines re-read what has landed.

use crate::access::access_for;
use crate::connections::{connector_of, permitted};
use crate::engine::failures::reprocess_job;
use crate::error::AppError;
use crate::fields::Fields;
use crate::start::App;
use domain::mapping::{Mapping, Rule};
use domain::permission::Permission;
use domain::{ConnectionId, ObjectKind};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use store::{TenantScope, audit, credentials, object_syncs};

/// The most lines of one object.
const LINES_MAX: usize = 500;

/// What can be done about mappings.
#[derive(Clone, Copy)]
pub struct Mappings<'a>(&'a App);

impl App {
    /// Mappings.
    #[must_use]
    pub const fn mappings(&self) -> Mappings<'_> {
        Mappings(self)
    }
}

/// A mapping as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MappingShown {
    /// The object.
    pub object: ObjectKind,
    /// Version of the tenant's own lines; 0: none. Sent back when saving.
    pub version: i32,
    /// The connector's own lines.
    pub default: Vec<Rule>,
    /// The tenant's lines; a field that has some takes only these.
    pub overrides: Vec<Rule>,
    /// Both together, as they are applied.
    pub effective: Vec<Rule>,
    /// Names in payloads that no line uses, and since when.
    pub drift: BTreeMap<String, String>,
}

impl Mappings<'_> {
    /// The mapping of one object of a connection.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Store`].
    pub async fn get(
        self,
        scope: &TenantScope,
        connection: ConnectionId,
        object: ObjectKind,
    ) -> Result<MappingShown, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let held = permitted(&tx, scope, connection, Permission::ReadOperations).await?;
        let setup = object_syncs::get_one(&tx, connection, object).await?.ok_or(AppError::NotFound("mapping"))?;
        let opened = credentials::open_all(&tx, connection).await?;
        tx.commit().await?;
        let connector = connector_of(&held)?;
        let access = access_for(self.0, scope.tenant(), connector, &held, opened);
        let default = connector.mapping(&access, object).ok_or(AppError::NotFound("mapping"))?;
        Ok(show(default, setup))
    }

    /// Sets the tenant's lines, where nobody else has since `version`; landed records are read again by them.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Invalid`], [`AppError::Conflict`].
    pub async fn set(
        self,
        scope: &TenantScope,
        connection: ConnectionId,
        object: ObjectKind,
        overrides: &[Rule],
        version: i32,
    ) -> Result<MappingShown, AppError> {
        let mut fields = Fields::default();
        if overrides.len() > LINES_MAX {
            fields.wrong("overrides", format!("These are more than {LINES_MAX} lines."));
        }
        for (place, rule) in overrides.iter().enumerate() {
            if rule.to.spec().object != object {
                fields.wrong(&format!("overrides[{place}].to"), format!("This is no field of {}.", object.plural()));
            }
            if rule.from.trim().is_empty() || rule.from.len() > 500 {
                fields.wrong(&format!("overrides[{place}].from"), "Name the place in the payload.");
            }
        }
        fields.done()?;
        let tx = self.0.db().tenant(scope).await?;
        permitted(&tx, scope, connection, Permission::ManageConnections).await?;
        object_syncs::get_one(&tx, connection, object).await?.ok_or(AppError::NotFound("mapping"))?;
        let saved = object_syncs::set_overrides(&tx, connection, object, overrides, version).await?;
        let saved = saved.ok_or_else(|| AppError::from(store::StoreError::Conflict))?;
        queue::enqueue(&tx, &reprocess_job(connection, object, false)).await?;
        // The lines are kept whole: what a mapping was on a day must be known later.
        let detail = json!({ "object": object, "version": saved, "overrides": overrides });
        audit::append(&tx, "mapping.changed", "connection", &connection.to_string(), detail, self.0.now()).await?;
        tx.commit().await?;
        self.get(scope, connection, object).await
    }
}

fn show(default: Mapping, setup: object_syncs::ObjectSetup) -> MappingShown {
    let lines = default.rules.clone();
    let effective = default.overlaid(&setup.overrides, u32::try_from(setup.mapping_version).unwrap_or_default());
    MappingShown {
        object: setup.object,
        version: setup.mapping_version,
        default: lines,
        overrides: setup.overrides,
        effective: effective.rules,
        drift: setup.drift,
    }
}
