//! What a connector says of itself: objects and directions, limits, what the vendor demands first, the form to fill.

use domain::{ObjectKind, SystemRole};
use serde::Serialize;

/// What a connector can do and needs (C14).
#[derive(Debug, Serialize)]
pub struct About {
    /// Stable key in the API and in the database, the folder's name.
    pub key: &'static str,
    /// The vendor's product name.
    pub name: &'static str,
    /// The part this system plays unless the connection says otherwise.
    pub role: SystemRole,
    /// One sentence for the catalogue.
    pub summary: &'static str,
    /// What the dealer must arrange with the vendor first.
    pub demands: &'static str,
    /// Per object: what can be read and written.
    pub capabilities: &'static [Capability],
    /// The vendor's real quota per connection.
    pub quota: Quota,
    /// US cents per call, where the vendor bills calls.
    pub cents_per_call: Option<f32>,
    /// What the dealer fills in: settings, and credentials (`FormKind::Secret`).
    pub form: &'static [FormField],
}

impl About {
    /// What it can do with an object.
    #[must_use]
    pub fn capability(&self, object: ObjectKind) -> Option<&'static Capability> {
        self.capabilities.iter().find(|capability| capability.object == object)
    }
}

/// What a connector can do with one object.
#[derive(Debug, Serialize)]
pub struct Capability {
    /// The object.
    pub object: ObjectKind,
    /// Whether it can be read.
    pub pull: bool,
    /// Whether and how it can be written.
    pub push: PushMode,
    /// A limit worth knowing, or empty.
    pub note: &'static str,
}

/// How an object is written to a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PushMode {
    /// Not at all.
    None,
    /// Only what the system already has is brought up to date, unless the connection asks for more.
    UpdateOnly,
    /// Missing ones are created, after a search.
    CreateAndUpdate,
    /// As a file or document that holds everything.
    Feed,
}

/// So many calls in so many milliseconds, for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// Calls per window.
    pub calls: u32,
    /// The window in milliseconds.
    pub window_ms: u32,
}

/// One field of the connect form.
#[derive(Debug, Serialize)]
pub struct FormField {
    /// Key in settings or credentials.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// Where to find it, one sentence.
    pub help: &'static str,
    /// What is typed.
    pub kind: FormKind,
    /// Whether the connection cannot work without it.
    pub required: bool,
    /// Used where nothing is given; hosts and versions live here, never deeper in code.
    pub default: Option<&'static str>,
}

/// What is typed into a form field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FormKind {
    /// One line.
    Text,
    /// A credential: sealed, never shown again.
    Secret,
    /// An address of a server.
    Url,
    /// A whole number.
    Number,
    /// Several lines, such as a column layout or a private key's public part.
    Lines,
    /// One of these.
    Choice(&'static [&'static str]),
}

impl FormField {
    /// A required line of text.
    #[must_use]
    pub const fn text(name: &'static str, label: &'static str, help: &'static str) -> Self {
        Self { name, label, help, kind: FormKind::Text, required: true, default: None }
    }

    /// A required credential.
    #[must_use]
    pub const fn secret(name: &'static str, label: &'static str, help: &'static str) -> Self {
        Self { name, label, help, kind: FormKind::Secret, required: true, default: None }
    }

    /// A server's address with the vendor's usual one.
    #[must_use]
    pub const fn url(name: &'static str, label: &'static str, help: &'static str, default: &'static str) -> Self {
        Self { name, label, help, kind: FormKind::Url, required: true, default: Some(default) }
    }

    /// The same field, not required.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    /// The same field with a default.
    #[must_use]
    pub const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// The same field of another kind.
    #[must_use]
    pub const fn of(self, kind: FormKind) -> Self {
        Self { kind, ..self }
    }
}
