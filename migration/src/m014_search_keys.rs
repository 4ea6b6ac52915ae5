//! Names are found by other keys than before: every group's records are given them by a job of its own.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The keys are made with each group's own key, which no migration has. Owners are held by row-level security as
        // everybody is, but for these statements.
        let sql = "
ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY;
ALTER TABLE job NO FORCE ROW LEVEL SECURITY;
INSERT INTO job (tenant_id, id, kind, lane, dedupe_key, args, run_at)
SELECT id, gen_random_uuid(), 'index_again', 5, 'index again', '{}', now() FROM tenant
ON CONFLICT DO NOTHING;
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;
ALTER TABLE job FORCE ROW LEVEL SECURITY;
";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
