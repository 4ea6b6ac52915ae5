//! `driveline-migrate`: brings the database to the schema of this version. Run as the owner.

use anyhow::Context;
use clap::Parser;
use migration::Migrator;
use sea_orm_migration::MigratorTrait;
use sea_orm_migration::sea_orm::{ConnectionTrait, Database};

#[derive(Parser)]
struct Options {
    /// The database, as its owner.
    #[arg(long, env = "DATABASE_OWNER_URL", hide_env_values = true)]
    owner_url: String,
    /// The password that the application role shall have; left as it is where absent.
    #[arg(long, env = "DRIVELINE_APP_PASSWORD", hide_env_values = true)]
    app_password: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let db = Database::connect(&options.owner_url).await.context("connecting as DATABASE_OWNER_URL says")?;
    Migrator::up(&db, None).await.context("migrating")?;
    if let Some(password) = options.app_password {
        let quoted = password.replace('\'', "''");
        db.execute_unprepared(&format!("ALTER ROLE driveline_app PASSWORD '{quoted}'"))
            .await
            .context("setting the application role's password")?;
    }
    Ok(())
}
