//! Bodies that several routes share.

use chrono::{DateTime, Utc};
use domain::ObjectKind;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The kinds of object, as the document lists them; values are `domain::ObjectKind`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ObjectName {
    /// A person or company.
    Customer,
    /// A vehicle that a customer owns.
    Vehicle,
    /// A vehicle for sale.
    Inventory,
    /// A sale.
    Deal,
    /// A visit to the workshop.
    RepairOrder,
    /// Somebody's interest.
    Lead,
}

/// The parts that a system plays, as the document lists them; values are `domain::SystemRole`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum RoleName {
    /// Dealer management system.
    Dms,
    /// Customer relations.
    Crm,
    /// Website, lead sources and inventory feeds.
    Website,
    /// Marketing automation.
    Marketing,
    /// Phone and SMS.
    Phone,
    /// Finance and contracting.
    Finance,
    /// Anything else.
    Other,
}

/// Made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Made {
    /// Its id.
    pub id: Uuid,
}

/// Which object of which connection failed how often: a cause of failures.
#[derive(Debug, Serialize, ToSchema)]
pub struct CauseBody {
    /// Connection.
    pub connection: Uuid,
    /// Its name.
    pub connection_name: String,
    /// Object, where it is about one.
    #[schema(value_type = Option<ObjectName>)]
    pub object: Option<ObjectKind>,
    /// Stable code.
    pub code: String,
    /// What we were doing.
    pub doing: String,
    /// The other side's words, redacted, of the newest.
    pub said: String,
    /// Who must act: dealer, driveline, vendor.
    #[schema(value_type = String)]
    pub fault: domain::Fault,
    /// retrying, needs_you.
    #[schema(value_type = String)]
    pub next: domain::NextStep,
    /// What to do.
    pub fix: String,
    /// How many records or calls.
    pub count: u64,
    /// Since when.
    pub first_at: DateTime<Utc>,
    /// Until when.
    pub last_at: DateTime<Utc>,
}

impl From<app::views::failure::Cause> for CauseBody {
    fn from(cause: app::views::failure::Cause) -> Self {
        Self {
            connection: cause.connection.0,
            connection_name: cause.connection_name,
            object: cause.object,
            code: cause.code,
            doing: cause.doing,
            said: cause.said,
            fault: cause.fault,
            next: cause.next,
            fix: cause.fix,
            count: cause.count,
            first_at: cause.first_at,
            last_at: cause.last_at,
        }
    }
}
