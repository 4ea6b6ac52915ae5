//! The schema of the database, step by step. Imports no crate of ours: a migration never changes after it ran.
//!
//! Three roles. The **owner** runs these migrations and nothing else. `driveline_app` is what server and worker log in
//! as: it owns nothing and bypasses nothing, so a transaction without `app.tenant_id` sees zero rows of every tenant
//! table. `driveline_platform` is what it becomes, by `SET LOCAL ROLE`, for the few questions that come before a tenant
//! is known (who signs in, which job is due); it sees only the tables that those questions need.

use sea_orm_migration::prelude::*;

mod m001_tenancy;
mod m002_identity;
mod m003_engine;
mod m004_jobs;
mod m005_mail;
mod m006_plan_existing;
mod m007_key_rotation;
mod m008_refused_mail;
mod m009_matching;
mod m010_made_by_us;
mod m012_second_factor;
mod m013_api_key_successor;
mod m014_search_keys;
mod m015_single_sign_on;
mod m016_surplus;
pub mod tenant_table;

/// All migrations in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m001_tenancy::Migration),
            Box::new(m002_identity::Migration),
            Box::new(m003_engine::Migration),
            Box::new(m004_jobs::Migration),
            Box::new(m005_mail::Migration),
            Box::new(m006_plan_existing::Migration),
            Box::new(m007_key_rotation::Migration),
            Box::new(m008_refused_mail::Migration),
            Box::new(m009_matching::Migration),
            Box::new(m010_made_by_us::Migration),
            Box::new(m012_second_factor::Migration),
            Box::new(m013_api_key_successor::Migration),
            Box::new(m014_search_keys::Migration),
            Box::new(m015_single_sign_on::Migration),
            Box::new(m016_surplus::Migration),
        ]
    }
}
