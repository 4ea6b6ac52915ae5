//! Matching: the models that judge, how common values are, the links that were found, and the tenant's own rules.

use crate::tenant_table::{lock_to_tenant, partitions};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Partitions of what grows with every customer.
const PARTS: u32 = 8;
const RIGHTS: &str = "SELECT, INSERT, UPDATE, DELETE";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let plain: String = ["match_model", "match_rules", "shared_value"]
            .map(|table| lock_to_tenant(table, "tenant_id", RIGHTS))
            .concat();
        let large: String = ["match_link", "value_count"]
            .map(|table| lock_to_tenant(table, "tenant_id", RIGHTS) + &partitions(table, PARTS, RIGHTS))
            .concat();
        let sql = format!(
            "
-- A model of one tenant: how often fields agree among records of one person and of others. Holds no value of anybody.
CREATE TABLE match_model (
    tenant_id uuid NOT NULL,
    version integer NOT NULL,
    -- learned (from the data), refit (from what people decided as well)
    kind text NOT NULL,
    -- proposed, active, retired, refused
    state text NOT NULL,
    model jsonb NOT NULL,
    -- The probabilities from which on pairs are merged at once, and shown to a person.
    auto double precision NOT NULL,
    review double precision NOT NULL,
    -- How many people hold any value of a field, by field.
    present jsonb NOT NULL,
    records bigint NOT NULL,
    -- How it did on pairs that were held back, beside the one before it.
    figures jsonb NOT NULL DEFAULT '{{}}',
    -- The model that it replaced, to which a rollback returns.
    parent integer,
    created_at timestamptz NOT NULL,
    activated_at timestamptz,
    PRIMARY KEY (tenant_id, version)
);
CREATE UNIQUE INDEX match_model_active ON match_model (tenant_id) WHERE state = 'active';
-- How many people hold a value, for the values that several hold: by keyed hash of field and value.
CREATE TABLE value_count (
    tenant_id uuid NOT NULL,
    version integer NOT NULL,
    key bigint NOT NULL,
    held integer NOT NULL,
    PRIMARY KEY (tenant_id, version, key)
) PARTITION BY HASH (tenant_id);
-- Values that so many different people share that they say nothing about who somebody is: a salesperson's e-mail.
CREATE TABLE shared_value (
    tenant_id uuid NOT NULL,
    key bigint NOT NULL,
    family text NOT NULL,
    -- The value, sealed.
    sealed bytea NOT NULL,
    holders integer NOT NULL,
    found_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key)
);
-- Two source records that may be one person, with what each field added.
CREATE TABLE match_link (
    tenant_id uuid NOT NULL,
    left_record uuid NOT NULL,
    right_record uuid NOT NULL,
    log2_odds double precision NOT NULL,
    -- The same without the tenant's rules; which rule says something of the pair (email, phone, address), and whether it
    -- says that they are the same or only that they may be.
    score double precision NOT NULL,
    rule text NOT NULL DEFAULT '',
    rule_same boolean NOT NULL DEFAULT false,
    -- The model's version, and its steps: what is weighed, what was found, bits.
    model text NOT NULL,
    steps jsonb NOT NULL,
    found_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, left_record, right_record),
    CHECK (left_record < right_record)
) PARTITION BY HASH (tenant_id);
CREATE INDEX match_link_right ON match_link (tenant_id, right_record);
-- The tenant's own rules on top of the score; the newest published one counts.
CREATE TABLE match_rules (
    tenant_id uuid NOT NULL,
    version integer NOT NULL,
    rules jsonb NOT NULL,
    published_by uuid,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, version)
);
ALTER TABLE candidate
    -- What hangs on it: deals, leads, repair orders and vehicles of both, weighed; decides the order of the queue.
    ADD stake integer NOT NULL DEFAULT 0,
    -- A keyed hash of what both said when it was asked: a no holds as long as this stays.
    ADD told bigint,
    ADD snoozed_until timestamptz,
    -- Who looks at it at this moment, and until when others are not given it.
    ADD claimed_by uuid,
    ADD claimed_until timestamptz;
DROP INDEX candidate_open;
CREATE INDEX candidate_open ON candidate (tenant_id, stake DESC, score DESC, id) WHERE state = 'open';
CREATE INDEX candidate_sides ON candidate (tenant_id, right_golden);
{plain}
{large}
"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
