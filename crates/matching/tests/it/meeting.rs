//! Properties of a meeting: who stands stays, a "no" is never overruled, and the order of arrival changes nothing.

use domain::{Field, GoldenId, ObjectKind, Record, SourceRecordId, Value};
use matching::engine::Uncounted;
use matching::{Link, Meeting, Person, Rules, Scoring, Settled};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use uuid::Uuid;

const FIRST: [&str; 4] = ["Ann", "Anna", "Robert", "Bob"];
const LAST: [&str; 3] = ["Underhill", "Underhil", "Quill"];

/// What a record says, by numbers: first and last name, e-mail, phone, birth date; 0 for nothing.
type Says = (usize, usize, u8, u8, u8);
/// What it says, and where it stands; 0 for nowhere.
type Told = (Says, u8);

/// One record by a few numbers, so that many are alike.
fn record((first, last, email, phone, birth): Says) -> Record {
    let mut record = Record::new(ObjectKind::Customer)
        .with_text(Field::CUSTOMER_KIND, "individual")
        .with_text(Field::FIRST_NAME, FIRST[first])
        .with_text(Field::LAST_NAME, LAST[last]);
    if email > 0 {
        record.set(Field::EMAIL, Value::Text(format!("mail{email}@example.com")));
    }
    if phone > 0 {
        record.set(Field::PHONE_MOBILE, Value::Text(format!("+1415555010{phone}")));
    }
    if birth > 0 {
        record.set(Field::BIRTH_DATE, Value::Text(format!("197{birth}-03-0{birth}")));
    }
    record
}

fn id(number: usize) -> SourceRecordId {
    SourceRecordId(Uuid::from_u128(1_000 + u128::try_from(number).unwrap()))
}

fn golden(number: u8) -> GoldenId {
    GoldenId(Uuid::from_u128(u128::from(number)))
}

/// People by number; who stands where is given by a small number, 0 for nobody.
fn people(told: &[Told]) -> Vec<Person> {
    told.iter()
        .enumerate()
        .map(|(number, (what, stands))| Person {
            id: id(number),
            golden: (*stands > 0).then(|| golden(*stands)),
            record: record(*what),
            rooftop: None,
            may_leave: false,
        })
        .collect()
}

fn settled(
    people: Vec<Person>,
    apart: &HashSet<(SourceRecordId, SourceRecordId)>,
) -> (Vec<Person>, Vec<Link>, Settled) {
    let scoring = Scoring::unlearned(Rules::default());
    let meeting = Meeting::new(&scoring, people, &Uncounted);
    let many = u32::try_from(meeting.people().len()).unwrap();
    let links = meeting.links((0..many).flat_map(|a| (a + 1..many).map(move |b| (a, b))));
    let mut next = 1_000_u128;
    let done = meeting.settle(&links, apart, || {
        next += 1;
        GoldenId(Uuid::from_u128(next << 64))
    });
    (meeting.people().to_vec(), links, done)
}

fn entities(people: &[Person], done: &Settled) -> BTreeMap<SourceRecordId, GoldenId> {
    people.iter().zip(&done.assignments).map(|(person, a)| (person.id, a.golden())).collect()
}

/// Entities as sets of records, whatever they are called.
fn sets(of: &BTreeMap<SourceRecordId, GoldenId>) -> BTreeSet<BTreeSet<SourceRecordId>> {
    let mut sets: BTreeMap<GoldenId, BTreeSet<SourceRecordId>> = BTreeMap::new();
    for (record, golden) in of {
        sets.entry(*golden).or_default().insert(*record);
    }
    sets.into_values().collect()
}

prop_compose! {
    fn town()(told in prop::collection::vec(((0..4_usize, 0..3_usize, 0..4_u8, 0..4_u8, 0..3_u8), 0..5_u8), 2..14))
        -> Vec<Told> { told }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn who_stands_together_stays_together_and_the_oldest_keeps_the_id(told in town()) {
        let (people, _, done) = settled(people(&told), &HashSet::new());
        let after = entities(&people, &done);
        let mut now_of: BTreeMap<GoldenId, BTreeSet<GoldenId>> = BTreeMap::new();
        for person in &people {
            if let Some(before) = person.golden {
                now_of.entry(before).or_default().insert(after[&person.id]);
            }
        }
        for (before, now) in &now_of {
            prop_assert_eq!(now.len(), 1, "{:?} was split", before);
            // An id is given up only for an older one, and that is told.
            let now = now.first().unwrap();
            prop_assert!(now <= before);
            prop_assert!(now == before || done.joined.iter().any(|j| j.gone == *before && j.into == *now));
        }
    }

    #[test]
    fn a_no_is_never_overruled(told in town(), refused in prop::collection::vec((0..14_usize, 0..14_usize), 1..5)) {
        let all = people(&told);
        let apart: HashSet<_> = refused
            .into_iter()
            .filter(|(a, b)| a < b && *b < all.len())
            // Of one entity already: whoever put them there decided last.
            .filter(|(a, b)| all[*a].golden.is_none() || all[*a].golden != all[*b].golden)
            .map(|(a, b)| (id(a), id(b)))
            .collect();
        let (people, _, done) = settled(all, &apart);
        let after = entities(&people, &done);
        for (a, b) in &apart {
            prop_assert_ne!(after[a], after[b]);
        }
    }

    #[test]
    fn the_order_of_the_people_changes_nothing(told in town(), seed in 0..1_000_usize) {
        let straight = people(&told);
        let mut turned = straight.clone();
        let many = turned.len();
        turned.rotate_left(seed % many);
        if seed % 2 == 0 {
            turned.reverse();
        }
        let (a, _, first) = settled(straight, &HashSet::new());
        let (b, _, second) = settled(turned, &HashSet::new());
        prop_assert_eq!(sets(&entities(&a, &first)), sets(&entities(&b, &second)));
    }

    #[test]
    fn the_waterfall_of_every_link_sums_to_its_score(told in town()) {
        let scoring = Scoring::unlearned(Rules::default());
        let meeting = Meeting::new(&scoring, people(&told), &Uncounted);
        let many = u32::try_from(meeting.people().len()).unwrap();
        for link in meeting.links((0..many).flat_map(|a| (a + 1..many).map(move |b| (a, b)))) {
            let told = meeting.explain(&link);
            let sum: f64 = told.steps.iter().map(|step| step.bits).sum();
            prop_assert!((sum - link.log2_odds).abs() < 1e-6, "{:?}", told);
        }
    }

    #[test]
    fn what_is_asked_about_is_neither_one_nor_beneath_notice(told in town()) {
        let (people, links, done) = settled(people(&told), &HashSet::new());
        let after = entities(&people, &done);
        for doubt in &done.doubts {
            prop_assert!(doubt.left < doubt.right);
            let is_linked = links.iter().any(|link| {
                let ends = [link.left, link.right].map(|place| after[&people[place as usize].id]);
                ends.iter().min() == Some(&doubt.left) && ends.iter().max() == Some(&doubt.right)
            });
            prop_assert!(is_linked, "nothing links {doubt:?}");
        }
    }
}
