//! Which address is which page.

use super::guard::{PageHeaders, own_forms_only};
use super::posted::FORM_SIZE_MAX;
use super::problem::{nothing_here, problem_pages};
use crate::pages::{
    audit, connect, connections, duplicates, entry, failures, home, keys, lost_phone, mailbox, records, runs, search,
    security, sessions, settings, setup, single_sign_on, sso_entry, team, two_step,
};
use actix_web::middleware::from_fn;
use actix_web::web::{self, FormConfig, ServiceConfig, get, post};

/// Mounts the portal. What no other service of the server answered comes here, so it is mounted last.
pub fn configure(config: &mut ServiceConfig) {
    let pages = web::scope("")
        .wrap(from_fn(problem_pages))
        .wrap(from_fn(own_forms_only))
        .wrap(PageHeaders::middleware())
        .app_data(FormConfig::default().limit(FORM_SIZE_MAX))
        .route("/", get().to(home::page))
        .configure(entrance)
        .configure(connecting)
        .configure(watching)
        .configure(deciding)
        .configure(setting)
        .default_service(web::to(nothing_here));
    config.service(pages);
}

fn entrance(config: &mut ServiceConfig) {
    config
        .route("/sign-up", get().to(entry::sign_up))
        .route("/sign-up", post().to(entry::post_sign_up))
        .route("/check-your-mail", get().to(entry::check_your_mail))
        .route("/resend", post().to(entry::resend))
        .route("/verify", get().to(entry::verify))
        .route("/verify", post().to(entry::post_verify))
        .route("/sign-in", get().to(entry::sign_in))
        .route("/sign-in", post().to(entry::post_sign_in))
        .route("/sign-in/code", get().to(two_step::code))
        .route("/sign-in/code", post().to(two_step::post_code))
        .route("/sign-in/sso", get().to(sso_entry::ask))
        .route("/sign-in/sso", post().to(sso_entry::leave))
        .route("/sign-in/sso/{group}", get().to(sso_entry::arrive))
        .route("/single-sign-on", get().to(sso_entry::kept_out))
        .route("/single-sign-on", post().to(sso_entry::to_another_group))
        .route("/two-step", get().to(two_step::set_up))
        .route("/two-step", post().to(two_step::confirm))
        .route("/two-step/begin", post().to(two_step::begin))
        .route("/forgot-password", get().to(entry::forgot_password))
        .route("/forgot-password", post().to(entry::post_forgot_password))
        .route("/reset-password", get().to(entry::reset_password))
        .route("/reset-password", post().to(entry::post_reset_password))
        .route("/accept-invitation", get().to(entry::accept_invitation))
        .route("/accept-invitation", post().to(entry::post_accept_invitation))
        .route("/sign-out", post().to(entry::sign_out))
        .route("/theme", post().to(entry::theme))
        .route("/mailbox", get().to(mailbox::page));
}

fn connecting(config: &mut ServiceConfig) {
    config
        .route("/setup", get().to(setup::page))
        .route("/connections", get().to(connections::list))
        .route("/connections/new", get().to(connect::choose))
        .route("/connections/new/{system}", get().to(connect::form))
        .route("/connections/new/{system}", post().to(connect::save))
        .route("/connections/{id}", get().to(connections::page))
        .route("/connections/{id}/edit", get().to(connect::edit))
        .route("/connections/{id}/edit", post().to(connect::save_again))
        .route("/connections/{id}/test", post().to(connect::test))
        .route("/connections/{id}/sign-in", get().to(connect::sign_in))
        .route("/oauth/callback", get().to(connect::callback))
        .route("/connections/{id}/sync", post().to(connections::sync))
        .route("/connections/{id}/schedule", post().to(connections::schedule))
        .route("/connections/{id}/{what:pause|resume}", post().to(connections::set_paused));
}

fn watching(config: &mut ServiceConfig) {
    config
        .route("/runs", get().to(runs::list))
        .route("/runs/{id}", get().to(runs::page))
        .route("/runs/{id}/approve", post().to(runs::approve))
        .route("/runs/{id}/events", get().to(runs::events))
        .route("/search", get().to(search::page))
        .route("/records", get().to(records::list))
        .route("/records/{id}", get().to(records::page))
        .route("/records/{id}/resync", post().to(records::resync))
        .route("/records/{id}/split", post().to(records::split));
}

fn deciding(config: &mut ServiceConfig) {
    config
        .route("/duplicates", get().to(duplicates::list))
        // Before the pairs' own: these are no ids.
        .route("/duplicates/next", post().to(duplicates::next))
        .route("/duplicates/bulk", get().to(duplicates::sample))
        .route("/duplicates/bulk", post().to(duplicates::decide_many))
        .route("/duplicates/{id}", get().to(duplicates::page))
        .route("/duplicates/{id}/cluster", get().to(duplicates::cluster))
        .route("/duplicates/{id}/cluster", post().to(duplicates::decide_cluster))
        .route("/duplicates/{id}/{what}", post().to(duplicates::decide))
        .route("/failures", get().to(failures::list))
        .route("/failures/replay", post().to(failures::replay))
        .route("/failures/{connection}/{object}/{code}", get().to(failures::page));
}

fn setting(config: &mut ServiceConfig) {
    config
        .route("/settings", get().to(settings::start))
        .route("/settings/rooftops", get().to(settings::rooftop_list))
        .route("/settings/rooftops", post().to(settings::save_rooftop))
        .route("/settings/rooftops/{id}", get().to(settings::rooftop))
        .route("/settings/rooftops/{id}", post().to(settings::change_rooftop))
        .route("/settings/team", get().to(team::team))
        .route("/settings/team", post().to(team::invite))
        // Before the roles' own: this is no id.
        .route("/settings/team/sign-in-rules", post().to(team::set_sign_in_rules))
        .route("/settings/team/{role}", post().to(team::change_role))
        .route("/settings/team/{role}/second-factor", get().to(lost_phone::ask))
        .route("/settings/team/{role}/second-factor", post().to(lost_phone::reset))
        .route("/settings/single-sign-on", get().to(single_sign_on::page))
        .route("/settings/single-sign-on", post().to(single_sign_on::save))
        .route("/settings/single-sign-on/test", post().to(single_sign_on::test))
        .route("/settings/single-sign-on/remove", post().to(single_sign_on::remove))
        .route("/settings/single-sign-on/domains", post().to(single_sign_on::domains))
        .route("/settings/keys", get().to(keys::keys))
        .route("/settings/keys", post().to(keys::make_key))
        .route("/settings/keys/{id}/rotate", post().to(keys::rotate_key))
        .route("/settings/keys/{id}/revoke", post().to(keys::revoke_key))
        .route("/settings/audit", get().to(audit::audit))
        .route("/settings/audit/export", post().to(audit::export))
        .route("/settings/security", get().to(security::page))
        .route("/settings/security/password", post().to(security::change_password))
        .route("/settings/security/recovery-codes", post().to(security::renew_recovery_codes))
        .route("/settings/security/two-step-off", post().to(security::end_two_step))
        .route("/settings/sessions", get().to(sessions::sessions))
        .route("/settings/sessions", post().to(sessions::end_sessions));
}
