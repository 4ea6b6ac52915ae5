//! Filling the account with the CRM's view of a population, and who is who in it.

use super::table::Properties;
use super::{Kind, Limits, Shared, State, batch};
use crate::population::{Clusters, Population, SourceView, System, bayside};
use actix_web::HttpResponse;
use actix_web::web::{Data, Json as Body};
use domain::Consent;
use serde::Deserialize;
use serde_json::json;

/// Which population.
#[derive(Deserialize)]
pub struct Load {
    customers: usize,
    /// A made-up group of this seed; without one, Bayside Auto Group.
    seed: Option<u64>,
    #[serde(default = "three")]
    rooftops: usize,
}

const fn three() -> usize {
    3
}

/// Loads the CRM's view of a population over a control route.
pub async fn load(shared: Data<Shared>, wanted: Body<Load>) -> HttpResponse {
    let wanted = wanted.into_inner();
    let made = actix_web::web::block(move || match wanted.seed {
        Some(seed) => {
            // Only the CRM's views are kept, so that a million customers need not be held at once.
            let size = crate::population::PopulationSize { customers: 0, rooftops: wanted.rooftops };
            let rooftops = Population::generate(seed, size).rooftops;
            let stock = Population::inventory_of(seed, wanted.customers, &rooftops);
            Clusters::new(seed, wanted.customers, &rooftops, &stock)
                .flat_map(|cluster| cluster.views)
                .filter(|view| view.system == System::Crm)
                .collect::<Vec<_>>()
        }
        None => bayside(wanted.customers).views.into_iter().filter(|view| view.system == System::Crm).collect(),
    });
    let Ok(views) = made.await else { return HttpResponse::InternalServerError().finish() };
    let mut state = shared.lock();
    let loaded = views.iter().filter(|view| put(&mut state, view)).count();
    HttpResponse::Ok().json(json!({"loaded": loaded, "of": views.len()}))
}

/// Who is behind each contact: the vendor's id → the person of the population.
pub async fn people(shared: Data<Shared>) -> HttpResponse {
    HttpResponse::Ok().json(&shared.lock().people)
}

/// Adds the CRM's view of a person. An address that another contact has is left out, as a salesperson must.
pub fn put(state: &mut State, view: &SourceView) -> bool {
    let mut properties = properties(view);
    batch::fill(Kind::Contacts, &mut properties);
    let at_ms = view.updated_at.timestamp_millis();
    let made = state.contacts.create(&properties, at_ms).or_else(|_| {
        properties.remove("email");
        state.contacts.create(&properties, at_ms)
    });
    if let Ok(id) = made {
        state.people.insert(id, view.person_id);
    }
    made.is_ok()
}

fn properties(view: &SourceView) -> Properties {
    let pairs = [
        ("firstname", &view.first_name),
        ("lastname", &view.last_name),
        ("company", &view.company_name),
        ("email", &view.email),
        ("work_email", &view.email_other),
        ("mobilephone", &view.phone_mobile),
        ("phone", &view.phone_home),
        ("address", &view.street),
        ("city", &view.city),
        ("state", &view.state),
        ("zip", &view.zip),
    ];
    let told = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let mut properties: Properties = told.map(|(name, value)| (name.to_owned(), value.clone())).collect();
    if let Some(day) = view.birth_date {
        properties.insert("date_of_birth".to_owned(), day.to_string());
    }
    if view.consents.email == Some(Consent::OptedOut) {
        properties.insert("hs_email_optout".to_owned(), "true".to_owned());
    }
    properties
}

impl super::HubSpot {
    /// Loads the CRM's views of a population; how many became contacts.
    pub fn load<'a>(&self, views: impl Iterator<Item = &'a SourceView>) -> usize {
        let mut state = self.shared.lock();
        views.filter(|view| view.system == System::Crm && put(&mut state, view)).count()
    }

    /// An account without rate limits.
    #[must_use]
    pub fn unlimited(faults: &crate::faults::Faults) -> Self {
        let account = Self::new(faults);
        account.limit(Limits { calls: 0, ..Limits::default() });
        account
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Simulator;
    use crate::faults::Faults;
    use crate::hubspot::HubSpot;

    #[test]
    fn every_crm_record_of_the_population_becomes_a_contact() {
        let account = HubSpot::new(&Faults::default());
        let population = bayside(300);
        let wanted = population.views_of(System::Crm).count();

        assert_eq!(account.load(population.views.iter()), wanted);

        let truth = account.truth();
        assert_eq!(truth.pointer("/objects/customer"), Some(&json!(wanted)));
        assert_eq!(truth.pointer("/same/email"), Some(&json!(0)));
    }
}
