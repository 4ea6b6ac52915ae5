//! The catalogue: which systems can be connected, what each can do, what it needs.

use crate::caller::Caller;
use crate::problem::{ApiError, Problem};
use crate::wire::{ObjectName, RoleName};
use actix_web::{get, web};
use app::AppError;
use app::views::catalogue::{self, EntryField, EntryKind, SystemEntry};
use domain::{ObjectKind, SystemRole};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(get_one);
}

/// A system that can be connected.
#[derive(Serialize, ToSchema)]
pub struct ConnectorBody {
    /// Its key, for `connector` of a new connection.
    key: &'static str,
    /// The vendor's product name.
    name: &'static str,
    /// The part it usually plays.
    #[schema(value_type = RoleName)]
    role: SystemRole,
    /// One sentence.
    summary: &'static str,
    /// What you must arrange with the vendor first.
    demands: &'static str,
    /// What can be read from it.
    #[schema(value_type = Vec<ObjectName>)]
    reads: Vec<ObjectKind>,
    /// What can be written to it.
    #[schema(value_type = Vec<ObjectName>)]
    writes: Vec<ObjectKind>,
    /// Settings and credentials that a connection takes.
    form: Vec<FormFieldBody>,
    /// Whether the vendor's own sign-in page is used after the form.
    signs_in_at_vendor: bool,
}

/// A setting or credential.
#[derive(Serialize, ToSchema)]
pub struct FormFieldBody {
    /// Its name.
    name: &'static str,
    /// What people call it.
    label: &'static str,
    /// Where to find it.
    help: &'static str,
    /// text, secret (a credential: never shown again), url, number, lines, choice.
    kind: &'static str,
    /// For a choice: one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<&'static str>,
    /// Whether the connection cannot work without it.
    required: bool,
    /// What it is where nothing is given.
    default: Option<&'static str>,
}

impl From<EntryField> for FormFieldBody {
    fn from(field: EntryField) -> Self {
        let (kind, options) = match field.kind {
            EntryKind::Text => ("text", Vec::new()),
            EntryKind::Secret => ("secret", Vec::new()),
            EntryKind::Url => ("url", Vec::new()),
            EntryKind::Number => ("number", Vec::new()),
            EntryKind::Lines => ("lines", Vec::new()),
            EntryKind::Choice(options) => ("choice", options),
        };
        Self {
            name: field.name,
            label: field.label,
            help: field.help,
            kind,
            options,
            required: field.required,
            default: field.default,
        }
    }
}

impl From<SystemEntry> for ConnectorBody {
    fn from(system: SystemEntry) -> Self {
        Self {
            key: system.key,
            name: system.name,
            role: system.role,
            summary: system.summary,
            demands: system.demands,
            reads: system.reads,
            writes: system.writes,
            form: system.form.into_iter().map(FormFieldBody::from).collect(),
            signs_in_at_vendor: system.signs_in_at_vendor,
        }
    }
}

/// All systems that can be connected.
#[utoipa::path(tag = "Connectors", responses((status = 200, body = [ConnectorBody])))]
#[get("/connectors")]
pub async fn list(_caller: Caller) -> web::Json<Vec<ConnectorBody>> {
    web::Json(catalogue::systems().into_iter().map(ConnectorBody::from).collect())
}

/// One system.
#[utoipa::path(tag = "Connectors", params(("key" = String, Path)), responses(
    (status = 200, body = ConnectorBody),
    (status = 404, description = "No such system.", body = Problem),
))]
#[get("/connectors/{key}")]
pub async fn get_one(_caller: Caller, key: web::Path<String>) -> Result<web::Json<ConnectorBody>, ApiError> {
    let system = catalogue::system(&key).ok_or(AppError::NotFound("connector"))?;
    Ok(web::Json(system.into()))
}
