//! People: households, companies with their contacts, walk-ins.

use super::names::{COMPANY_FORMS, COMPANY_HEADS, COMPANY_TRADES, MEN, SURNAME_HEADS, SURNAME_TAILS, SURNAMES, WOMEN};
use super::places::{DIRECTIONS, FAR, NEAR, Place, STREET_KINDS, STREETS};
use super::roll::Dice;
use super::{Address, Cluster, Consents, Person, PersonKind, Rooftop, StockVehicle, System};
use chrono::{DateTime, Duration, NaiveDate, TimeZone, Utc};

/// The year in which the population lives; all its dates lie before [`now`].
pub(super) const NOW_YEAR: i32 = 2026;

/// The moment at which the population was counted. Fixed, so that the same seed gives the same people on every day.
pub(super) fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(NOW_YEAR, 11, 1, 12, 0, 0).single().unwrap_or_default()
}

/// So many days before the population was counted.
pub(super) fn day_before(days: i64) -> NaiveDate {
    (now() - Duration::days(days)).date_naive()
}

/// Running numbers that keep keys, phones, e-mails and VINs apart.
#[derive(Default)]
pub(super) struct Counters {
    pub person: u64,
    pub cluster: u64,
    pub phone: u64,
    pub crm: u64,
    pub website: u64,
    pub vehicle: u64,
    pub deal: u64,
    pub repair_order: u64,
    pub lead: u64,
}

/// Yields the population cluster by cluster until the DMS has the wanted number of customers.
pub struct Clusters<'a> {
    pub(super) dice: Dice,
    pub(super) count: Counters,
    pub(super) rooftops: &'a [Rooftop],
    pub(super) inventory: &'a [StockVehicle],
    pub(super) dms_made: usize,
    pub(super) dms_wanted: usize,
}

impl<'a> Clusters<'a> {
    /// The clusters of a seed.
    #[must_use]
    pub fn new(seed: u64, customers: usize, rooftops: &'a [Rooftop], inventory: &'a [StockVehicle]) -> Self {
        Self {
            dice: Dice::new(seed, 1),
            count: Counters::default(),
            rooftops,
            inventory,
            dms_made: 0,
            dms_wanted: customers,
        }
    }
}

impl Iterator for Clusters<'_> {
    type Item = Cluster;

    fn next(&mut self) -> Option<Cluster> {
        if self.dms_made >= self.dms_wanted || self.rooftops.is_empty() {
            return None;
        }
        self.count.cluster += 1;
        let mut cluster = Cluster::default();
        match self.dice.within(0, 99) {
            0..=1 => self.walk_in(&mut cluster),
            2..=9 => self.company(&mut cluster),
            _ => self.household(&mut cluster),
        }
        self.trade(&mut cluster);
        for person in &mut cluster.people {
            person.consents = cluster
                .views
                .iter()
                .filter(|view| view.person_id == person.id)
                .fold(Consents::default(), |all, view| all.strictest(view.consents));
        }
        Some(cluster)
    }
}

impl Clusters<'_> {
    fn household(&mut self, cluster: &mut Cluster) {
        let surname = self.surname();
        let home = self.address();
        let area = self.area_code(&home);
        let before = self.dice.hits(90).then(|| self.address());
        let shared_phone = self.dice.hits(550).then(|| self.phone(&area));
        let adults = match self.dice.within(0, 99) {
            0..=44 => 1,
            45..=79 => 2,
            80..=93 => 3,
            _ => 4,
        };
        for place in 0..adults {
            // The household: he, she, then grown children who still live there.
            let woman = if place < 2 { (place == 1) == self.dice.hits(950) } else { self.dice.hits(500) };
            let age = if place < 2 { self.dice.within(24, 84) } else { self.dice.within(18, 26) };
            let mut person = self.individual(&surname, woman, age, &home);
            let named_after = cluster.people.first().map(|father: &Person| father.first_name.clone());
            let namesake = place == 2 && !woman && self.dice.hits(300);
            if let (true, Some(name), Some(father)) = (namesake, named_after, cluster.people.first_mut()) {
                person.first_name = name;
                person.suffix = "Jr".to_owned();
                father.suffix = "Sr".to_owned();
                person.email = person.email.map(|_| self.email(&person.first_name, &person.last_name));
            }
            if place == 1 && self.dice.hits(60) {
                // A couple with two surnames.
                person.last_name = self.surname();
            } else if place == 1 && woman && self.dice.hits(150) {
                person.maiden_name = Some(self.surname());
            }
            person.phone_home.clone_from(&shared_phone);
            if person.phone_mobile.is_none() && shared_phone.is_none() {
                person.phone_mobile = Some(self.phone(&area));
            }
            person.address_before.clone_from(&before);
            cluster.people.push(person);
        }
        for place in 0..cluster.people.len() {
            let Some(person) = cluster.people.get(place).cloned() else { continue };
            let in_dms = place == 0 || self.dice.hits(800);
            self.known_by_systems(&person, in_dms, cluster);
        }
    }

    fn company(&mut self, cluster: &mut Cluster) {
        let name = format!(
            "{} {} {}",
            self.dice.one(COMPANY_HEADS),
            self.dice.one(COMPANY_TRADES),
            self.dice.early(COMPANY_FORMS)
        );
        // Names of companies are few; the number of the street or owner keeps most of them apart, as in real life.
        let name = if self.dice.hits(600) { format!("{} {name}", self.surname()) } else { name };
        let address = self.address();
        let area = self.area_code(&address);
        let phone = self.phone(&area);
        let domain = format!("{}{}.example", key(&name).chars().take(14).collect::<String>(), self.count.cluster);
        self.count.person += 1;
        let company = Person {
            id: self.count.person,
            cluster: self.count.cluster,
            kind: PersonKind::Business,
            first_name: String::new(),
            middle_name: String::new(),
            last_name: String::new(),
            maiden_name: None,
            suffix: String::new(),
            company_name: name.clone(),
            birth_date: None,
            email: self.dice.hits(500).then(|| format!("info@{domain}")),
            email_other: None,
            phone_mobile: None,
            phone_home: None,
            phone_work: Some(phone.clone()),
            address: address.clone(),
            address_before: None,
            rooftop: self.rooftop(),
            consents: Consents::default(),
        };
        self.known_by_systems(&company, true, cluster);
        cluster.people.push(company);
        for _ in 0..self.dice.within(0, 3) {
            let surname = self.surname();
            let woman = self.dice.hits(400);
            let age = self.dice.within(24, 66);
            let mut person = self.individual(&surname, woman, age, &address);
            let local = format!("{}.{}", key(&person.first_name), key(&person.last_name));
            person.email = Some(format!("{local}@{domain}"));
            person.company_name.clone_from(&name);
            person.phone_work = Some(phone.clone());
            let in_dms = self.dice.hits(400);
            self.known_by_systems(&person, in_dms, cluster);
            cluster.people.push(person);
        }
    }

    /// Somebody who bought a wiper blade: a record without anybody behind it.
    fn walk_in(&mut self, cluster: &mut Cluster) {
        self.count.person += 1;
        let person = Person {
            id: self.count.person,
            cluster: self.count.cluster,
            kind: PersonKind::Unknown,
            first_name: String::new(),
            middle_name: String::new(),
            last_name: String::new(),
            maiden_name: None,
            suffix: String::new(),
            company_name: String::new(),
            birth_date: None,
            email: None,
            email_other: None,
            phone_mobile: None,
            phone_home: None,
            phone_work: None,
            address: Address::default(),
            address_before: None,
            rooftop: self.rooftop(),
            consents: Consents::default(),
        };
        self.junk_view(&person, cluster);
        cluster.people.push(person);
    }

    fn individual(&mut self, surname: &str, woman: bool, age: i64, home: &Address) -> Person {
        self.count.person += 1;
        let first_name = (*self.dice.early(if woman { WOMEN } else { MEN })).to_owned();
        let middle_name = if self.dice.hits(450) {
            let name = *self.dice.early(if woman { WOMEN } else { MEN });
            if self.dice.hits(700) { name.chars().take(1).collect() } else { name.to_owned() }
        } else {
            String::new()
        };
        let area = self.area_code(home);
        Person {
            id: self.count.person,
            cluster: self.count.cluster,
            kind: PersonKind::Individual,
            email: self.dice.hits(820).then(|| self.email(&first_name, surname)),
            email_other: self.dice.hits(60).then(|| self.email(&first_name, "work")),
            first_name,
            middle_name,
            last_name: surname.to_owned(),
            maiden_name: None,
            suffix: String::new(),
            company_name: String::new(),
            birth_date: Some(day_before(age * 365 + self.dice.within(1, 364))),
            phone_mobile: self.dice.hits(880).then(|| self.phone(&area)),
            phone_home: None,
            phone_work: self.dice.hits(120).then(|| self.phone(&area)),
            address: home.clone(),
            address_before: None,
            rooftop: self.rooftop(),
            consents: Consents::default(),
        }
    }

    fn surname(&mut self) -> String {
        match self.dice.within(0, 99) {
            0..=81 => (*self.dice.early(SURNAMES)).to_owned(),
            82..=96 => format!("{}{}", self.dice.one(SURNAME_HEADS), self.dice.one(SURNAME_TAILS)),
            _ => format!("{}-{}", self.dice.early(SURNAMES), self.dice.early(SURNAMES)),
        }
    }

    /// Never the same twice: the person's number is in it.
    fn email(&mut self, first: &str, last: &str) -> String {
        const HOSTS: [&str; 6] =
            ["mail.example", "inbox.example", "example.com", "post.example", "example.net", "cable.example"];
        let (first, last, number) = (key(first), key(last), self.count.person);
        let host = self.dice.early(&HOSTS);
        match self.dice.within(0, 3) {
            0 => format!("{first}.{last}{number}@{host}"),
            1 => format!("{}{last}{number}@{host}", first.chars().next().unwrap_or('x')),
            2 => format!("{first}{number}@{host}"),
            _ => format!("{last}.{first}.{number}@{host}"),
        }
    }

    /// Ten digits, never the same twice among eight million.
    fn phone(&mut self, area_code: &str) -> String {
        const EXCHANGES: u64 = 791;
        const NUMBERS: u64 = EXCHANGES * 10_000;
        self.count.phone += 1;
        // The factor is coprime to the modulus: it scatters without repeating.
        let place = self.count.phone * 3_700_001 % NUMBERS;
        format!("{area_code}{}{:04}", 209 + place / 10_000, place % 10_000)
    }

    fn address(&mut self) -> Address {
        let place: &Place = if self.dice.hits(930) { self.dice.early(NEAR) } else { self.dice.one(FAR) };
        let number = self.dice.within(1, 9_999);
        let (_, direction) = if self.dice.hits(300) { *self.dice.one(DIRECTIONS) } else { ("", "") };
        let (_, kind) = self.dice.early(STREET_KINDS);
        let gap = if direction.is_empty() { "" } else { " " };
        let flat = if self.dice.hits(140) { format!(" Apt {}", self.dice.within(1, 420)) } else { String::new() };
        Address {
            street: format!("{number} {direction}{gap}{} {kind}{flat}", self.dice.one(STREETS)),
            city: place.city.to_owned(),
            state: place.state.to_owned(),
            zip: (*self.dice.one(place.zips)).to_owned(),
        }
    }

    /// The area code of where somebody lives; some brought their number from elsewhere.
    fn area_code(&mut self, home: &Address) -> String {
        let at_home = NEAR.iter().chain(FAR).find(|place| place.city == home.city).map(|place| place.area_code);
        if self.dice.hits(880) { at_home.unwrap_or("813") } else { self.dice.one(FAR).area_code }.to_owned()
    }

    fn rooftop(&mut self) -> usize {
        self.dice.within(0, self.rooftops.len() - 1)
    }

    fn known_by_systems(&mut self, person: &Person, in_dms: bool, cluster: &mut Cluster) {
        let in_dms = in_dms && self.dms_made < self.dms_wanted;
        if in_dms {
            let rooftop = person.rooftop;
            self.view(person, System::Dms, rooftop, cluster);
            // A second number for the same person: half of them at another rooftop of the group.
            if self.dice.hits(30) && self.dms_made < self.dms_wanted {
                let rooftop = if self.dice.hits(500) { self.rooftop() } else { rooftop };
                self.view(person, System::Dms, rooftop, cluster);
            }
        }
        let mut known = in_dms;
        if self.dice.hits(if in_dms { 550 } else { 700 }) {
            self.view(person, System::Crm, person.rooftop, cluster);
            known = true;
        }
        let on_web = person.kind == PersonKind::Individual && person.email.is_some();
        if on_web && (self.dice.hits(180) || !known) {
            self.view(person, System::Website, person.rooftop, cluster);
            known = true;
        }
        if !known {
            self.view(person, System::Crm, person.rooftop, cluster);
        }
    }
}

/// Letters and digits in lower case.
pub(super) fn key(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
