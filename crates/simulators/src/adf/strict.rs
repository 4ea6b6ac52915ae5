//! ADF 1.0 as its definition says it: which elements, in which order, which are required, which words.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// A lead that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// `source:id`.
    pub id: String,
    /// The customer's names, in order.
    pub name: String,
    /// E-mail, or empty.
    pub email: String,
    /// Phones, in order.
    pub phones: Vec<String>,
    /// Year, make and model of the wanted vehicle.
    pub vehicle: String,
    /// What the customer wrote, or empty.
    pub comments: String,
    /// The dealership.
    pub vendor: String,
}

/// How often a child may come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    One,
    Maybe,
    Some,
    Any,
}

use Times::{Any, Maybe, One, Some as More};

/// An element's children in their order.
fn children(element: &str) -> Option<&'static [(&'static str, Times)]> {
    Some(match element {
        "adf" => &[("prospect", More)],
        "prospect" => &[
            ("id", Any),
            ("requestdate", One),
            ("vehicle", More),
            ("customer", More),
            ("vendor", More),
            ("provider", Maybe),
        ],
        "vehicle" => &[
            ("id", Any),
            ("year", One),
            ("make", One),
            ("model", One),
            ("vin", Maybe),
            ("stock", Maybe),
            ("trim", Maybe),
            ("doors", Maybe),
            ("bodystyle", Maybe),
            ("transmission", Maybe),
            ("odometer", Maybe),
            ("condition", Maybe),
            ("colorcombination", Any),
            ("imagetag", Maybe),
            ("price", Any),
            ("pricecomments", Maybe),
            ("option", Any),
            ("finance", Maybe),
            ("comments", Maybe),
        ],
        "colorcombination" => &[("interiorcolor", Maybe), ("exteriorcolor", Maybe), ("preference", Maybe)],
        "customer" => &[("contact", One), ("id", Maybe), ("timeframe", Maybe), ("comments", Maybe)],
        "contact" => &[("name", More), ("email", Any), ("phone", Any), ("address", Maybe)],
        "address" => &[
            ("street", Any),
            ("apartment", Maybe),
            ("city", Maybe),
            ("regioncode", Maybe),
            ("postalcode", Maybe),
            ("country", Maybe),
        ],
        "vendor" => &[("id", Any), ("vendorname", One), ("url", Maybe), ("contact", One)],
        "provider" => &[
            ("id", Any),
            ("name", One),
            ("service", Maybe),
            ("url", Maybe),
            ("email", Maybe),
            ("phone", Maybe),
            ("contact", Maybe),
        ],
        _ => return None,
    })
}

/// An attribute's words; none where any text will do.
fn words(element: &str, attribute: &str) -> Option<&'static [&'static str]> {
    Some(match (element, attribute) {
        ("prospect", "status") => &["new", "resend"],
        ("vehicle", "interest") => &["buy", "lease", "sell", "trade-in", "test-drive"],
        ("vehicle", "status") => &["new", "used"],
        ("odometer", "status") => &["unknown", "rolledover", "replaced", "original"],
        ("odometer", "units") => &["km", "mi"],
        ("name", "part") => &["first", "middle", "suffix", "last", "full"],
        ("name", "type") => &["individual", "business"],
        ("phone", "type") => &["home", "work", "mobile", "voice", "business", "fax", "cellphone", "pager"],
        ("address", "type") => &["home", "work", "delivery"],
        ("street", "line") => &["1", "2", "3", "4", "5"],
        ("id", "sequence" | "source")
        | ("phone" | "email" | "contact", "time" | "preferredcontact" | "primarycontact") => &[],
        _ => return None,
    })
}

struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn text_of(&self, path: &[&str]) -> String {
        match path.split_first() {
            None => self.text.clone(),
            Some((first, rest)) => self.of(first).next().map(|child| child.text_of(rest)).unwrap_or_default(),
        }
    }
}

/// The leads of a document.
///
/// # Errors
/// The first thing that the standard does not allow.
pub fn validate(document: &str) -> Result<Vec<Lead>, String> {
    if !document.contains("<?adf version=\"1.0\"?>") {
        return Err("the instruction <?adf version=\"1.0\"?> is missing".to_owned());
    }
    let root = parse(document)?;
    if root.name != "adf" {
        return Err(format!("the root element is {}, not adf", root.name));
    }
    check(&root)?;
    root.of("prospect").map(lead).collect()
}

fn lead(prospect: &Element) -> Result<Lead, String> {
    let date = prospect.text_of(&["requestdate"]);
    if chrono::DateTime::parse_from_rfc3339(&date).is_err() {
        return Err(format!("requestdate `{date}` is no ISO 8601 moment with a zone"));
    }
    let id = prospect.of("id").next().ok_or("the prospect has no id")?;
    let source = id.attributes.iter().find(|(name, _)| name == "source").map(|(_, value)| value.as_str());
    let contact = prospect.of("customer").next().and_then(|customer| customer.of("contact").next());
    let contact = contact.ok_or("the customer has no contact")?;
    let phones: Vec<String> = contact.of("phone").map(|phone| phone.text.clone()).collect();
    let email = contact.text_of(&["email"]);
    if phones.is_empty() && email.is_empty() {
        return Err("the contact has neither email nor phone".to_owned());
    }
    let join = |parts: Vec<String>| parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    Ok(Lead {
        id: format!("{}:{}", source.unwrap_or_default(), id.text),
        name: join(contact.of("name").map(|name| name.text.clone()).collect()),
        email,
        phones,
        vehicle: join(["year", "make", "model"].map(|part| prospect.text_of(&["vehicle", part])).to_vec()),
        comments: prospect.text_of(&["customer", "comments"]),
        vendor: prospect.text_of(&["vendor", "vendorname"]),
    })
}

fn check(element: &Element) -> Result<(), String> {
    for (name, value) in &element.attributes {
        let words = words(&element.name, name).ok_or(format!("{} has no attribute {name}", element.name))?;
        if !words.is_empty() && !words.contains(&value.as_str()) {
            return Err(format!("{}@{name} must not be `{value}`", element.name));
        }
    }
    let Some(allowed) = children(&element.name) else {
        return match element.children.first() {
            Some(child) => Err(format!("{} must not hold {}", element.name, child.name)),
            None => Ok(()),
        };
    };
    if !element.text.trim().is_empty() {
        return Err(format!("{} must not hold text", element.name));
    }
    let mut rest = element.children.iter().peekable();
    for (name, times) in allowed {
        let mut count = 0;
        while rest.next_if(|child| child.name == *name).is_some() {
            count += 1;
        }
        let fits = match times {
            One => count == 1,
            Maybe => count <= 1,
            More => count >= 1,
            Any => true,
        };
        if !fits {
            return Err(format!("{} holds {name} {count} times", element.name));
        }
    }
    if let Some(child) = rest.next() {
        return Err(format!("{} holds {}, which it does not know or not here", element.name, child.name));
    }
    element.children.iter().try_for_each(check)
}

fn parse(document: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(document);
    let mut open: Vec<Element> = Vec::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => open.push(element(&start)?),
            Event::Empty(start) => {
                let child = element(&start)?;
                open.last_mut().ok_or("the root element is empty")?.children.push(child);
            }
            Event::End(_) => {
                let done = open.pop().ok_or("an element is closed that was not opened")?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Ok(done),
                }
            }
            Event::Text(text) => push(&mut open, &text.xml_content(XmlVersion::Explicit1_0)),
            Event::CData(text) => push(&mut open, &text.xml_content(XmlVersion::Explicit1_0)),
            Event::GeneralRef(reference) => {
                let known = match &*reference {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => reference.resolve_char_ref().ok().flatten(),
                };
                push(&mut open, known.ok_or("an unknown entity")?.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err("a DOCTYPE is not taken".to_owned()),
            Event::Eof => return Err("the document ends in its middle".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let name: &str = attribute.key.as_ref();
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|error| error.to_string())?;
        attributes.push((name.to_owned(), value.into_owned()));
    }
    let name = start.name();
    let name: &str = name.as_ref();
    Ok(Element { name: name.to_owned(), attributes, text: String::new(), children: Vec::new() })
}
