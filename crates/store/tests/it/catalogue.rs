//! What the catalogue must say of every table, asked of Postgres itself; and changes of the schema that it must notice.

use sea_orm::{ConnectionTrait, DatabaseBackend, Statement, TransactionTrait};
use store::sql::get;
use testkit::TestDb;

/// Tables without a tenant: asked before one is known, reachable only as the platform role.
const PLATFORM_ONLY: [&str; 10] = [
    "data_key",
    "mail",
    "mail_link",
    "person",
    "recovery_code",
    "second_factor",
    "session",
    "sign_in_attempt",
    "sign_in_step",
    "sign_in_trip",
];
/// Tenant tables that the platform role sees as well, because they answer "whose is this?".
const OPEN_TO_PLATFORM: [&str; 7] = ["api_key", "ingress", "job", "membership", "schedule", "sign_in_domain", "tenant"];
/// Indexes that answer the platform's questions, which come before a tenant is known.
const PLATFORM_INDEXES: [&str; 8] = [
    "api_key_prefix_key",
    "ingress_token_hash_key",
    "job_due",
    "job_finished",
    "job_leased",
    "membership_person",
    "schedule_next",
    "sign_in_domain_proved",
];

/// Everything in the catalogue that lets a row of one tenant out to another, or makes it slow to keep it in: one line
/// each. `{platform_only}` and its like are lists of names.
const QUESTIONS: [(&str, &str); 13] = [
    (
        "row-level security is off or not forced",
        "SELECT c.relname::text AS name FROM pg_class c WHERE {ours} AND c.relkind IN ('r', 'p')
         AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
    ),
    (
        "there is no policy that holds it to its tenant",
        "SELECT c.relname::text AS name FROM pg_class c WHERE {ours} AND c.relkind IN ('r', 'p')
         AND NOT c.relname = ANY({platform_only})
         AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant' AND p.polcmd = '*'
             AND p.polroles = ARRAY['driveline_app'::regrole::oid]
             AND pg_get_expr(p.polqual, p.polrelid) = pg_get_expr(p.polwithcheck, p.polrelid)
             AND pg_get_expr(p.polqual, p.polrelid) = format('(%s = ( SELECT (NULLIF(current_setting(''app.tenant_id''::text, true), ''''::text))::uuid AS \"nullif\"))',
                 CASE c.relname WHEN 'tenant' THEN 'id' ELSE 'tenant_id' END))",
    ),
    (
        "a policy of another kind opens it",
        "SELECT c.relname || '.' || p.polname AS name FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE {ours}
         AND NOT (p.polname = 'tenant' AND NOT c.relname = ANY({platform_only}))
         AND NOT (p.polname = 'tenant_readonly' AND p.polcmd = 'r' AND p.polroles = ARRAY['driveline_readonly'::regrole::oid]
             AND pg_get_expr(p.polqual, p.polrelid) LIKE '%app.tenant_id%' AND NOT c.relname = ANY({platform_only}))
         AND NOT (p.polname = 'platform' AND p.polroles = ARRAY['driveline_platform'::regrole::oid]
             AND c.relname = ANY({platform_only} || {open_to_platform}))",
    ),
    (
        "somebody may do something with it who is not of our roles",
        "SELECT DISTINCT c.relname || ' by ' || CASE a.grantee WHEN 0 THEN 'everybody' ELSE a.grantee::regrole::text END AS name
         FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE {ours} AND a.grantee <> c.relowner
         AND (a.grantee = 0 OR a.grantee::regrole::text NOT IN ('driveline_app', 'driveline_platform', 'driveline_readonly'))",
    ),
    (
        "a role may do more than it should",
        "SELECT DISTINCT c.relname || ' by ' || a.grantee::regrole::text || ': ' || a.privilege_type AS name
         FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE {ours} AND a.grantee NOT IN (c.relowner, 0) AND (
             a.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER') OR a.is_grantable
             OR a.grantee::regrole::text = 'driveline_readonly' AND a.privilege_type <> 'SELECT'
             OR a.grantee::regrole::text = 'driveline_app' AND c.relname = ANY({platform_only})
             OR a.grantee::regrole::text = 'driveline_platform' AND NOT c.relname = ANY({platform_only} || {open_to_platform})
             OR a.grantee::regrole::text = 'driveline_app' AND c.relname = 'audit' AND a.privilege_type IN ('UPDATE', 'DELETE'))",
    ),
    (
        "its tenant may be missing",
        "SELECT c.relname::text AS name FROM pg_class c WHERE {ours} AND c.relkind IN ('r', 'p')
         AND NOT c.relname = ANY({platform_only} || ARRAY['tenant'])
         AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull
             AND a.atttypid = 'uuid'::regtype)",
    ),
    (
        "it has no primary key",
        "SELECT c.relname::text AS name FROM pg_class c WHERE {ours} AND c.relkind IN ('r', 'p')
         AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)",
    ),
    (
        "an index does not start with the tenant",
        "SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
         WHERE {ours} AND NOT c.relname = ANY({platform_only} || ARRAY['tenant']) AND a.attname <> 'tenant_id'
         AND NOT i.indexrelid::regclass::text = ANY({platform_indexes})",
    ),
    (
        "a foreign key could lead to another tenant",
        "SELECT k.conname::text AS name FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
         JOIN pg_class t ON t.oid = k.confrelid WHERE {ours} AND k.contype = 'f'
         AND NOT t.relname = ANY({platform_only} || ARRAY['tenant'])
         AND NOT EXISTS (SELECT FROM unnest(k.conkey, k.confkey) AS u (mine, theirs)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.mine AND a.attname = 'tenant_id'
             JOIN pg_attribute b ON b.attrelid = t.oid AND b.attnum = u.theirs AND b.attname = 'tenant_id')",
    ),
    (
        "a view sees with its owner's eyes",
        "SELECT c.relname::text AS name FROM pg_class c WHERE {ours} AND (c.relkind = 'm' OR c.relkind = 'v'
         AND NOT coalesce('security_invoker=true' = ANY(c.reloptions), false))",
    ),
    (
        "a function acts with its owner's rights",
        "SELECT p.proname::text AS name FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef",
    ),
    (
        "one of our roles is more than it should be, or owns something",
        "SELECT r.rolname::text AS name FROM pg_roles r WHERE r.rolname IN ('driveline_app', 'driveline_platform', 'driveline_readonly')
         AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication
              OR r.rolname <> 'driveline_readonly' AND r.rolinherit
              OR EXISTS (SELECT FROM pg_class c WHERE {ours} AND c.relowner = r.oid))
         UNION ALL SELECT m.member::regrole::text || ' is a ' || m.roleid::regrole::text FROM pg_auth_members m
         WHERE m.member::regrole::text LIKE 'driveline\\_%'
           AND NOT (m.member = 'driveline_app'::regrole AND m.roleid = 'driveline_platform'::regrole)",
    ),
    (
        "everybody may make things in our schema",
        "SELECT n.nspname::text AS name FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a
         WHERE n.nspname = 'public' AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner
           AND a.grantee <> 'pg_database_owner'::regrole",
    ),
];

/// What is wrong: the sentence and the name, for each.
async fn findings(db: &impl ConnectionTrait) -> Vec<String> {
    let list = |names: &[&str]| {
        format!("ARRAY[{}]::text[]", names.iter().map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", "))
    };
    let mut found = Vec::new();
    for (what, question) in QUESTIONS {
        let sql = question
            .replace("{ours}", "c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'seaql_%'")
            .replace("{platform_only}", &list(&PLATFORM_ONLY))
            .replace("{open_to_platform}", &list(&OPEN_TO_PLATFORM))
            .replace("{platform_indexes}", &list(&PLATFORM_INDEXES));
        let rows = db.query_all_raw(Statement::from_string(DatabaseBackend::Postgres, sql)).await.unwrap();
        found.extend(rows.iter().map(|row| format!("{what}: {}", get::<String>(row, "name").unwrap())));
    }
    found
}

#[tokio::test]
async fn every_table_is_locked_to_its_tenant_or_listed_as_the_platforms() {
    let test = TestDb::fresh().await;

    let found = findings(&test.owner().await).await;

    assert_eq!(found, Vec::<String>::new());
}

/// Each opens a door, as a careless migration might.
const MUTATIONS: [&str; 31] = [
    "ALTER TABLE rooftop DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE golden NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE golden_p0 DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE source_record_p3 NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY tenant ON connection",
    "ALTER POLICY tenant ON connection USING (true)",
    "ALTER POLICY tenant ON connection WITH CHECK (true)",
    "ALTER POLICY tenant ON failure TO PUBLIC",
    "ALTER POLICY tenant ON failure USING (tenant_id = coalesce(nullif(current_setting('app.tenant_id', true), '')::uuid, tenant_id))",
    "CREATE POLICY everything ON audit FOR SELECT TO driveline_app USING (true)",
    "CREATE POLICY platform ON credential TO driveline_platform USING (true) WITH CHECK (true)",
    "DROP POLICY tenant_readonly ON golden; CREATE POLICY tenant_readonly ON golden FOR SELECT TO driveline_readonly USING (true)",
    "CREATE TABLE note (tenant_id uuid NOT NULL, id uuid, text text, PRIMARY KEY (tenant_id, id))",
    "CREATE TABLE note (id uuid PRIMARY KEY); ALTER TABLE note ENABLE ROW LEVEL SECURITY; ALTER TABLE note FORCE ROW LEVEL SECURITY",
    "GRANT SELECT ON credential TO PUBLIC",
    "GRANT SELECT ON person TO driveline_app",
    "GRANT SELECT ON credential TO driveline_platform",
    "GRANT INSERT ON rooftop TO driveline_readonly",
    "GRANT UPDATE ON audit TO driveline_app",
    "GRANT TRUNCATE ON rooftop TO driveline_app",
    "GRANT SELECT ON rooftop TO driveline_app WITH GRANT OPTION",
    "ALTER TABLE upload DROP CONSTRAINT upload_pkey CASCADE",
    "CREATE INDEX rooftop_by_name ON rooftop (name)",
    "CREATE UNIQUE INDEX connection_by_name ON connection (name, tenant_id)",
    "ALTER TABLE connection ADD CONSTRAINT loose FOREIGN KEY (id) REFERENCES unscoped (id)",
    "CREATE VIEW all_rooftops AS SELECT * FROM rooftop",
    "CREATE MATERIALIZED VIEW all_rooftops AS SELECT * FROM rooftop",
    "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM rooftop'",
    "ALTER TABLE rooftop OWNER TO driveline_app",
    "ALTER ROLE driveline_app INHERIT",
    "GRANT driveline_readonly TO driveline_app",
];

#[tokio::test]
async fn every_change_that_opens_a_door_is_noticed() {
    let test = TestDb::fresh().await;
    let owner = test.owner().await;
    let mut unnoticed = Vec::new();
    for mutation in MUTATIONS {
        // In a transaction that is never committed: roles belong to the whole cluster.
        let session = owner.begin().await.unwrap();
        if mutation.contains("unscoped") {
            session.execute_unprepared("CREATE UNIQUE INDEX unscoped_id ON rooftop (id)").await.unwrap();
        }
        let before = findings(&session).await;
        session
            .execute_unprepared(&mutation.replace("unscoped", "rooftop"))
            .await
            .unwrap_or_else(|e| panic!("{mutation}: {e}"));
        if findings(&session).await == before {
            unnoticed.push(mutation);
        }
        session.rollback().await.unwrap();
    }
    assert_eq!(unnoticed, Vec::<&str>::new());
}
