//! The operations: each takes its request's element and gives the inside of its response.

use super::customer::{Customer, digits};
use super::order::{put_closed, put_open};
use super::soap::{Node, Wrong, put};
use super::state::{Company, Grant, Narrow, State};
use super::vehicle::{put_owned, put_stock, put_stock_result};
use crate::population::{RepairOrder, RoLine};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use std::fmt::Write;

/// Checks who asks for whom, in the vendor's order.
pub(super) fn check_dealer(state: &State, dealer: Option<&Node>) -> Result<String, Wrong> {
    let of = |name| dealer.map(|dealer| dealer.of(name)).unwrap_or_default();
    let (enterprise, company) = (of("EnterpriseCode"), of("CompanyNumber"));
    if enterprise.is_empty() {
        return Err(Wrong(302, "Access validation error: Enterprise code is blank."));
    }
    if company.is_empty() {
        return Err(Wrong(303, "Access validation error: Company number is blank."));
    }
    let granted = enterprise == state.enterprise && state.companies.contains_key(company);
    match state.grant {
        Grant::Granted if granted => Ok(company.to_owned()),
        Grant::Granted | Grant::NotGranted => {
            Err(Wrong(311, "Access validation error: Dealer has not granted access to Vendor."))
        }
        Grant::Expired => Err(Wrong(312, "Access validation error: Dealer access for Vendor has expired.")),
        Grant::Off => Err(Wrong(313, "Access validation error: The API is turned off for this dealer.")),
    }
}

/// A moment of a search; 314 where it lies in the future.
fn moment(parms: &Node, name: &str, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Wrong> {
    let text = parms.of(name);
    if text.is_empty() {
        return Ok(None);
    }
    let read = DateTime::parse_from_rfc3339(text)
        .map(|moment| moment.to_utc())
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").map(|moment| moment.and_utc()))
        .map_err(|_| Wrong(201, "Message validation error: A date is not in the format yyyy-MM-ddTHH:mm:ssZ."))?;
    if name.ends_with("Start") && read > now {
        return Err(Wrong(314, "Access validation error: Start date is in the future."));
    }
    Ok(Some(read))
}

/// A day of a search, `yyyyMMdd`.
fn date(parms: &Node, name: &str) -> Result<Option<NaiveDate>, Wrong> {
    match parms.of(name) {
        "" | "0" => Ok(None),
        text => NaiveDate::parse_from_str(text, "%Y%m%d")
            .map(Some)
            .map_err(|_| Wrong(201, "Message validation error: A date is not in the format yyyyMMdd.")),
    }
}

/// CustomerSearch: all conditions must hold; a fresh DataToken comes with every answer.
pub(super) fn customer_search(state: &mut State, company: &str, request: &Node, now: DateTime<Utc>) -> Answer {
    let nothing = Node::default();
    let parms = request.child("SearchParms").unwrap_or(&nothing);
    if parms.children.iter().all(|parm| parm.text.trim().is_empty()) {
        return Err(Wrong(203, "Message validation error: At least one search parameter is required."));
    }
    let (created, updated) = (
        (moment(parms, "CreatedDateTimeStart", now)?, moment(parms, "CreatedDateTimeEnd", now)?),
        (moment(parms, "UpdatedDateTimeStart", now)?, moment(parms, "UpdatedDateTimeEnd", now)?),
    );
    let (email, phone) = (parms.of("Email").to_lowercase(), digits(parms.of("Phone")));
    let (last, first) = (parms.of("LastName").to_uppercase(), parms.of("FirstName").to_uppercase());
    let narrow = if !email.is_empty() {
        Narrow::Email(email)
    } else if !phone.is_empty() {
        Narrow::Phone(phone.clone())
    } else if !last.is_empty() {
        Narrow::Surname(last.clone())
    } else if updated.0.or(updated.1).is_some() {
        Narrow::Updated(updated.0, updated.1)
    } else if created.0.or(created.1).is_some() {
        Narrow::Created(created.0, created.1)
    } else {
        Narrow::Nothing
    };
    let in_window = |at: DateTime<Utc>, (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>)| {
        from.is_none_or(|from| at >= from) && to.is_none_or(|to| at.timestamp() <= to.timestamp())
    };
    let fits = |customer: &Customer| {
        let says = |field: &str, wanted: &str| wanted.is_empty() || customer.get(field).eq_ignore_ascii_case(wanted);
        customer.surname().starts_with(&last)
            && customer.get("FirstName").to_uppercase().starts_with(&first)
            && (phone.is_empty() || customer.phones().any(|held| held == phone))
            && customer.get("ZipCode").starts_with(parms.of("ZipCode"))
            && says("StateCode", parms.of("State"))
            && says("AllowContactByEmail", parms.of("AllowContactByEmail"))
            && says("AllowContactByPhone", parms.of("AllowContactByPhone"))
            && says("AllowContactByPostal", parms.of("AllowContactByPostal"))
            && in_window(customer.created, created)
            && in_window(customer.updated, updated)
    };
    let token = state.make_token(now);
    let held = state.company(company)?;
    let mut results = String::new();
    for customer in held.narrowed(&narrow).iter().filter_map(|number| held.customers.get(number)) {
        if fits(customer) {
            customer.put_result(company, &mut results);
        }
    }
    // The schema has the token first, the vendor's description has it last; the schema is what is validated against.
    let mut inner = String::with_capacity(results.len() + token.len() + 32);
    put(&mut inner, "DataToken", &token);
    inner.push_str(&results);
    Ok(inner)
}

pub(super) fn customer_lookup(state: &State, company: &str, request: &Node) -> Answer {
    let number: u64 = request
        .of("CustomerNumber")
        .parse()
        .map_err(|_| Wrong(202, "Message validation error: CustomerNumber is required."))?;
    let mut inner = String::new();
    if let Some(customer) = state.companies.get(company).and_then(|held| held.customers.get(&number)) {
        customer.put_whole(company, &mut inner);
    }
    Ok(inner)
}

pub(super) fn customer_add(state: &mut State, company: &str, request: &Node, now: DateTime<Utc>) -> Answer {
    let told = request.child("Customer").ok_or(Wrong(202, "Message validation error: Customer is required."))?;
    state.spend_token(told.of("DataToken"), now)?;
    if told.of("LastName").is_empty() {
        return Err(Wrong(202, "Message validation error: LastName is required."));
    }
    let number = state.next_customer;
    let mut customer = Customer::new(number, now);
    for flag in ["AllowContactByPostal", "AllowContactByPhone", "AllowContactByEmail"] {
        customer.set(flag, "Y");
    }
    customer.take(told, now);
    let held = state.company(company)?;
    let known = held.is_known(&customer);
    held.put_customer(customer);
    state.next_customer += 1;
    state.created += 1;
    state.duplicates += u64::from(known);
    let mut inner = String::from("<Success>");
    put(&mut inner, "Message", "Customer successfully added.");
    put(&mut inner, "CustomerNumber", &number.to_string());
    inner.push_str("</Success>");
    Ok(inner)
}

pub(super) fn customer_update(state: &mut State, company: &str, request: &Node, now: DateTime<Utc>) -> Answer {
    let told = request.child("Customer").ok_or(Wrong(202, "Message validation error: Customer is required."))?;
    let number: u64 = told
        .of("CustomerNumber")
        .parse()
        .map_err(|_| Wrong(202, "Message validation error: CustomerNumber is required."))?;
    let held = state.company(company)?;
    let Some(mut customer) = held.take_customer(number) else {
        return Err(Wrong(200, "Message validation error: Customer does not exist."));
    };
    customer.take(told, now);
    held.put_customer(customer);
    state.updated += 1;
    let mut inner = String::from("<Success>");
    put(&mut inner, "Message", "Customer successfully updated.");
    inner.push_str("</Success>");
    Ok(inner)
}

pub(super) fn vehicle_search(state: &State, company: &str, request: &Node) -> Answer {
    let nothing = Node::default();
    let parms = request.child("SearchParms").unwrap_or(&nothing);
    if parms.children.iter().all(|parm| parm.text.trim().is_empty()) {
        return Err(Wrong(203, "Message validation error: At least one search parameter is required."));
    }
    let window = |start, end| Ok::<_, Wrong>((date(parms, start)?, date(parms, end)?));
    let served = window("LastServiceDateStart", "LastServiceDateEnd")?;
    let delivered = window("DeliveredDateStart", "DeliveredDateEnd")?;
    let inside = |day: Option<NaiveDate>, (from, to): (Option<NaiveDate>, Option<NaiveDate>)| {
        (from.is_none() && to.is_none())
            || day.is_some_and(|day| from.is_none_or(|from| day >= from) && to.is_none_or(|to| day <= to))
    };
    let says = |held: &str, wanted: &str| wanted.is_empty() || held.trim().eq_ignore_ascii_case(wanted);
    let common = |vin: &str, make: &str, model: &str, year: i32| {
        says(vin, parms.of("VIN"))
            && vin.trim().ends_with(parms.of("LastSixOfVIN"))
            && says(make, parms.of("Make"))
            && says(model, parms.of("Model"))
            && says(&year.to_string(), parms.of("ModelYear"))
    };
    let held = state.companies.get(company).ok_or(GONE)?;
    let mut inner = String::new();
    let by_year: Option<i32> = parms.of("ModelYear").parse().ok();
    let owned: Box<dyn Iterator<Item = _>> = match by_year {
        Some(year) => {
            Box::new(held.by_year.get(&year).into_iter().flatten().filter_map(|place| held.vehicles.get(*place)))
        }
        None => Box::new(held.vehicles.iter()),
    };
    for vehicle in owned {
        if common(&vehicle.vin, &vehicle.make, &vehicle.model, vehicle.year)
            && says("", parms.of("StockNumber"))
            && says("U", parms.of("Type"))
            && inside(vehicle.last_service, served)
            && inside(vehicle.bought_on, delivered)
        {
            put_owned(vehicle, company, &mut inner);
        }
    }
    for vehicle in held.stock.values() {
        if common(&vehicle.vin, &vehicle.make, &vehicle.model, vehicle.year)
            && says(&vehicle.stock_number, parms.of("StockNumber"))
            && says(if vehicle.is_new { "N" } else { "U" }, parms.of("Type"))
            && inside(None, served)
            && inside(vehicle.sold_on, delivered)
        {
            put_stock_result(vehicle, company, &mut inner);
        }
    }
    Ok(inner)
}

pub(super) fn vehicle_lookup(state: &State, company: &str, request: &Node) -> Answer {
    let (vin, stock) = (request.of("VIN"), request.of("StockNumber"));
    let held = state.companies.get(company).ok_or(GONE)?;
    let mut inner = String::new();
    let found = held.stock.values().find(|vehicle| {
        (!stock.is_empty() && vehicle.stock_number == stock) || (stock.is_empty() && vehicle.vin == vin)
    });
    if let Some(vehicle) = found {
        put_stock(vehicle, company, &mut inner);
    }
    Ok(inner)
}

pub(super) fn vehicle_inventory(state: &State, company: &str, request: &Node) -> Answer {
    let nothing = Node::default();
    let parms = request.child("LookupParms").unwrap_or(&nothing);
    let (from, to) = (date(parms, "FromDateInInventory")?, date(parms, "ToDateInInventory")?);
    let held = state.companies.get(company).ok_or(GONE)?;
    let mut inner = String::new();
    for vehicle in held.stock.values() {
        let type_code = if vehicle.is_new { "N" } else { "U" };
        let wanted = parms.of("Type");
        if (wanted.is_empty() || wanted == type_code)
            && from.is_none_or(|from| vehicle.in_stock_since >= from)
            && to.is_none_or(|to| vehicle.in_stock_since <= to)
        {
            put_stock(vehicle, company, &mut inner);
        }
    }
    Ok(inner)
}

fn customer_of<'a>(held: &'a Company, order: &RepairOrder) -> Option<&'a Customer> {
    held.customers.get(&order.customer_number.parse().ok()?)
}

pub(super) fn open_orders(state: &State, company: &str, request: &Node) -> Answer {
    let nothing = Node::default();
    let parms = request.child("LookupParms").unwrap_or(&nothing);
    let says = |held: &str, wanted: &str| wanted.is_empty() || held == wanted;
    let held = state.companies.get(company).ok_or(GONE)?;
    let mut inner = String::new();
    for order in held.orders.values().filter(|order| order.closed_on.is_none()) {
        if says(&order.number, parms.of("RepairOrderNumber"))
            && says(&order.vin, parms.of("VIN"))
            && says(&order.customer_number, parms.of("CustomerNumber"))
        {
            put_open(order, customer_of(held, order), company, &mut inner);
        }
    }
    Ok(inner)
}

pub(super) fn closed_orders(state: &State, company: &str, request: &Node, now: DateTime<Utc>) -> Answer {
    let parms = request.child("request").ok_or(Wrong(202, "Message validation error: request is required."))?;
    let (from, to) = (moment(parms, "FinalCloseDateStart", now)?, moment(parms, "FinalCloseDateEnd", now)?);
    let number: u64 = parms.of("RepairOrderNumber").parse().unwrap_or_default();
    let held = state.companies.get(company).ok_or(GONE)?;
    let mut inner = String::from("<ClosedRepairOrders>");
    for (key, order) in &held.orders {
        let Some(closed) = order.closed_on else { continue };
        if (number == 0 || *key == number)
            && from.is_none_or(|from| closed >= from.date_naive())
            && to.is_none_or(|to| closed <= to.date_naive())
        {
            inner.push_str("<ClosedRepairOrder>");
            put_closed(order, customer_of(held, order), company, false, &mut inner);
            inner.push_str("</ClosedRepairOrder>");
        }
    }
    inner.push_str("</ClosedRepairOrders>");
    Ok(inner)
}

pub(super) fn closed_order_details(state: &State, company: &str, request: &Node) -> Answer {
    let parms = request.child("request").ok_or(Wrong(202, "Message validation error: request is required."))?;
    let number: u64 = parms.of("RepairOrderNumber").parse().unwrap_or_default();
    let held = state.companies.get(company).ok_or(GONE)?;
    let mut inner = String::new();
    if let Some(order) = held.orders.get(&number).filter(|order| order.closed_on.is_some()) {
        inner.push_str("<ClosedRepairOrder>");
        put_closed(order, customer_of(held, order), company, true, &mut inner);
        inner.push_str("</ClosedRepairOrder>");
    }
    Ok(inner)
}

/// AddRepairOrder: the order is made even where a line is refused, so one reply can hold both.
pub(super) fn add_repair_order(state: &mut State, company: &str, request: &Node, now: DateTime<Utc>) -> Answer {
    let told = request
        .children
        .iter()
        .find(|child| child.name != "Dealer")
        .ok_or(Wrong(202, "Message validation error: RepairOrder is required."))?;
    let number = state.next_order;
    let mut refused = 0;
    let mut lines = Vec::new();
    for line in told.find("Lines").map(|lines| lines.children.as_slice()).unwrap_or_default() {
        if line.of("LaborOpCode").is_empty() {
            refused += 1;
            continue;
        }
        lines.push(RoLine {
            op_code: line.of("LaborOpCode").to_owned(),
            description: line.of("Comments").to_owned(),
            technician: String::new(),
            tenths_of_hours: 0,
            labor_cents: 0,
            parts_cents: 0,
            part_number: String::new(),
        });
    }
    let order = RepairOrder {
        number: number.to_string(),
        customer: 0,
        customer_number: told.of("CustomerNumber").to_owned(),
        vin: told.of("VIN").to_owned(),
        rooftop: 0,
        opened_on: now.date_naive(),
        closed_on: None,
        odometer_in: told.of("OdometerIn").parse().unwrap_or_default(),
        advisor: told.of("ServiceWriterID").to_owned(),
        lines,
    };
    state.company(company)?.orders.insert(number, order);
    state.next_order += 1;
    state.created += 1;
    let mut inner = String::new();
    put(&mut inner, "RepairOrderNumber", &number.to_string());
    inner.push_str("<Success>");
    put(&mut inner, "Message", "Repair order added.");
    inner.push_str("</Success>");
    if refused > 0 {
        inner.push_str("<Failure>");
        put(&mut inner, "Message", &format!("{refused} lines were not added."));
        let done = write!(
            inner,
            "<Errors><Error><Code>202</Code><Message>LaborOpCode is required.</Message></Error></Errors></Failure>"
        );
        debug_assert!(done.is_ok());
    }
    Ok(inner)
}

/// The inside of a response, or the error that takes its place.
pub(super) type Answer = Result<String, Wrong>;

const GONE: Wrong = Wrong(311, "Access validation error: Dealer has not granted access to Vendor.");

impl State {
    fn company(&mut self, number: &str) -> Result<&mut Company, Wrong> {
        self.companies.get_mut(number).ok_or(GONE)
    }
}
