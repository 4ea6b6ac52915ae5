//! Made-up people: households that share an address and a phone, and records that differ as records do.

use matching::clean::Row;
use matching::engine::Input;

/// A record with its truth.
#[derive(Clone, Debug)]
pub struct Made {
    /// Person and number of the record.
    pub id: String,
    /// Who it is.
    pub person: u32,
    cells: Vec<(Input, String)>,
}

impl Made {
    /// As a row.
    pub fn row(&self) -> Row<'_> {
        self.cells.iter().fold(Row::new(), |row, (field, text)| row.with(*field, text))
    }
}

struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn one(&mut self, of: &[&str]) -> String {
        of[self.next(of.len() as u64) as usize].to_owned()
    }

    fn word(&mut self) -> String {
        let syllables =
            ["ba", "der", "mon", "tri", "sal", "ken", "fo", "wick", "ham", "ley", "ston", "ro", "gar", "vi"];
        (0..3).map(|_| self.one(&syllables)).collect()
    }

    fn digits(&mut self, many: usize) -> String {
        (0..many).map(|_| char::from(b'2' + self.next(8) as u8)).collect()
    }
}

const FIRST: [&str; 24] = [
    "Ann", "Robert", "Mary", "James", "Linda", "Michael", "Susan", "David", "Karen", "Thomas", "Nancy", "Daniel",
    "Lisa", "Mark", "Sandra", "Paul", "Ashley", "Steven", "Emily", "Kevin", "Donna", "Brian", "Carol", "George",
];

fn slipped(dice: &mut Dice, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() > 3 && dice.next(12) == 0 {
        let at = 1 + dice.next(letters.len() as u64 - 2) as usize;
        letters.swap(at, at - 1);
    }
    letters.into_iter().collect()
}

/// About so many records of people in households; a fifth of them has two records.
pub fn people(seed: u64, records: usize) -> Vec<Made> {
    let mut dice = Dice(seed);
    let mut made = Vec::new();
    let mut person = 0;
    while made.len() < records {
        let (last, street, phone) = (dice.word(), dice.word(), dice.digits(10));
        let (number, zip) = (dice.digits(3), format!("337{}", dice.digits(2)));
        let mut names: Vec<String> = Vec::new();
        for _ in 0..=dice.next(3) {
            let first = dice.one(&FIRST);
            if names.contains(&first) {
                continue;
            }
            names.push(first.clone());
            person += 1;
            let email = format!("{}{person}@{}.example", first.to_lowercase(), dice.word());
            let birth = format!("19{}0{}1{}", 40 + dice.next(50), 1 + dice.next(9), dice.next(10));
            for copy in 0..=u64::from(dice.next(5) == 0) {
                let mut cells = vec![
                    (Input::First, slipped(&mut dice, &first)),
                    (Input::Last, slipped(&mut dice, &last)),
                    (Input::StreetNumber, number.clone()),
                    (Input::Street, format!("{} Street", slipped(&mut dice, &street))),
                    (Input::Zip, zip.clone()),
                ];
                if dice.next(3) > 0 {
                    cells.push((Input::Email, email.clone()));
                }
                if dice.next(3) > 0 {
                    cells.push((Input::Phone, phone.clone()));
                }
                if dice.next(2) > 0 {
                    cells.push((Input::Birth, birth.clone()));
                }
                made.push(Made { id: format!("{person:06}-{copy}"), person, cells });
            }
        }
    }
    made
}
