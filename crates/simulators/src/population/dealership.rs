//! Dealerships: the demo group and made-up ones for any other size.

use super::{Address, Population, Rooftop};

/// The demo group's seed: the demo shows the same people every time.
const BAYSIDE_SEED: u64 = 1;

/// "Bayside Auto Group": three rooftops around Tampa Bay.
#[must_use]
pub fn bayside(customers: usize) -> Population {
    Population::of_group("Bayside Auto Group", BAYSIDE_SEED, customers, rooftops(3))
}

/// The first three are Bayside's, all others are made up.
pub(super) fn rooftops(count: usize) -> Vec<Rooftop> {
    const MAKES: [&str; 8] = ["Ford", "Toyota", "Chevrolet", "Honda", "Nissan", "Hyundai", "Kia", "Subaru"];
    const PLACES: [(&str, &str, &str, &str); 8] = [
        ("Tampa", "33614", "4815 N Dale Mabry Hwy", "8135550110"),
        ("Clearwater", "33761", "26200 US Highway 19 N", "7275550120"),
        ("Brandon", "33511", "1501 W Brandon Blvd", "8135550130"),
        ("St. Petersburg", "33713", "2525 34th St N", "7275550140"),
        ("Lakeland", "33809", "5000 US Highway 98 N", "8635550150"),
        ("Bradenton", "34207", "4500 14th St W", "9415550160"),
        ("Sarasota", "34231", "7000 S Tamiami Trl", "9415550170"),
        ("Palm Harbor", "34684", "30700 US Highway 19 N", "7275550180"),
    ];
    MAKES
        .iter()
        .cycle()
        .zip(PLACES.iter().cycle())
        .take(count)
        .enumerate()
        .map(|(place, (make, (city, zip, street, phone)))| {
            let round = place / MAKES.len();
            let again = if round == 0 { String::new() } else { format!(" {city} {}", round + 1) };
            let initial = make.chars().next().unwrap_or('X');
            Rooftop {
                code: if round == 0 { format!("B{initial}") } else { format!("B{initial}{}", round + 1) },
                name: format!("Bayside {make}{again}"),
                make: (*make).to_owned(),
                address: Address {
                    street: (*street).to_owned(),
                    city: (*city).to_owned(),
                    state: "FL".to_owned(),
                    zip: (*zip).to_owned(),
                },
                phone: (*phone).to_owned(),
                enterprise_code: "BA".to_owned(),
                company_number: format!("BA{}", place + 1),
            }
        })
        .collect()
}
