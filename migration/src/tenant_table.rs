//! What makes a table a tenant table: one policy with USING and the same WITH CHECK, ENABLE and FORCE.

/// SQL that locks a table to one tenant and gives the application role its rights.
///
/// `(select …)` is evaluated once per statement instead of once per row; `nullif` because after a transaction the
/// setting reads as the empty string.
#[must_use]
pub fn lock_to_tenant(table: &str, column: &str, rights: &str) -> String {
    let own = format!("{column} = (select nullif(current_setting('app.tenant_id', true), '')::uuid)");
    format!(
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
         ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON {table} TO driveline_app USING ({own}) WITH CHECK ({own});
         CREATE POLICY tenant_readonly ON {table} FOR SELECT TO driveline_readonly USING ({own});
         GRANT {rights} ON {table} TO driveline_app;
         GRANT SELECT ON {table} TO driveline_readonly;"
    )
}

/// SQL that also lets the platform role see all rows of a table: only for what is asked before a tenant is known.
#[must_use]
pub fn open_to_platform(table: &str, rights: &str) -> String {
    format!(
        "CREATE POLICY platform ON {table} TO driveline_platform USING (true) WITH CHECK (true);
         GRANT {rights} ON {table} TO driveline_platform;"
    )
}

/// SQL that splits a table by tenant into so many partitions, each locked like its parent.
#[must_use]
pub fn partitions(table: &str, count: u32, rights: &str) -> String {
    (0..count)
        .map(|part| {
            format!(
                "CREATE TABLE {table}_p{part} PARTITION OF {table} FOR VALUES WITH (MODULUS {count}, REMAINDER {part});
                 {}",
                lock_to_tenant(&format!("{table}_p{part}"), "tenant_id", rights)
            )
        })
        .collect()
}
