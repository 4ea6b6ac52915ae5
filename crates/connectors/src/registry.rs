//! All connectors. Adding one is its folder and one line here.

use crate::connector::Connector;

static CONNECTORS: &[&dyn Connector] = &[];

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
