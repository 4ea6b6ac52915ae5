//! What the systems hold at the end, in a form in which two runs can be compared.

use crate::chaos::group::Group;
use crate::chaos::leads::DOMAIN;
use crate::sandbox::Sandbox;
use crate::standing::{all, word};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Properties that differ from run to run: ids and times.
const VOLATILE: [&str; 4] = ["driveline_id", "createdate", "lastmodifieddate", "hs_object_id"];
/// Golden fields and the CRM's properties that must say the same.
const SHOWN: [(&str, &str); 6] = [
    ("first_name", "firstname"),
    ("last_name", "lastname"),
    ("company_name", "company"),
    ("phone_mobile", "mobilephone"),
    ("phone_home", "phone"),
    ("zip", "zip"),
];

/// A contact of the CRM.
#[derive(Clone, Debug)]
pub struct Contact {
    /// The CRM's key.
    pub id: String,
    /// The golden record that it says it holds.
    pub golden: Option<String>,
    /// What it says.
    pub properties: BTreeMap<String, String>,
}

/// A golden customer.
#[derive(Clone, Debug)]
pub struct Golden {
    /// Its id.
    pub id: String,
    /// Its surviving values.
    pub values: BTreeMap<String, String>,
}

/// What is held at the end.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The CRM's contacts.
    pub contacts: Vec<Contact>,
    /// The golden customers.
    pub goldens: Vec<Golden>,
}

/// How often each line occurs.
pub type Lines = BTreeMap<String, u64>;

impl State {
    /// Asks the CRM and the API for everything.
    ///
    /// # Errors
    /// Where one of them is away.
    pub async fn of(group: &Group, sandbox: &Sandbox) -> anyhow::Result<Self> {
        let contacts = contacts(sandbox).await?;
        let goldens = all(&group.api, "/records?object=customer").await?;
        let goldens = goldens
            .iter()
            .map(|golden| Golden { id: word(golden, "id").to_owned(), values: texts(golden.get("values")) })
            .collect();
        Ok(Self { contacts, goldens })
    }

    /// Addresses that several golden records or contacts want. The CRM gives an address to one contact only, and who
    /// comes first gets it: that may differ from run to run.
    #[must_use]
    pub fn contested(&self) -> BTreeSet<&str> {
        let (mut seen, mut contested) = (BTreeMap::new(), BTreeSet::new());
        for golden in &self.goldens {
            if let Some(email) = golden.values.get("email") {
                *seen.entry(email.as_str()).or_insert(0_u32) += 1;
            }
        }
        contested.extend(seen.into_iter().filter(|(_, times)| *times > 1).map(|(email, _)| email));
        let own: BTreeMap<&str, &Golden> = self.goldens.iter().map(|golden| (golden.id.as_str(), golden)).collect();
        let has = |contact: &'_ Contact| contact.properties.get("email").map(|email| email.to_lowercase());
        let holders: BTreeMap<String, &str> =
            self.contacts.iter().filter_map(|contact| Some((has(contact)?, contact.id.as_str()))).collect();
        for contact in &self.contacts {
            let golden = contact.golden.as_deref().and_then(|id| own.get(id));
            // Its address is in the hands of somebody else, of whatever name.
            if let Some(wanted) = golden.and_then(|golden| golden.values.get("email"))
                && holders.get(wanted).is_some_and(|holder| *holder != contact.id)
            {
                contested.insert(wanted.as_str());
                contested.extend(contact.properties.get("email").map(String::as_str));
            }
        }
        contested
    }

    /// The CRM's contacts without what differs from run to run, those of the website's leads left out.
    #[must_use]
    pub fn contact_lines(&self) -> Lines {
        let contested = self.contested();
        let own: BTreeMap<&str, &Golden> = self.goldens.iter().map(|golden| (golden.id.as_str(), golden)).collect();
        let mut lines = Lines::new();
        for contact in self.contacts.iter().filter(|contact| !is_lead(&contact.properties)) {
            let mut said = contact.properties.clone();
            said.retain(|name, value| !VOLATILE.contains(&name.as_str()) && !value.is_empty());
            let golden = contact.golden.as_deref().and_then(|id| own.get(id));
            let wanted = golden.and_then(|golden| golden.values.get("email")).map(String::as_str);
            if [wanted, contact.properties.get("email").map(String::as_str)]
                .into_iter()
                .flatten()
                .any(|email| contested.contains(email))
            {
                said.insert("email".to_owned(), "contested".to_owned());
            }
            said.insert("is ours".to_owned(), contact.golden.is_some().to_string());
            *lines.entry(line(&said)).or_default() += 1;
        }
        lines
    }

    /// A golden customer that says exactly this.
    #[must_use]
    pub fn golden_of(&self, said: &str) -> Option<&str> {
        self.goldens.iter().find(|golden| line(&golden.values) == said).map(|golden| golden.id.as_str())
    }

    /// The golden customers without their ids, those of the website's leads left out.
    #[must_use]
    pub fn golden_lines(&self) -> Lines {
        let mut lines = Lines::new();
        for golden in self.goldens.iter().filter(|golden| !is_lead(&golden.values)) {
            *lines.entry(line(&golden.values)).or_default() += 1;
        }
        lines
    }
}

/// The CRM's contacts.
///
/// # Errors
/// Where the simulators are away.
pub async fn contacts(sandbox: &Sandbox) -> anyhow::Result<Vec<Contact>> {
    let told = sandbox.lines("/_sim/hubspot/objects/contacts").await?;
    Ok(told
        .iter()
        .map(|contact| {
            let properties = texts(contact.get("properties"));
            Contact { id: word(contact, "id").to_owned(), golden: properties.get("driveline_id").cloned(), properties }
        })
        .collect())
}

/// What a contact says otherwise than its golden record: the property's name, for each.
#[must_use]
pub fn differences(golden: &Golden, contact: &Contact, contested: &BTreeSet<&str>) -> Vec<&'static str> {
    let plain = |name: &str, text: &str| {
        if name.contains("phone") {
            let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
            digits.iter().rev().take(10).collect()
        } else {
            text.trim().to_lowercase()
        }
    };
    let differs = |field: &str, property: &str| {
        golden.values.get(field).is_some_and(|wanted| {
            let held = contact.properties.get(property).map(String::as_str).unwrap_or_default();
            plain(property, wanted) != plain(property, held)
        })
    };
    let mut found: Vec<&'static str> = SHOWN.into_iter().filter(|(f, p)| differs(f, p)).map(|(_, p)| p).collect();
    let is_free = golden.values.get("email").is_some_and(|email| !contested.contains(email.as_str()));
    if is_free && differs("email", "email") {
        found.push("email");
    }
    found
}

fn is_lead(values: &BTreeMap<String, String>) -> bool {
    values.get("email").is_some_and(|email| email.ends_with(DOMAIN))
}

fn texts(values: Option<&Json>) -> BTreeMap<String, String> {
    let Some(Json::Object(values)) = values else { return BTreeMap::new() };
    values
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect()
}

fn line(said: &BTreeMap<String, String>) -> String {
    said.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" | ")
}

/// Lines that one has more often than the other, with how much more often.
#[must_use]
pub fn missing_from<'a>(wanted: &'a Lines, held: &Lines) -> Vec<(&'a str, u64)> {
    wanted
        .iter()
        .map(|(line, times)| (line.as_str(), times.saturating_sub(held.get(line).copied().unwrap_or(0))))
        .filter(|(_, times)| *times > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn golden(id: &str, values: &[(&str, &str)]) -> Golden {
        Golden { id: id.to_owned(), values: pairs(values) }
    }

    fn contact(id: &str, golden: &str, properties: &[(&str, &str)]) -> Contact {
        Contact { id: id.to_owned(), golden: Some(golden.to_owned()), properties: pairs(properties) }
    }

    #[test]
    fn a_wrong_phone_is_seen_and_another_way_of_writing_it_is_not() {
        let ann = golden("1", &[("first_name", "Ann"), ("phone_mobile", "+18135550100")]);
        let same = contact("7", "1", &[("firstname", "ANN"), ("mobilephone", "(813) 555-0100")]);
        let other = contact("8", "1", &[("firstname", "ANN"), ("mobilephone", "(813) 555-0101")]);

        assert!(differences(&ann, &same, &BTreeSet::new()).is_empty());
        assert_eq!(differences(&ann, &other, &BTreeSet::new()), ["mobilephone"]);
    }

    #[test]
    fn who_of_two_got_the_address_they_share_makes_no_difference() {
        let goldens = vec![
            golden("1", &[("first_name", "Ann"), ("email", "a@x.com")]),
            golden("2", &[("first_name", "Bob"), ("email", "a@x.com")]),
        ];
        let [ann, bob] = [("firstname", "Ann"), ("firstname", "Bob")];
        let email = ("email", "a@x.com");
        let first = State {
            contacts: vec![contact("7", "1", &[ann, email]), contact("8", "2", &[bob])],
            goldens: goldens.clone(),
        };
        let second = State { contacts: vec![contact("9", "2", &[bob, email]), contact("10", "1", &[ann])], goldens };

        assert_eq!(first.contact_lines(), second.contact_lines());
    }

    #[test]
    fn a_contact_that_is_there_once_more_is_told() {
        let once = Lines::from([("a".to_owned(), 1), ("b".to_owned(), 1)]);
        let twice = Lines::from([("a".to_owned(), 2)]);
        assert_eq!(missing_from(&once, &twice), [("b", 1)]);
        assert_eq!(missing_from(&twice, &once), [("a", 1)]);
    }
}
