//! The account's own properties: made the first time HubSpot says that it does not know them.

use super::api;
use super::properties::{OWN_ID, own};
use super::wire::Kind;
use crate::access::Access;
use crate::error::ConnectorError;
use crate::vendor_http::{Answer, Effect};
use serde_json::{Value as Json, json};

/// Whether an answer says that a property of ours is not there.
pub fn is_wanted(answer: &Answer) -> bool {
    if answer.status.as_u16() != 400 {
        return false;
    }
    let body = String::from_utf8_lossy(&answer.body);
    body.contains("driveline_") && (body.contains("PROPERTY_DOESNT_EXIST") || body.contains("does not exist"))
}

/// Makes the properties that are missing. Runs twice safely.
pub async fn make_properties(access: &Access, kind: Kind) -> Result<(), ConnectorError> {
    for name in own(kind) {
        let object = match kind {
            Kind::Contacts => "contacts",
            Kind::Deals => "deals",
        };
        let answer =
            api::post(access, Effect::Writes, format!("/crm/v3/properties/{object}"), &definition(kind, name)).await?;
        match answer.status.as_u16() {
            // 409: it is there already.
            200..=299 | 409 => {}
            _ => return Err(api::refused(&answer)),
        }
    }
    Ok(())
}

fn definition(kind: Kind, name: &str) -> Json {
    let group = match kind {
        Kind::Contacts => "contactinformation",
        Kind::Deals => "dealinformation",
    };
    let label: String = name.trim_start_matches("driveline_").replace('_', " ");
    let mut definition = json!({
        "name": name,
        "label": format!("Driveline {label}"),
        "groupName": group,
        "type": "string",
        "fieldType": "text",
    });
    if let (true, Some(definition)) = (name == OWN_ID, definition.as_object_mut()) {
        definition.insert("hasUniqueValue".to_owned(), json!(true));
    }
    definition
}
