//! The systems around a dealership: one trait, one folder per vendor, one registry.
//!
//! A connector turns a vendor's wire format into payloads and canonical records into the vendor's writes, and
//! nothing else: it holds no state, keeps no cursor, decides nothing about identity. The engine drives it.

pub mod about;
pub mod access;
pub mod adf;
pub mod connector;
pub mod error;
pub mod file_transfer;
pub mod files;
pub mod hubspot;
pub mod inventory_feed;
pub mod opentrack;
pub mod registry;
pub mod vendor_http;
pub mod xml;

pub use about::{About, Capability, FormField, FormKind, PushMode, Quota};
pub use access::{Access, NoUploads, RateBudget, TokenStore, Tokens, Unlimited, UploadedFile, Uploads};
pub use connector::{
    Change, Connector, Coverage, Cursor, Feed, FeedContext, FeedRow, Intake, LeftOut, Next, OAuth, Outcome, Outgoing,
    Page, PageAsk, Payload, Published, Pull, PullMode, Push, Pushed, Received, Reject, Sample, Step, StepOutcome,
    Verified, WebhookRefused, WebhookRequest, Webhooks,
};
pub use error::{ConnectorError, Retry};
pub use registry::{connector, connectors};
