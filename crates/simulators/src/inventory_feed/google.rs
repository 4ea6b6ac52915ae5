//! What Google checks of a vehicle-listings file, written apart from the code that makes one.

use std::collections::{BTreeMap, BTreeSet};

/// Columns that every row must fill.
const REQUIRED: [&str; 10] = [
    "store_code",
    "dealership_name",
    "dealership_address",
    "VIN",
    "price",
    "condition",
    "make",
    "model",
    "trim",
    "year",
];

/// A row by column.
pub type Row = BTreeMap<String, String>;

/// Reads a file as Google does.
///
/// # Errors
/// Every flaw with its line.
pub fn check_file(file: &[u8]) -> Result<Vec<Row>, Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(file);
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(ToOwned::to_owned).collect(),
        Err(error) => return Err(vec![error.to_string()]),
    };
    let mut flaws: Vec<String> = REQUIRED
        .iter()
        .chain(&["mileage"])
        .filter(|name| !header.iter().any(|column| column == *name))
        .map(|name| format!("the column {name} is missing"))
        .collect();
    let (mut rows, mut seen) = (Vec::new(), BTreeSet::new());
    for (place, record) in reader.records().enumerate() {
        let line = place + 2;
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                flaws.push(format!("line {line}: {error}"));
                continue;
            }
        };
        let row: Row = header.iter().cloned().zip(record.iter().map(ToOwned::to_owned)).collect();
        flaws.extend(check_row(&row).into_iter().map(|flaw| format!("line {line}: {flaw}")));
        if !seen.insert(of(&row, "VIN").to_owned()) {
            flaws.push(format!("line {line}: the VIN is in the file twice"));
        }
        rows.push(row);
    }
    if flaws.is_empty() { Ok(rows) } else { Err(flaws) }
}

fn of<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).map(String::as_str).unwrap_or_default()
}

fn check_row(row: &Row) -> Vec<String> {
    let mut flaws: Vec<String> =
        REQUIRED.iter().filter(|name| of(row, name).trim().is_empty()).map(|name| format!("{name} is empty")).collect();
    if !matches!(of(row, "condition"), "new" | "used") {
        flaws.push("condition is neither new nor used".to_owned());
    }
    if of(row, "condition") == "used" && of(row, "mileage").is_empty() {
        flaws.push("a used vehicle without mileage".to_owned());
    }
    let price = of(row, "price").strip_suffix(" USD").and_then(|amount| amount.parse::<f64>().ok());
    if price.is_none_or(|amount| amount <= 0.0) {
        flaws.push("price is not like `13998 USD`".to_owned());
    }
    let year = of(row, "year").parse::<u32>().unwrap_or_default();
    if year >= 1981 && !check_digit_is_right(of(row, "VIN")) {
        flaws.push("the VIN's check digit is wrong".to_owned());
    }
    for link in [of(row, "link"), of(row, "image_link")].into_iter().filter(|link| !link.is_empty()) {
        if !link.starts_with("https://") && !link.starts_with("http://") {
            flaws.push("a link that is none".to_owned());
        }
    }
    flaws
}

/// The check digit by the alphabet's values: A–H 1–8, J–N 1–5, P 7, R 9, S–Z 2–9.
fn check_digit_is_right(vin: &str) -> bool {
    const VALUES: &str = "0123456789.ABCDEFGH..JKLMN.P.R..STUVWXYZ";
    const WEIGHTS: [usize; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    if vin.chars().count() != 17 {
        return false;
    }
    let mut sum = 0;
    for (c, weight) in vin.chars().zip(WEIGHTS) {
        match VALUES.find(c).filter(|_| c != '.') {
            Some(place) => sum += (place % 10) * weight,
            None => return false,
        }
    }
    let expected =
        if sum % 11 == 10 { 'X' } else { char::from_digit(u32::try_from(sum % 11).unwrap_or(0), 10).unwrap_or('0') };
    vin.chars().nth(8) == Some(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_is_the_one_of_known_vins() {
        for good in ["1HGCM82633A004352", "5GZCZ43D13S812715", "1M8GDM9AXKP042788"] {
            assert!(check_digit_is_right(good), "{good}");
        }
        for bad in ["1HGCM82633A004353", "1HGCM82633A00435", "1HGCM8263OA004352"] {
            assert!(!check_digit_is_right(bad), "{bad}");
        }
    }

    #[test]
    fn a_file_with_flaws_is_refused_with_each_of_them() {
        let file =
            b"store_code,VIN,year,make,model,trim,mileage,condition,price,dealership_name,dealership_address\r\n\
            BF,1HGCM82633A004352,2003,Honda,Accord,EX,,used,13998,Bayside,1 Main St\r\n";
        let flaws = check_file(file).err().unwrap_or_default();
        assert_eq!(flaws, ["line 2: a used vehicle without mileage", "line 2: price is not like `13998 USD`"]);
    }
}
