//! Whether a system's record that a target names was made by us: only such a one is ours to withdraw after a merge.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Of what was written before nobody knows any more; what may be the system's own stays.
        let sql = "ALTER TABLE target ADD COLUMN made boolean NOT NULL DEFAULT false;";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
