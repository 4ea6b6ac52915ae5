//! Vehicles as OpenTrack shows them: a short search result, and the long record of the lot.

use super::soap::{put, put_all};
use crate::population::{OwnedVehicle, StockStatus, StockVehicle};
use chrono::NaiveDate;

/// The code of a vehicle's place in stock. `C` is a customer's.
pub(super) const fn status_code(status: StockStatus) -> &'static str {
    match status {
        StockStatus::InStock => "I",
        StockStatus::InTransit => "T",
        StockStatus::OnHold => "H",
        StockStatus::Sold => "S",
    }
}

/// `yyyyMMdd`, or `0`.
pub(super) fn day(day: Option<NaiveDate>) -> String {
    day.map_or_else(|| "0".to_owned(), |day| day.format("%Y%m%d").to_string())
}

/// `<VehicleSearchResult>` of a customer's vehicle.
pub(super) fn put_owned(vehicle: &OwnedVehicle, company: &str, xml: &mut String) {
    let served = vehicle
        .last_service
        .map_or_else(|| "0001-01-01T00:00:00".to_owned(), |day| day.format("%Y-%m-%dT00:00:00").to_string());
    xml.push_str("<VehicleSearchResult>");
    put_all(
        xml,
        &[
            ("CompanyNumber", company),
            ("VIN", &vehicle.vin),
            ("StockNumber", ""),
            ("StockStatus", "C"),
            ("Make", &vehicle.make.to_uppercase()),
            ("Model", &vehicle.model.to_uppercase()),
            ("ModelYear", &vehicle.year.to_string()),
            ("Type", "U"),
            ("StockDate", "0"),
            ("LastServiceDate", &served),
        ],
    );
    xml.push_str("<Customers>");
    put(xml, "CustomerNumber", &vehicle.customer_number);
    xml.push_str("</Customers></VehicleSearchResult>");
}

/// `<VehicleSearchResult>` of a vehicle on the lot.
pub(super) fn put_stock_result(vehicle: &StockVehicle, company: &str, xml: &mut String) {
    xml.push_str("<VehicleSearchResult>");
    put_all(
        xml,
        &[
            ("CompanyNumber", company),
            ("VIN", &vehicle.vin),
            ("StockNumber", &vehicle.stock_number),
            ("StockStatus", status_code(vehicle.status)),
            ("Make", &vehicle.make.to_uppercase()),
            ("Model", &vehicle.model.to_uppercase()),
            ("ModelYear", &vehicle.year.to_string()),
            ("Type", if vehicle.is_new { "N" } else { "U" }),
            ("StockDate", &day(Some(vehicle.in_stock_since))),
            ("LastServiceDate", "0001-01-01T00:00:00"),
        ],
    );
    xml.push_str("<Customers /></VehicleSearchResult>");
}

/// `<Vehicle>` of VehicleInventory and VehicleLookup.
pub(super) fn put_stock(vehicle: &StockVehicle, company: &str, xml: &mut String) {
    let type_code = if vehicle.is_new { "N" } else { "U" };
    xml.push_str("<Vehicle>");
    put_all(
        xml,
        &[
            ("CompanyNumber", company),
            ("VIN", &vehicle.vin),
            ("StockNumber", &vehicle.stock_number),
            ("DocumentNumber", &vehicle.stock_number),
            ("Status", status_code(vehicle.status)),
            ("GLApplied", "Y"),
            ("TypeNU", type_code),
            ("BusinessOfficeFranchiseCode", if vehicle.is_new { "NC" } else { "UC" }),
            ("ServiceFranchiseCode", ""),
            ("ManufacturerCode", ""),
            ("VehicleCode", ""),
            ("ModelYear", &vehicle.year.to_string()),
            ("Make", &vehicle.make.to_uppercase()),
            ("ModelCode", ""),
            ("Model", &vehicle.model.to_uppercase()),
            ("BodyStyle", &vehicle.body),
            // Twenty characters fit, the rest is cut off.
            ("Color", &vehicle.exterior.to_uppercase().chars().take(20).collect::<String>()),
            ("Trim", &vehicle.trim),
            ("FuelType", ""),
            ("MPG", ""),
            ("Cylinders", "0"),
            ("Truck", if vehicle.body == "Pickup" { "Y" } else { "" }),
            ("FourWheelDrive", ""),
            ("Turbo", ""),
            ("ColorCode", ""),
            ("EngineCode", ""),
            ("TransmissionCode", ""),
            ("IgnitionKeyCode", ""),
            ("TrunkKeyCode", ""),
            ("KeylessCode", ""),
            ("RadioCode", ""),
            ("WheelLockCode", ""),
            ("DealerCode", ""),
            ("Location", ""),
            ("Odometer", &vehicle.odometer.to_string()),
            ("DateInInventory", &day(Some(vehicle.in_stock_since))),
            ("DateInService", "0"),
            ("DateDelivered", &day(vehicle.sold_on)),
            ("DateOrdered", "0"),
            ("SaleAccount", "3000"),
            ("InventoryAccount", "1300"),
            ("DemoName", ""),
            ("WarrantyMonths", "0"),
            ("WarrantyMiles", "0"),
            ("WarrantyDeduct", "0"),
            ("ListPrice", &format!("{}.00", vehicle.price)),
            ("VehicleCost", &format!("{}.00", vehicle.cost)),
            ("OptionPackage", ""),
            ("LicenseNumber", ""),
            ("GrossWeight", "0"),
            ("WorkInProcess", "0.00"),
            ("InspectionMonth", "0"),
            ("OdometerActual", "Y"),
            ("CustomerKey", "0"),
            ("KeyToCAPExplosionData", ""),
            ("CO2EmissionCode", ""),
            ("RegistrationDate", "0"),
            ("FundingExpirationDate", "0"),
            ("InspectionDate", "0"),
            ("DriversSide", ""),
            ("FreeFlooringPeriod", "0"),
            ("OrderedStatus", ""),
            ("PublishVehicleInfoToWeb", if vehicle.publish { "Y" } else { "N" }),
            ("Sale", ""),
            ("CertifiedUsedCar", if vehicle.certified { "Y" } else { "" }),
            ("LastServiceDate", "0"),
            ("NextServiceDate", "0"),
        ],
    );
    xml.push_str("<OptionalFields><VehicleOptionalField>");
    put_all(
        xml,
        &[
            ("OptionNumber", "3"),
            ("Description", "Pack"),
            ("FieldType", "N"),
            ("AlphaFieldValue", ""),
            ("NumericFieldValue", "0.00"),
            ("DateFieldValue", "0"),
            ("AddToCostFlag", "N"),
        ],
    );
    xml.push_str("</VehicleOptionalField><VehicleOptionalField>");
    put_all(
        xml,
        &[
            ("OptionNumber", "7"),
            ("Description", "MSRP"),
            ("FieldType", "N"),
            ("AlphaFieldValue", ""),
            ("NumericFieldValue", &format!("{}.00", vehicle.msrp)),
            ("DateFieldValue", "0"),
            ("AddToCostFlag", "N"),
        ],
    );
    xml.push_str("</VehicleOptionalField></OptionalFields><Options>");
    for (code, description) in &vehicle.options {
        xml.push_str("<VehicleOption>");
        put_all(xml, &[("OptionCode", code), ("Description", description)]);
        xml.push_str("</VehicleOption>");
    }
    xml.push_str("</Options></Vehicle>");
}
