//! Dealertrack DMS by OpenTrack (SOAP, 2013): customers both ways; vehicles owned, inventory and repair orders read.
//!
//! Quirks kept inside this folder: two SOAP services with two envelopes; errors inside normal replies; `0` for
//! nothing; a search that leaves out the contact flags; CustomerAdd only with the token of a search before it; one
//! field for surnames, suffixes and companies; no operation that reads deals or deletes anything.
//!
//! The vendor's CustomerList would bring everything at once, but it is open from 08:00 to 10:00 UTC only and its answer
//! has no bounds, so customers are searched in windows of time instead.
//!
//! Payloads carry three names beside the vendor's own, all with `@`: `@surname` and `@suffix` or `@company` (what
//! LastName means), and `@element` (whether an RO came as an open or a closed one).
//!
//! Assumed: every customer has a creation time; windows include both ends; both windows of a search are in UTC; who is
//! not found among those that refused a channel may be contacted; each answer's DataToken is its own; dates of
//! VehicleSearch are `yyyyMMdd`; VehicleInventory without dates gives the whole lot, sold vehicles with status `S`
//! or not at all; stock status is `I` in stock, `T` or `O` on the way, `H` held, `S` or `C` sold; CustomerUpdate names
//! its customer by CustomerNumber and leaves alone what it does not name; a customer that does not exist gives an empty
//! reply; there is no published quota, so calls are few at a time.

mod customers;
mod mapping;
mod orders;
mod soap;
mod vehicles;
mod walk;
mod write;

use crate::about::{About, Capability, FormField, FormKind, PushMode, Quota};
use crate::access::Access;
use crate::connector::{Connector, Outgoing, Page, PageAsk, Payload, Pull, PullMode, Push, Pushed, Sample, Verified};
use crate::error::ConnectorError;
use async_trait::async_trait;
use domain::mapping::Mapping;
use domain::{Field, ObjectKind, SystemRole};
use soap::Dealer;

/// The connector.
pub struct OpenTrack;

static ABOUT: About = About {
    key: "opentrack",
    name: "Dealertrack OpenTrack",
    role: SystemRole::Dms,
    summary: "Dealertrack DMS: customers both ways, vehicles, inventory and repair orders in.",
    demands: "Dealertrack must certify Driveline as an OpenTrack vendor, and the dealer grants the vendor access for \
              each company number in Dealertrack DMS.",
    capabilities: &[
        Capability {
            object: ObjectKind::Customer,
            pull: true,
            // A prospect becomes a customer of the DMS with a deal, not by being known elsewhere.
            push: PushMode::UpdateOnly,
            note: "Customers who are not in the DMS are created only where you ask for it; none can be deleted.",
        },
        Capability {
            object: ObjectKind::Vehicle,
            pull: true,
            push: PushMode::None,
            note: "Changes are seen by service visit and delivery; others by the full read.",
        },
        Capability {
            object: ObjectKind::Inventory,
            pull: true,
            push: PushMode::None,
            note: "The whole lot with every read; photos and MSRP are not in it.",
        },
        Capability {
            object: ObjectKind::RepairOrder,
            pull: true,
            push: PushMode::None,
            note: "Lines of closed repair orders cost one call each.",
        },
        Capability {
            object: ObjectKind::Deal,
            pull: false,
            push: PushMode::None,
            note: "OpenTrack documents no operation for deals: bring them in by file.",
        },
    ],
    quota: Quota { calls: 100, window_ms: 1_000 },
    cents_per_call: None,
    form: &[
        FormField::text("enterprise_code", "Enterprise code", "Of your group in Dealertrack DMS, such as ZE."),
        FormField::text("company_number", "Company number", "Of this dealership in Dealertrack DMS, such as ZE7."),
        FormField::text("server_name", "Server name", "Only where Dealertrack gave you one.").optional(),
        FormField::secret("user", "User name", "Of the OpenTrack vendor account."),
        FormField::secret("password", "Password", "Of the OpenTrack vendor account."),
        FormField::url("base_url", "Server", "Dealertrack's OpenTrack server.", "https://ot.dms.dealertrack.com"),
        FormField::text("star_path", "Message service", "Path of the STAR service.").or("WebService.asmx"),
        FormField::text("service_path", "Repair order service", "Path of the direct service.").or("ServiceAPI.asmx"),
        FormField::text(
            "customer_detail",
            "Customer fields",
            "Every field (birthday, driver licence) costs one call per customer.",
        )
        .or("search result")
        .of(FormKind::Choice(&["search result", "every field"])),
        FormField::text("repair_order_lines", "RO lines", "Lines cost one call per closed repair order.")
            .or("yes")
            .of(FormKind::Choice(&["yes", "no"])),
    ],
};

#[async_trait]
impl Connector for OpenTrack {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn mapping(&self, _access: &Access, object: ObjectKind) -> Option<Mapping> {
        mapping::of(object)
    }

    async fn verify(&self, access: &Access) -> Verified {
        let mut verified = Verified::default();
        if verified.step("Settings", "complete", Dealer::of(access).map(|_| ())).is_none() {
            return verified;
        }
        let ask = PageAsk { mode: PullMode::Full, cursor: None, now: chrono::Utc::now() };
        let steps = [
            (ObjectKind::Inventory, "Sign in and read inventory"),
            (ObjectKind::Customer, "Read customers"),
            (ObjectKind::Vehicle, "Read vehicles"),
            (ObjectKind::RepairOrder, "Read repair orders"),
        ];
        for (object, name) in steps {
            let read = self.page(access, object, &ask).await;
            let said = read.as_ref().map(|page| format!("{} read", page.records.len())).unwrap_or_default();
            let Some(page) = verified.step(name, &said, read) else { return verified };
            verified.samples.push(Sample { object, payloads: page.records.into_iter().take(5).collect() });
        }
        verified
    }

    fn pull(&self, object: ObjectKind) -> Option<&dyn Pull> {
        mapping::of(object).map(|_| self as &dyn Pull)
    }

    fn push(&self, object: ObjectKind) -> Option<&dyn Push> {
        (object == ObjectKind::Customer).then_some(self as &dyn Push)
    }
}

fn not_read(object: ObjectKind) -> ConnectorError {
    ConnectorError::refused("not_read", &format!("OpenTrack has no {}", object.plural()))
}

#[async_trait]
impl Pull for OpenTrack {
    async fn page(&self, access: &Access, object: ObjectKind, ask: &PageAsk) -> Result<Page, ConnectorError> {
        match object {
            ObjectKind::Customer => customers::page(access, ask).await,
            ObjectKind::Vehicle => vehicles::page(access, ask).await,
            ObjectKind::Inventory => vehicles::lot_page(access, ask).await,
            ObjectKind::RepairOrder => orders::page(access, ask).await,
            ObjectKind::Deal | ObjectKind::Lead => Err(not_read(object)),
        }
    }

    async fn one(
        &self,
        access: &Access,
        object: ObjectKind,
        external_id: &str,
    ) -> Result<Option<Payload>, ConnectorError> {
        match object {
            ObjectKind::Customer => customers::one(access, external_id).await,
            ObjectKind::Vehicle => vehicles::one(access, external_id).await,
            ObjectKind::Inventory => vehicles::lot_one(access, external_id).await,
            ObjectKind::RepairOrder => orders::one(access, external_id).await,
            ObjectKind::Deal | ObjectKind::Lead => Err(not_read(object)),
        }
    }
}

#[async_trait]
impl Push for OpenTrack {
    fn batch_max(&self) -> usize {
        write::BATCH_MAX
    }

    fn fields(&self, object: ObjectKind) -> &'static [Field] {
        if object == ObjectKind::Customer { write::FIELDS } else { &[] }
    }

    async fn push(
        &self,
        access: &Access,
        object: ObjectKind,
        batch: &[Outgoing],
    ) -> Result<Vec<Pushed>, ConnectorError> {
        if object != ObjectKind::Customer {
            return Err(not_read(object));
        }
        write::push(access, batch).await
    }
}
