//! The catalogue of systems that can be connected, and the form each of them wants.

use connectors::about::{About, Capability, FormField, FormKind, PushMode};
use domain::{ObjectKind, SystemRole};

/// One system of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemEntry {
    /// Its key in addresses.
    pub key: &'static str,
    /// The vendor's product name.
    pub name: &'static str,
    /// The part it usually plays.
    pub role: SystemRole,
    /// One sentence.
    pub summary: &'static str,
    /// What the dealer must arrange with the vendor first; empty where nothing.
    pub demands: &'static str,
    /// What can be read from it.
    pub reads: Vec<ObjectKind>,
    /// What can be written to it.
    pub writes: Vec<ObjectKind>,
    /// What is filled in.
    pub form: Vec<EntryField>,
    /// Whether the vendor's own sign-in page is used after the form.
    pub signs_in_at_vendor: bool,
}

/// One field of the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryField {
    /// Key.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// Where to find it.
    pub help: &'static str,
    /// What is typed.
    pub kind: EntryKind,
    /// Whether it may stay empty.
    pub required: bool,
    /// What it is where nothing is typed.
    pub default: Option<&'static str>,
}

/// What is typed into a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// One line.
    Text,
    /// A credential: never shown again.
    Secret,
    /// An address of a server.
    Url,
    /// A whole number.
    Number,
    /// Several lines.
    Lines,
    /// One of these.
    Choice(Vec<&'static str>),
}

/// All systems, in the order of the catalogue.
#[must_use]
pub fn systems() -> Vec<SystemEntry> {
    connectors::registry::connectors().iter().map(|c| entry(c.about(), c.oauth().is_some())).collect()
}

/// The system with this key.
#[must_use]
pub fn system(key: &str) -> Option<SystemEntry> {
    connectors::registry::connector(key).map(|c| entry(c.about(), c.oauth().is_some()))
}

fn entry(about: &'static About, signs_in_at_vendor: bool) -> SystemEntry {
    let objects = |which: fn(&Capability) -> bool| {
        about.capabilities.iter().filter(|capability| which(capability)).map(|capability| capability.object).collect()
    };
    SystemEntry {
        key: about.key,
        name: about.name,
        role: about.role,
        summary: about.summary,
        demands: about.demands,
        reads: objects(|capability| capability.pull),
        writes: objects(|capability| capability.push != PushMode::None),
        form: about.form.iter().map(field).collect(),
        signs_in_at_vendor,
    }
}

fn field(field: &FormField) -> EntryField {
    let kind = match field.kind {
        FormKind::Text => EntryKind::Text,
        FormKind::Secret => EntryKind::Secret,
        FormKind::Url => EntryKind::Url,
        FormKind::Number => EntryKind::Number,
        FormKind::Lines => EntryKind::Lines,
        FormKind::Choice(options) => EntryKind::Choice(options.to_vec()),
    };
    EntryField {
        name: field.name,
        label: field.label,
        help: field.help,
        kind,
        required: field.required,
        default: field.default,
    }
}
