//! Jobs and schedules. Postgres holds them; Redis only wakes the workers.

use crate::tenant_table::{lock_to_tenant, open_to_platform};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = format!(
            "
CREATE TABLE job (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    kind text NOT NULL,
    lane smallint NOT NULL,
    -- Unique while the job is open or quarantined: a second request for the same work joins the first.
    dedupe_key text NOT NULL,
    -- Ids only.
    args jsonb NOT NULL,
    -- 0 due, 1 pushed to Redis, 2 running, 3 done, 4 dead, 5 quarantined
    state smallint NOT NULL DEFAULT 0,
    run_at timestamptz NOT NULL,
    -- Pushed or running: until when nobody else may take it.
    lease_until timestamptz,
    -- Raised at each claim; every write of a worker asks for it.
    fence bigint NOT NULL DEFAULT 0,
    -- Raised at the claim, so that a crash counts.
    attempts integer NOT NULL DEFAULT 0,
    crashes integer NOT NULL DEFAULT 0,
    -- A request that came while it ran: run once more at the end.
    again boolean NOT NULL DEFAULT false,
    worker text NOT NULL DEFAULT '',
    last_error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX job_open ON job (tenant_id, dedupe_key) WHERE state IN (0, 1, 2, 5);
-- The relay's question: what is due, lanes first, tenants in turn.
CREATE INDEX job_due ON job (lane, tenant_id, run_at) WHERE state = 0;
CREATE INDEX job_leased ON job (lease_until) WHERE state IN (1, 2);
CREATE INDEX job_finished ON job (finished_at) WHERE state = 3;
{job}
{job_platform}

CREATE FUNCTION job_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('job_due', '');
    RETURN NULL;
END $$;
CREATE TRIGGER job_wake AFTER INSERT ON job FOR EACH STATEMENT EXECUTE FUNCTION job_wake();

CREATE TABLE schedule (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    object smallint NOT NULL,
    cadence jsonb NOT NULL,
    open_hours jsonb,
    catch_up text NOT NULL DEFAULT 'once',
    time_zone text NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    -- The next tick that has not been fired.
    next_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, connection_id, object),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connection (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX schedule_next ON schedule (next_at) WHERE enabled;
{schedule}
{schedule_platform}

-- Every replica tries to insert; one succeeds.
CREATE TABLE schedule_tick (
    tenant_id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    tick_at timestamptz NOT NULL,
    fired_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, schedule_id, tick_at),
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedule (tenant_id, id) ON DELETE CASCADE
);
{schedule_tick}
",
            job = lock_to_tenant("job", "tenant_id", "SELECT, INSERT, UPDATE, DELETE"),
            job_platform = open_to_platform("job", "SELECT, UPDATE, DELETE"),
            schedule = lock_to_tenant("schedule", "tenant_id", "SELECT, INSERT, UPDATE, DELETE"),
            schedule_platform = open_to_platform("schedule", "SELECT"),
            schedule_tick = lock_to_tenant("schedule_tick", "tenant_id", "SELECT, INSERT, DELETE"),
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
