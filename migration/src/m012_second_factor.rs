//! The second step of signing in: the secret behind the codes, recovery codes, a sign-in that waits for its code, and
//! whether a group requires it. The audit trail's filters have their indexes here too.

use crate::tenant_table::open_to_platform;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // They belong to a person, not to a group, and are asked for before any group is known.
        let platform_only = ["second_factor", "recovery_code", "sign_in_step"]
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
CREATE TABLE second_factor (
    person_id uuid PRIMARY KEY REFERENCES person (id) ON DELETE CASCADE,
    -- The secret that person and app share, sealed under the platform key.
    sealed bytea NOT NULL,
    -- When a first code proved that the app has it; until then nothing is asked for.
    confirmed_at timestamptz,
    -- The newest time step whose code was taken; neither it nor an earlier one is taken again (RFC 6238, 5.2).
    last_step bigint NOT NULL DEFAULT 0,
    -- Wrong codes since the last right one or the last new password.
    wrong_codes integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL
);
CREATE TABLE recovery_code (
    person_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    -- HMAC of person and code under the platform key.
    code_hash bytea NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (person_id, code_hash)
);
-- Somebody whose first step was right and whose code is still to come.
CREATE TABLE sign_in_step (
    token_hash bytea PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    -- How the first step was taken, for the audit trail.
    how text NOT NULL,
    device text,
    tries integer NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sign_in_step_age ON sign_in_step (expires_at);
ALTER TABLE tenant ADD COLUMN second_factor_required boolean NOT NULL DEFAULT false;
CREATE INDEX audit_actor ON audit (tenant_id, actor_id, seq);
CREATE INDEX audit_action ON audit (tenant_id, action, seq);
CREATE INDEX audit_at ON audit (tenant_id, at);
{platform_only}
"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
