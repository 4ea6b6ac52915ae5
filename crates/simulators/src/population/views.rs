//! What each system makes of a person: nicknames, typos, swapped digits, placeholders, old addresses, opt-outs.

use super::names::short_form;
use super::people::{Clusters, now};
use super::roll::Dice;
use super::{Address, Cluster, Consents, Person, PersonKind, SourceView, System};
use chrono::{DateTime, Duration, Utc};
use domain::Consent;

/// Between the opening of the dealership's system and the count.
const YEARS_OF_HISTORY: i64 = 14;

/// How a system's people type: so many of 1,000.
struct Habits {
    upper: u32,
    short_form: u32,
    typo: u32,
    swapped_digits: u32,
    no_email: u32,
    no_mobile: u32,
    no_address: u32,
    old_address: u32,
    maiden_name: u32,
    no_middle: u32,
}

const fn habits(system: System) -> Habits {
    match system {
        System::Dms => Habits {
            upper: 650,
            short_form: 80,
            typo: 30,
            swapped_digits: 15,
            no_email: 350,
            no_mobile: 180,
            no_address: 40,
            old_address: 500,
            maiden_name: 500,
            no_middle: 300,
        },
        System::Crm => Habits {
            upper: 20,
            short_form: 250,
            typo: 20,
            swapped_digits: 10,
            no_email: 120,
            no_mobile: 120,
            no_address: 400,
            old_address: 150,
            maiden_name: 150,
            no_middle: 800,
        },
        System::Website => Habits {
            upper: 10,
            short_form: 200,
            typo: 25,
            swapped_digits: 10,
            no_email: 0,
            no_mobile: 400,
            no_address: 700,
            old_address: 20,
            maiden_name: 20,
            no_middle: 950,
        },
    }
}

impl Clusters<'_> {
    pub(super) fn view(&mut self, person: &Person, system: System, rooftop: usize, cluster: &mut Cluster) {
        let habits = habits(system);
        let (created_at, updated_at) = self.entered();
        let mut view = SourceView {
            system,
            external_id: self.external_id(system),
            rooftop,
            person_id: person.id,
            type_code: self.type_code(person.kind),
            first_name: person.first_name.clone(),
            middle_name: person.middle_name.clone(),
            last_name: person.last_name.clone(),
            suffix: person.suffix.clone(),
            company_name: person.company_name.clone(),
            email: person.email.clone().unwrap_or_default(),
            email_other: person.email_other.clone().unwrap_or_default(),
            phone_mobile: person.phone_mobile.clone().unwrap_or_default(),
            phone_home: person.phone_home.clone().unwrap_or_default(),
            phone_work: person.phone_work.clone().unwrap_or_default(),
            street: String::new(),
            city: String::new(),
            state: String::new(),
            zip: String::new(),
            birth_date: person.birth_date.filter(|_| system == System::Dms && self.dice.hits(450)),
            driver_licence: String::new(),
            consents: self.consents(system),
            created_at,
            updated_at,
        };
        if system == System::Dms && person.kind == PersonKind::Individual && self.dice.hits(350) {
            view.driver_licence = format!(
                "{}{:012}",
                person.last_name.chars().next().unwrap_or('X').to_ascii_uppercase(),
                person.id * 97_003 % 1_000_000_000_000
            );
        }
        self.misname(&mut view, person, &habits);
        self.misplace(&mut view, person, &habits);
        self.miscontact(&mut view, &habits);
        if self.dice.hits(habits.upper) {
            shout(&mut view);
        }
        cluster.views.push(view);
    }

    /// A walk-in: placeholders all over.
    pub(super) fn junk_view(&mut self, person: &Person, cluster: &mut Cluster) {
        let (created_at, updated_at) = self.entered();
        let (first, last) = *self.dice.one(&[
            ("WALK", "IN"),
            ("CASH", "CUSTOMER"),
            ("NA", "NA"),
            ("", "SERVICE CUSTOMER"),
            ("TEST", "TEST"),
            ("X", "X"),
            ("", "WHOLESALE"),
        ]);
        cluster.views.push(SourceView {
            system: System::Dms,
            external_id: self.external_id(System::Dms),
            rooftop: person.rooftop,
            person_id: person.id,
            type_code: String::new(),
            first_name: first.to_owned(),
            middle_name: String::new(),
            last_name: last.to_owned(),
            suffix: String::new(),
            company_name: String::new(),
            email: (*self.dice.one(&["NA", "CD", "none@none.com", "noemail@noemail.com", ""])).to_owned(),
            email_other: String::new(),
            phone_mobile: (*self.dice.one(&["0", "0000000000", "9999999999", ""])).to_owned(),
            phone_home: (*self.dice.one(&["0", "0000000000", ""])).to_owned(),
            phone_work: "0".to_owned(),
            street: (*self.dice.one(&["NA", "", "X"])).to_owned(),
            city: String::new(),
            state: "FL".to_owned(),
            zip: "0".to_owned(),
            birth_date: None,
            driver_licence: String::new(),
            consents: Consents::default(),
            created_at,
            updated_at,
        });
    }

    fn external_id(&mut self, system: System) -> String {
        match system {
            System::Dms => {
                self.dms_made += 1;
                (1_000_000 + self.dms_made).to_string()
            }
            System::Crm => {
                self.count.crm += 1;
                (50_000 + self.count.crm * 3).to_string()
            }
            System::Website => {
                self.count.website += 1;
                format!("W{:07}", self.count.website)
            }
        }
    }

    fn entered(&mut self) -> (DateTime<Utc>, DateTime<Utc>) {
        let minutes = self.dice.within(60, YEARS_OF_HISTORY * 365 * 24 * 60);
        let since = if self.dice.hits(400) { minutes } else { self.dice.within(10, minutes) };
        (now() - Duration::minutes(minutes), now() - Duration::minutes(since))
    }

    fn type_code(&mut self, kind: PersonKind) -> String {
        let code = match kind {
            PersonKind::Individual => "I",
            PersonKind::Business => "C",
            PersonKind::Unknown => "",
        };
        if self.dice.hits(100) { String::new() } else { code.to_owned() }
    }

    fn consents(&mut self, system: System) -> Consents {
        let no = |dice: &mut Dice, of_1000| {
            if dice.hits(of_1000) { Consent::OptedOut } else { Consent::OptedIn }
        };
        match system {
            System::Dms => {
                let call = no(&mut self.dice, 50);
                Consents {
                    email: Some(no(&mut self.dice, 70)),
                    call: Some(call),
                    // The DMS has one flag for the phone: a no covers texts, a yes does not.
                    text: (call == Consent::OptedOut).then_some(Consent::OptedOut),
                    mail: Some(no(&mut self.dice, 40)),
                }
            }
            System::Crm => Consents {
                email: self.dice.hits(60).then_some(Consent::OptedOut),
                call: self.dice.hits(30).then_some(Consent::OptedOut),
                ..Consents::default()
            },
            System::Website => Consents {
                email: Some(no(&mut self.dice, 250)),
                text: Some(no(&mut self.dice, 500)),
                ..Consents::default()
            },
        }
    }

    fn misname(&mut self, view: &mut SourceView, person: &Person, habits: &Habits) {
        if let Some(short) = short_form(&view.first_name).filter(|_| self.dice.hits(habits.short_form)) {
            view.first_name = short.to_owned();
        }
        if self.dice.hits(habits.no_middle) {
            view.middle_name.clear();
        }
        if let Some(maiden) = person.maiden_name.as_ref().filter(|_| self.dice.hits(habits.maiden_name)) {
            view.last_name.clone_from(maiden);
        }
        if self.dice.hits(habits.typo) {
            let name = if self.dice.hits(500) { &mut view.first_name } else { &mut view.last_name };
            *name = mistyped(&mut self.dice, name);
        }
        match (view.system, person.kind) {
            // The DMS has one field for surnames and companies, and none for suffixes.
            (System::Dms, PersonKind::Business) => view.last_name.clone_from(&view.company_name),
            (System::Dms, PersonKind::Individual | PersonKind::Unknown) => {
                if !view.suffix.is_empty() && self.dice.hits(800) {
                    view.last_name = format!("{} {}", view.last_name, view.suffix);
                }
                view.suffix.clear();
                view.company_name.clear();
            }
            (System::Crm | System::Website, _) => {}
        }
    }

    fn misplace(&mut self, view: &mut SourceView, person: &Person, habits: &Habits) {
        if self.dice.hits(habits.no_address) {
            return;
        }
        let Address { street, city, state, zip } = match &person.address_before {
            Some(before) if self.dice.hits(habits.old_address) => before.clone(),
            Some(_) | None => person.address.clone(),
        };
        view.street = if self.dice.hits(300) { long_form(&street) } else { street };
        view.city = city;
        view.state = state;
        view.zip = if self.dice.hits(80) { format!("{zip}-{:04}", self.dice.within(1, 9_998)) } else { zip };
    }

    fn miscontact(&mut self, view: &mut SourceView, habits: &Habits) {
        if self.dice.hits(habits.no_email) {
            view.email.clear();
            view.email_other.clear();
        }
        if self.dice.hits(habits.no_mobile) {
            view.phone_mobile.clear();
        }
        if self.dice.hits(habits.swapped_digits) {
            view.phone_mobile = swapped(&mut self.dice, &view.phone_mobile);
        }
        match view.system {
            System::Dms => {
                if view.email.is_empty() && self.dice.hits(120) {
                    view.email = (*self.dice.one(&["NA", "CD", "none@none.com", "na@na.com"])).to_owned();
                }
                if view.email.is_empty() && self.dice.hits(25) {
                    // The advisor typed the desk's own address to get past the required field.
                    let desk = self.dice.one(&["service", "sales", "info"]);
                    let store = self.rooftops.get(view.rooftop).map_or("", |rooftop| rooftop.code.as_str());
                    view.email = format!("{desk}@bayside-{}.example", store.to_ascii_lowercase());
                }
                if view.phone_home.is_empty() && self.dice.hits(60) {
                    view.phone_home = (*self.dice.one(&["0000000000", "9999999999"])).to_owned();
                }
            }
            System::Crm | System::Website => {
                view.phone_mobile = written(&mut self.dice, &view.phone_mobile);
                view.phone_home = written(&mut self.dice, &view.phone_home);
                view.phone_work = written(&mut self.dice, &view.phone_work);
            }
        }
    }
}

fn shout(view: &mut SourceView) {
    for text in [
        &mut view.first_name,
        &mut view.middle_name,
        &mut view.last_name,
        &mut view.company_name,
        &mut view.street,
        &mut view.city,
        &mut view.email,
        &mut view.email_other,
    ] {
        text.make_ascii_uppercase();
    }
}

/// One slip of the finger: a letter doubled, left out, or two exchanged.
fn mistyped(dice: &mut Dice, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 4 {
        return text.to_owned();
    }
    let place = dice.within(1, letters.len() - 2);
    match dice.within(0, 2) {
        0 => {
            letters.remove(place);
        }
        1 => letters.swap(place, place + 1),
        _ => {
            if let Some(letter) = letters.get(place).copied() {
                letters.insert(place, letter);
            }
        }
    }
    letters.into_iter().collect()
}

/// Two neighbouring digits exchanged.
fn swapped(dice: &mut Dice, digits: &str) -> String {
    let mut list: Vec<char> = digits.chars().collect();
    if list.len() == 10 {
        let place = dice.within(4, 8);
        list.swap(place, place + 1);
    }
    list.into_iter().collect()
}

/// A phone number as people write it.
fn written(dice: &mut Dice, digits: &str) -> String {
    let (Some(area), Some(exchange), Some(line)) = (digits.get(..3), digits.get(3..6), digits.get(6..10)) else {
        return digits.to_owned();
    };
    match dice.within(0, 4) {
        0 => format!("({area}) {exchange}-{line}"),
        1 => format!("{area}-{exchange}-{line}"),
        2 => format!("+1{digits}"),
        3 => format!("{area}.{exchange}.{line}"),
        _ => digits.to_owned(),
    }
}

/// A street line without abbreviations.
fn long_form(street: &str) -> String {
    use super::places::{DIRECTIONS, STREET_KINDS};
    street
        .split(' ')
        .map(|word| {
            let mut forms = STREET_KINDS.iter().chain(DIRECTIONS);
            forms.find(|(_, short)| *short == word).map_or(word, |(long, _)| *long)
        })
        .collect::<Vec<_>>()
        .join(" ")
}
