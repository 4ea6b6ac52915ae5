//! Which key takes an API key's place, while both work for a time.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A key of the same group: the reference holds both columns.
        let sql = "
ALTER TABLE api_key ADD COLUMN replaced_by uuid;
ALTER TABLE api_key ADD FOREIGN KEY (tenant_id, replaced_by) REFERENCES api_key (tenant_id, id);
";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
