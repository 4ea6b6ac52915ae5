//! A record that we made in a system while it turned out that the system has one of its own: one too many, to be
//! withdrawn.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("ALTER TABLE target ADD COLUMN surplus text;").await?;
        Ok(())
    }
}
