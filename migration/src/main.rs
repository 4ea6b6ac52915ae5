//! `driveline-migrate`: brings the database to the schema of this version. Run as the owner.

use anyhow::Context;
use clap::Parser;
use migration::Migrator;
use sea_orm_migration::MigratorTrait;
use sea_orm_migration::sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use std::io::Write;

#[derive(Parser)]
struct Options {
    /// The database, as its owner.
    #[arg(long, env = "DATABASE_OWNER_URL", hide_env_values = true)]
    owner_url: String,
    /// The password that the application role shall have; left as it is where absent.
    #[arg(long, env = "DRIVELINE_APP_PASSWORD", hide_env_values = true)]
    app_password: Option<String>,
    /// The password that the role for breaking glass, which only reads, shall have; left as it is where absent.
    #[arg(long, env = "DRIVELINE_READONLY_PASSWORD", hide_env_values = true)]
    readonly_password: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let db = Database::connect(&options.owner_url).await.context("connecting as DATABASE_OWNER_URL says")?;
    Migrator::up(&db, None).await.context("migrating")?;
    set_password(&db, "driveline_app", "DRIVELINE_APP_PASSWORD", options.app_password).await?;
    set_password(&db, "driveline_readonly", "DRIVELINE_READONLY_PASSWORD", options.readonly_password).await
}

/// Sets a role's password where one is given, and says so where none is: without one the role cannot sign in.
async fn set_password(
    db: &DatabaseConnection,
    role: &str,
    variable: &str,
    password: Option<String>,
) -> anyhow::Result<()> {
    let Some(password) = password.filter(|password| !password.is_empty()) else {
        let said = format!("{role} keeps the password that it has, if any: {variable} is not set");
        return writeln!(std::io::stderr(), "{said}").context("printing");
    };
    let quoted = password.replace('\'', "''");
    db.execute_unprepared(&format!("ALTER ROLE {role} PASSWORD '{quoted}'")).await.with_context(|| {
        format!(
            "setting the password of {role}, as {variable} says: the owner must have made the role, or be its admin"
        )
    })?;
    Ok(())
}
