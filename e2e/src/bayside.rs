//! The demo group, made as its owner makes it: by signing up, adding rooftops, and connecting one system after another.

use crate::api::{Account, Api, Described};
use crate::sandbox::Sandbox;
use crate::standing::{text, until_settled};
use anyhow::Context as _;
use serde_json::{Value as Json, json};
use simulators::population::{Population, Rooftop, Table, bayside, write_table};
use std::time::Duration;

/// The group's name.
pub const GROUP: &str = "Bayside Auto Group";
/// The owner's name.
const OWNER: &str = "Anna Perez";
/// Without any movement for so long, the first read of the CRM is stuck.
const STILL_MAX: Duration = Duration::from_secs(60);
/// The rooftops' time zone.
const TIME_ZONE: &str = "America/New_York";
/// The newest leads of the population reach the group while somebody looks; a website has seen the others long ago.
const LEADS_MAX: usize = 200;

/// Who signs in to the demo group.
#[must_use]
pub fn owner() -> Account {
    Account { email: "anna@bayside.test".to_owned(), password: "four tall green hats".to_owned() }
}

/// A connection of the group.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The system.
    pub system: System,
}

/// What is behind a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// The DMS of one rooftop, by its company number there.
    Dms {
        /// Company number.
        company: String,
    },
    /// Deals, exported from the DMS as a file, because its interface has none.
    DealFiles,
    /// The CRM of the group.
    Crm,
    /// The website's inventory.
    Website,
    /// Leads from the web.
    Leads,
}

/// The group with its connections.
pub struct Bayside {
    /// The owner, signed in.
    pub api: Api,
    /// Its connections, in the order in which they were made.
    pub connections: Vec<Connection>,
    /// What is behind it all.
    pub population: Population,
}

impl Bayside {
    /// Signs up and connects everything. Every connection is tested; none has synced yet.
    ///
    /// # Errors
    /// Where the product refuses a step, with its words.
    pub async fn found(mut api: Api, sandbox: &Sandbox, customers: usize) -> anyhow::Result<Self> {
        api.sign_up(&owner(), OWNER, GROUP).await.context("signing up")?;
        let mut group = Self { api, connections: Vec::new(), population: bayside(customers) };
        for rooftop in group.population.rooftops.clone() {
            let id = group.add_rooftop(&rooftop).await?;
            group.connect_dms(sandbox, &rooftop, &id).await?;
        }
        group.connect_crm(sandbox).await?;
        group
            .connect("Website baysideauto.example", "inventory_feed", None, &website(sandbox), System::Website)
            .await?;
        group.connect("Web leads", "adf", None, &json!({"deliver_by": "no"}), System::Leads).await?;
        let files = json!({"transport": "upload", "deals": "deals*.csv", "key_columns": "deal = DealNumber"});
        group.connect("Deal export", "files", None, &files, System::DealFiles).await?;
        group.only_deals().await?;
        Ok(group)
    }

    /// The deal export holds deals and nothing else; of the rest it would be said that nothing came.
    async fn only_deals(&self) -> anyhow::Result<()> {
        for files in self.of(|system| *system == System::DealFiles) {
            for object in ["customer", "vehicle", "inventory", "repair_order", "lead"] {
                self.api.let_flow(&files.id, object, false, "none").await?;
            }
        }
        Ok(())
    }

    async fn add_rooftop(&self, rooftop: &Rooftop) -> anyhow::Result<String> {
        let address = &rooftop.address;
        let ask = json!({
            "name": rooftop.name, "code": rooftop.code, "time_zone": TIME_ZONE, "phone": rooftop.phone,
            "street": address.street, "city": address.city, "state": address.state, "zip": address.zip,
        });
        let made = self.api.post("/rooftops", &ask).await?;
        text(&made, "id")
    }

    async fn connect_dms(&mut self, sandbox: &Sandbox, rooftop: &Rooftop, id: &str) -> anyhow::Result<()> {
        let values = json!({
            "enterprise_code": rooftop.enterprise_code,
            "company_number": rooftop.company_number,
            "user": simulators::opentrack::USER,
            "password": simulators::opentrack::PASSWORD,
            "base_url": sandbox.vendor("opentrack"),
        });
        let system = System::Dms { company: rooftop.company_number.clone() };
        self.connect(&format!("DMS {}", rooftop.name), "opentrack", Some(id), &values, system).await
    }

    async fn connect_crm(&mut self, sandbox: &Sandbox) -> anyhow::Result<()> {
        let values = json!({"base_url": sandbox.vendor("hubspot"), "token": simulators::hubspot::PRIVATE_TOKEN});
        self.connect("HubSpot", "hubspot", None, &values, System::Crm).await
    }

    async fn connect(
        &mut self,
        name: &str,
        connector: &str,
        rooftop: Option<&str>,
        values: &Json,
        system: System,
    ) -> anyhow::Result<()> {
        let id = self.api.connect(&Described { connector, name, rooftop, values }).await?;
        self.connections.push(Connection { id, name: name.to_owned(), system });
        Ok(())
    }

    /// Starts the first sync of every connection that can be read, and hands in what comes without being asked for:
    /// the deal export and the leads. How many leads were sent.
    ///
    /// The CRM is read to its end before anything else begins, so that what it held of its own can be counted.
    ///
    /// # Errors
    /// Where the product refuses a step, with its words.
    pub async fn start(&self, mut tell: impl FnMut(&str)) -> anyhow::Result<usize> {
        for crm in self.of(|system| *system == System::Crm) {
            self.sync(crm).await?;
        }
        until_settled(&self.api, STILL_MAX, &mut tell).await?;
        for dms in self.of(|system| matches!(system, System::Dms { .. })) {
            self.sync(dms).await?;
        }
        for files in self.of(|system| *system == System::DealFiles) {
            let mut file = Vec::new();
            write_table(&self.population, Table::Deals, &mut file)?;
            self.api.upload(&format!("/connections/{}/uploads/deals.csv", files.id), file).await?;
        }
        let mut leads = 0;
        for site in self.of(|system| *system == System::Leads) {
            leads += self.send_leads(&site.id).await?;
        }
        Ok(leads)
    }

    fn of(&self, wanted: impl Fn(&System) -> bool) -> impl Iterator<Item = &Connection> {
        self.connections.iter().filter(move |connection| wanted(&connection.system))
    }

    async fn sync(&self, connection: &Connection) -> anyhow::Result<()> {
        self.api.post(&format!("/connections/{}/syncs", connection.id), &json!({"mode": "full"})).await?;
        Ok(())
    }

    async fn send_leads(&self, connection: &str) -> anyhow::Result<usize> {
        let shown = self.api.get(&format!("/connections/{connection}")).await?;
        let address = text(&shown, "ingress_url")?;
        let leads = self.population.leads.iter().rev().take(LEADS_MAX);
        let mut sent = 0;
        for lead in leads {
            let dealer = self.population.rooftops.get(lead.rooftop).map_or(GROUP, |rooftop| rooftop.name.as_str());
            self.api.send_document(&address, "application/xml", lead.adf(dealer)).await?;
            sent += 1;
        }
        Ok(sent)
    }

    /// Reads changes every quarter of an hour, as a dealer has it.
    ///
    /// # Errors
    /// Where the product refuses a schedule.
    pub async fn set_schedules(&self) -> anyhow::Result<()> {
        for connection in &self.connections {
            if !matches!(connection.system, System::Dms { .. } | System::Crm) {
                continue;
            }
            let shown = self.api.get(&format!("/connections/{}", connection.id)).await?;
            let objects = shown.get("objects").and_then(Json::as_array).cloned().unwrap_or_default();
            for object in objects.iter().filter(|object| object.get("pull") == Some(&Json::Bool(true))) {
                let path = format!("/connections/{}/objects/{}/schedule", connection.id, text(object, "object")?);
                self.api.put(&path, &json!({"cadence": {"every": "minutes", "minutes": 15}})).await?;
            }
        }
        Ok(())
    }
}

fn website(sandbox: &Sandbox) -> Json {
    json!({
        "channel": "json_api",
        "base_url": sandbox.vendor("inventory_feed"),
        "api_key": simulators::inventory_feed::API_KEY,
    })
}
