//! A CSV file in the dealer's layout: one `Header = {field}` a line.

use super::Built;
use super::google::unwritten;
use super::vehicle::{amount, is_shown, list, text};
use crate::access::Access;
use crate::connector::FeedRow;
use crate::error::ConnectorError;
use domain::{Field, ObjectKind, Value};

/// The layout that most listing sites take.
pub const DEFAULT: &str = "\
DealerID = {store_code}
Type = {condition|title}
Stock = {stock_number}
VIN = {vin}
Year = {year}
Make = {make}
Model = {model}
Body = {body}
Trim = {trim}
ExteriorColor = {exterior_color}
InteriorColor = {interior_color}
Odometer = {odometer}
Price = {price}
MSRP = {msrp}
Certified = {certified}
DateInStock = {in_stock_since}
Options = {options}
Photos = {photos}
Description = {description}
DealerName = {dealership_name}
DealerAddress = {dealership_address}
Link = {link}";

/// More columns are a mistake.
const COLUMNS_MAX: usize = 500;

/// One column.
#[derive(Debug, PartialEq)]
pub struct Column {
    header: String,
    parts: Vec<Part>,
}

/// A piece of a cell.
#[derive(Debug, PartialEq)]
enum Part {
    /// As it stands.
    Literal(String),
    /// A field of the vehicle.
    Field(Field, Form),
    /// A fact of the dealership.
    Rooftop(Rooftop, Form),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rooftop {
    StoreCode,
    Name,
    Address,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    AsIs,
    /// `USED`
    Upper,
    /// `Used`
    Title,
    /// `U`
    Initial,
}

/// The columns of the settings.
pub fn read(access: &Access) -> Result<Vec<Column>, ConnectorError> {
    parse(access.setting("columns")?)
}

fn parse(template: &str) -> Result<Vec<Column>, ConnectorError> {
    let wrong = |said: String| ConnectorError::Misconfigured { setting: "columns", said };
    let lines = template.lines().map(str::trim).enumerate();
    let mut columns = Vec::new();
    for (place, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let number = place + 1;
        let (header, cell) = line
            .split_once('=')
            .ok_or_else(|| wrong(format!("line {number} has no `=`; write `Header = {{field}}`")))?;
        let header = header.trim().to_owned();
        if header.is_empty() || columns.iter().any(|column: &Column| column.header == header) {
            return Err(wrong(format!("line {number}: the header is empty or there twice")));
        }
        let parts = parts(cell.trim()).map_err(|said| wrong(format!("line {number}: {said}")))?;
        columns.push(Column { header, parts });
    }
    if columns.is_empty() || columns.len() > COLUMNS_MAX {
        return Err(wrong(format!("there must be between 1 and {COLUMNS_MAX} columns")));
    }
    Ok(columns)
}

fn parts(cell: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = cell;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, tail) = after.split_once('}').ok_or("a `{` without its `}`")?;
        if !before.is_empty() {
            parts.push(Part::Literal(before.to_owned()));
        }
        parts.push(placeholder(inside.trim())?);
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

fn placeholder(inside: &str) -> Result<Part, String> {
    let (name, form) = inside.split_once('|').map_or((inside, ""), |(name, form)| (name.trim(), form.trim()));
    let form = match form {
        "" => Form::AsIs,
        "upper" => Form::Upper,
        "title" => Form::Title,
        "initial" => Form::Initial,
        other => return Err(format!("`{other}` is no form; use upper, title or initial")),
    };
    let rooftop = match name {
        "store_code" => Some(Rooftop::StoreCode),
        "dealership_name" => Some(Rooftop::Name),
        "dealership_address" => Some(Rooftop::Address),
        _ => None,
    };
    if let Some(rooftop) = rooftop {
        return Ok(Part::Rooftop(rooftop, form));
    }
    // What the dealer paid is nobody's business.
    let shown = || Field::of(ObjectKind::Inventory).filter(|field| *field != Field::STOCK_COST);
    match shown().find(|field| field.name() == name) {
        Some(field) => Ok(Part::Field(field, form)),
        None => {
            let names: Vec<&str> = shown().map(Field::name).collect();
            Err(format!(
                "`{name}` is no field; use one of store_code, dealership_name, dealership_address, {}",
                names.join(", ")
            ))
        }
    }
}

/// Builds the whole file.
pub fn build(rows: &[FeedRow], columns: &[Column]) -> Result<Built, ConnectorError> {
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    csv.write_record(columns.iter().map(|column| &column.header)).map_err(unwritten)?;
    let mut count = 0;
    for row in rows.iter().filter(|row| is_shown(&row.record)) {
        csv.write_record(columns.iter().map(|column| cell(row, column))).map_err(unwritten)?;
        count += 1;
    }
    let csv = csv.into_inner().map_err(|error| unwritten(error.into_error().into()))?;
    Ok(Built { csv, rows: count, left_out: Vec::new() })
}

fn cell(row: &FeedRow, column: &Column) -> String {
    let mut cell = String::new();
    for part in &column.parts {
        match part {
            Part::Literal(text) => cell.push_str(text),
            Part::Field(field, form) => cell.push_str(&formed(&value(row, *field), *form)),
            Part::Rooftop(rooftop, form) => {
                let text = match rooftop {
                    Rooftop::StoreCode => &row.context.store_code,
                    Rooftop::Name => &row.context.dealership_name,
                    Rooftop::Address => &row.context.dealership_address,
                };
                cell.push_str(&formed(text, *form));
            }
        }
    }
    cell
}

fn value(row: &FeedRow, field: Field) -> String {
    match row.record.get(field) {
        Some(Value::Json(_)) => list(&row.record, field).join("|"),
        Some(Value::Money(_)) => amount(&row.record, field).unwrap_or_default(),
        Some(_) | None => text(&row.record, field),
    }
}

fn formed(text: &str, form: Form) -> String {
    let first = || text.chars().next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    match form {
        Form::AsIs => text.to_owned(),
        Form::Upper => text.to_uppercase(),
        Form::Title => first() + &text.chars().skip(1).collect::<String>(),
        Form::Initial => first(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::connector::FeedContext;
    use domain::{GoldenId, Record};
    use serde_json::json;

    fn row() -> FeedRow {
        let record = Record::new(ObjectKind::Inventory)
            .with_text(Field::STOCK_NUMBER, "P100")
            .with_text(Field::STOCK_CONDITION, "used")
            .with_text(Field::STOCK_DESCRIPTION, "Clean, \"one owner\"\nno accidents")
            .with(Field::STOCK_PRICE, Value::Money("13998".parse().unwrap()))
            .with(Field::STOCK_PHOTOS, Value::Json(json!(["https://x/1.jpg", "https://x/2.jpg"])));
        let context = FeedContext { store_code: "BF".into(), ..FeedContext::default() };
        FeedRow { golden: GoldenId::new(), record, context }
    }

    #[test]
    fn a_template_says_headers_order_and_cells() {
        let columns = parse(
            "# ours\nStock = {stock_number}\nN/U = {condition|initial}\nTitle = {store_code}-{condition|upper}!\n\
             Price={price}\nPhotos = {photos}\nText = {description}",
        )
        .unwrap();

        let built = build(&[row()], &columns).unwrap();

        assert_eq!(
            String::from_utf8(built.csv).unwrap(),
            "Stock,N/U,Title,Price,Photos,Text\r\nP100,U,BF-USED!,13998,https://x/1.jpg|https://x/2.jpg,\
             \"Clean, \"\"one owner\"\"\nno accidents\"\r\n"
        );
    }

    #[test]
    fn a_mistake_in_a_template_is_told_with_its_line() {
        for (template, place) in [
            ("Stock {stock_number}", "line 1"),
            ("A = {vin}\nA = {make}", "line 2"),
            ("A = {vim}", "`vim` is no field"),
            ("A = {cost}", "`cost` is no field"),
            ("A = {vin", "without its"),
            ("A = {vin|loud}", "`loud` is no form"),
            ("", "between 1 and"),
        ] {
            let said = parse(template).unwrap_err().to_string();
            assert!(said.contains(place), "{template}: {said}");
        }
        assert!(parse(DEFAULT).is_ok());
    }
}
