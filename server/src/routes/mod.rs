//! The routes of the API, one file per noun.

pub mod api_keys;
pub mod audit;
pub mod candidates;
pub mod connections;
pub mod connectors;
pub mod failures;
pub mod identity;
pub mod mappings;
pub mod matching;
pub mod oauth;
pub mod overview;
pub mod people;
pub mod records;
pub mod rooftops;
pub mod runs;
pub mod schedules;
pub mod search;
pub mod second_factor;
pub mod sessions;
pub mod single_sign_on;
pub mod uploads;

use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts all of them.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .configure(identity::configure)
        .configure(sessions::configure)
        .configure(second_factor::configure)
        .configure(single_sign_on::configure)
        .configure(api_keys::configure)
        .configure(people::configure)
        .configure(rooftops::configure)
        .configure(connectors::configure)
        .configure(connections::configure)
        .configure(oauth::configure)
        .configure(mappings::configure)
        .configure(schedules::configure)
        .configure(uploads::configure)
        .configure(runs::configure)
        .configure(records::configure)
        .configure(search::configure)
        .configure(candidates::configure)
        .configure(matching::configure)
        .configure(failures::configure)
        .configure(overview::configure)
        .configure(audit::configure);
}
