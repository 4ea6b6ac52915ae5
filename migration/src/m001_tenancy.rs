//! Roles, dealer groups (tenants), rooftops, the audit trail.

use crate::tenant_table::{lock_to_tenant, open_to_platform};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = format!(
            "
DO $$ BEGIN
    -- Roles belong to the whole cluster: other databases of it may have made them.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'driveline_app') THEN
        CREATE ROLE driveline_app LOGIN NOBYPASSRLS NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'driveline_platform') THEN
        CREATE ROLE driveline_platform NOLOGIN NOBYPASSRLS NOINHERIT;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'driveline_readonly') THEN
        CREATE ROLE driveline_readonly LOGIN NOBYPASSRLS NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- another database's migration made them at this very moment
END $$;
-- Without INHERIT, the application role has the platform's rights only after SET ROLE.
ALTER ROLE driveline_app NOINHERIT;
GRANT driveline_platform TO driveline_app;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO driveline_app, driveline_platform, driveline_readonly;

CREATE TABLE tenant (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    settings jsonb NOT NULL DEFAULT '{{}}',
    created_at timestamptz NOT NULL DEFAULT now()
);
{tenant}
{tenant_platform}

-- Data keys, each wrapped by the master key that its first bytes name. The nil owner is the platform itself.
CREATE TABLE data_key (
    owner uuid NOT NULL,
    -- seal: encrypts; index: makes keyed hashes, and never changes
    purpose text NOT NULL,
    version integer NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, purpose, version)
);
ALTER TABLE data_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE data_key FORCE ROW LEVEL SECURITY;
{data_key_platform}

CREATE TABLE rooftop (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    name text NOT NULL,
    code text NOT NULL,
    time_zone text NOT NULL,
    street text NOT NULL DEFAULT '',
    city text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT '',
    zip text NOT NULL DEFAULT '',
    phone text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code)
);
{rooftop}

CREATE TABLE audit (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    seq bigint NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    action text NOT NULL,
    subject_kind text NOT NULL,
    subject_id text NOT NULL,
    detail jsonb NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);
CREATE INDEX audit_subject ON audit (tenant_id, subject_kind, subject_id, seq);
{audit}
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
",
            tenant = lock_to_tenant("tenant", "id", "SELECT, UPDATE"),
            tenant_platform = open_to_platform("tenant", "SELECT, INSERT, UPDATE"),
            data_key_platform = open_to_platform("data_key", "SELECT, INSERT, UPDATE"),
            rooftop = lock_to_tenant("rooftop", "tenant_id", "SELECT, INSERT, UPDATE, DELETE"),
            audit = lock_to_tenant("audit", "tenant_id", "SELECT, INSERT"),
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
