//! What people own, buy, have repaired and ask for.

use super::cars::{EXTERIORS, MODELS, Model, vin};
use super::people::{Clusters, NOW_YEAR, day_before, now};
use super::{Cluster, Deal, Lead, OwnedVehicle, RepairOrder, RoLine, SourceView, StockStatus, System};
use chrono::{Datelike, Duration, NaiveDate};

const SALESPEOPLE: [&str; 12] = [
    "R. Alvarez",
    "K. Boone",
    "T. Chandler",
    "D. Fontaine",
    "M. Griggs",
    "S. Hadley",
    "J. Kessler",
    "L. Monroe",
    "P. Nakamura",
    "C. Ortega",
    "B. Sutter",
    "V. Whitlock",
];
const SOURCES: [&str; 9] =
    ["Walk-in", "Website", "Phone", "Referral", "Repeat", "cars.com", "AutoTrader", "CarGurus", "Facebook"];
/// Operation, what it is, tenths of hours, parts in cents.
const OPERATIONS: [(&str, &str, u32, u64); 14] = [
    ("LOF", "LUBE, OIL AND FILTER", 5, 3_895),
    ("ROT", "ROTATE TIRES", 4, 0),
    ("MPI", "MULTI-POINT INSPECTION", 2, 0),
    ("BRKF", "REPLACE FRONT BRAKE PADS", 15, 14_250),
    ("BRKR", "REPLACE REAR BRAKE PADS", 14, 12_900),
    ("BATT", "REPLACE BATTERY", 6, 18_995),
    ("AFIL", "REPLACE ENGINE AIR FILTER", 3, 2_450),
    ("CFIL", "REPLACE CABIN FILTER", 3, 3_150),
    ("ALGN", "FOUR WHEEL ALIGNMENT", 12, 0),
    ("COOL", "COOLANT FLUSH", 10, 4_500),
    ("TRAN", "TRANSMISSION SERVICE", 16, 11_900),
    ("WIPR", "WIPER BLADES", 2, 4_295),
    ("DIAG", "DIAGNOSE CHECK ENGINE LIGHT", 10, 0),
    ("RCL", "RECALL REPAIR", 8, 2_200),
];
const COMMENTS: [&str; 6] = [
    "Is this still available?",
    "What is your best price out the door?",
    "I would like to come by on Saturday for a test drive.",
    "Please send me payment options with $3,000 down.",
    "I have a trade-in & need an estimate.",
    "",
];

impl Clusters<'_> {
    /// Gives the cluster's DMS customers vehicles, deals and repair orders, and its web visitors leads.
    pub(super) fn trade(&mut self, cluster: &mut Cluster) {
        let views = std::mem::take(&mut cluster.views);
        for view in &views {
            match view.system {
                System::Dms => self.customer_of_the_house(view, cluster),
                System::Crm | System::Website => {
                    if self.dice.hits(if view.system == System::Website { 600 } else { 60 }) {
                        self.lead(view, cluster);
                    }
                }
            }
        }
        cluster.views = views;
    }

    fn customer_of_the_house(&mut self, view: &SourceView, cluster: &mut Cluster) {
        let vehicles = match self.dice.within(0, 99) {
            0..=17 => 0,
            18..=79 => 1,
            80..=95 => 2,
            _ => 3,
        };
        for _ in 0..vehicles {
            self.vehicle(view, cluster);
        }
        if self.dice.hits(15) {
            self.open_deal(view, cluster);
        }
    }

    fn vehicle(&mut self, view: &SourceView, cluster: &mut Cluster) {
        let brand = self.rooftops.get(view.rooftop).map_or("", |rooftop| rooftop.make.as_str());
        let own: Vec<&Model> = MODELS.iter().filter(|model| model.make == brand).collect();
        let model = if own.is_empty() || self.dice.hits(300) { self.dice.one(MODELS) } else { self.dice.early(&own) };
        self.count.vehicle += 1;
        let age = self.dice.within(0, 12);
        let year = NOW_YEAR - age;
        let oldtimer = self.dice.hits(1);
        let vin = match self.dice.within(0, 999) {
            // Before 1981 a VIN had eleven characters; a few records hold a placeholder or a leading blank.
            _ if oldtimer => format!("6T07C{:06}", self.count.vehicle % 1_000_000),
            0..=2 => "77777777777777777".to_owned(),
            3..=6 => format!(" {}", vin(model, year, self.count.vehicle)),
            _ => vin(model, year, self.count.vehicle),
        };
        let bought = self.dice.hits(620);
        let bought_on = bought.then(|| self.bought_on(i64::from(age)));
        let mut vehicle = OwnedVehicle {
            vin,
            year: if oldtimer { 1965 } else { year },
            make: model.make.to_owned(),
            model: model.model.to_owned(),
            trim: (*self.dice.one(model.trims)).to_owned(),
            color: (*self.dice.one(EXTERIORS)).to_owned(),
            odometer: u32::try_from(age).unwrap_or_default() * self.dice.within(6_000, 14_000)
                + self.dice.within(4, 900),
            plate: if self.dice.hits(500) { self.plate() } else { String::new() },
            owner: view.person_id,
            customer_number: view.external_id.clone(),
            rooftop: view.rooftop,
            bought_on,
            last_service: None,
        };
        if let Some(day) = bought_on {
            self.delivered_deal(view, &vehicle, model, day, cluster);
        }
        let visits = match self.dice.within(0, 99) {
            0..=54 => 0,
            55..=79 => 1,
            80..=92 => 2,
            _ => self.dice.within(3, 5),
        };
        let mut days_ago = 0;
        for visit in 0..visits {
            days_ago += self.dice.within(i64::from(visit == 0) * 5, 240) + i64::from(visit > 0) * 60;
            let day = day_before(days_ago);
            let open = visit == 0 && self.dice.hits(25);
            if visit == 0 {
                vehicle.last_service = Some(if open { day_before(0) } else { day });
            }
            self.repair_order(view, &vehicle, if open { day_before(0) } else { day }, open, cluster);
        }
        cluster.vehicles.push(vehicle);
    }

    fn plate(&mut self) -> String {
        let letters: String = (0..3).map(|_| *self.dice.one(&['A', 'B', 'C', 'D', 'J', 'K', 'L', 'Q', 'Y'])).collect();
        format!("{letters}{:02}{}", self.dice.within(0, 99), self.dice.one(&['A', 'E', 'N', 'R', 'T']))
    }

    /// Within the years since the vehicle was built.
    fn bought_on(&mut self, age: i64) -> NaiveDate {
        day_before(self.dice.within(3, age * 365 + 40))
    }

    fn delivered_deal(
        &mut self,
        view: &SourceView,
        vehicle: &OwnedVehicle,
        model: &Model,
        day: NaiveDate,
        cluster: &mut Cluster,
    ) {
        self.count.deal += 1;
        let years = u32::try_from(day.year() - vehicle.year).unwrap_or_default();
        let amount = model.msrp * (100 - (years * 9).min(70)) / 100;
        let trade_allowance = if self.dice.hits(400) { self.dice.within(10, 240) * 100 } else { 0 };
        let store = self.rooftops.get(view.rooftop).map_or("", |rooftop| rooftop.code.as_str());
        cluster.deals.push(Deal {
            number: (200_000 + self.count.deal).to_string(),
            buyer: view.person_id,
            customer_number: view.external_id.clone(),
            vin: vehicle.vin.trim().to_owned(),
            stock_number: format!("{store}H{:07}", self.count.deal),
            rooftop: view.rooftop,
            delivered: true,
            kind: (*self.dice.early(&["finance", "cash", "lease"])).to_owned(),
            amount,
            trade_allowance,
            payoff: if trade_allowance > 0 && self.dice.hits(500) { trade_allowance * 2 / 3 } else { 0 },
            salesperson: (*self.dice.one(&SALESPEOPLE)).to_owned(),
            source: (*self.dice.one(&SOURCES)).to_owned(),
            deal_date: day - Duration::days(self.dice.within(0, 3)),
            delivered_on: Some(day),
        });
    }

    /// Somebody about to buy one of the vehicles on the lot.
    fn open_deal(&mut self, view: &SourceView, cluster: &mut Cluster) {
        if self.inventory.is_empty() {
            return;
        }
        let stock = self.dice.one(self.inventory);
        if stock.status != StockStatus::InStock {
            return;
        }
        self.count.deal += 1;
        cluster.deals.push(Deal {
            number: (200_000 + self.count.deal).to_string(),
            buyer: view.person_id,
            customer_number: view.external_id.clone(),
            vin: stock.vin.clone(),
            stock_number: stock.stock_number.clone(),
            rooftop: stock.rooftop,
            delivered: false,
            kind: (*self.dice.early(&["finance", "cash", "lease"])).to_owned(),
            amount: stock.price,
            trade_allowance: 0,
            payoff: 0,
            salesperson: (*self.dice.one(&SALESPEOPLE)).to_owned(),
            source: (*self.dice.one(&SOURCES)).to_owned(),
            deal_date: day_before(self.dice.within(0, 10)),
            delivered_on: None,
        });
    }

    fn repair_order(
        &mut self,
        view: &SourceView,
        vehicle: &OwnedVehicle,
        opened_on: NaiveDate,
        open: bool,
        cluster: &mut Cluster,
    ) {
        self.count.repair_order += 1;
        let lines = (0..self.dice.within(1, 3))
            .map(|_| {
                let (op_code, description, tenths_of_hours, parts_cents) = *self.dice.early(&OPERATIONS);
                RoLine {
                    op_code: op_code.to_owned(),
                    description: description.to_owned(),
                    technician: self.dice.within(101, 124).to_string(),
                    tenths_of_hours,
                    labor_cents: u64::from(tenths_of_hours) * 1_495,
                    parts_cents,
                    part_number: if parts_cents > 0 {
                        format!("{op_code}-{}", self.dice.within(1_000, 9_999))
                    } else {
                        String::new()
                    },
                }
            })
            .collect();
        cluster.repair_orders.push(RepairOrder {
            number: (6_000_000 + self.count.repair_order).to_string(),
            customer: view.person_id,
            customer_number: view.external_id.clone(),
            vin: vehicle.vin.trim().to_owned(),
            rooftop: view.rooftop,
            opened_on,
            closed_on: (!open).then(|| (opened_on + Duration::days(self.dice.within(0, 3))).min(day_before(0))),
            odometer_in: vehicle.odometer,
            advisor: self.dice.within(201, 216).to_string(),
            lines,
        });
    }

    fn lead(&mut self, view: &SourceView, cluster: &mut Cluster) {
        self.count.lead += 1;
        let brand = self.rooftops.get(view.rooftop).map_or("", |rooftop| rooftop.make.as_str());
        let own: Vec<&Model> = MODELS.iter().filter(|model| model.make == brand).collect();
        let model = if own.is_empty() { self.dice.one(MODELS) } else { self.dice.early(&own) };
        let is_new = self.dice.hits(600);
        let (source, provider) = *self.dice.one(&[
            ("Website", "Bayside Website"),
            ("cars.com", "Cars.com"),
            ("AutoTrader", "AutoTrader"),
            ("CarGurus", "CarGurus"),
            ("OEM", "Manufacturer leads"),
        ]);
        cluster.leads.push(Lead {
            id: format!("L{:08}", self.count.lead),
            person: view.person_id,
            contact: view.clone(),
            rooftop: view.rooftop,
            source: source.to_owned(),
            provider: provider.to_owned(),
            requested_at: now() - Duration::minutes(self.dice.within(5, 120 * 24 * 60)),
            interest: (*self.dice.early(&["buy", "test-drive", "lease", "trade-in", "sell"])).to_owned(),
            is_new,
            year: if is_new { NOW_YEAR + 1 } else { NOW_YEAR - self.dice.within(1, 7) },
            make: model.make.to_owned(),
            model: model.model.to_owned(),
            trim: (*self.dice.one(model.trims)).to_owned(),
            comments: (*self.dice.one(&COMMENTS)).to_owned(),
        });
    }
}
