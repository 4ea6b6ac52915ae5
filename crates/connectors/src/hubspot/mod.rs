//! HubSpot CRM: contacts and deals, both ways.
//!
//! Quirks kept inside this folder: an e-mail may belong to one contact only, so our own unique property
//! `driveline_id` is the key and an address that another contact has is left out; the time of the last change has
//! another name on deals; the search reaches 10,000 results and knows neither associations nor archived records;
//! batches fail item by item with a 207.
//!
//! Assumed: `phone` is the home phone (HubSpot says only "Phone number"); deal stages are those of the default
//! pipeline; `hs_email_optout` `false` is no consent, only the absence of an opt-out; consents a salesperson records
//! stand in our own properties `driveline_consent_*`; the search shows a change within five minutes.

mod api;
mod oauth;
mod properties;
mod read;
mod search;
mod setup;
mod webhooks;
mod wire;
mod write;

use crate::about::{About, Capability, FormField, FormKind, PushMode, Quota};
use crate::access::Access;
use crate::connector::{Connector, OAuth, PageAsk, Pull, PullMode, Push, Sample, Verified, Webhooks};
use async_trait::async_trait;
use domain::mapping::Mapping;
use domain::{ObjectKind, SystemRole};

/// The connector.
pub struct HubSpot;

static ABOUT: About = About {
    key: "hubspot",
    name: "HubSpot",
    role: SystemRole::Crm,
    summary: "Contacts and deals, both ways, with webhooks.",
    demands: "A HubSpot account whose super admin approves Driveline, or a private app with the scopes \
              crm.objects.contacts, crm.objects.deals and crm.schemas (read and write).",
    capabilities: &[
        Capability {
            object: ObjectKind::Customer,
            pull: true,
            push: PushMode::CreateAndUpdate,
            note: "Archived contacts are seen by webhook and by each full read.",
        },
        Capability {
            object: ObjectKind::Deal,
            pull: true,
            push: PushMode::CreateAndUpdate,
            note: "A new buyer is linked; links of former buyers stay.",
        },
    ],
    // The lowest of the vendor's tiers per app (100, 190 or 250): its headers slow us down before it has to.
    quota: Quota { calls: 100, window_ms: 10_000 },
    cents_per_call: None,
    form: &[
        FormField::url("base_url", "API address", "HubSpot's API.", "https://api.hubapi.com"),
        FormField::url(
            "authorize_url",
            "Sign-in page",
            "Where HubSpot asks you to approve Driveline.",
            "https://app.hubspot.com/oauth/authorize",
        ),
        FormField::text("api_version", "API version", "The dated version of HubSpot's CRM API.").or("2026-03"),
        FormField::text("client_id", "Client ID", "Of the HubSpot app, on its Auth page; empty for a private app.")
            .optional(),
        FormField::secret(
            "client_secret",
            "Client secret",
            "Of the HubSpot app, on its Auth page; webhooks are checked with it.",
        )
        .optional(),
        FormField::secret(
            "token",
            "Private app token",
            "Settings → Integrations → Private apps → Auth; empty where you sign in with HubSpot.",
        )
        .optional(),
        FormField::text("scopes", "Scopes", "What Driveline asks for at sign-in, separated by blanks.")
            .or("oauth crm.objects.contacts.read crm.objects.contacts.write crm.objects.deals.read \
                 crm.objects.deals.write crm.schemas.contacts.read crm.schemas.contacts.write \
                 crm.schemas.deals.read crm.schemas.deals.write")
            .of(FormKind::Text),
    ],
};

#[async_trait]
impl Connector for HubSpot {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn mapping(&self, _access: &Access, object: ObjectKind) -> Option<Mapping> {
        properties::mapping(object)
    }

    async fn verify(&self, access: &Access) -> Verified {
        let mut verified = Verified::default();
        let signed_in = verified.step("Sign in", "HubSpot knows us", oauth::bearer(access).await);
        if signed_in.is_none() {
            return verified;
        }
        let ask = PageAsk { mode: PullMode::Full, cursor: None, now: chrono::Utc::now() };
        for (object, step) in [(ObjectKind::Customer, "Read contacts"), (ObjectKind::Deal, "Read deals")] {
            let read = read::page(access, object, &ask).await;
            let said = read.as_ref().map(|page| format!("{} read", page.records.len())).unwrap_or_default();
            let Some(page) = verified.step(step, &said, read) else { return verified };
            verified.samples.push(Sample { object, payloads: page.records.into_iter().take(5).collect() });
        }
        verified
    }

    fn pull(&self, object: ObjectKind) -> Option<&dyn Pull> {
        wire::Kind::of(object).map(|_| self as &dyn Pull)
    }

    fn push(&self, object: ObjectKind) -> Option<&dyn Push> {
        wire::Kind::of(object).map(|_| self as &dyn Push)
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        Some(self)
    }

    fn oauth(&self) -> Option<&dyn OAuth> {
        Some(self)
    }
}
