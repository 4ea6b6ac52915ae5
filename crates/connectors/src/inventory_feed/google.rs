//! The Google vehicle-listings file: its columns, what it demands of each row, and why a vehicle is not in it.

use super::Built;
use super::vehicle::{amount, is_shown, list, text};
use crate::connector::{FeedRow, LeftOut};
use crate::error::ConnectorError;
use domain::{Field, Value};
use std::collections::BTreeSet;

/// The columns, in the order of Google's sample.
pub const HEADER: [&str; 20] = [
    "store_code",
    "id",
    "VIN",
    "year",
    "make",
    "model",
    "trim",
    "exterior_color",
    "interior_color",
    "mileage",
    "condition",
    "price",
    "dealership_name",
    "dealership_address",
    "link",
    "image_link",
    "additional_image_link",
    "vehicle_option",
    "vehicle_fulfillment",
    "legal_disclaimer",
];

/// VINs have 17 characters and a check digit since this model year.
const CHECK_DIGIT_SINCE: i64 = 1981;

/// Why a row is refused, and what to do.
type Flaw = (&'static str, &'static str);

/// Builds the whole file.
pub fn build(rows: &[FeedRow], legal_disclaimer: &str) -> Result<Built, ConnectorError> {
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    csv.write_record(HEADER).map_err(unwritten)?;
    let (mut count, mut left_out, mut seen) = (0, Vec::new(), BTreeSet::new());
    for row in rows.iter().filter(|row| is_shown(&row.record)) {
        match cells(row, legal_disclaimer) {
            Ok(cells) => {
                // Two rows of one VIN make the channel drop both.
                if seen.insert(text(&row.record, Field::STOCK_VIN)) {
                    csv.write_record(&cells).map_err(unwritten)?;
                    count += 1;
                } else {
                    left_out.push(left(
                        row,
                        (
                            "Another vehicle of the file has the same VIN.",
                            "Correct the VIN of one of the two vehicles in the DMS.",
                        ),
                    ));
                }
            }
            Err(flaw) => left_out.push(left(row, flaw)),
        }
    }
    let csv = csv.into_inner().map_err(|error| unwritten(error.into_error().into()))?;
    Ok(Built { csv, rows: count, left_out })
}

fn left(row: &FeedRow, (why, fix): Flaw) -> LeftOut {
    LeftOut { golden: row.golden, why: why.to_owned(), fix: fix.to_owned() }
}

/// A file in memory takes every write; the type says otherwise.
pub fn unwritten(error: csv::Error) -> ConnectorError {
    ConnectorError::refused("file_not_built", &error.to_string())
}

fn cells(row: &FeedRow, legal_disclaimer: &str) -> Result<[String; 20], Flaw> {
    let record = &row.record;
    let required = |field: Field, flaw: Flaw| {
        let value = text(record, field);
        if value.trim().is_empty() { Err(flaw) } else { Ok(value) }
    };
    let of_rooftop = |value: &str, flaw: Flaw| if value.trim().is_empty() { Err(flaw) } else { Ok(value.to_owned()) };

    let Some(Value::Vin(vin)) = record.get(Field::STOCK_VIN) else {
        return Err(("The vehicle has no readable VIN.", "Enter the VIN in the DMS."));
    };
    let Some(Value::Int(year)) = record.get(Field::STOCK_YEAR) else {
        return Err(("The model year is missing.", "Enter the model year in the DMS."));
    };
    if *year >= CHECK_DIGIT_SINCE {
        if vin.as_str().len() != 17 {
            return Err(("The VIN has not 17 characters.", "Enter the whole VIN in the DMS."));
        }
        if !vin.check_digit_holds() {
            return Err((
                "The VIN's check digit is wrong.",
                "Compare the VIN with the vehicle or its title and correct it in the DMS.",
            ));
        }
    }
    let condition = required(Field::STOCK_CONDITION, NO_CONDITION)?;
    let mileage = match (record.get(Field::STOCK_ODOMETER), condition.as_str()) {
        (Some(Value::Int(miles)), _) => format!("{miles} miles"),
        (_, "new") => String::new(),
        (_, _) => return Err(("The mileage of a used vehicle is missing.", "Enter the odometer in the DMS.")),
    };
    let price = amount(record, Field::STOCK_PRICE).map(|amount| format!("{amount} USD")).ok_or(NO_PRICE)?;
    let photos = list(record, Field::STOCK_PHOTOS);
    let (first, others) = photos
        .split_first()
        .map_or((String::new(), String::new()), |(first, others)| (first.clone(), others.join(",")));
    Ok([
        of_rooftop(&row.context.store_code, NO_STORE_CODE)?,
        text(record, Field::STOCK_NUMBER),
        vin.as_str().to_owned(),
        year.to_string(),
        required(Field::STOCK_MAKE, ("The make is missing.", "Enter the make in the DMS."))?,
        required(Field::STOCK_MODEL, ("The model is missing.", "Enter the model in the DMS."))?,
        required(Field::STOCK_TRIM, ("The trim is missing.", "Enter the trim in the DMS; the VIN decodes to it."))?,
        text(record, Field::STOCK_EXTERIOR),
        text(record, Field::STOCK_INTERIOR),
        mileage,
        condition,
        price,
        of_rooftop(&row.context.dealership_name, NO_NAME)?,
        of_rooftop(&row.context.dealership_address, NO_ADDRESS)?,
        text(record, Field::STOCK_LINK),
        first,
        others,
        list(record, Field::STOCK_OPTIONS).join(","),
        String::new(),
        legal_disclaimer.to_owned(),
    ])
}

const NO_CONDITION: Flaw = ("It is not known whether the vehicle is new or used.", "Enter new or used in the DMS.");
const NO_PRICE: Flaw = ("The vehicle has no price.", "Enter a price above zero in the DMS.");
const NO_STORE_CODE: Flaw = (
    "The rooftop has no store code.",
    "Enter the store code of the Google Business Profile in the rooftop's settings.",
);
const NO_NAME: Flaw = ("The rooftop has no name.", "Enter the dealership's name in the rooftop's settings.");
const NO_ADDRESS: Flaw = ("The rooftop has no address.", "Enter the dealership's address in the rooftop's settings.");
