//! Mail: written in the transaction that causes it, sent afterwards; in a demo it stays here and is shown.

use crate::tenant_table::open_to_platform;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = format!(
            "
CREATE TABLE mail (
    id uuid PRIMARY KEY,
    -- Address, subject and bodies, sealed under the platform key.
    sealed bytea NOT NULL,
    -- waiting, sent, kept (a demo's mailbox), failed
    state text NOT NULL DEFAULT 'waiting',
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    last_error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    sent_at timestamptz
);
CREATE INDEX mail_due ON mail (due_at) WHERE state = 'waiting';
CREATE INDEX mail_recent ON mail (created_at DESC);
ALTER TABLE mail ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail FORCE ROW LEVEL SECURITY;
{platform}
",
            platform = open_to_platform("mail", "SELECT, INSERT, UPDATE, DELETE"),
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
