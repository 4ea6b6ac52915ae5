//! Which column is which field.

use crate::Failure;
use crate::arguments::Matching;
use csv::ByteRecord;
use matching::engine::Input;

/// The columns of a file.
pub(crate) struct Columns {
    pub id: Option<usize>,
    pub fields: Vec<(Input, usize)>,
}

/// Names that columns go by, without case, spaces and marks.
const GUESSES: [(Input, &[&str]); 19] = [
    (Input::First, &["first", "firstname", "givenname", "fname", "forename"]),
    (Input::Middle, &["middle", "middlename", "middleinitial", "mi", "mname"]),
    (Input::Last, &["last", "lastname", "surname", "lname", "familyname"]),
    (Input::Suffix, &["suffix", "namesuffix"]),
    (Input::Full, &["name", "fullname", "customername", "full"]),
    (Input::Company, &["company", "companyname", "businessname", "organization", "organisation"]),
    (Input::Email, &["email", "email1", "email2", "email3", "emailaddress", "emailaddress2", "emailother"]),
    (
        Input::Phone,
        &[
            "phone",
            "phone1",
            "phone2",
            "phone3",
            "phonenumber",
            "cellphone",
            "homephone",
            "workphone",
            "mobile",
            "mobilephone",
            "phonemobile",
            "phonehome",
            "phonework",
            "businessphone",
            "telephone",
        ],
    ),
    (Input::StreetNumber, &["streetnumber", "housenumber"]),
    (Input::Street, &["street", "address1", "addressline1", "streetaddress"]),
    (Input::Unit, &["unit", "apt", "apartment", "suite"]),
    (Input::Address, &["address", "address2", "addressline2", "fulladdress"]),
    (Input::City, &["city", "town", "suburb", "locality"]),
    (Input::State, &["state", "province", "stateprovince"]),
    (Input::Zip, &["zip", "zipcode", "postcode", "postalcode"]),
    (Input::Birth, &["birth", "birthdate", "dob", "dateofbirth", "birthday"]),
    (Input::Licence, &["licence", "license", "driverlicense", "driverlicence", "dl", "dlnumber", "socsecid", "ssn"]),
    (Input::Vin, &["vin", "vehiclevin"]),
    (Input::Source, &["source", "sourcesystem", "system"]),
];

fn key(header: &str) -> String {
    header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Columns {
    /// Finds the columns in a header.
    pub fn find(header: &ByteRecord, matching: &Matching) -> Result<Self, Failure> {
        let names: Vec<String> = header
            .iter()
            .map(|cell| String::from_utf8_lossy(cell).trim_start_matches('\u{feff}').trim().to_owned())
            .collect();
        if names.iter().all(String::is_empty) {
            return Err(Failure::Unusable("the file is empty; its first line must name the columns".to_owned()));
        }
        let place = |wanted: &str| {
            names.iter().position(|name| name == wanted).ok_or_else(|| {
                Failure::Unusable(format!("there is no column `{wanted}`; there are: {}", names.join(", ")))
            })
        };
        let id = matching.id.as_deref().map(place).transpose()?;
        let mut fields = Vec::new();
        for (field, column) in &matching.map {
            fields.push((*field, place(column)?));
        }
        if matching.map.is_empty() {
            for (at, name) in names.iter().enumerate().filter(|(at, _)| Some(*at) != id) {
                let name = key(name);
                if let Some((field, _)) = GUESSES.iter().find(|(_, known)| known.contains(&name.as_str())) {
                    fields.push((*field, at));
                }
            }
        }
        if fields.iter().all(|(field, _)| *field == Input::Source) {
            return Err(Failure::Unusable(format!(
                "no column is known; say which with --map first=…,last=… (columns: {})",
                names.join(", ")
            )));
        }
        Ok(Self { id, fields })
    }
}
