//! When a mail server refused a person's address: whoever invited them must hear of it.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "ALTER TABLE person ADD COLUMN mail_refused_at timestamptz;";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
