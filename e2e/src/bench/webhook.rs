//! A contact's phone changes in the CRM → the webhook → the DMS holds it. By the bench's own clock: from before the
//! change is made to the first look that finds it in the DMS.

use super::group::Group;
use super::{Bench, percentile, rest, whole};
use crate::standing::{text, until_settled, word};
use anyhow::{Context, bail, ensure};
use serde_json::{Value as Json, json};
use simulators::population::{Population, System, bayside};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Customers in the DMS.
pub const CUSTOMERS: usize = 600;
/// Changes that are measured, one after the other.
const CHANGES: usize = 200;
/// Changes before that do not count: connections are opened, statements prepared.
const WARM_UP: usize = 5;
/// How often the DMS is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Between two changes; the CRM allows ten calls a second.
const PAUSE: Duration = Duration::from_millis(60);
/// A change that is not there after so long is lost.
const LOST_AFTER: Duration = Duration::from_secs(30);
const SECRET: &str = "bench webhook secret";
/// Without any movement for so long, the first sync is stuck.
const STILL_MAX: Duration = Duration::from_secs(120);

/// A group with a DMS and a CRM that hold the same people, and a website.
pub struct Pair {
    /// The group.
    pub group: Group,
    /// Its DMS connection.
    pub dms: String,
    /// Who is in it.
    pub population: Population,
}

/// Connects them and waits until they agree.
///
/// # Errors
/// Where the product refuses or gets stuck.
pub async fn pair(bench: &Bench) -> anyhow::Result<Pair> {
    bench.sandbox.load(CUSTOMERS).await?;
    let population = bayside(CUSTOMERS);
    let rooftop = population.rooftops.first().context("a population without a rooftop")?;
    let group = bench.group("webhook").await?;
    let id = group.add_rooftop(rooftop).await?;
    let values = json!({
        "enterprise_code": rooftop.enterprise_code,
        "company_number": rooftop.company_number,
        "user": simulators::opentrack::USER,
        "password": simulators::opentrack::PASSWORD,
        "base_url": bench.sandbox.vendor("opentrack"),
    });
    let dms = group.connect("opentrack", Some(&id), &values).await?;
    let values = json!({
        "channel": "json_api",
        "base_url": bench.sandbox.vendor("inventory_feed"),
        "api_key": simulators::inventory_feed::API_KEY,
    });
    group.connect("inventory_feed", None, &values).await?;
    // The DMS first: a contact that it does not recognise yet would be added to it a second time.
    for object in ["customer", "inventory"] {
        group.sync(&dms, object, "full").await?;
    }
    until_settled(&group.api, STILL_MAX, |_| {}).await?;
    let values = json!({
        "base_url": bench.sandbox.vendor("hubspot"),
        "token": simulators::hubspot::PRIVATE_TOKEN,
        "client_secret": SECRET,
    });
    let crm = group.connect("hubspot", None, &values).await?;
    group.sync(&crm, "customer", "full").await?;
    until_settled(&group.api, STILL_MAX, |_| {}).await?;
    let shown = group.api.get(&format!("/connections/{crm}")).await?;
    let target = json!({"url": text(&shown, "ingress_url")?, "secret": SECRET});
    bench.sandbox.post("/_sim/hubspot/webhooks", &target).await?;
    Ok(Pair { group, dms, population })
}

/// Measures.
///
/// # Errors
/// Where a change gets lost.
pub async fn measure(bench: &mut Bench, pair: &Pair) -> anyhow::Result<()> {
    let known = known_to_both(bench, &pair.population).await?;
    ensure!(known.len() > WARM_UP, "only {} people are known to both systems", known.len());
    let mut taken = Vec::with_capacity(CHANGES);
    for (round, (contact, customer)) in known.iter().cycle().take(CHANGES + WARM_UP).enumerate() {
        let seconds = one(bench, contact, customer, round).await?;
        if round >= WARM_UP {
            taken.push(seconds * 1_000.0);
        }
        rest(PAUSE).await;
    }
    taken.sort_by(f64::total_cmp);
    bench.figure("webhook_p50_ms", whole(percentile(&taken, 50)));
    bench.figure("webhook_p99_ms", whole(percentile(&taken, 99)));
    bench.figure("webhook_max_ms", whole(taken.last().copied().unwrap_or(f64::NAN)));
    bench.figure("webhook_changes", CHANGES);
    let settled = until_settled(&pair.group.api, STILL_MAX, |_| {}).await?;
    bench.say(&format!("{} people known to both; {}", known.len(), word(&settled, "sentence")));
    Ok(())
}

/// People whom one contact and one DMS customer tell of, with the same e-mail and name: a family may share an address,
/// and of a person who is twice in the DMS only one record is written.
async fn known_to_both(bench: &Bench, population: &Population) -> anyhow::Result<Vec<(String, String)>> {
    let told = |contact: &Json, name: &str| {
        let text = contact.pointer(&format!("/properties/{name}")).and_then(Json::as_str);
        text.unwrap_or_default().trim().to_lowercase()
    };
    let mut contacts: HashMap<String, Vec<(String, [String; 2])>> = HashMap::new();
    for contact in bench.sandbox.lines("/_sim/hubspot/objects/contacts").await? {
        let name = [told(&contact, "firstname"), told(&contact, "lastname")];
        contacts.entry(told(&contact, "email")).or_default().push((text(&contact, "id")?, name));
    }
    let mut customers: HashMap<String, Vec<(usize, String, [String; 2])>> = HashMap::new();
    let mut records: HashMap<u64, u32> = HashMap::new();
    population.views_of(System::Dms).for_each(|view| *records.entry(view.person_id).or_default() += 1);
    let is_once = |person: &u64| records.get(person) == Some(&1);
    for view in population.views_of(System::Dms).filter(|view| !view.email.is_empty() && is_once(&view.person_id)) {
        let name = [view.first_name.trim().to_lowercase(), view.last_name.trim().to_lowercase()];
        let same = customers.entry(view.email.trim().to_lowercase()).or_default();
        same.push((view.rooftop, view.external_id.clone(), name));
    }
    let mut both = Vec::new();
    for (email, found) in customers {
        if let ([(0, customer, theirs)], Some([(contact, ours)])) =
            (found.as_slice(), contacts.get(&email).map(Vec::as_slice))
            && ours == theirs
        {
            both.push((contact.clone(), customer.clone()));
        }
    }
    both.sort();
    Ok(both)
}

/// Changes one contact's cell phone; seconds until the DMS has it.
async fn one(bench: &Bench, contact: &str, customer: &str, round: usize) -> anyhow::Result<f64> {
    let (digits, line) = (format!("215720{round:04}"), format!("(215) 720-{round:04}"));
    let change = json!({"properties": {"mobilephone": line}});
    let address = format!("/_sim/hubspot/objects/contacts/{contact}");
    let path = format!("/_sim/opentrack/customers/{customer}");
    let began = Instant::now();
    bench.sandbox.patch(&address, &change).await?;
    loop {
        let shown = bench.sandbox.get(&path).await?;
        let phone: String = word(&shown, "CellPhone").chars().filter(char::is_ascii_digit).collect();
        if phone.ends_with(&digits) {
            return Ok(began.elapsed().as_secs_f64());
        }
        if began.elapsed() > LOST_AFTER {
            bail!(
                "contact {contact} changed and customer {customer} did not within {} s: {shown}",
                LOST_AFTER.as_secs()
            );
        }
        rest(LOOK_EVERY).await;
    }
}
