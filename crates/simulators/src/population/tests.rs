//! What a population promises.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use domain::vin::Vin;
use std::collections::HashSet;

fn sample() -> Population {
    Population::generate(7, PopulationSize { customers: 3_000, rooftops: 3 })
}

#[test]
fn the_same_seed_gives_the_same_population_and_another_seed_another() {
    let size = PopulationSize { customers: 300, rooftops: 2 };

    assert_eq!(Population::generate(5, size), Population::generate(5, size));
    assert_ne!(Population::generate(5, size).people, Population::generate(6, size).people);
}

#[test]
fn the_dms_has_exactly_as_many_customers_as_asked_for_and_keys_are_unique() {
    for customers in [1, 2, 50, 3_000] {
        let population = Population::generate(3, PopulationSize { customers, rooftops: 3 });
        assert_eq!(population.counts().dms, customers);
        assert_eq!(population.who_is_who().len(), population.views.len());
    }
}

#[test]
fn every_record_refers_to_somebody_and_every_person_is_known_to_a_system() {
    let population = sample();
    let known: HashSet<u64> = population.views.iter().map(|view| view.person_id).collect();

    assert!(population.people.iter().all(|person| known.contains(&person.id)));
    assert!(population.views.iter().all(|view| population.person(view.person_id).is_some()));
    let numbers: HashSet<&str> = population.views_of(System::Dms).map(|view| view.external_id.as_str()).collect();
    assert!(population.vehicles.iter().all(|vehicle| numbers.contains(vehicle.customer_number.as_str())));
    assert!(population.deals.iter().all(|deal| numbers.contains(deal.customer_number.as_str())));
    assert!(population.repair_orders.iter().all(|order| numbers.contains(order.customer_number.as_str())));
}

#[test]
fn consents_are_the_strictest_of_what_all_systems_were_told() {
    let population = sample();
    for view in &population.views {
        let truth = population.person(view.person_id).unwrap().consents;
        assert_eq!(truth.strictest(view.consents), truth, "{} {}", view.external_id, view.person_id);
    }
    assert!(population.people.iter().any(|person| person.consents.email == Some(Consent::OptedOut)));
}

#[test]
fn two_people_never_share_an_e_mail_or_a_mobile_phone_in_truth() {
    let population = sample();
    let (mut emails, mut phones) = (HashSet::new(), HashSet::new());
    for person in &population.people {
        if let Some(email) = &person.email {
            assert!(emails.insert(email), "{email}");
        }
        if let Some(phone) = &person.phone_mobile {
            assert!(phones.insert(phone), "{phone}");
            assert!(domain::check::phone(phone).is_some(), "{phone} is no phone number");
        }
    }
}

#[test]
fn the_systems_disagree_as_systems_do() {
    let population = sample();
    let dms: Vec<_> = population.views_of(System::Dms).collect();
    let share = |count: usize| count * 1_000 / dms.len();

    let duplicates = dms.len() - population.people_known_to(System::Dms);
    assert!((15..60).contains(&share(duplicates)), "{duplicates} duplicates");
    let shouted = dms.iter().filter(|v| v.last_name.len() > 2 && v.last_name.to_uppercase() == v.last_name).count();
    assert!((500..850).contains(&share(shouted)), "{shouted} in capitals");
    let junk = population.people.iter().filter(|person| person.kind == PersonKind::Unknown).count();
    assert!(junk > 10, "{junk} walk-ins");
    assert!(population.people.iter().any(|person| person.suffix == "Jr"));
    assert!(population.people.iter().any(|person| person.maiden_name.is_some()));
    assert!(population.people.iter().any(|person| person.address_before.is_some()));
    let everywhere = population
        .people
        .iter()
        .filter(|person| {
            let systems: HashSet<_> =
                population.views.iter().filter(|v| v.person_id == person.id).map(|v| v.system).collect();
            systems.len() == 3
        })
        .count();
    assert!(everywhere > 100, "{everywhere} are known to all three");
}

#[test]
fn vins_are_valid_but_for_the_few_that_are_meant_not_to_be() {
    let population = sample();
    let good = |vin: &str| Vin::parse(vin).is_ok_and(|vin| vin.check_digit_holds());

    let bad = population.vehicles.iter().filter(|vehicle| !good(&vehicle.vin)).count();
    assert!(bad * 100 < population.vehicles.len(), "{bad} of {}", population.vehicles.len());
    let bad = population.inventory.iter().filter(|vehicle| !good(&vehicle.vin)).count();
    assert!(bad > 0 && bad * 20 < population.inventory.len(), "{bad} of {}", population.inventory.len());
    let mut seen = HashSet::new();
    assert!(population.inventory.iter().all(|vehicle| seen.insert(&vehicle.vin)), "a VIN is on two lots");
}

#[test]
fn the_demo_group_has_its_three_rooftops() {
    let population = bayside(200);
    let names: Vec<_> = population.rooftops.iter().map(|rooftop| rooftop.name.as_str()).collect();
    assert_eq!(names, ["Bayside Ford", "Bayside Toyota", "Bayside Chevrolet"]);
    assert_eq!(population.group, "Bayside Auto Group");
}

#[test]
fn streamed_files_hold_the_same_rows_as_a_population_in_memory() {
    let population = Population::generate(11, PopulationSize { customers: 400, rooftops: 3 });
    let folder = std::env::temp_dir().join(format!("driveline-population-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();

    write_all(11, 400, &population.rooftops, &Table::ALL, &folder).unwrap();

    for table in Table::ALL {
        let mut held = Vec::new();
        write_table(&population, table, &mut held).unwrap();
        let streamed = std::fs::read(folder.join(table.file_name())).unwrap();
        assert!(held == streamed, "{} differs", table.file_name());
        assert!(held.split(|byte| *byte == b'\n').count() > 40, "{} is nearly empty", table.file_name());
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
