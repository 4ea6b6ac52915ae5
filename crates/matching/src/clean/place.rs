//! Addresses as keys (USPS Publication 28, appendix C), ZIPs and states.

use super::text::{fold_into, folded, is_placeholder, words};
use domain::check::street_word;

/// What an address says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub number: String,
    pub street: String,
    pub extra: String,
    pub city: String,
    pub state: String,
    pub zip: String,
}

/// An address as it was told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told<'a> {
    pub number: &'a str,
    pub street: &'a str,
    pub unit: &'a str,
    pub address: &'a str,
    pub city: &'a str,
    pub state: &'a str,
    pub zip: &'a str,
}

const UNITS: [&str; 10] = ["apt", "apartment", "unit", "ste", "suite", "flat", "lot", "rm", "room", "no"];

/// Reads an address however its parts are spread over the columns.
pub(crate) fn read(told: Told<'_>) -> Place {
    let text = |text: &'_ str| if is_placeholder(text) { String::new() } else { text.to_owned() };
    let mut place = Place {
        city: words(&text(told.city)).iter().map(|word| street_word(word)).collect(),
        state: state(told.state),
        zip: zip(told.zip),
        ..Place::default()
    };
    let mut line = text(told.street);
    let mut extra = text(told.address);
    if line.is_empty() && !extra.is_empty() {
        (line, extra) = one_line(&extra, &mut place);
    }
    let (number, street, unit) = street_line(&line, told.number.trim().is_empty());
    place.number = if number.is_empty() && !is_placeholder(told.number) { folded(told.number) } else { number };
    place.street = street;
    for word in words(&extra) {
        place.extra.push_str(street_word(&word));
    }
    if is_placeholder(told.unit) {
        place.extra.push_str(&unit);
    } else {
        // "Apt 4", "#4" and "4" are one unit.
        for word in words(told.unit) {
            if !UNITS.contains(&word.as_str()) {
                place.extra.push_str(street_word(&word));
            }
        }
    }
    place
}

/// A whole address in one line: the street before the first comma, then city, state and ZIP where no column has them.
fn one_line(line: &str, place: &mut Place) -> (String, String) {
    let Some((street, rest)) = line.split_once(',') else { return (line.to_owned(), String::new()) };
    let mut rest: Vec<&str> = rest.split([',', ' ']).filter(|word| !word.is_empty()).collect();
    if place.zip.is_empty()
        && let Some(last) = rest.last().filter(|word| word.bytes().filter(u8::is_ascii_digit).count() >= 3)
    {
        place.zip = zip(last);
        rest.pop();
    }
    if place.state.is_empty()
        && let Some(last) = rest.last().filter(|word| domain::check::state(word).is_some())
    {
        place.state = state(last);
        rest.pop();
    }
    if place.city.is_empty() {
        place.city = words(&rest.join(" ")).iter().map(|word| street_word(word)).collect();
        rest.clear();
    }
    (street.to_owned(), rest.join(" "))
}

/// A street line: house number where asked for, street, unit.
fn street_line(line: &str, with_number: bool) -> (String, String, String) {
    let (mut number, mut street, mut unit) = (String::new(), String::new(), String::new());
    let parted = line.replace('#', " unit ");
    let all = words(&parted);
    let mut words = all.iter().map(String::as_str).peekable();
    if with_number {
        // "12 Main St" and "Hauptstr. 12" alike.
        if let Some(first) = words.next_if(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
            // "12th Street" has no number.
            if first.ends_with("th") || first.ends_with("st") || first.ends_with("nd") || first.ends_with("rd") {
                street.push_str(first);
            } else {
                number.push_str(first);
            }
        }
    }
    while let Some(word) = words.next() {
        if UNITS.contains(&word) && !street.is_empty() && words.peek().is_some() {
            unit = words.by_ref().filter(|word| !UNITS.contains(word)).collect();
        } else if with_number
            && number.is_empty()
            && !street.is_empty()
            && words.peek().is_none()
            && word.bytes().all(|b| b.is_ascii_digit())
        {
            number.push_str(word);
        } else {
            street.push_str(street_word(word));
        }
    }
    (number, street, unit)
}

/// A state by its code where it is one of the US or Canada, else as a folded name.
fn state(text: &str) -> String {
    if is_placeholder(text) {
        return String::new();
    }
    domain::check::state(text).map_or_else(|| folded(text), str::to_ascii_lowercase)
}

/// A ZIP without its +4, any other postal code folded.
fn zip(text: &str) -> String {
    if is_placeholder(text) {
        return String::new();
    }
    let head = match text.trim().split_once('-') {
        Some((zip, plus4)) if zip.len() == 5 && plus4.len() == 4 => zip,
        Some(_) | None => text,
    };
    let mut code = String::with_capacity(8);
    fold_into(&mut code, head);
    let digits = code.bytes().all(|b| b.is_ascii_digit());
    if code.bytes().all(|b| b == b'0') || (digits && code.bytes().all(|b| b == b'9')) {
        return String::new();
    }
    if digits && code.len() == 9 {
        code.truncate(5);
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_an_address_meet() {
        let of = |street| read(Told { street, ..Told::default() });
        assert_eq!(of("123 North Main Street, Apt. 4"), of("123 N MAIN ST #4"));
        assert_ne!(of("123 N Main St"), of("124 N Main St"));
        assert_eq!(of("Hauptstr. 12").number, "12");
        let split = read(Told { number: "12", street: "Main Street", ..Told::default() });
        assert_eq!((split.number.as_str(), split.street.as_str()), ("12", "mainst"));
    }

    #[test]
    fn one_line_says_it_all() {
        let place = read(Told { address: "12 Main St, St. Petersburg, FL 33701-1234", ..Told::default() });
        assert_eq!(
            (
                place.number.as_str(),
                place.street.as_str(),
                place.city.as_str(),
                place.state.as_str(),
                place.zip.as_str()
            ),
            ("12", "mainst", "stpetersburg", "fl", "33701")
        );
    }
}
