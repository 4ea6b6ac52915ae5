//! Names of people and companies.

use super::text::{is_placeholder, words};

/// What a name says, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Name {
    pub first: String,
    pub middle: String,
    pub last: String,
    pub suffix: &'static str,
    pub company: String,
}

/// Words by which a name shows itself to be a company's.
const FORMS: [&str; 44] = [
    "llc",
    "inc",
    "incorporated",
    "corp",
    "corporation",
    "ltd",
    "limited",
    "co",
    "company",
    "gmbh",
    "ag",
    "kg",
    "plc",
    "pty",
    "sa",
    "sarl",
    "srl",
    "bv",
    "nv",
    "lp",
    "llp",
    "pllc",
    "pa",
    "dba",
    "services",
    "service",
    "motors",
    "rentals",
    "construction",
    "plumbing",
    "electric",
    "university",
    "church",
    "trust",
    "group",
    "sons",
    "enterprises",
    "holdings",
    "solutions",
    "associates",
    "partners",
    "supply",
    "bank",
    "school",
];

/// Those of them that say nothing about which company it is.
const LEGAL: [&str; 23] = [
    "llc",
    "inc",
    "incorporated",
    "corp",
    "corporation",
    "ltd",
    "limited",
    "co",
    "company",
    "gmbh",
    "ag",
    "kg",
    "plc",
    "pty",
    "sa",
    "sarl",
    "srl",
    "bv",
    "nv",
    "lp",
    "llp",
    "pllc",
    "the",
];

/// People who are none: what is typed for somebody who would not say.
const NOBODY: [&str; 14] = [
    "walk in",
    "walkin",
    "cash customer",
    "service customer",
    "parts customer",
    "cash sale",
    "house account",
    "wholesale",
    "customer",
    "test test",
    "internal",
    "cash",
    "do not use",
    "retail customer",
];

fn suffix_of(word: &str) -> Option<&'static str> {
    Some(match word {
        "jr" | "junior" => "jr",
        "sr" | "senior" => "sr",
        "ii" | "2nd" => "ii",
        "iii" | "3rd" => "iii",
        "iv" | "4th" => "iv",
        _ => return None,
    })
}

/// Reads the parts of a name; any may be empty. `full` stands in for parts that are missing.
pub(crate) fn read(first: &str, middle: &str, last: &str, suffix: &str, full: &str, company: &str) -> Name {
    let part = |text: &str| if is_placeholder(text) { Vec::new() } else { words(text) };
    let mut name = Name { company: company_key(company), ..Name::default() };
    let (mut first, mut middle, mut last) = (part(first), part(middle), part(last));
    if first.is_empty() && last.is_empty() && !is_placeholder(full) {
        (first, middle, last) = split_full(full, &mut name);
    }
    for words in [&mut last, &mut first] {
        while words.len() > 1 {
            let Some(found) = words.last().and_then(|word| suffix_of(word)) else { break };
            name.suffix = found;
            words.pop();
        }
    }
    if let Some(found) = words(suffix).first().and_then(|word| suffix_of(word)) {
        name.suffix = found;
    }
    let whole = first.iter().chain(&last).map(String::as_str).collect::<Vec<_>>().join(" ");
    if NOBODY.contains(&whole.as_str()) {
        return name;
    }
    // Nobody is called by a surname of three words alone.
    let is_company = last.len() > 2 || last.iter().any(|word| FORMS.contains(&word.as_str()));
    if first.is_empty() && last.len() > 1 && is_company {
        if name.company.is_empty() {
            name.company = bare(&last);
        }
        return name;
    }
    if middle.is_empty() && first.len() > 1 {
        middle = first.split_off(1);
    }
    name.first = first.concat();
    name.middle = middle.concat();
    name.last = last.concat();
    name
}

fn split_full(full: &str, name: &mut Name) -> (Vec<String>, Vec<String>, Vec<String>) {
    let none = Vec::new;
    if let Some((last, rest)) = full.split_once(',') {
        let rest = words(rest);
        // "Lee, Ann" but not "Acme Towing, LLC" nor "John Lee, Jr".
        if !rest.iter().all(|word| FORMS.contains(&word.as_str()) || suffix_of(word).is_some()) {
            let mut first = rest;
            let middle = if first.len() > 1 { first.split_off(1) } else { none() };
            return (first, middle, words(last));
        }
    }
    let mut all = words(full);
    if all.iter().any(|word| FORMS.contains(&word.as_str())) {
        if name.company.is_empty() {
            name.company = bare(&all);
        }
        return (none(), none(), none());
    }
    let mut suffix = none();
    if all.len() > 2 && all.last().is_some_and(|word| suffix_of(word).is_some()) {
        suffix.extend(all.pop());
    }
    match all.len() {
        0 => (none(), none(), none()),
        1 => (none(), none(), all),
        _ => {
            let last = all.pop().into_iter().chain(suffix).collect();
            let middle = all.split_off(1);
            (all, middle, last)
        }
    }
}

fn bare(words: &[String]) -> String {
    let told: String = words.iter().filter(|word| !LEGAL.contains(&word.as_str())).map(String::as_str).collect();
    if told.is_empty() { words.concat() } else { told }
}

fn company_key(text: &str) -> String {
    if is_placeholder(text) { String::new() } else { bare(&words(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_however_they_are_written() {
        let cases = [
            (read("JOHN", "", "Lee Jr", "", "", ""), ("john", "", "lee", "jr", "")),
            (read("Mary Ann", "", "O'Brien", "", "", ""), ("mary", "ann", "obrien", "", "")),
            (read("", "", "", "", "Lee, Ann Marie", ""), ("ann", "marie", "lee", "", "")),
            (read("", "", "", "", "Ann M. Lee Sr.", ""), ("ann", "m", "lee", "sr", "")),
            (read("", "", "ACME TOWING, LLC", "", "", ""), ("", "", "", "", "acmetowing")),
            (read("", "", "", "", "Acme Towing, LLC", ""), ("", "", "", "", "acmetowing")),
            (read("WALK", "", "IN", "", "", ""), ("", "", "", "", "")),
            (read("NA", "", "Na", "", "", ""), ("", "", "", "", "")),
        ];
        for (got, (first, middle, last, suffix, company)) in cases {
            assert_eq!(
                (got.first.as_str(), got.middle.as_str(), got.last.as_str(), got.suffix, got.company.as_str()),
                (first, middle, last, suffix, company)
            );
        }
    }
}
