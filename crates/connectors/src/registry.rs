//! All connectors. Adding one is its folder and one line here.

use crate::adf::Adf;
use crate::connector::Connector;
use crate::files::Files;
use crate::hubspot::HubSpot;
use crate::inventory_feed::InventoryFeed;
use crate::opentrack::OpenTrack;

// One a line, so that two new connectors do not meet.
#[rustfmt::skip]
static CONNECTORS: &[&dyn Connector] = &[
    &Adf,
    &Files,
    &HubSpot,
    &InventoryFeed,
    &OpenTrack,
];

/// All connectors, in the order of the catalogue.
#[must_use]
pub fn connectors() -> &'static [&'static dyn Connector] {
    CONNECTORS
}

/// The connector with this key.
#[must_use]
pub fn connector(key: &str) -> Option<&'static dyn Connector> {
    CONNECTORS.iter().copied().find(|connector| connector.about().key == key)
}
