//! Inventory to the web: a website's JSON inventory API, the Google vehicle-listings file, or a CSV file of the dealer's
//! own layout. Which of them is a setting.
//!
//! Sold, removed, held and unpublished vehicles are in none of them.
//!
//! Assumed: the JSON API is the plainest there is (`PUT`, `DELETE` and `GET` of `/vehicles/{key}`, bearer key,
//! `Idempotency-Key`, `If-Match: *` for "only where it is there"); a vehicle in transit is for sale; Google takes
//! mileage as a number and `miles`.

mod delivery;
mod google;
mod json_api;
mod template;
mod vehicle;

pub use google::HEADER as GOOGLE_HEADER;

use crate::about::{About, Capability, FormField, FormKind, PushMode, Quota};
use crate::access::Access;
use crate::connector::{Connector, Feed, FeedRow, Outgoing, Published, Push, Pushed, Verified};
use crate::error::ConnectorError;
use async_trait::async_trait;
use domain::mapping::Mapping;
use domain::{Field, ObjectKind, SystemRole};
use std::collections::BTreeMap;

/// The connector.
pub struct InventoryFeed;

/// How vehicles reach the web.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    /// Vehicle by vehicle over a website's API.
    JsonApi,
    /// One file in Google's layout.
    Google,
    /// One file in the dealer's layout.
    CsvTemplate,
}

impl Channel {
    const NAMES: [&str; 3] = ["json_api", "google", "csv_template"];

    fn of(settings: &BTreeMap<String, String>) -> Result<Self, ConnectorError> {
        match settings.get("channel").map_or("json_api", |name| name.trim()) {
            "json_api" => Ok(Self::JsonApi),
            "google" => Ok(Self::Google),
            "csv_template" => Ok(Self::CsvTemplate),
            _ => Err(ConnectorError::Misconfigured {
                setting: "channel",
                said: format!("use one of {}", Self::NAMES.join(", ")),
            }),
        }
    }
}

static ABOUT: About = About {
    key: "inventory_feed",
    name: "Website inventory",
    role: SystemRole::Website,
    summary: "Vehicles for sale to a website's inventory API, to Google vehicle listings or to any listing site by CSV.",
    demands: "The website's API key, or an SFTP account at the listing site.",
    capabilities: &[Capability {
        object: ObjectKind::Inventory,
        pull: false,
        push: PushMode::Feed,
        note: "The JSON API takes vehicles one by one; the files hold all vehicles every time.",
    }],
    quota: Quota { calls: 50, window_ms: 1_000 },
    cents_per_call: None,
    form: &[
        FormField::text("channel", "Channel", "How the site takes vehicles.")
            .or("json_api")
            .of(FormKind::Choice(&Channel::NAMES)),
        FormField::text("base_url", "API address", "The website's inventory API; `/vehicles/…` is added.")
            .of(FormKind::Url)
            .optional(),
        FormField::secret("api_key", "API key", "Of the website's inventory API.").optional(),
        FormField::text("vehicle_key", "Vehicle key", "What the website calls a vehicle by.")
            .or("vin")
            .of(FormKind::Choice(&["vin", "stock_number"])),
        FormField::text("host", "SFTP server", "Where the file goes; without it no file can be sent.").optional(),
        FormField::text("port", "SFTP port", "Usually 22.").or("22").of(FormKind::Number),
        FormField::text("user", "SFTP user", "Of the listing site's account.").optional(),
        FormField::secret("password", "SFTP password", "Leave empty where a key is used.").optional(),
        FormField::secret("private_key", "SFTP private key", "In OpenSSH form.").of(FormKind::Lines).optional(),
        FormField::secret("passphrase", "Passphrase of the key", "Where the key is locked.").optional(),
        FormField::text("host_key", "Server's key", "Its fingerprint, SHA256:…; empty accepts any.").optional(),
        FormField::text("folder", "Folder", "Where in the account the file goes.").optional(),
        FormField::text("file_name", "File name", "Of the CSV file, as the listing site expects it.")
            .or("inventory.csv"),
        FormField::text("packing", "Packing", "Google takes zip; most listing sites take the plain file.")
            .or("by_channel")
            .of(FormKind::Choice(&["by_channel", "none", "zip"])),
        FormField::text("legal_disclaimer", "Legal disclaimer", "Shown with each vehicle on Google.").optional(),
        FormField::text("columns", "Columns", "One `Header = {field}` a line, in the order of the file.")
            .or(template::DEFAULT)
            .of(FormKind::Lines),
    ],
};

#[async_trait]
impl Connector for InventoryFeed {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn mapping(&self, _access: &Access, _object: ObjectKind) -> Option<Mapping> {
        None
    }

    fn push_mode(&self, settings: &BTreeMap<String, String>, object: ObjectKind) -> PushMode {
        match (object, Channel::of(settings)) {
            (ObjectKind::Inventory, Ok(Channel::JsonApi)) => PushMode::CreateAndUpdate,
            (ObjectKind::Inventory, Ok(Channel::Google | Channel::CsvTemplate)) => PushMode::Feed,
            (ObjectKind::Inventory, Err(_))
            | (
                ObjectKind::Customer
                | ObjectKind::Vehicle
                | ObjectKind::Deal
                | ObjectKind::RepairOrder
                | ObjectKind::Lead,
                _,
            ) => PushMode::None,
        }
    }

    async fn verify(&self, access: &Access) -> Verified {
        let mut verified = Verified::default();
        let Some(channel) = verified.step("Channel", "the channel is known", Channel::of(&access.settings)) else {
            return verified;
        };
        match channel {
            Channel::JsonApi => json_api::verify(access, &mut verified).await,
            Channel::Google => delivery::verify(access, &mut verified).await,
            Channel::CsvTemplate => {
                let columns = template::read(access).map(drop);
                if verified.step("Columns", "every column can be filled", columns).is_some() {
                    delivery::verify(access, &mut verified).await;
                }
            }
        }
        verified
    }

    fn push(&self, object: ObjectKind) -> Option<&dyn Push> {
        (object == ObjectKind::Inventory).then_some(self as &dyn Push)
    }

    fn feed(&self, object: ObjectKind) -> Option<&dyn Feed> {
        (object == ObjectKind::Inventory).then_some(self as &dyn Feed)
    }
}

#[async_trait]
impl Push for InventoryFeed {
    fn batch_max(&self) -> usize {
        50
    }

    fn fields(&self, object: ObjectKind) -> &'static [Field] {
        if object == ObjectKind::Inventory { &vehicle::FIELDS } else { &[] }
    }

    async fn push(
        &self,
        access: &Access,
        _object: ObjectKind,
        batch: &[Outgoing],
    ) -> Result<Vec<Pushed>, ConnectorError> {
        match Channel::of(&access.settings)? {
            Channel::JsonApi => json_api::push(access, batch).await,
            Channel::Google | Channel::CsvTemplate => Err(ConnectorError::Misconfigured {
                setting: "channel",
                said: "this channel takes the whole inventory as one file, not single vehicles".to_owned(),
            }),
        }
    }
}

#[async_trait]
impl Feed for InventoryFeed {
    fn fields(&self, object: ObjectKind) -> &'static [Field] {
        if object == ObjectKind::Inventory { &vehicle::FIELDS } else { &[] }
    }

    async fn publish(&self, access: &Access, rows: &[FeedRow]) -> Result<Published, ConnectorError> {
        let built = match Channel::of(&access.settings)? {
            Channel::JsonApi => {
                return Err(ConnectorError::Misconfigured {
                    setting: "channel",
                    said: "this channel takes single vehicles, not a file".to_owned(),
                });
            }
            Channel::Google => google::build(rows, access.optional("legal_disclaimer").unwrap_or_default())?,
            Channel::CsvTemplate => template::build(rows, &template::read(access)?)?,
        };
        let zips = match (access.optional("packing"), Channel::of(&access.settings)?) {
            (Some("zip"), _) | (Some("by_channel") | None, Channel::Google) => true,
            (Some(_) | None, _) => false,
        };
        let size_bytes = delivery::deliver(access, built.csv, zips).await?;
        Ok(Published { rows: built.rows, size_bytes, left_out: built.left_out })
    }
}

/// A file before it is delivered.
struct Built {
    csv: Vec<u8>,
    rows: usize,
    left_out: Vec<crate::connector::LeftOut>,
}
