//! What was lost, what happened twice, and what is stuck, each with its words.

use crate::chaos::course::Course;
use crate::chaos::group::Group;
use crate::chaos::leads::Sent;
use crate::chaos::postgres::{Administrator, Held};
use crate::chaos::state::{Contact, Golden, State, contacts, differences, missing_from};
use crate::sandbox::Sandbox;
use crate::standing::{all, list, number, word};
use anyhow::Context;
use serde_json::Value as Json;
use simulators::population::{Population, System};
use std::collections::{BTreeMap, BTreeSet};

/// Examples that are told of each kind of finding.
const EXAMPLES: usize = 3;

/// What the systems held before the sync.
pub struct Before {
    contacts: Vec<Contact>,
    same_email: u64,
}

impl Before {
    /// Asks the CRM.
    ///
    /// # Errors
    /// Where the simulators are away.
    pub async fn of(sandbox: &Sandbox) -> anyhow::Result<Self> {
        let truth = sandbox.truth("hubspot").await?;
        Ok(Self { contacts: contacts(sandbox).await?, same_email: number(&truth, &["same", "email"]) })
    }

    /// How many contacts the CRM had of its own.
    #[must_use]
    pub const fn contacts(&self) -> usize {
        self.contacts.len()
    }
}

/// Findings of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub what: String,
    /// How many times.
    pub times: u64,
    /// Some of them.
    pub examples: Vec<String>,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What is not where it should be, or not as it should be.
    pub lost: Vec<Finding>,
    /// What is there, or happened, once more than it should.
    pub duplicated: Vec<Finding>,
    /// What is not settled though nothing moves any more.
    pub stuck: Vec<Finding>,
    /// What does no harm and may be of interest.
    pub notes: Vec<String>,
}

/// How many times in all.
#[must_use]
pub fn total(findings: &[Finding]) -> u64 {
    findings.iter().map(|finding| finding.times).sum()
}

/// Everything that a run is judged by.
pub struct Evidence<'a> {
    /// The group.
    pub group: &'a Group,
    /// The vendors.
    pub sandbox: &'a Sandbox,
    /// The tables.
    pub database: &'a Administrator,
    /// Who the people are.
    pub population: &'a Population,
    /// What was there before.
    pub before: &'a Before,
    /// How it went.
    pub course: &'a Course,
}

impl Evidence<'_> {
    /// Judges the end of a run; what is held then comes with it, for comparison.
    ///
    /// # Errors
    /// Where something that must be asked does not answer.
    pub async fn judge(&self) -> anyhow::Result<(Verdict, State)> {
        let mut verdict = Verdict::default();
        let held = self.database.held(&self.group.crm).await?;
        let state = State::of(self.group, self.sandbox).await?;
        self.check_sources(&mut verdict, &held).await?;
        self.check_crm(&mut verdict, &held, &state).await?;
        self.check_leads(&mut verdict, &self.course.sent, &state).await?;
        self.check_quiet(&mut verdict).await?;
        Ok((verdict, state))
    }

    /// Every record of every system is held.
    async fn check_sources(&self, verdict: &mut Verdict, held: &[Held]) -> anyhow::Result<()> {
        let mut keys: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for record in held {
            let of = keys.entry(format!("{} {}", record.connection, record.object)).or_default();
            of.insert(record.external_id.as_str());
        }
        let none = BTreeSet::new();
        let held_of = |connection: &String, object: &str| keys.get(&format!("{connection} {object}")).unwrap_or(&none);
        let truth = self.sandbox.truth("opentrack").await?;
        for (place, (company, connection)) in self.group.dms.iter().enumerate() {
            let customers = self.population.views_of(System::Dms).filter(|view| view.rooftop == place);
            let held = held_of(connection, "customer");
            let lost = customers.map(|view| view.external_id.as_str()).filter(|id| !held.contains(id));
            find(&mut verdict.lost, &format!("{company}: customers that are not held"), lost);
            for object in ["customer", "vehicle", "inventory", "repair_order"] {
                let (there, here) =
                    (number(&truth, &["companies", company, object]), count(held_of(connection, object).len()));
                add(&mut verdict.lost, &format!("{company}: {object} not held of {there}"), there.saturating_sub(here));
                let more = here.saturating_sub(there);
                add(&mut verdict.duplicated, &format!("{company}: {object} held beyond {there}"), more);
            }
        }
        let held = held_of(&self.group.crm, "customer");
        let lost = self.before.contacts.iter().map(|contact| contact.id.as_str()).filter(|id| !held.contains(id));
        find(&mut verdict.lost, "contacts of the CRM's own that are not held", lost);
        Ok(())
    }

    /// Every golden customer is in the CRM once, and says there what it says here; no effect happened twice.
    async fn check_crm(&self, verdict: &mut Verdict, held: &[Held], state: &State) -> anyhow::Result<()> {
        let truth = self.sandbox.truth("hubspot").await?;
        for (what, path) in [
            ("writes that had an effect for a key that had had one", ["effects", "duplicates"]),
            ("idempotency keys with more than one effect", ["effects", "keys_with_more_than_one_effect"]),
            ("contacts with a golden record's id that another has", ["same", "driveline_id"]),
        ] {
            add(&mut verdict.duplicated, what, number(&truth, &path));
        }
        let same = number(&truth, &["same", "email"]).saturating_sub(self.before.same_email);
        add(&mut verdict.duplicated, "contacts with an e-mail address that another has", same);
        let mut owned: BTreeMap<&str, Vec<&Contact>> = BTreeMap::new();
        let by_id: BTreeMap<&str, &Contact> = state.contacts.iter().map(|c| (c.id.as_str(), c)).collect();
        for contact in &state.contacts {
            if let Some(golden) = &contact.golden {
                owned.entry(golden).or_default().push(contact);
            }
        }
        // A golden record that is the CRM's alone needs no writing, so its contact carries no id of ours.
        let mut theirs: BTreeMap<&str, &Contact> = BTreeMap::new();
        for record in held.iter().filter(|record| record.connection == self.group.crm && record.object == "customer") {
            if let Some(contact) = by_id.get(record.external_id.as_str()) {
                theirs.insert(record.golden.as_str(), contact);
            }
        }
        let contested = state.contested();
        let (mut missing, mut wrong) = (Vec::new(), Vec::new());
        for golden in &state.goldens {
            match owned.get(golden.id.as_str()).and_then(|all| all.first()) {
                Some(contact) => {
                    let other = differences(golden, contact, &contested);
                    if !other.is_empty() {
                        wrong.push(format!("{} in {}: {}", golden.id, contact.id, other.join(", ")));
                    }
                }
                None if theirs.contains_key(golden.id.as_str()) => {}
                None => missing.push(described(golden)),
            }
        }
        let refused = self.refused().await?;
        if missing.len() <= refused.len() && missing.iter().all(|line| refused.iter().any(|id| line.starts_with(id))) {
            if !missing.is_empty() {
                verdict.notes.push(format!("{} golden customers are refused by the CRM", missing.len()));
            }
        } else {
            find(&mut verdict.lost, "golden customers that the CRM does not hold", missing.iter().map(String::as_str));
        }
        find(&mut verdict.lost, "golden customers with other values in the CRM", wrong.iter().map(String::as_str));
        let known: BTreeSet<&str> = state.goldens.iter().map(|golden| golden.id.as_str()).collect();
        let orphans = owned.keys().copied().filter(|golden| !known.contains(golden));
        find(&mut verdict.duplicated, "contacts of golden records that are not there", orphans);
        let made = count(state.contacts.len()).saturating_sub(count(self.before.contacts.len()));
        // What we made is withdrawn where it turned out to be somebody who was there; nothing else may go.
        let joined_away = self.database.joined_away(&self.group.crm).await?;
        let archived = number(&truth, &["effects", "archived"]);
        add(&mut verdict.lost, "contacts that went though nobody was joined", archived.saturating_sub(joined_away));
        let made_told = number(&truth, &["effects", "created"]).saturating_sub(joined_away.min(archived));
        add(&mut verdict.lost, "contacts that were made and are gone", made_told.saturating_sub(made));
        Ok(())
    }

    /// The golden records that the CRM refused for what they say; each is shown to a person.
    async fn refused(&self) -> anyhow::Result<Vec<String>> {
        let failures = all(&self.group.api, &format!("/failures?connection={}&state=open", self.group.crm)).await?;
        let refused = failures.iter().filter(|failure| word(failure, "code").starts_with("refused:"));
        Ok(refused.filter_map(|failure| word(failure, "subject").strip_prefix("golden:").map(str::to_owned)).collect())
    }

    /// Every lead that was taken is held once, and its sender is in the CRM once.
    async fn check_leads(&self, verdict: &mut Verdict, sent: &Sent, state: &State) -> anyhow::Result<()> {
        let leads = all(&self.group.api, "/records?object=lead").await?;
        let taken: BTreeSet<&str> = sent.taken.iter().map(String::as_str).collect();
        let mut contacts: BTreeMap<&str, u64> = BTreeMap::new();
        for email in state.contacts.iter().filter_map(|contact| contact.properties.get("email")) {
            *contacts.entry(email).or_default() += 1;
        }
        let lost = taken.iter().copied().filter(|email| !contacts.contains_key(email));
        find(&mut verdict.lost, "senders of leads that were taken and are not in the CRM", lost);
        let twice = taken.iter().copied().filter(|email| contacts.get(email).is_some_and(|times| *times > 1));
        find(&mut verdict.duplicated, "senders of leads that are in the CRM more than once", twice);
        // A lead whose answer was lost may be held too.
        let (held, most) = (count(leads.len()), count(taken.len()) + sent.tries_in_vain);
        add(&mut verdict.lost, "leads that were taken and are not held", count(taken.len()).saturating_sub(held));
        add(&mut verdict.duplicated, "leads held that nobody sent", held.saturating_sub(most));
        let mut ids: BTreeMap<String, u64> = BTreeMap::new();
        for lead in &leads {
            let values = lead.get("values").context("a lead without values")?;
            *ids.entry(word(values, "lead_id").to_owned()).or_default() += 1;
        }
        let twice = ids.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id.as_str());
        find(&mut verdict.duplicated, "leads that are held more than once", twice);
        Ok(())
    }

    /// Nothing is under way, broken or waiting for somebody because of what was struck.
    async fn check_quiet(&self, verdict: &mut Verdict) -> anyhow::Result<()> {
        find(&mut verdict.stuck, "the sync", self.course.stuck.as_deref().into_iter());
        let jobs = self.database.open_jobs(&self.group.crm).await?;
        find(&mut verdict.stuck, "jobs that are not done", jobs.iter().map(String::as_str));
        // One for each object of each connection, and as many again where all was read twice.
        let runs = self.group.api.get("/runs?limit=200").await?;
        let runs = list(&runs, "items");
        let open = runs.iter().filter(|run| !matches!(word(run, "state"), "succeeded" | "attention"));
        let open: Vec<String> = open
            .map(|run| {
                let of = |name| word(run, name);
                format!("{} of {} is {}: {}", of("object"), of("connection_name"), of("state"), of("message"))
            })
            .collect();
        find(&mut verdict.stuck, "runs that did not end well", open.iter().map(String::as_str));
        let failures = all(&self.group.api, "/failures?state=open").await?;
        let is_of_a_record = |failure: &&Json| {
            let subject = word(failure, "subject");
            let code = word(failure, "code");
            subject.starts_with("record:") || (subject.starts_with("golden:") && code.starts_with("refused:"))
        };
        let left = failures.iter().filter(|failure| !is_of_a_record(failure)).map(|failure| {
            format!("{} {}: {}", word(failure, "code"), word(failure, "subject"), word(failure, "said"))
        });
        let left: Vec<String> = left.collect();
        find(&mut verdict.stuck, "failures that do not heal", left.iter().map(String::as_str));
        let overview = self.group.api.get("/overview").await?;
        let broken = list(&overview, "connections").iter().filter(|connection| word(connection, "state") != "active");
        let broken: Vec<String> =
            broken.map(|connection| format!("{}: {}", word(connection, "name"), word(connection, "reason"))).collect();
        find(&mut verdict.stuck, "connections that are not active", broken.iter().map(String::as_str));
        let attention = runs.iter().filter(|run| word(run, "state") == "attention");
        verdict.notes.extend(attention.map(|run| {
            format!("{} of {}: {}", word(run, "object"), word(run, "connection_name"), word(run, "message"))
        }));
        Ok(())
    }
}

impl Verdict {
    /// Holds the end against that of an undisturbed run of the same seed.
    pub fn compare(&mut self, calm: &State, state: &State) {
        for (what, calm, here) in [
            ("contacts of the CRM", calm.contact_lines(), state.contact_lines()),
            ("golden customers", calm.golden_lines(), state.golden_lines()),
        ] {
            let (lost, more) = (missing_from(&calm, &here), missing_from(&here, &calm));
            let times = |lines: &[(&str, u64)]| lines.iter().map(|(_, times)| times).sum::<u64>();
            let examples = |lines: &[(&str, u64)]| lines.iter().take(EXAMPLES).map(|(l, _)| (*l).to_owned()).collect();
            let what_lost = format!("{what} as the undisturbed run left them");
            if times(&lost) > 0 {
                let mut shown: Vec<String> = examples(&lost);
                shown.extend(more.iter().take(EXAMPLES).map(|(line, _)| format!("here: {line}")));
                self.lost.push(Finding { what: what_lost, times: times(&lost), examples: shown });
            }
            let beyond = times(&more).saturating_sub(times(&lost));
            if beyond > 0 {
                let what = format!("{what} beyond those of the undisturbed run");
                self.duplicated.push(Finding { what, times: beyond, examples: examples(&more) });
            }
        }
    }

    /// How the first golden customers that read otherwise than in the undisturbed run came to be.
    ///
    /// # Errors
    /// Where the API does not answer.
    pub async fn explain(&mut self, group: &Group, calm: &State, state: &State) -> anyhow::Result<()> {
        let (wanted, here) = (calm.golden_lines(), state.golden_lines());
        for (said, _) in missing_from(&here, &wanted).into_iter().take(EXAMPLES) {
            let Some(id) = state.golden_of(said) else { continue };
            let record = group.api.get(&format!("/records/{id}")).await?;
            self.notes.push(format!("{id} reads otherwise than in the undisturbed run:"));
            for field in list(&record, "fields").iter().filter(|field| !list(field, "losers").is_empty()) {
                self.notes.push(format!("    {field}"));
            }
            self.notes.extend(list(&record, "sources").iter().map(|source| format!("    {source}")));
        }
        Ok(())
    }

    /// All findings, for people.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let kinds = [("LOST", &self.lost), ("DUPLICATED", &self.duplicated), ("STUCK", &self.stuck)];
        let mut lines: Vec<String> = self.notes.iter().map(|note| format!("note: {note}")).collect();
        for (kind, findings) in kinds {
            for finding in findings {
                lines.push(format!("{kind} {}: {}", finding.times, finding.what));
                lines.extend(finding.examples.iter().map(|example| format!("    {example}")));
            }
        }
        lines
    }
}

fn described(golden: &Golden) -> String {
    let of = |name: &str| golden.values.get(name).map(String::as_str).unwrap_or_default();
    format!("{} {} {} {} {}", golden.id, of("first_name"), of("last_name"), of("company_name"), of("email"))
}

fn count(many: usize) -> u64 {
    u64::try_from(many).unwrap_or(u64::MAX)
}

fn add(findings: &mut Vec<Finding>, what: &str, times: u64) {
    if times > 0 {
        findings.push(Finding { what: what.to_owned(), times, examples: Vec::new() });
    }
}

fn find<'a>(findings: &mut Vec<Finding>, what: &str, found: impl Iterator<Item = &'a str>) {
    let all: Vec<&str> = found.collect();
    if !all.is_empty() {
        let examples = all.iter().take(EXAMPLES).map(|example| (*example).to_owned()).collect();
        findings.push(Finding { what: what.to_owned(), times: count(all.len()), examples });
    }
}
