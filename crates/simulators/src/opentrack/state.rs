//! What the DMS holds: per company its customers, vehicles, lot and repair orders, with the indexes its searches need.

use super::customer::Customer;
use super::soap::Wrong;
use crate::population::{OwnedVehicle, Population, RepairOrder, StockStatus, StockVehicle, System};
use chrono::{DateTime, Duration, Utc};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How long a DataToken lives.
pub(super) const TOKEN_LIFE: Duration = Duration::minutes(10);

/// What the dealer has granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Grant {
    /// Access.
    Granted,
    /// Not granted (311).
    NotGranted,
    /// Expired (312).
    Expired,
    /// Switched off for the API (313).
    Off,
}

/// One company of the enterprise.
#[derive(Default)]
pub(super) struct Company {
    pub customers: BTreeMap<u64, Customer>,
    by_email: HashMap<String, BTreeSet<u64>>,
    by_phone: HashMap<String, BTreeSet<u64>>,
    by_surname: BTreeMap<String, BTreeSet<u64>>,
    by_created: BTreeSet<(DateTime<Utc>, u64)>,
    by_updated: BTreeSet<(DateTime<Utc>, u64)>,
    pub vehicles: Vec<OwnedVehicle>,
    pub by_year: BTreeMap<i32, Vec<usize>>,
    pub stock: BTreeMap<String, StockVehicle>,
    pub orders: BTreeMap<u64, RepairOrder>,
}

/// One whole DMS.
pub(super) struct State {
    pub enterprise: String,
    pub companies: BTreeMap<String, Company>,
    pub grant: Grant,
    pub tokens: HashMap<String, DateTime<Utc>>,
    pub tokens_made: u64,
    pub next_customer: u64,
    pub next_order: u64,
    pub created: u64,
    pub updated: u64,
    pub duplicates: u64,
    /// The last page of each operation, for the fault that gives it once more.
    pub last_page: HashMap<String, String>,
}

impl State {
    pub(super) fn of(population: &Population) -> Self {
        let mut state = Self {
            enterprise: population.rooftops.first().map(|r| r.enterprise_code.clone()).unwrap_or_default(),
            companies: BTreeMap::new(),
            grant: Grant::Granted,
            tokens: HashMap::new(),
            tokens_made: 0,
            next_customer: 2_000_001,
            next_order: 9_000_001,
            created: 0,
            updated: 0,
            duplicates: 0,
            last_page: HashMap::new(),
        };
        let number_of = |place: usize| population.rooftops.get(place).map(|r| r.company_number.as_str());
        for rooftop in &population.rooftops {
            state.companies.insert(rooftop.company_number.clone(), Company::default());
        }
        let mut of_rooftop: Vec<Company> = population.rooftops.iter().map(|_| Company::default()).collect();
        for view in population.views_of(System::Dms) {
            let Some(company) = of_rooftop.get_mut(view.rooftop) else { continue };
            if let Ok(number) = view.external_id.parse() {
                company.put_customer(Customer::of(view, number));
            }
        }
        for vehicle in &population.vehicles {
            let Some(company) = of_rooftop.get_mut(vehicle.rooftop) else { continue };
            company.put_vehicle(vehicle.clone());
        }
        for vehicle in &population.inventory {
            let Some(company) = of_rooftop.get_mut(vehicle.rooftop) else { continue };
            company.stock.insert(vehicle.stock_number.clone(), vehicle.clone());
        }
        for order in &population.repair_orders {
            let Some(company) = of_rooftop.get_mut(order.rooftop) else { continue };
            if let Ok(number) = order.number.parse() {
                company.orders.insert(number, order.clone());
            }
        }
        for (place, company) in of_rooftop.into_iter().enumerate() {
            if let Some(number) = number_of(place) {
                state.companies.insert(number.to_owned(), company);
            }
        }
        state
    }

    /// A token for one CustomerAdd.
    pub(super) fn make_token(&mut self, now: DateTime<Utc>) -> String {
        use base64::Engine as _;
        self.tokens_made += 1;
        if self.tokens_made.is_multiple_of(1_000) {
            self.tokens.retain(|_, until| *until > now);
        }
        let plain = format!("{:012}|{}|{}", self.tokens_made, self.enterprise, now.timestamp_micros());
        let token = base64::engine::general_purpose::STANDARD.encode(plain);
        self.tokens.insert(token.clone(), now + TOKEN_LIFE);
        token
    }

    /// Uses a token up.
    pub(super) fn spend_token(&mut self, token: &str, now: DateTime<Utc>) -> Result<(), Wrong> {
        if token.is_empty() {
            return Err(Wrong(204, "Message validation error: DataToken is required. Perform a CustomerSearch first."));
        }
        match self.tokens.remove(token) {
            Some(until) if until > now => Ok(()),
            Some(_) => Err(Wrong(205, "Message validation error: DataToken has expired.")),
            None => Err(Wrong(205, "Message validation error: DataToken is not valid.")),
        }
    }
}

impl Company {
    pub(super) fn put_customer(&mut self, mut customer: Customer) {
        let number = customer.number;
        if let Some(before) = self.take_customer(number) {
            customer.vins = before.vins;
        }
        for email in customer.emails() {
            self.by_email.entry(email).or_default().insert(number);
        }
        for phone in customer.phones() {
            self.by_phone.entry(phone).or_default().insert(number);
        }
        self.by_surname.entry(customer.surname()).or_default().insert(number);
        self.by_created.insert((customer.created, number));
        self.by_updated.insert((customer.updated, number));
        self.customers.insert(number, customer);
    }

    /// Takes a customer out, for good or to put it back changed.
    pub(super) fn take_customer(&mut self, number: u64) -> Option<Customer> {
        let customer = self.customers.remove(&number)?;
        for email in customer.emails() {
            if let Some(all) = self.by_email.get_mut(&email) {
                all.remove(&number);
            }
        }
        for phone in customer.phones() {
            if let Some(all) = self.by_phone.get_mut(&phone) {
                all.remove(&number);
            }
        }
        if let Some(all) = self.by_surname.get_mut(&customer.surname()) {
            all.remove(&number);
        }
        self.by_created.remove(&(customer.created, number));
        self.by_updated.remove(&(customer.updated, number));
        Some(customer)
    }

    pub(super) fn put_vehicle(&mut self, vehicle: OwnedVehicle) {
        let owner: u64 = vehicle.customer_number.parse().unwrap_or_default();
        if let Some(customer) = self.customers.get_mut(&owner) {
            customer.vins.push(vehicle.vin.clone());
        }
        self.by_year.entry(vehicle.year).or_default().push(self.vehicles.len());
        self.vehicles.push(vehicle);
    }

    /// The customers that an index narrows a search to, in the order of entry; all where none does.
    pub(super) fn narrowed(&self, by: &Narrow) -> Vec<u64> {
        let set = |found: Option<&BTreeSet<u64>>| found.map(|all| all.iter().copied().collect()).unwrap_or_default();
        match by {
            Narrow::Email(email) => set(self.by_email.get(email)),
            Narrow::Phone(phone) => set(self.by_phone.get(phone)),
            Narrow::Surname(start) => self
                .by_surname
                .range(start.clone()..)
                .take_while(|(surname, _)| surname.starts_with(start.as_str()))
                .flat_map(|(_, all)| all.iter().copied())
                .collect(),
            Narrow::Created(from, to) => within(&self.by_created, *from, *to),
            Narrow::Updated(from, to) => within(&self.by_updated, *from, *to),
            Narrow::Nothing => self.customers.keys().copied().collect(),
        }
    }

    /// Whether there is already somebody of this name with one of these e-mails or phones.
    pub(super) fn is_known(&self, customer: &Customer) -> bool {
        let name = |c: &Customer| (c.get("FirstName").to_uppercase(), c.surname());
        let found = customer
            .emails()
            .filter_map(|email| self.by_email.get(&email))
            .chain(customer.phones().filter_map(|phone| self.by_phone.get(&phone)))
            .flatten();
        found.filter_map(|number| self.customers.get(number)).any(|other| name(other) == name(customer))
    }

    /// What a reader of vehicles owned finds: VINs, and where the VIN is a placeholder each of its owners.
    pub(super) fn vehicles_owned(&self) -> usize {
        let key = |vehicle: &OwnedVehicle| {
            let vin = vehicle.vin.trim();
            let placeholder = domain::vin::Vin::parse(vin).is_err();
            if placeholder { format!("{vin}/{}", vehicle.customer_number) } else { vin.to_owned() }
        };
        self.vehicles.iter().map(key).collect::<BTreeSet<_>>().len()
    }

    /// Vehicles that the web may offer: there or on the way, not promised to somebody, and not held back.
    pub(super) fn for_sale(&self) -> usize {
        let is_free = |status| matches!(status, StockStatus::InStock | StockStatus::InTransit);
        self.stock.values().filter(|vehicle| vehicle.publish && is_free(vehicle.status)).count()
    }
}

/// The index that narrows a search best.
pub(super) enum Narrow {
    Email(String),
    Phone(String),
    Surname(String),
    Created(Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    Updated(Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    Nothing,
}

fn within(index: &BTreeSet<(DateTime<Utc>, u64)>, from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Vec<u64> {
    // Whole seconds: the protocol knows nothing finer, and both ends belong to the window.
    let from = from.unwrap_or(DateTime::<Utc>::MIN_UTC);
    let to = to.map_or(DateTime::<Utc>::MAX_UTC, |to| to + Duration::milliseconds(999));
    if from > to {
        return Vec::new();
    }
    index.range((from, 0)..=(to, u64::MAX)).map(|(_, number)| *number).collect()
}
