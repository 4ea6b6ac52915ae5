//! Whether every number that the product tells agrees with what the simulated systems know to be true.

use crate::bayside::{Bayside, Connection, System};
use crate::sandbox::Sandbox;
use crate::standing::{all, list, number, text, word};
use anyhow::Context;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Objects that the DMS's interface tells of.
const DMS_OBJECTS: [&str; 4] = ["customer", "vehicle", "inventory", "repair_order"];

/// The overview counts held records up to here.
const HELD_MAX: u64 = 20_000;
/// So many single records are looked at; a caller may ask 3,000 times a minute.
const LOOKS_MAX: usize = 1_000;

/// What became of one object of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The connection's name.
    pub name: String,
    /// The object.
    pub object: String,
    /// Records that came in.
    pub landed: u64,
    /// Of these, how many joined a golden record that was there.
    pub matched: u64,
    /// Of these, how many a person should decide about.
    pub review: u64,
    /// Golden records that the system holds in their newest state.
    pub delivered: u64,
    /// Golden records that the system refused.
    pub refused: u64,
}

/// One number, told by the product and known by a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is counted.
    pub what: String,
    /// What is true.
    pub truth: u64,
    /// What the product says.
    pub told: u64,
}

/// The whole comparison.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    /// What became of each object of each connection.
    pub lines: Vec<Line>,
    /// Numbers held against each other.
    pub checks: Vec<Check>,
}

/// What the systems knew before the first sync.
pub struct Before {
    crm: Json,
}

impl Before {
    /// Asks the systems.
    ///
    /// # Errors
    /// Where the simulators are away.
    pub async fn of(sandbox: &Sandbox) -> anyhow::Result<Self> {
        Ok(Self { crm: sandbox.truth("hubspot").await? })
    }
}

impl Agreement {
    /// Compares, once everything is settled. `leads` were sent by the website.
    ///
    /// # Errors
    /// Where the server or the simulators are away.
    pub async fn of(group: &Bayside, sandbox: &Sandbox, before: &Before, leads: usize) -> anyhow::Result<Self> {
        let overview = group.api.get("/overview").await?;
        let mut agreement = Self::default();
        for connection in &group.connections {
            agreement.add_lines(group, connection, &overview).await?;
        }
        agreement.check_sources(group, sandbox, before, leads).await?;
        agreement.check_crm(group, sandbox, before, &overview).await?;
        agreement.check_website(sandbox, group).await?;
        Ok(agreement)
    }

    /// Whether every number agrees.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.checks.iter().all(|check| check.truth == check.told)
    }

    fn check(&mut self, what: impl Into<String>, truth: u64, told: u64) {
        self.checks.push(Check { what: what.into(), truth, told });
    }

    async fn add_lines(&mut self, group: &Bayside, connection: &Connection, overview: &Json) -> anyhow::Result<()> {
        let runs = all(&group.api, &format!("/runs?connection={}", connection.id)).await?;
        let mut lines: BTreeMap<String, Line> = BTreeMap::new();
        let line = |object: &str| Line { name: connection.name.clone(), object: object.to_owned(), ..Line::default() };
        // Newest first: what stays is each object's first run, the initial load.
        for run in &runs {
            let counts = run.get("counts").context("a run without counts")?;
            let object = text(run, "object")?;
            let count = |name: &str| number(counts, &[name]);
            let accounted =
                ["unchanged", "added", "matched", "updated", "to_review", "flagged"].iter().map(|name| count(name));
            self.check(
                format!(
                    "{}, {object}: received = unchanged + new + matched + updated + to review + flagged",
                    connection.name
                ),
                count("received"),
                accounted.sum(),
            );
            let line = lines.entry(object.clone()).or_insert_with(|| line(&object));
            line.landed = count("received");
            line.matched = count("matched");
            line.review = count("to_review");
        }
        let health = list(overview, "connections").iter().find(|health| word(health, "id") == connection.id);
        for object in health.map_or(&[][..], |health| list(health, "objects")) {
            // What is sent to us without being asked for has no run.
            let name = text(object, "object")?;
            let held = number(object, &["held"]);
            if held > 0 && !lines.contains_key(&name) {
                lines.insert(name.clone(), Line { landed: held, ..line(&name) });
            }
        }
        for tally in list(overview, "deliveries").iter().filter(|tally| word(tally, "connection") == connection.id) {
            let name = text(tally, "object")?;
            let line = lines.entry(name.clone()).or_insert_with(|| line(&name));
            line.delivered = number(tally, &["settled"]);
            line.refused = number(tally, &["needs_you"]);
        }
        // A connection that can bring an object and never did is no line of a summary.
        self.lines.extend(lines.into_values().filter(|line| line.landed + line.delivered + line.refused > 0));
        Ok(())
    }

    fn landed(&self, name: &str, object: &str) -> u64 {
        self.line(name, object).map_or(0, |line| line.landed)
    }

    fn line(&self, name: &str, object: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name && line.object == object)
    }

    async fn check_sources(
        &mut self,
        group: &Bayside,
        sandbox: &Sandbox,
        before: &Before,
        leads: usize,
    ) -> anyhow::Result<()> {
        let dms = sandbox.truth("opentrack").await?;
        for connection in &group.connections {
            let name = connection.name.as_str();
            match &connection.system {
                System::Dms { company } => {
                    for object in DMS_OBJECTS {
                        let truth = number(&dms, &["companies", company, object]);
                        self.check(format!("{name}: {object} landed"), truth, self.landed(name, object));
                    }
                }
                System::Crm => {
                    let truth = number(&before.crm, &["objects", "customer"]);
                    self.check(format!("{name}: customer landed"), truth, self.landed(name, "customer"));
                }
                System::DealFiles => {
                    let truth = group.population.deals.len() as u64;
                    self.check(format!("{name}: deal landed"), truth, self.landed(name, "deal"));
                }
                System::Leads => {
                    self.check(format!("{name}: lead landed"), leads as u64, self.landed(name, "lead"));
                }
                System::Website => (),
            }
        }
        Ok(())
    }

    /// Every golden customer and deal is in the CRM exactly once.
    async fn check_crm(
        &mut self,
        group: &Bayside,
        sandbox: &Sandbox,
        before: &Before,
        overview: &Json,
    ) -> anyhow::Result<()> {
        let truth = sandbox.truth("hubspot").await?;
        let Some(crm) = group.connections.iter().find(|connection| connection.system == System::Crm) else {
            return Ok(());
        };
        for object in ["customer", "deal"] {
            let delivered = self.line(&crm.name, object).map_or(0, |line| line.delivered);
            let owned = number(&truth, &["by_driveline_id", object]);
            self.check(format!("{}: {object} delivered", crm.name), owned, delivered);
            let missing = self.missing_in_crm(group, crm, sandbox, object).await?;
            self.check(format!("{}: golden records of kind {object} that it lacks", crm.name), 0, missing);
        }
        let held = list(overview, "connections")
            .iter()
            .filter(|health| word(health, "id") == crm.id)
            .flat_map(|health| list(health, "objects"))
            .find(|object| word(object, "object") == "customer")
            .map_or(0, |object| number(object, &["held"]));
        // The overview counts to 20,000.
        self.check(
            format!("{}: contacts held", crm.name),
            number(&truth, &["objects", "customer"]).min(HELD_MAX),
            held,
        );
        self.check(format!("{}: effects that happened twice", crm.name), 0, number(&truth, &["effects", "duplicates"]));
        let repeated = number(&truth, &["effects", "keys_with_more_than_one_effect"]);
        self.check(format!("{}: idempotency keys with two effects", crm.name), 0, repeated);
        self.check(
            format!("{}: contacts with the same own id", crm.name),
            0,
            number(&truth, &["same", "driveline_id"]),
        );
        self.check(
            format!("{}: contacts with an e-mail that another has", crm.name),
            number(&before.crm, &["same", "email"]),
            number(&truth, &["same", "email"]),
        );
        Ok(())
    }

    /// Golden records that neither carry their id in the CRM nor have a source there, of those that it did not refuse.
    /// Where there are many without their id, so many of them are looked at.
    async fn missing_in_crm(
        &self,
        group: &Bayside,
        crm: &Connection,
        sandbox: &Sandbox,
        object: &str,
    ) -> anyhow::Result<u64> {
        let kind = if object == "customer" { "contacts" } else { "deals" };
        let there = sandbox.lines(&format!("/_sim/hubspot/objects/{kind}")).await?;
        let own: BTreeSet<&str> =
            there.iter().filter_map(|record| record.pointer("/properties/driveline_id")?.as_str()).collect();
        let golden = all(&group.api, &format!("/records?object={object}")).await?;
        let without: Vec<&str> =
            golden.iter().map(|record| word(record, "id")).filter(|id| !own.contains(id)).collect();
        let mut missing = 0;
        for id in without.iter().step_by(without.len().div_ceil(LOOKS_MAX).max(1)) {
            let record = group.api.get(&format!("/records/{id}")).await?;
            let has_source = list(&record, "sources").iter().any(|source| word(source, "connection") == crm.id);
            let is_excused = list(&record, "targets").iter().any(|target| {
                word(target, "connection") == crm.id && matches!(word(target, "state"), "needs_you" | "unwanted")
            });
            missing += u64::from(!has_source && !is_excused);
        }
        Ok(missing)
    }

    /// The website shows what is for sale, and nothing else.
    async fn check_website(&mut self, sandbox: &Sandbox, group: &Bayside) -> anyhow::Result<()> {
        let Some(site) = group.connections.iter().find(|connection| connection.system == System::Website) else {
            return Ok(());
        };
        let (dms, shown) = (sandbox.truth("opentrack").await?, sandbox.truth("inventory_feed").await?);
        let companies = dms.get("companies").and_then(Json::as_object).context("the DMS tells no companies")?;
        let for_sale = companies.values().map(|company| number(company, &["for_sale"])).sum();
        let shown: BTreeSet<&str> = list(&shown, "vehicles").iter().filter_map(Json::as_str).collect();
        let refused = self.line(&site.name, "inventory").map_or(0, |line| line.refused);
        self.check(format!("{}: vehicles shown or refused", site.name), for_sale, shown.len() as u64 + refused);
        Ok(())
    }

    /// The comparison for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut told = format!(
            "{:<32} {:<14} {:>9} {:>9} {:>9} {:>9} {:>9}\n",
            "connection", "object", "landed", "matched", "review", "delivered", "refused"
        );
        for line in &self.lines {
            // Writing to a string does not fail.
            writeln!(
                told,
                "{:<32} {:<14} {:>9} {:>9} {:>9} {:>9} {:>9}",
                line.name, line.object, line.landed, line.matched, line.review, line.delivered, line.refused
            )
            .ok();
        }
        let bad: Vec<&Check> = self.checks.iter().filter(|check| check.truth != check.told).collect();
        writeln!(told, "\n{} of {} numbers agree with the systems", self.checks.len() - bad.len(), self.checks.len())
            .ok();
        for check in bad {
            writeln!(told, "  WRONG {}: true is {}, told is {}", check.what, check.truth, check.told).ok();
        }
        told
    }

    /// The comparison for programs.
    #[must_use]
    pub fn report(&self, seconds: f64) -> Json {
        let lines: Vec<Json> = self
            .lines
            .iter()
            .map(|line| {
                json!({
                    "name": line.name, "object": line.object, "landed": line.landed, "matched": line.matched,
                    "review": line.review, "delivered": line.delivered, "refused": line.refused,
                })
            })
            .collect();
        json!({"ok": self.is_good(), "seconds": (seconds * 10.0).round() / 10.0, "connections": lines})
    }
}
