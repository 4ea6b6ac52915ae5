//! The database as its administrator sees it: sessions that can be ended, and tables that nobody else may read whole.

use crate::processes::setting;
use anyhow::{Context, bail};
use tokio::process::Command;

/// The administrator, by `psql`.
#[derive(Clone, Debug)]
pub struct Administrator {
    url: String,
}

/// A source record that the product holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Its connection.
    pub connection: String,
    /// Its object, as the API names it.
    pub object: String,
    /// The system's key.
    pub external_id: String,
    /// The golden record it belongs to; empty where it waits for a correction.
    pub golden: String,
}

impl Administrator {
    /// As `./dev` says.
    ///
    /// # Errors
    /// Where it does not say.
    pub fn from_env() -> anyhow::Result<Self> {
        Ok(Self { url: setting("DATABASE_ADMIN_URL")? })
    }

    async fn ask(&self, statement: &str) -> anyhow::Result<String> {
        let told = Command::new("psql")
            .args(["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", &self.url, "-c", statement])
            .output()
            .await
            .context("psql, which comes with Postgres")?;
        if !told.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&told.stderr).trim());
        }
        String::from_utf8(told.stdout).context("psql answered no text")
    }

    /// Ends every session of this database but our own, as a failing network or a restarted server does; how many.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn end_sessions(&self) -> anyhow::Result<u64> {
        let ended = self
            .ask(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()
                 AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
            )
            .await?;
        ended.trim().parse().with_context(|| format!("psql answered {ended:?}"))
    }

    /// All source records of the group that has this connection, those that are gone left out.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn held(&self, connection: &str) -> anyhow::Result<Vec<Held>> {
        let lines = self
            .ask(&format!(
                "SELECT connection_id,
                        CASE object WHEN 1 THEN 'customer' WHEN 2 THEN 'vehicle' WHEN 3 THEN 'inventory'
                                    WHEN 4 THEN 'deal' WHEN 5 THEN 'repair_order' ELSE 'lead' END,
                        external_id, coalesce(golden_id::text, '')
                 FROM source_record WHERE state <> 3
                 AND tenant_id = (SELECT tenant_id FROM connection WHERE id = '{connection}')"
            ))
            .await?;
        lines
            .lines()
            .map(|line| {
                let mut parts = line.split('\t').map(str::to_owned);
                let mut next = || parts.next().with_context(|| format!("psql answered {line:?}"));
                Ok(Held { connection: next()?, object: next()?, external_id: next()?, golden: next()? })
            })
            .collect()
    }

    /// Entities that were joined into others and are withdrawn from this connection's system for it.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn joined_away(&self, connection: &str) -> anyhow::Result<u64> {
        let told = self
            .ask(&format!(
                "SELECT count(*) FROM target t JOIN golden g ON g.tenant_id = t.tenant_id AND g.id = t.golden_id
                 WHERE t.connection_id = '{connection}' AND t.withdraw AND t.made AND t.state = 0
                 AND g.merged_into IS NOT NULL"
            ))
            .await?;
        told.trim().parse().with_context(|| format!("psql answered {told:?}"))
    }

    /// Jobs of the group that has this connection which are not done: their kind, state and last words.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn open_jobs(&self, connection: &str) -> anyhow::Result<Vec<String>> {
        let lines = self
            .ask(&format!(
                "SELECT kind || ' ' || CASE state WHEN 0 THEN 'due' WHEN 1 THEN 'pushed' WHEN 2 THEN 'running'
                                                  WHEN 4 THEN 'dead' ELSE 'quarantined' END
                        || ' after ' || attempts || ' attempts and ' || crashes || ' crashes: '
                        || translate(last_error, E'\\n\\t', '  ')
                 FROM job WHERE state <> 3
                 AND tenant_id = (SELECT tenant_id FROM connection WHERE id = '{connection}')"
            ))
            .await?;
        Ok(lines.lines().map(str::to_owned).collect())
    }
}
