//! Single sign-on: a group's issuer, the e-mail domains that it proved, who is who there, and browsers that were sent there.

use crate::tenant_table::{lock_to_tenant, open_to_platform};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = format!(
            "
CREATE TABLE single_sign_on (
    tenant_id uuid PRIMARY KEY REFERENCES tenant (id),
    issuer text NOT NULL,
    client_id text NOT NULL,
    -- The client's secret, sealed under the group's key.
    sealed bytea NOT NULL,
    -- The role of somebody whom nobody invited; NULL: they are not let in.
    first_role text,
    -- Whether the issuer asks for a second factor, so that we need not.
    checks_second_factor boolean NOT NULL DEFAULT false,
    -- When somebody last signed in by issuer and client as they are now.
    signed_in_at timestamptz,
    updated_at timestamptz NOT NULL
);
{single_sign_on}
CREATE TABLE sign_in_domain (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    domain text NOT NULL,
    -- What the domain's DNS must say. No secret.
    token text NOT NULL,
    proved_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, domain)
);
-- A domain leads to one group.
CREATE UNIQUE INDEX sign_in_domain_proved ON sign_in_domain (domain) WHERE proved_at IS NOT NULL;
{sign_in_domain}
{sign_in_domain_platform}
CREATE TABLE issuer_link (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    -- HMAC of issuer and subject under the group's key.
    subject_index bytea NOT NULL,
    person_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    linked_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, subject_index),
    UNIQUE (tenant_id, person_id)
);
{issuer_link}
-- A browser that was sent to the issuer and is to come back.
CREATE TABLE sign_in_trip (
    state_hash bytea PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    -- Of the cookie that the browser got.
    browser_hash bytea NOT NULL,
    next text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sign_in_trip_age ON sign_in_trip (expires_at);
ALTER TABLE sign_in_trip ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_trip FORCE ROW LEVEL SECURITY;
{sign_in_trip}
-- The only group that a session of its issuer may see.
ALTER TABLE session ADD COLUMN bound_to uuid REFERENCES tenant (id);
ALTER TABLE session ADD COLUMN issuer_checked_second_factor boolean NOT NULL DEFAULT false;
ALTER TABLE sign_in_step ADD COLUMN bound_to uuid REFERENCES tenant (id);
ALTER TABLE tenant ADD COLUMN single_sign_on_required boolean NOT NULL DEFAULT false;
",
            single_sign_on = lock_to_tenant("single_sign_on", "tenant_id", "SELECT, INSERT, UPDATE, DELETE"),
            sign_in_domain = lock_to_tenant("sign_in_domain", "tenant_id", "SELECT, INSERT, UPDATE, DELETE"),
            sign_in_domain_platform = open_to_platform("sign_in_domain", "SELECT"),
            issuer_link = lock_to_tenant("issuer_link", "tenant_id", "SELECT, INSERT, DELETE"),
            sign_in_trip = open_to_platform("sign_in_trip", "SELECT, INSERT, UPDATE, DELETE"),
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
