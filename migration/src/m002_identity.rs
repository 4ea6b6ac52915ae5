//! People, memberships, sessions, mail links, API keys, throttling of guesses.

use crate::tenant_table::{lock_to_tenant, open_to_platform};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A person may belong to several groups, and signs in before any group is known: these tables have no tenant.
        let platform_only = ["person", "session", "mail_link", "sign_in_attempt"]
            .map(|table| {
                format!(
                    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
                     ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
                     {}",
                    open_to_platform(table, "SELECT, INSERT, UPDATE, DELETE")
                )
            })
            .concat();
        let sql = format!(
            "
CREATE TABLE person (
    id uuid PRIMARY KEY,
    -- HMAC of the address under the platform key: found without being readable.
    email_index bytea NOT NULL UNIQUE,
    -- Address and name, sealed under the platform key.
    sealed bytea NOT NULL,
    password_hash text NOT NULL,
    verified_at timestamptz,
    is_platform_support boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE session (
    id uuid PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE,
    person_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    tenant_id uuid REFERENCES tenant (id),
    csrf_token text NOT NULL,
    user_agent text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX session_person ON session (person_id);
CREATE TABLE mail_link (
    token_hash bytea PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    purpose text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
-- Throttling: one row per (what is guessed at, from where) and window.
CREATE TABLE sign_in_attempt (
    subject bytea NOT NULL,
    window_start timestamptz NOT NULL,
    failures integer NOT NULL,
    PRIMARY KEY (subject, window_start)
);
{platform_only}

CREATE TABLE membership (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    person_id uuid NOT NULL REFERENCES person (id),
    -- NULL: for the whole group.
    rooftop_id uuid,
    role text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    id uuid NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, person_id, rooftop_id),
    FOREIGN KEY (tenant_id, rooftop_id) REFERENCES rooftop (tenant_id, id)
);
CREATE INDEX membership_person ON membership (person_id);
{membership}
{membership_platform}

CREATE TABLE api_key (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    prefix text NOT NULL UNIQUE,
    key_hash bytea NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    rooftop_id uuid,
    made_by uuid NOT NULL REFERENCES person (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, rooftop_id) REFERENCES rooftop (tenant_id, id)
);
{api_key}
{api_key_platform}

-- Answers already given to requests with an Idempotency-Key, for 24 hours.
CREATE TABLE idempotent_answer (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status smallint,
    body bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotent_answer_age ON idempotent_answer (tenant_id, created_at);
{idempotent_answer}
",
            membership = lock_to_tenant("membership", "tenant_id", "SELECT, INSERT, UPDATE, DELETE"),
            membership_platform = open_to_platform("membership", "SELECT, INSERT"),
            api_key = lock_to_tenant("api_key", "tenant_id", "SELECT, INSERT, UPDATE"),
            api_key_platform = open_to_platform("api_key", "SELECT, UPDATE"),
            idempotent_answer = lock_to_tenant("idempotent_answer", "tenant_id", "SELECT, INSERT, UPDATE, DELETE"),
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
