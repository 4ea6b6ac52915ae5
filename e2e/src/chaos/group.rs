//! The dealer group that is synced while things break: three rooftops with a DMS each, one CRM, leads from the web.

use crate::api::{Account, Api, Described};
use crate::sandbox::Sandbox;
use crate::standing::text;
use anyhow::Context;
use serde_json::{Value as Json, json};
use simulators::population::Rooftop;

/// Where the rooftops are.
const TIME_ZONE: &str = "America/New_York";
/// The owner's password.
const PASSWORD: &str = "nine quiet blue doors";

/// A group, connected and tested; nothing has synced yet.
#[derive(Clone)]
pub struct Group {
    /// Its owner, signed in.
    pub api: Api,
    /// Per rooftop: the DMS's company number, and the connection.
    pub dms: Vec<(String, String)>,
    /// The CRM's connection.
    pub crm: String,
    /// The connection that leads come in by.
    pub leads: String,
    /// Where leads are sent.
    pub hook: String,
}

impl Group {
    /// Signs up and connects the systems. What flows is what the DMS says, to the CRM; the DMS is not written to.
    ///
    /// # Errors
    /// Where the product refuses a step, with its words.
    pub async fn found(mut api: Api, sandbox: &Sandbox, name: &str, rooftops: &[Rooftop]) -> anyhow::Result<Self> {
        let account = Account {
            email: format!("owner@{}.test", name.to_lowercase().replace(' ', "-")),
            password: PASSWORD.to_owned(),
        };
        api.sign_up(&account, "Chris Owner", name).await.context("signing up")?;
        let mut group = Self { api, dms: Vec::new(), crm: String::new(), leads: String::new(), hook: String::new() };
        for rooftop in rooftops {
            let id = group.add_rooftop(rooftop).await?;
            let values = json!({
                "enterprise_code": rooftop.enterprise_code,
                "company_number": rooftop.company_number,
                "user": simulators::opentrack::USER,
                "password": simulators::opentrack::PASSWORD,
                "base_url": sandbox.vendor("opentrack"),
                "repair_order_lines": "no",
            });
            let name = format!("DMS {}", rooftop.name);
            let system = Described { connector: "opentrack", name: &name, rooftop: Some(&id), values: &values };
            let dms = group.api.draft(&system).await?;
            // Before it is tested: what is written to is read as soon as it is active, and each has its turn here.
            group.api.let_flow(&dms, "customer", true, "none").await?;
            group.api.test(&dms).await?;
            group.dms.push((rooftop.company_number.clone(), dms));
        }
        // Rules alone decide who is who: what a model learns depends on when it was asked to, and blows move that.
        let rules = json!({
            "email": "join", "phone": "join", "address": "join", "across_rooftops": true,
            "auto": 0.999_999_9, "review": 0.999_999_9,
        });
        group.api.put("/matching/rules", &rules).await?;
        let values = json!({"base_url": sandbox.vendor("hubspot"), "token": simulators::hubspot::PRIVATE_TOKEN});
        group.crm = group.connect("HubSpot", "hubspot", None, &values).await?;
        group.leads = group.connect("Web leads", "adf", None, &json!({"deliver_by": "no"})).await?;
        let shown = group.api.get(&format!("/connections/{}", group.leads)).await?;
        group.hook = text(&shown, "ingress_url")?;
        Ok(group)
    }

    async fn add_rooftop(&self, rooftop: &Rooftop) -> anyhow::Result<String> {
        let address = &rooftop.address;
        let ask = json!({
            "name": rooftop.name, "code": rooftop.code, "time_zone": TIME_ZONE, "phone": rooftop.phone,
            "street": address.street, "city": address.city, "state": address.state, "zip": address.zip,
        });
        text(&self.api.post("/rooftops", &ask).await?, "id")
    }

    async fn connect(
        &self,
        name: &str,
        connector: &str,
        rooftop: Option<&str>,
        values: &Json,
    ) -> anyhow::Result<String> {
        self.api.connect(&Described { connector, name, rooftop, values }).await
    }

    /// The connections in the order in which they are read first: the CRM, then one rooftop after another, so that who
    /// was known first does not depend on which process died when.
    #[must_use]
    pub fn stages(&self) -> Vec<String> {
        std::iter::once(self.crm.clone()).chain(self.dms.iter().map(|(_, connection)| connection.clone())).collect()
    }

    /// Leaves the simulated systems alone from now on: they are made anew for somebody else.
    ///
    /// # Errors
    /// Where the product refuses.
    pub async fn retire(&self) -> anyhow::Result<()> {
        for connection in self.stages().iter().chain([&self.leads]) {
            self.api.post(&format!("/connections/{connection}/pause"), &json!({})).await?;
        }
        Ok(())
    }
}
