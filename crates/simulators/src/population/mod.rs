//! The population of a dealer group with its truth: who is who behind every record of every system.
//!
//! Everything follows from a seed: the same seed and size give the same people, vehicles, deals and repair orders.
//! People live in *clusters* (a household, a company with its contacts, a walk-in); [`Clusters`] yields them one by
//! one, so that a million customers can be written to files without being held in memory.

mod adf;
mod cars;
mod csv;
mod dealership;
mod names;
mod people;
mod places;
mod roll;
mod stock;
mod trade;
mod views;

pub use csv::{Table, write_all, write_table};
pub use dealership::bayside;
pub use people::Clusters;

use chrono::{DateTime, NaiveDate, Utc};
use domain::Consent;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How large a population is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PopulationSize {
    /// Customer records in the DMS, duplicates included. People that only the CRM or the website knows come on top.
    pub customers: usize,
    /// Dealerships.
    pub rooftops: usize,
}

/// A dealership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rooftop {
    /// Short code, such as `BF`.
    pub code: String,
    /// Name.
    pub name: String,
    /// The make it sells new.
    pub make: String,
    /// Where it is.
    pub address: Address,
    /// Main phone, ten digits.
    pub phone: String,
    /// The DMS's enterprise code; the same for the group.
    pub enterprise_code: String,
    /// The DMS's company number.
    pub company_number: String,
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Street line.
    pub street: String,
    /// City.
    pub city: String,
    /// State, two letters.
    pub state: String,
    /// ZIP, five digits.
    pub zip: String,
}

/// What somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonKind {
    /// A person.
    Individual,
    /// A company.
    Business,
    /// Nobody can tell: a walk-in whose record holds placeholders only.
    Unknown,
}

/// Yes, no or never asked, per channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consents {
    /// E-mail.
    pub email: Option<Consent>,
    /// Calls.
    pub call: Option<Consent>,
    /// Texts.
    pub text: Option<Consent>,
    /// Letters.
    pub mail: Option<Consent>,
}

impl Consents {
    /// Channel by channel the stricter of two answers; an answer beats none.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        let of = |a: Option<Consent>, b: Option<Consent>| match (a, b) {
            (Some(a), Some(b)) => Some(a.strictest(b)),
            (a, b) => a.or(b),
        };
        Self {
            email: of(self.email, other.email),
            call: of(self.call, other.call),
            text: of(self.text, other.text),
            mail: of(self.mail, other.mail),
        }
    }
}

/// A real person or company: the truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who it is; what every record of every system refers to.
    pub id: u64,
    /// The household or company.
    pub cluster: u64,
    /// What it is.
    pub kind: PersonKind,
    /// Given name, empty for a company.
    pub first_name: String,
    /// Middle initial or name, may be empty.
    pub middle_name: String,
    /// Surname, empty for a company.
    pub last_name: String,
    /// Surname before marriage, where it changed.
    pub maiden_name: Option<String>,
    /// Jr, Sr, III, or empty.
    pub suffix: String,
    /// The company, also of its contacts.
    pub company_name: String,
    /// Birthday.
    pub birth_date: Option<NaiveDate>,
    /// E-mail, lower case.
    pub email: Option<String>,
    /// Another e-mail.
    pub email_other: Option<String>,
    /// Mobile phone, ten digits.
    pub phone_mobile: Option<String>,
    /// Home phone, ten digits; shared by the household.
    pub phone_home: Option<String>,
    /// Work phone, ten digits; shared by the company.
    pub phone_work: Option<String>,
    /// Where it lives.
    pub address: Address,
    /// Where it lived before, for movers.
    pub address_before: Option<Address>,
    /// Where it usually goes: index into [`Population::rooftops`].
    pub rooftop: usize,
    /// The strictest of what all systems were told.
    pub consents: Consents,
}

/// The kinds of source system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    /// The DMS.
    Dms,
    /// The CRM.
    Crm,
    /// The website.
    Website,
}

/// What one system says of a person. Texts are empty where it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceView {
    /// Which system.
    pub system: System,
    /// The system's own key.
    pub external_id: String,
    /// Which dealership: index into [`Population::rooftops`].
    pub rooftop: usize,
    /// The truth: [`Person::id`].
    pub person_id: u64,
    /// `I`, `C` or empty, as somebody typed it at the counter.
    pub type_code: String,
    /// Given name.
    pub first_name: String,
    /// Middle name.
    pub middle_name: String,
    /// Surname.
    pub last_name: String,
    /// Suffix, where the system keeps it apart.
    pub suffix: String,
    /// Company.
    pub company_name: String,
    /// E-mail.
    pub email: String,
    /// Another e-mail.
    pub email_other: String,
    /// Mobile phone.
    pub phone_mobile: String,
    /// Home phone.
    pub phone_home: String,
    /// Work phone.
    pub phone_work: String,
    /// Street line.
    pub street: String,
    /// City.
    pub city: String,
    /// State.
    pub state: String,
    /// ZIP.
    pub zip: String,
    /// Birthday.
    pub birth_date: Option<NaiveDate>,
    /// Driver licence number.
    pub driver_licence: String,
    /// What this system was told.
    pub consents: Consents,
    /// When the record was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A vehicle that a customer owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedVehicle {
    /// VIN as the DMS holds it.
    pub vin: String,
    /// Model year.
    pub year: i32,
    /// Make.
    pub make: String,
    /// Model.
    pub model: String,
    /// Trim.
    pub trim: String,
    /// Color.
    pub color: String,
    /// Miles.
    pub odometer: u32,
    /// Licence plate.
    pub plate: String,
    /// The owner: [`Person::id`].
    pub owner: u64,
    /// The owner's key in the DMS.
    pub customer_number: String,
    /// Which dealership serves it.
    pub rooftop: usize,
    /// When it was bought here, where it was.
    pub bought_on: Option<NaiveDate>,
    /// Last visit to the workshop.
    pub last_service: Option<NaiveDate>,
}

/// Where a vehicle for sale is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockStatus {
    /// On the lot.
    InStock,
    /// On the way.
    InTransit,
    /// Reserved.
    OnHold,
    /// Sold.
    Sold,
}

/// A vehicle for sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockVehicle {
    /// Stock number, unique within the rooftop and, in this population, within the group.
    pub stock_number: String,
    /// VIN; a few have a wrong check digit.
    pub vin: String,
    /// Which dealership has it.
    pub rooftop: usize,
    /// Where it is on its way.
    pub status: StockStatus,
    /// New or used.
    pub is_new: bool,
    /// Certified pre-owned.
    pub certified: bool,
    /// Model year.
    pub year: i32,
    /// Make.
    pub make: String,
    /// Model.
    pub model: String,
    /// Trim.
    pub trim: String,
    /// Body style.
    pub body: String,
    /// Color outside.
    pub exterior: String,
    /// Color inside.
    pub interior: String,
    /// Miles.
    pub odometer: u32,
    /// Price in dollars.
    pub price: u32,
    /// List price when new, in dollars.
    pub msrp: u32,
    /// What the dealer paid, in dollars.
    pub cost: u32,
    /// Since when.
    pub in_stock_since: NaiveDate,
    /// When it was sold.
    pub sold_on: Option<NaiveDate>,
    /// Whether it may be shown on the web.
    pub publish: bool,
    /// Option codes with what they mean.
    pub options: Vec<(String, String)>,
    /// Links to photos.
    pub photos: Vec<String>,
}

/// A sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    /// Deal number.
    pub number: String,
    /// The buyer: [`Person::id`].
    pub buyer: u64,
    /// The buyer's key in the DMS.
    pub customer_number: String,
    /// VIN.
    pub vin: String,
    /// Stock number it had.
    pub stock_number: String,
    /// Which dealership.
    pub rooftop: usize,
    /// Whether it is delivered; else open.
    pub delivered: bool,
    /// `cash`, `finance` or `lease`.
    pub kind: String,
    /// Sale price in dollars.
    pub amount: u32,
    /// Trade allowance in dollars, 0 without a trade-in.
    pub trade_allowance: u32,
    /// Payoff in dollars.
    pub payoff: u32,
    /// Salesperson.
    pub salesperson: String,
    /// Where the lead came from.
    pub source: String,
    /// Deal date.
    pub deal_date: NaiveDate,
    /// Delivery.
    pub delivered_on: Option<NaiveDate>,
}

/// One line of a repair order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoLine {
    /// Labor operation.
    pub op_code: String,
    /// What was done.
    pub description: String,
    /// Technician's number.
    pub technician: String,
    /// Hours, in tenths.
    pub tenths_of_hours: u32,
    /// Labor in cents.
    pub labor_cents: u64,
    /// Parts in cents.
    pub parts_cents: u64,
    /// Part number, empty without parts.
    pub part_number: String,
}

/// A repair order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairOrder {
    /// RO number.
    pub number: String,
    /// Whose vehicle: [`Person::id`].
    pub customer: u64,
    /// The customer's key in the DMS.
    pub customer_number: String,
    /// VIN.
    pub vin: String,
    /// Which dealership.
    pub rooftop: usize,
    /// Opened.
    pub opened_on: NaiveDate,
    /// Closed, where it is.
    pub closed_on: Option<NaiveDate>,
    /// Miles.
    pub odometer_in: u32,
    /// Service advisor's number.
    pub advisor: String,
    /// Lines.
    pub lines: Vec<RoLine>,
}

impl RepairOrder {
    /// Labor of all lines, in cents.
    #[must_use]
    pub fn labor_cents(&self) -> u64 {
        self.lines.iter().map(|line| line.labor_cents).sum()
    }

    /// Parts of all lines, in cents.
    #[must_use]
    pub fn parts_cents(&self) -> u64 {
        self.lines.iter().map(|line| line.parts_cents).sum()
    }
}

/// A lead from a website or portal, as an ADF document tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// The provider's id.
    pub id: String,
    /// Who asks: [`Person::id`].
    pub person: u64,
    /// What the person typed into the form.
    pub contact: SourceView,
    /// Which dealership.
    pub rooftop: usize,
    /// Where the lead came from.
    pub source: String,
    /// The provider's name.
    pub provider: String,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// `buy`, `lease`, `sell`, `trade-in` or `test-drive`.
    pub interest: String,
    /// New or used.
    pub is_new: bool,
    /// Model year.
    pub year: i32,
    /// Make.
    pub make: String,
    /// Model.
    pub model: String,
    /// Trim.
    pub trim: String,
    /// What the person wrote.
    pub comments: String,
}

/// A household, a company with its contacts, or a walk-in, with all that hangs on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The people.
    pub people: Vec<Person>,
    /// What the systems say of them.
    pub views: Vec<SourceView>,
    /// What they own.
    pub vehicles: Vec<OwnedVehicle>,
    /// What they bought or are about to.
    pub deals: Vec<Deal>,
    /// Their visits to the workshop.
    pub repair_orders: Vec<RepairOrder>,
    /// What they asked for on the web.
    pub leads: Vec<Lead>,
}

/// A dealer group's population.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// The group's name.
    pub group: String,
    /// The seed it came from.
    pub seed: u64,
    /// Its size.
    pub size: PopulationSize,
    /// The dealerships.
    pub rooftops: Vec<Rooftop>,
    /// The truth: all people, by id.
    pub people: Vec<Person>,
    /// What the systems say; the order is the order of entry.
    pub views: Vec<SourceView>,
    /// Vehicles owned.
    pub vehicles: Vec<OwnedVehicle>,
    /// Vehicles for sale.
    pub inventory: Vec<StockVehicle>,
    /// Deals.
    pub deals: Vec<Deal>,
    /// Repair orders.
    pub repair_orders: Vec<RepairOrder>,
    /// Leads.
    pub leads: Vec<Lead>,
}

/// How many of each there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// People and companies.
    pub people: usize,
    /// Customer records in the DMS.
    pub dms: usize,
    /// Contacts in the CRM.
    pub crm: usize,
    /// Accounts on the website.
    pub website: usize,
    /// Vehicles owned.
    pub vehicles: usize,
    /// Vehicles for sale.
    pub inventory: usize,
    /// Deals.
    pub deals: usize,
    /// Repair orders.
    pub repair_orders: usize,
    /// Leads.
    pub leads: usize,
}

impl Population {
    /// Makes a population. The same seed and size always give the same.
    #[must_use]
    pub fn generate(seed: u64, size: PopulationSize) -> Self {
        Self::of_group("Sample Auto Group", seed, size.customers, dealership::rooftops(size.rooftops))
    }

    /// Makes a population for given dealerships.
    #[must_use]
    pub fn of_group(group: &str, seed: u64, customers: usize, rooftops: Vec<Rooftop>) -> Self {
        let size = PopulationSize { customers, rooftops: rooftops.len() };
        let inventory = stock::inventory(seed, customers, &rooftops);
        let mut population = Self {
            group: group.to_owned(),
            seed,
            size,
            people: Vec::with_capacity(customers),
            views: Vec::with_capacity(customers * 2),
            vehicles: Vec::new(),
            deals: Vec::new(),
            repair_orders: Vec::new(),
            leads: Vec::new(),
            inventory: Vec::new(),
            rooftops,
        };
        for cluster in Clusters::new(seed, customers, &population.rooftops, &inventory) {
            population.people.extend(cluster.people);
            population.views.extend(cluster.views);
            population.vehicles.extend(cluster.vehicles);
            population.deals.extend(cluster.deals);
            population.repair_orders.extend(cluster.repair_orders);
            population.leads.extend(cluster.leads);
        }
        population.inventory = inventory;
        population
    }

    /// The vehicles for sale alone: what [`Clusters`] need to be streamed.
    #[must_use]
    pub fn inventory_of(seed: u64, customers: usize, rooftops: &[Rooftop]) -> Vec<StockVehicle> {
        stock::inventory(seed, customers, rooftops)
    }

    /// What one system says, in the order of entry.
    pub fn views_of(&self, system: System) -> impl Iterator<Item = &SourceView> {
        self.views.iter().filter(move |view| view.system == system)
    }

    /// Who is who: (system, external id) → person.
    #[must_use]
    pub fn who_is_who(&self) -> HashMap<(System, &str), u64> {
        self.views.iter().map(|view| ((view.system, view.external_id.as_str()), view.person_id)).collect()
    }

    /// The person with this id.
    #[must_use]
    pub fn person(&self, id: u64) -> Option<&Person> {
        self.people.binary_search_by_key(&id, |person| person.id).ok().and_then(|place| self.people.get(place))
    }

    /// How many of each there are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let of = |system| self.views_of(system).count();
        Counts {
            people: self.people.len(),
            dms: of(System::Dms),
            crm: of(System::Crm),
            website: of(System::Website),
            vehicles: self.vehicles.len(),
            inventory: self.inventory.len(),
            deals: self.deals.len(),
            repair_orders: self.repair_orders.len(),
            leads: self.leads.len(),
        }
    }

    /// How many different people a system knows: its records without the duplicates.
    #[must_use]
    pub fn people_known_to(&self, system: System) -> usize {
        self.views_of(system).map(|view| view.person_id).collect::<std::collections::HashSet<_>>().len()
    }
}

#[cfg(test)]
mod tests;
