//! The population as a DMS exports it: one CSV file per object, and the truth beside it.

use super::{
    Cluster, Clusters, Deal, OwnedVehicle, Population, RepairOrder, Rooftop, SourceView, StockStatus, StockVehicle,
    System,
};
use chrono::NaiveDate;
use domain::Consent;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// A file of the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Table {
    /// `customers.csv`
    Customers,
    /// `vehicles.csv`
    Vehicles,
    /// `deals.csv`
    Deals,
    /// `repair_orders.csv`: one row per line of an RO.
    RepairOrders,
    /// `inventory.csv`
    Inventory,
    /// `truth.csv`: who is who, for every record of every system.
    Truth,
}

impl Table {
    /// All files.
    pub const ALL: [Self; 6] =
        [Self::Customers, Self::Vehicles, Self::Deals, Self::RepairOrders, Self::Inventory, Self::Truth];

    /// The file's name.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Customers => "customers.csv",
            Self::Vehicles => "vehicles.csv",
            Self::Deals => "deals.csv",
            Self::RepairOrders => "repair_orders.csv",
            Self::Inventory => "inventory.csv",
            Self::Truth => "truth.csv",
        }
    }

    /// The header line.
    #[must_use]
    pub const fn header(self) -> &'static [&'static str] {
        match self {
            Self::Customers => &[
                "CustomerNumber",
                "Store",
                "Type",
                "FirstName",
                "MiddleName",
                "LastName",
                "Email1",
                "Email2",
                "CellPhone",
                "HomePhone",
                "WorkPhone",
                "Address1",
                "City",
                "State",
                "ZipCode",
                "BirthDate",
                "DriverLicense",
                "AllowEmail",
                "AllowCall",
                "AllowText",
                "AllowMail",
                "CreatedDate",
                "LastUpdated",
            ],
            Self::Vehicles => &[
                "VIN",
                "CustomerNumber",
                "Store",
                "Year",
                "Make",
                "Model",
                "Trim",
                "Color",
                "Odometer",
                "LicensePlate",
                "DeliveryDate",
                "LastServiceDate",
            ],
            Self::Deals => &[
                "DealNumber",
                "CustomerNumber",
                "Store",
                "VIN",
                "StockNumber",
                "Status",
                "DealType",
                "SalePrice",
                "TradeAllowance",
                "Payoff",
                "Salesperson",
                "Source",
                "DealDate",
                "DeliveryDate",
            ],
            Self::RepairOrders => &[
                "RONumber",
                "CustomerNumber",
                "Store",
                "VIN",
                "Status",
                "OpenDate",
                "CloseDate",
                "OdometerIn",
                "Advisor",
                "LineNumber",
                "OpCode",
                "Description",
                "Technician",
                "Hours",
                "LaborAmount",
                "PartsAmount",
                "LaborTotal",
                "PartsTotal",
                "Total",
            ],
            Self::Inventory => &[
                "StockNumber",
                "VIN",
                "Store",
                "Status",
                "Type",
                "Certified",
                "Year",
                "Make",
                "Model",
                "Trim",
                "Body",
                "ExteriorColor",
                "InteriorColor",
                "Odometer",
                "Price",
                "MSRP",
                "Cost",
                "DateInStock",
                "Publish",
                "Options",
                "PhotoURLs",
            ],
            Self::Truth => &["System", "ExternalId", "PersonId"],
        }
    }
}

/// Writes one file of a population held in memory.
///
/// # Errors
/// Where the writer fails.
pub fn write_table(population: &Population, table: Table, to: impl Write) -> csv::Result<()> {
    let mut rows = csv::Writer::from_writer(to);
    rows.write_record(table.header())?;
    let stores = &population.rooftops;
    match table {
        Table::Customers => {
            for view in population.views_of(System::Dms) {
                customer(&mut rows, stores, view)?;
            }
        }
        Table::Vehicles => population.vehicles.iter().try_for_each(|row| vehicle(&mut rows, stores, row))?,
        Table::Deals => population.deals.iter().try_for_each(|row| deal(&mut rows, stores, row))?,
        Table::RepairOrders => {
            population.repair_orders.iter().try_for_each(|row| repair_order(&mut rows, stores, row))?;
        }
        Table::Inventory => population.inventory.iter().try_for_each(|row| stock(&mut rows, stores, row))?,
        Table::Truth => population.views.iter().try_for_each(|row| truth(&mut rows, row))?,
    }
    rows.flush()?;
    Ok(())
}

/// Writes files for a population of any size without holding it in memory. Returns the rows per file.
///
/// # Errors
/// Where a file cannot be written.
pub fn write_all(
    seed: u64,
    customers: usize,
    rooftops: &[Rooftop],
    tables: &[Table],
    folder: &Path,
) -> csv::Result<Vec<(Table, usize)>> {
    let inventory = Population::inventory_of(seed, customers, rooftops);
    let mut files = Vec::with_capacity(tables.len());
    for table in tables {
        let file = File::create(folder.join(table.file_name()))?;
        let mut rows = csv::Writer::from_writer(BufWriter::with_capacity(1 << 20, file));
        rows.write_record(table.header())?;
        files.push((*table, rows, 0));
    }
    for cluster in Clusters::new(seed, customers, rooftops, &inventory) {
        for (table, rows, written) in &mut files {
            *written += cluster_rows(&cluster, *table, rooftops, rows)?;
        }
    }
    let mut counts = Vec::with_capacity(files.len());
    for (table, mut rows, mut written) in files {
        if table == Table::Inventory {
            inventory.iter().try_for_each(|row| stock(&mut rows, rooftops, row))?;
            written = inventory.len();
        }
        rows.flush()?;
        counts.push((table, written));
    }
    Ok(counts)
}

fn cluster_rows<W: Write>(
    cluster: &Cluster,
    table: Table,
    stores: &[Rooftop],
    rows: &mut csv::Writer<W>,
) -> csv::Result<usize> {
    match table {
        Table::Customers => {
            let mut written = 0;
            for view in cluster.views.iter().filter(|view| view.system == System::Dms) {
                customer(rows, stores, view)?;
                written += 1;
            }
            Ok(written)
        }
        Table::Vehicles => {
            cluster.vehicles.iter().try_for_each(|row| vehicle(rows, stores, row))?;
            Ok(cluster.vehicles.len())
        }
        Table::Deals => {
            cluster.deals.iter().try_for_each(|row| deal(rows, stores, row))?;
            Ok(cluster.deals.len())
        }
        Table::RepairOrders => {
            cluster.repair_orders.iter().try_for_each(|row| repair_order(rows, stores, row))?;
            Ok(cluster.repair_orders.iter().map(|order| order.lines.len()).sum())
        }
        Table::Truth => {
            cluster.views.iter().try_for_each(|row| truth(rows, row))?;
            Ok(cluster.views.len())
        }
        // The lots belong to rooftops, not to clusters.
        Table::Inventory => Ok(0),
    }
}

fn store(stores: &[Rooftop], place: usize) -> &str {
    stores.get(place).map_or("", |rooftop| rooftop.code.as_str())
}

fn day(day: Option<NaiveDate>) -> String {
    day.map(|day| day.format("%m/%d/%Y").to_string()).unwrap_or_default()
}

fn cents(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

const fn allow(consent: Option<Consent>) -> &'static str {
    match consent {
        Some(Consent::OptedIn) => "Y",
        Some(Consent::OptedOut) => "N",
        None => "",
    }
}

fn customer<W: Write>(rows: &mut csv::Writer<W>, stores: &[Rooftop], view: &SourceView) -> csv::Result<()> {
    rows.write_record([
        view.external_id.as_str(),
        store(stores, view.rooftop),
        &view.type_code,
        &view.first_name,
        &view.middle_name,
        &view.last_name,
        &view.email,
        &view.email_other,
        &view.phone_mobile,
        &view.phone_home,
        &view.phone_work,
        &view.street,
        &view.city,
        &view.state,
        &view.zip,
        &day(view.birth_date),
        &view.driver_licence,
        allow(view.consents.email),
        allow(view.consents.call),
        allow(view.consents.text),
        allow(view.consents.mail),
        &view.created_at.format("%Y-%m-%d %H:%M:%S").to_string(),
        &view.updated_at.format("%Y-%m-%d %H:%M:%S").to_string(),
    ])
}

fn vehicle<W: Write>(rows: &mut csv::Writer<W>, stores: &[Rooftop], row: &OwnedVehicle) -> csv::Result<()> {
    rows.write_record([
        row.vin.as_str(),
        &row.customer_number,
        store(stores, row.rooftop),
        &row.year.to_string(),
        &row.make,
        &row.model,
        &row.trim,
        &row.color,
        &row.odometer.to_string(),
        &row.plate,
        &day(row.bought_on),
        &day(row.last_service),
    ])
}

fn deal<W: Write>(rows: &mut csv::Writer<W>, stores: &[Rooftop], row: &Deal) -> csv::Result<()> {
    rows.write_record([
        row.number.as_str(),
        &row.customer_number,
        store(stores, row.rooftop),
        &row.vin,
        &row.stock_number,
        if row.delivered { "delivered" } else { "open" },
        &row.kind,
        &row.amount.to_string(),
        &row.trade_allowance.to_string(),
        &row.payoff.to_string(),
        &row.salesperson,
        &row.source,
        &day(Some(row.deal_date)),
        &day(row.delivered_on),
    ])
}

fn repair_order<W: Write>(rows: &mut csv::Writer<W>, stores: &[Rooftop], row: &RepairOrder) -> csv::Result<()> {
    let (labor, parts) = (row.labor_cents(), row.parts_cents());
    for (place, line) in row.lines.iter().enumerate() {
        rows.write_record([
            row.number.as_str(),
            &row.customer_number,
            store(stores, row.rooftop),
            &row.vin,
            if row.closed_on.is_some() { "closed" } else { "open" },
            &day(Some(row.opened_on)),
            &day(row.closed_on),
            &row.odometer_in.to_string(),
            &row.advisor,
            &(place + 1).to_string(),
            &line.op_code,
            &line.description,
            &line.technician,
            &format!("{}.{}", line.tenths_of_hours / 10, line.tenths_of_hours % 10),
            &cents(line.labor_cents),
            &cents(line.parts_cents),
            &cents(labor),
            &cents(parts),
            &cents(labor + parts),
        ])?;
    }
    Ok(())
}

fn stock<W: Write>(rows: &mut csv::Writer<W>, stores: &[Rooftop], row: &StockVehicle) -> csv::Result<()> {
    let status = match row.status {
        StockStatus::InStock => "in_stock",
        StockStatus::InTransit => "in_transit",
        StockStatus::OnHold => "on_hold",
        StockStatus::Sold => "sold",
    };
    let options = row.options.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>().join("|");
    rows.write_record([
        row.stock_number.as_str(),
        &row.vin,
        store(stores, row.rooftop),
        status,
        if row.is_new { "N" } else { "U" },
        if row.certified { "Y" } else { "N" },
        &row.year.to_string(),
        &row.make,
        &row.model,
        &row.trim,
        &row.body,
        &row.exterior,
        &row.interior,
        &row.odometer.to_string(),
        &row.price.to_string(),
        &row.msrp.to_string(),
        &row.cost.to_string(),
        &day(Some(row.in_stock_since)),
        if row.publish { "Y" } else { "N" },
        &options,
        &row.photos.join("|"),
    ])
}

fn truth<W: Write>(rows: &mut csv::Writer<W>, view: &SourceView) -> csv::Result<()> {
    let system = match view.system {
        System::Dms => "dms",
        System::Crm => "crm",
        System::Website => "website",
    };
    rows.write_record([system, &view.external_id, &view.person_id.to_string()])
}
