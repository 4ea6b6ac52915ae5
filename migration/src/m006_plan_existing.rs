//! Planning what exists already for a connection that comes later: a request, and how far it got.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "
ALTER TABLE object_sync
    -- Raised with each request to plan all entities for this connection, and the last one that was met.
    ADD plan_wanted bigint NOT NULL DEFAULT 0,
    ADD plan_done bigint NOT NULL DEFAULT 0,
    -- The request that `plan_after` belongs to: a newer one starts from the beginning.
    ADD plan_under_way bigint NOT NULL DEFAULT 0,
    ADD plan_after uuid;
CREATE INDEX object_sync_plan ON object_sync (tenant_id) WHERE plan_wanted > plan_done;
";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
