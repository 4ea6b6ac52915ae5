//! When a version of a sealing key begins to seal: every process must know it before that, so that it can open it.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "ALTER TABLE data_key ADD COLUMN seals_from timestamptz NOT NULL DEFAULT now();";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
