//! What columns are usually called, and the default mapping that follows.
//!
//! A column's name is compared without case, blanks and punctuation; where it is a usual name, the payload carries the
//! spelling of this list (`FIRST-NAME` and `firstname` become `First Name`), so that one mapping fits all spellings.

use super::settings::Settings;
use domain::mapping::{Mapping, NamePart, Read};
use domain::{Field, ObjectKind};
use std::collections::HashMap;

/// Usual names of a field's column, parted by `|`, best first.
type Usual = (Field, &'static str);

const CUSTOMER: &[Usual] = &[
    (
        Field::FIRST_NAME,
        "First Name|FName|Given Name|given_name|First|Customer First Name|Cust First Name|Buyer First Name",
    ),
    (Field::MIDDLE_NAME, "Middle Name|Middle Initial|Middle|MI|MName|Customer Middle Name"),
    (Field::LAST_NAME, "Last Name|LName|Surname|Last|Family Name|Customer Last Name|Cust Last Name|Buyer Last Name"),
    (Field::NAME_SUFFIX, "Suffix|Name Suffix"),
    (Field::COMPANY_NAME, "Company|Company Name|Business Name|Business|Organization"),
    (Field::EMAIL, "Email|Email Address|Email 1|Email1|Primary Email|Customer Email|Home Email|EMail Addr"),
    (Field::EMAIL_OTHER, "Email 2|Other Email|Secondary Email|Work Email|Alternate Email"),
    (
        Field::PHONE_MOBILE,
        "Mobile Phone|Cell Phone|Cell|Mobile|Cell Number|Mobile Number|Cellular Phone|Phone Cell|Phone Mobile|Phone",
    ),
    (
        Field::PHONE_HOME,
        "Home Phone|Phone Home|Home Number|Residence Phone|Phone Number|Primary Phone|Telephone|Phone 1",
    ),
    (Field::PHONE_WORK, "Work Phone|Business Phone|Phone Work|Office Phone|Bus Phone|Phone 2"),
    (Field::CITY, "City|Town|Suburb|Customer City"),
    (Field::STATE, "State|State Code|Province|Region|St|Customer State"),
    (Field::ZIP, "Zip|Zip Code|Postal Code|Postcode|Zip5|Customer Zip"),
    (Field::BIRTH_DATE, "Birth Date|Date Of Birth|DOB|Birthday|date_of_birth"),
    (
        Field::DRIVER_LICENCE,
        "Driver License|Drivers License|Driver Licence|DL Number|License Number|Drivers License No",
    ),
    (Field::LIFECYCLE_STAGE, "Lifecycle Stage"),
];
const STREETS: &[&str] =
    &["Address", "Street", "Address 1", "Street Address", "Address Line 1", "Addr1", "Home Address", "Mailing Address"];
const STREET_NUMBERS: &str = "street_number|House Number|Street No";
const CUSTOMER_KINDS: &str = "Customer Type|Cust Type|Name Type|Type";
const KINDS: &[(&str, &str)] = &[
    ("i", "individual"),
    ("p", "individual"),
    ("person", "individual"),
    ("individual", "individual"),
    ("b", "business"),
    ("c", "business"),
    ("company", "business"),
    ("corporation", "business"),
    ("business", "business"),
];
const FULL_NAMES: &[&str] = &["Name", "Customer Name", "Full Name", "Cust Name", "Contact Name"];
/// "Yes, never contact" is an opt-out; "no" is not yet an opt-in.
const NEVER: &[(&str, &str)] = &[
    ("y", "opted_out"),
    ("yes", "opted_out"),
    ("true", "opted_out"),
    ("t", "opted_out"),
    ("1", "opted_out"),
    ("x", "opted_out"),
    ("n", ""),
    ("no", ""),
    ("false", ""),
    ("f", ""),
    ("0", ""),
];
const NEVER_COLUMNS: &[Usual] = &[
    (Field::CONSENT_EMAIL, "Do Not Email|Block Email|No Email|Email Opt Out|DNE"),
    (Field::CONSENT_CALL, "Do Not Call|Block Phone|No Call|Call Opt Out|DNC|Phone Opt Out"),
    (Field::CONSENT_TEXT, "Do Not Text|Block Text|No Text|Text Opt Out|SMS Opt Out"),
    (Field::CONSENT_MAIL, "Do Not Mail|Block Mail|No Mail|Mail Opt Out|DNM"),
];
const CONSENTS: &[Usual] = &[
    (Field::CONSENT_EMAIL, "Email Consent|Consent Email|Allow Email|Email Opt In|Ok To Email"),
    (Field::CONSENT_CALL, "Call Consent|Consent Call|Allow Call|Call Opt In|Ok To Call"),
    (Field::CONSENT_TEXT, "Text Consent|Consent Text|Allow Text|Text Opt In|SMS Opt In|Ok To Text"),
    (Field::CONSENT_MAIL, "Mail Consent|Consent Mail|Allow Mail|Mail Opt In|Ok To Mail"),
];

const OWNERS: &str = "Cust No|Customer No|Customer Number|Customer ID|CustNo|Customer Key|Cust ID|Owner|Owner ID|Buyer ID|Buyer No|Contact ID|Customer";
const VINS: &str = "VIN|VIN Number|VIN No|Vehicle VIN|Serial No|Vehicle ID Number";
const YEARS: &str = "Year|Model Year|Vehicle Year|Veh Year|Yr";
const MAKES: &str = "Make|Make Name|Vehicle Make|Veh Make|Manufacturer";
const MODELS: &str = "Model|Model Name|Vehicle Model|Veh Model";
const TRIMS: &str = "Trim|Trim Level|Series|Vehicle Trim";
const STOCK_NUMBERS: &str = "Stock No|Stock Number|Stock|Stock ID|StockNum|Stk No";

const VEHICLE: &[Usual] = &[
    (Field::VEHICLE_VIN, VINS),
    (Field::VEHICLE_OWNER, OWNERS),
    (Field::VEHICLE_YEAR, YEARS),
    (Field::VEHICLE_MAKE, MAKES),
    (Field::VEHICLE_MODEL, MODELS),
    (Field::VEHICLE_TRIM, TRIMS),
    (Field::VEHICLE_COLOR, "Color|Exterior Color|Ext Color|Colour"),
    (Field::VEHICLE_ODOMETER, "Odometer|Mileage|Miles"),
    (Field::VEHICLE_PLATE, "Plate|License Plate|Plate Number|Tag|License"),
    (Field::VEHICLE_BOUGHT_ON, "Bought On|Purchase Date|Delivery Date|Sold Date|Bought Date"),
    (Field::VEHICLE_LAST_SERVICE, "Last Service|Last Service Date|Last RO Date"),
];
const INVENTORY: &[Usual] = &[
    (Field::STOCK_NUMBER, STOCK_NUMBERS),
    (Field::STOCK_VIN, VINS),
    (Field::STOCK_CERTIFIED, "Certified|CPO|Certified Pre Owned|Is Certified"),
    (Field::STOCK_YEAR, YEARS),
    (Field::STOCK_MAKE, MAKES),
    (Field::STOCK_MODEL, MODELS),
    (Field::STOCK_TRIM, TRIMS),
    (Field::STOCK_BODY, "Body|Body Style|Body Type"),
    (Field::STOCK_EXTERIOR, "Exterior Color|Ext Color|Color|Colour"),
    (Field::STOCK_INTERIOR, "Interior Color|Int Color"),
    (Field::STOCK_ODOMETER, "Odometer|Mileage|Miles"),
    (Field::STOCK_PRICE, "Price|Selling Price|Internet Price|List Price|Asking Price|Sale Price"),
    (Field::STOCK_MSRP, "MSRP|Sticker Price"),
    (Field::STOCK_COST, "Cost|Invoice|Dealer Cost|Invoice Price"),
    (Field::STOCK_SINCE, "In Stock Since|Date In Stock|Stock Date|Entry Date|Received Date|Inventory Date"),
    (Field::STOCK_PUBLISH, "Publish|Show On Web|Web"),
    (Field::STOCK_LINK, "Link|URL|Web Page|VDP URL"),
    (Field::STOCK_DESCRIPTION, "Description|Comments|Dealer Comments"),
];
const STOCK_STATES: &str = "Status|Stock Status|Inventory Status|Vehicle Status";
const STOCK_STATE_WORDS: &[(&str, &str)] = &[
    ("s", "in_stock"),
    ("stock", "in_stock"),
    ("available", "in_stock"),
    ("active", "in_stock"),
    ("a", "in_stock"),
    ("i", "in_stock"),
    ("t", "in_transit"),
    ("transit", "in_transit"),
    ("h", "on_hold"),
    ("hold", "on_hold"),
    ("d", "sold"),
    ("delivered", "sold"),
    ("g", "sold"),
    ("deleted", "removed"),
    ("r", "removed"),
];
const CONDITIONS: &str = "Condition|New Used|Type|NU|Vehicle Type|Stock Type|New Or Used";
const CONDITION_WORDS: &[(&str, &str)] =
    &[("n", "new"), ("u", "used"), ("cpo", "used"), ("certified", "used"), ("pre-owned", "used"), ("d", "used")];
const DEAL: &[Usual] = &[
    (Field::DEAL_NUMBER, "Deal No|Deal Number|Deal ID|DealNum|Deal"),
    (Field::DEAL_CUSTOMER, OWNERS),
    (Field::DEAL_VIN, VINS),
    (Field::DEAL_STOCK_NUMBER, STOCK_NUMBERS),
    (Field::DEAL_NAME, "Deal Name"),
    (Field::DEAL_AMOUNT, "Sale Price|Selling Price|Amount|Price|Cash Price|Vehicle Price"),
    (Field::DEAL_TRADE_ALLOWANCE, "Trade Allowance|Trade Value|Trade In Allowance"),
    (Field::DEAL_PAYOFF, "Payoff|Trade Payoff|Payoff Amount"),
    (Field::DEAL_SALESPERSON, "Salesperson|Sales Person|Salesman|Sales Rep|Salesperson 1"),
    (Field::DEAL_SOURCE, "Lead Source|Source|Deal Source"),
    (Field::DEAL_DATE, "Deal Date|Contract Date|Sale Date|Sold Date|Date"),
    (Field::DEAL_DELIVERED_ON, "Delivered On|Delivery Date|Date Delivered"),
];
const DEAL_STATES: &str = "Status|Deal Status";
const DEAL_STATE_WORDS: &[(&str, &str)] = &[
    ("f", "delivered"),
    ("finalized", "delivered"),
    ("booked", "delivered"),
    ("b", "delivered"),
    ("closed", "delivered"),
    ("sold", "delivered"),
    ("d", "delivered"),
    ("o", "open"),
    ("working", "open"),
    ("p", "pending"),
    ("a", "approved"),
    ("dead", "lost"),
    ("cancelled", "lost"),
    ("canceled", "lost"),
    ("u", "unwound"),
    ("unwind", "unwound"),
];
const DEAL_KINDS: &str = "Deal Type|Finance Type|Sale Type|Kind";
const DEAL_KIND_WORDS: &[(&str, &str)] = &[
    ("c", "cash"),
    ("f", "finance"),
    ("r", "finance"),
    ("retail", "finance"),
    ("financed", "finance"),
    ("l", "lease"),
];
const REPAIR_ORDER: &[Usual] = &[
    (Field::RO_NUMBER, "RO No|RO Number|RO|RONum|Repair Order|Repair Order Number|Repair Order No"),
    (Field::RO_CUSTOMER, OWNERS),
    (Field::RO_VIN, VINS),
    (Field::RO_OPENED_ON, "Open Date|Opened On|Date Opened|RO Date|Date"),
    (Field::RO_CLOSED_ON, "Close Date|Closed On|Closed Date|Date Closed"),
    (Field::RO_ODOMETER_IN, "Odometer In|Mileage In|Miles In|Odometer|Mileage"),
    (Field::RO_ODOMETER_OUT, "Odometer Out|Mileage Out|Miles Out"),
    (Field::RO_ADVISOR, "Advisor|Service Advisor|Service Writer|Writer"),
    (Field::RO_PARTS_TOTAL, "Parts Total|Parts|Parts Amount"),
    (Field::RO_LABOR_TOTAL, "Labor Total|Labor|Labor Amount|Labour"),
    (Field::RO_TOTAL, "Total|RO Total|Total Amount|Amount"),
];
const RO_STATES: &str = "Status|RO Status";
const RO_STATE_WORDS: &[(&str, &str)] =
    &[("o", "open"), ("c", "closed"), ("i", "closed"), ("invoiced", "closed"), ("v", "void"), ("voided", "void")];
const LEAD: &[Usual] = &[
    (Field::LEAD_ID, "Lead ID|Lead No|Lead Number|ID"),
    (Field::LEAD_SOURCE, "Lead Source|Source"),
    (Field::LEAD_PROVIDER, "Provider|Lead Provider"),
    (Field::LEAD_STATUS, "Status|Lead Status"),
    (Field::LEAD_REQUESTED_AT, "Requested At|Request Date|Created At|Created|Lead Date|Date"),
    (Field::LEAD_CUSTOMER, OWNERS),
    (Field::LEAD_INTEREST, "Interest"),
    (Field::LEAD_YEAR, YEARS),
    (Field::LEAD_MAKE, MAKES),
    (Field::LEAD_MODEL, MODELS),
    (Field::LEAD_TRIM, TRIMS),
    (Field::LEAD_VIN, VINS),
    (Field::LEAD_STOCK_NUMBER, STOCK_NUMBERS),
    (Field::LEAD_COMMENTS, "Comments|Comment|Notes|Message"),
    (Field::LEAD_SALESPERSON, "Salesperson|Sales Person|Assigned To"),
];
/// Columns that are usual and not used; an SSN is never mapped.
const KNOWN: &str = "soc_sec_id|SSN|Social Security Number|address_2|Address Line 2|Address 2|County|Country|Store|Store No|Company No|Dealer ID|Prefix|Title|Gender|Sex|Record Type";
/// Columns that tell when the row last changed.
const CHANGED: &[&str] = &[
    "Last Modified",
    "Modified",
    "Updated At",
    "Last Update",
    "Last Updated",
    "Last Changed",
    "Date Modified",
    "Modified Date",
    "Update Date",
    "Last Change Date",
];

fn keys(object: ObjectKind) -> &'static str {
    match object {
        ObjectKind::Customer => {
            "rec_id|Cust No|Customer No|Customer Number|Customer ID|Customer Key|Cust ID|CustNo|Contact ID|Customer|Record ID|ID|Key"
        }
        ObjectKind::Vehicle => "Vehicle ID|Veh ID|Vehicle Key|VIN|VIN Number|VIN No|Vehicle VIN|ID",
        ObjectKind::Inventory => "Stock No|Stock Number|Stock|Stock ID|StockNum|Stk No|Vehicle ID|VIN|VIN Number|ID",
        ObjectKind::Deal => "Deal No|Deal Number|Deal ID|DealNum|Deal|ID",
        ObjectKind::RepairOrder => "RO No|RO Number|RO|RONum|Repair Order|Repair Order Number|Repair Order No|RO ID|ID",
        ObjectKind::Lead => "Lead ID|Lead No|Lead Number|Prospect ID|ID",
    }
}

fn usual(object: ObjectKind) -> &'static [Usual] {
    match object {
        ObjectKind::Customer => CUSTOMER,
        ObjectKind::Vehicle => VEHICLE,
        ObjectKind::Inventory => INVENTORY,
        ObjectKind::Deal => DEAL,
        ObjectKind::RepairOrder => REPAIR_ORDER,
        ObjectKind::Lead => LEAD,
    }
}

/// The default mapping of an object, with the dealer's lines laid over it.
#[must_use]
pub fn mapping(object: ObjectKind, settings: Option<&Settings>) -> Mapping {
    let mut mapping = Mapping::new(object);
    for (field, names) in usual(object) {
        for name in names.split('|') {
            mapping = mapping.take(*field, name);
        }
    }
    mapping = match object {
        ObjectKind::Customer => customer(words(mapping, Field::CUSTOMER_KIND, CUSTOMER_KINDS, KINDS)),
        ObjectKind::Inventory => {
            let mapping = words(mapping, Field::STOCK_STATUS, STOCK_STATES, STOCK_STATE_WORDS);
            words(mapping, Field::STOCK_CONDITION, CONDITIONS, CONDITION_WORDS)
        }
        ObjectKind::Deal => {
            let mapping = words(mapping, Field::DEAL_STATUS, DEAL_STATES, DEAL_STATE_WORDS);
            words(mapping, Field::DEAL_KIND, DEAL_KINDS, DEAL_KIND_WORDS)
        }
        ObjectKind::RepairOrder => words(mapping, Field::RO_STATUS, RO_STATES, RO_STATE_WORDS),
        ObjectKind::Lead => words(mapping, Field::LEAD_CONDITION, CONDITIONS, CONDITION_WORDS),
        ObjectKind::Vehicle => mapping,
    };
    let known: Vec<&str> = keys(object).split('|').chain(KNOWN.split('|')).chain(CHANGED.iter().copied()).collect();
    mapping = mapping.known(&known);
    if let Some(settings) = settings {
        let columns = Columns::new(object, settings);
        let ignored: Vec<String> =
            settings.ignored(object).map(|name| columns.spelled(name)).chain(columns.keys.iter().cloned()).collect();
        mapping = mapping.known(&ignored.iter().map(String::as_str).collect::<Vec<_>>());
        let own: Vec<_> = settings
            .rules(object)
            .map(|rule| {
                let mut rule = rule.clone();
                rule.from = columns.spelled(&rule.from);
                if let Read::Joined(more) = &mut rule.read {
                    *more = more.iter().map(|name| columns.spelled(name)).collect();
                }
                rule
            })
            .collect();
        mapping = mapping.overlaid(&own, 0);
    }
    mapping
}

fn words(mut mapping: Mapping, field: Field, names: &str, words: &[(&str, &str)]) -> Mapping {
    for name in names.split('|') {
        mapping = mapping.words(field, name, words);
    }
    mapping
}

fn customer(mut mapping: Mapping) -> Mapping {
    // FEBRL and some DMS keep the house number in a column of its own.
    for number in STREET_NUMBERS.split('|') {
        for road in ["address_1", "Street Name", "Street"] {
            let name = spelling_of_street(road);
            mapping = mapping.rule(Field::STREET, number, Read::Joined(vec![name.to_owned()]));
        }
    }
    for street in STREETS {
        mapping = mapping.take(Field::STREET, street);
    }
    for name in FULL_NAMES {
        for (field, part) in [
            (Field::FIRST_NAME, NamePart::First),
            (Field::MIDDLE_NAME, NamePart::Middle),
            (Field::LAST_NAME, NamePart::Last),
            (Field::NAME_SUFFIX, NamePart::Suffix),
        ] {
            mapping = mapping.rule(field, name, Read::NamePart(part));
        }
    }
    for (field, names) in NEVER_COLUMNS {
        mapping = words(mapping, *field, names, NEVER);
    }
    for (field, names) in CONSENTS {
        for name in names.split('|') {
            mapping = mapping.take(*field, name);
        }
    }
    mapping
}

/// `address_1` is spelled as the list of streets spells it.
fn spelling_of_street(name: &str) -> &str {
    STREETS.iter().find(|usual| bare(usual) == bare(name)).copied().unwrap_or(name)
}

/// Letters and digits in lower case.
fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How the columns of one object's files are spelled in payloads.
pub struct Columns {
    spellings: HashMap<String, String>,
    keys: Vec<String>,
    own_keys: bool,
}

impl Columns {
    /// The usual spellings of an object, and the dealer's.
    #[must_use]
    pub fn new(object: ObjectKind, settings: &Settings) -> Self {
        let mut spellings = HashMap::new();
        let lists = usual(object)
            .iter()
            .chain(if object == ObjectKind::Customer { NEVER_COLUMNS } else { &[] })
            .chain(if object == ObjectKind::Customer { CONSENTS } else { &[] })
            .map(|(_, names)| *names)
            .chain([keys(object), KNOWN, STREET_NUMBERS, CUSTOMER_KINDS, STOCK_STATES, CONDITIONS, DEAL_STATES])
            .chain([DEAL_KINDS, RO_STATES])
            .flat_map(|names| names.split('|'))
            .chain(STREETS.iter().chain(FULL_NAMES).chain(CHANGED).copied());
        for name in lists {
            spellings.entry(bare(name)).or_insert_with(|| name.to_owned());
        }
        let dealers: Vec<String> = settings
            .rules(object)
            .flat_map(|rule| {
                let more: &[String] = if let Read::Joined(more) = &rule.read { more } else { &[] };
                std::iter::once(&rule.from).chain(more)
            })
            .cloned()
            .chain(settings.ignored(object).map(ToOwned::to_owned))
            .chain(settings.key_columns(object).iter().cloned())
            .collect();
        for name in dealers {
            spellings.entry(bare(&name)).or_insert(name);
        }
        let own = settings.key_columns(object);
        let spelled = |name: &str| spellings.get(&bare(name)).cloned().unwrap_or_else(|| name.to_owned());
        let keys = if own.is_empty() {
            keys(object).split('|').map(spelled).collect()
        } else {
            own.iter().map(|name| spelled(name)).collect()
        };
        Self { keys, own_keys: !own.is_empty(), spellings }
    }

    /// How a column of this name is spelled in payloads.
    #[must_use]
    pub fn spelled(&self, name: &str) -> String {
        let name = name.trim();
        self.spellings.get(&bare(name)).cloned().unwrap_or_else(|| name.to_owned())
    }

    /// The names of all columns of a header: spelled, numbered where empty, told apart where double.
    #[must_use]
    pub fn header(&self, cells: &[&str]) -> Vec<String> {
        let mut names: Vec<String> = Vec::with_capacity(cells.len());
        let mut times: HashMap<String, usize> = HashMap::new();
        for (place, cell) in cells.iter().enumerate() {
            let name = if cell.trim().is_empty() { format!("Column {}", place + 1) } else { self.spelled(cell) };
            let times = times.entry(name.clone()).or_insert(0);
            *times += 1;
            names.push(if *times == 1 { name } else { format!("{name} ({times})") });
        }
        names
    }

    /// The key columns among these names: all of the dealer's, or the first usual one; `None` where there is none.
    #[must_use]
    pub fn key<S: AsRef<str>>(&self, names: &[S]) -> Option<Vec<String>> {
        let has = |key: &&String| names.iter().any(|name| name.as_ref() == key.as_str());
        if self.own_keys {
            return self.keys.iter().all(|key| has(&key)).then(|| self.keys.clone());
        }
        self.keys.iter().find(has).map(|key| vec![key.clone()])
    }

    /// The columns that tell when a row last changed.
    #[must_use]
    pub fn changed(&self, names: &[String]) -> Option<usize> {
        CHANGED.iter().find_map(|usual| names.iter().position(|name| name == usual))
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_rule_of_a_default_mapping_waits_for_a_spelling_that_never_comes() {
        let settings = Settings::of(&crate::files::tests_access::access(&[])).expect("default settings are good");
        for object in ObjectKind::ALL {
            let columns = Columns::new(object, &settings);
            for rule in mapping(object, Some(&settings)).rules {
                let spelled = columns.spelled(&rule.from);
                let reached = mapping(object, None).rules.iter().any(|r| r.to == rule.to && r.from == spelled);
                assert!(reached, "{object}: {} is spelled {spelled}, which {} does not take", rule.from, rule.to);
            }
        }
    }

    #[test]
    fn double_and_empty_headers_get_names_of_their_own() {
        let settings = Settings::of(&crate::files::tests_access::access(&[])).expect("default settings are good");
        let columns = Columns::new(ObjectKind::Customer, &settings);
        let header = columns.header(&["CUST-NO", "first_name", "", "Note", "Note", "E-Mail"]);
        assert_eq!(header, ["Cust No", "First Name", "Column 3", "Note", "Note (2)", "Email"]);
    }

    #[test]
    fn the_headers_of_febrl_map_without_any_setting() {
        let settings = Settings::of(&crate::files::tests_access::access(&[])).expect("default settings are good");
        let columns = Columns::new(ObjectKind::Customer, &settings);
        let header = columns.header(&[
            "rec_id",
            "given_name",
            "surname",
            "street_number",
            "address_1",
            "address_2",
            "suburb",
            "postcode",
            "state",
            "date_of_birth",
            "soc_sec_id",
        ]);
        let cells = ["r-1", "ann", "lee", "12", "main st", "", "ryde", "2112", "nsw", "19151111", "123"];
        let body: serde_json::Map<_, _> = header
            .iter()
            .zip(cells)
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(name, cell)| (name.clone(), json!(cell)))
            .collect();
        let draft = mapping(ObjectKind::Customer, Some(&settings)).apply(&body.into());
        assert!(draft.unknown.is_empty(), "{:?}", draft.unknown);
        let of = |field| draft.values.iter().find(|(f, _)| *f == field).and_then(|(_, v)| v.as_str());
        assert_eq!(of(Field::FIRST_NAME), Some("ann"));
        assert_eq!(of(Field::LAST_NAME), Some("lee"));
        assert_eq!(of(Field::STREET), Some("12 main st"));
        assert_eq!(of(Field::CITY), Some("ryde"));
        assert_eq!(of(Field::ZIP), Some("2112"));
        assert_eq!(of(Field::BIRTH_DATE), Some("19151111"));
        assert_eq!(columns.key(&header), Some(vec!["rec_id".to_owned()]));
    }
}
