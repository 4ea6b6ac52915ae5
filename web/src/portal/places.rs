//! The pages that a visitor may go to by name, as the command palette offers them.

use super::Visitor;
use crate::islands::Place;
use domain::permission::Permission;

/// Every page of the sidebar and of the settings that this visitor may see.
#[must_use]
pub fn places(visitor: &Visitor) -> Vec<Place> {
    let group = |permission| visitor.may_at(None, permission);
    [
        ("Home", "/", true),
        ("Setup", "/setup", !visitor.frame.setup_done),
        ("Connections", "/connections", true),
        ("Connect a system", "/connections/new", visitor.may(Permission::ManageConnections)),
        ("Runs", "/runs", true),
        ("Records", "/records", true),
        ("Duplicates", "/duplicates", true),
        ("Failures", "/failures", true),
        ("Rooftops", "/settings/rooftops", true),
        ("Team", "/settings/team", visitor.may(Permission::ManagePeople)),
        ("API keys", "/settings/keys", group(Permission::ManageKeys)),
        ("Audit trail", "/settings/audit", group(Permission::ReadAudit)),
        ("Your sign-in", "/settings/security", true),
        ("Your sessions", "/settings/sessions", true),
    ]
    .into_iter()
    .filter(|(_, _, may)| *may)
    .map(|(name, href, _)| Place { name: name.to_owned(), href: href.to_owned() })
    .collect()
}
