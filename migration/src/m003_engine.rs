//! The engine's state: connections, source records, golden records, targets, runs, failures, the inbox.
//!
//! Everything personal is sealed; what must be found without being read is found by a keyed hash (`lookup_key`).

use crate::tenant_table::{lock_to_tenant, open_to_platform, partitions};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const ALL: &str = "SELECT, INSERT, UPDATE, DELETE";
/// Partitions of the hot tables. On one machine few are enough; sharding goes by tenant, not by more of these.
const PARTITIONS: u32 = 4;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let plain = [
            "connection",
            "credential",
            "object_sync",
            "run",
            "reference",
            "candidate",
            "cannot_link",
            "failure",
            "inbox",
            "upload",
            "upload_chunk",
            "ingress",
        ]
        .map(|table| lock_to_tenant(table, "tenant_id", ALL))
        .concat();
        let hot = ["source_record", "lookup_key", "golden", "target"]
            .map(|table| lock_to_tenant(table, "tenant_id", ALL) + &partitions(table, PARTITIONS, ALL))
            .concat();
        let sql = format!(
            "
CREATE TABLE connection (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    -- NULL: the group's.
    rooftop_id uuid,
    connector text NOT NULL,
    system_role text NOT NULL,
    name text NOT NULL,
    settings jsonb NOT NULL DEFAULT '{{}}',
    -- draft: not tested yet; active; paused: by a person; broken: by a failure that needs one.
    state text NOT NULL DEFAULT 'draft',
    state_reason text NOT NULL DEFAULT '',
    tested_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, rooftop_id) REFERENCES rooftop (tenant_id, id)
);
CREATE TABLE credential (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    field text NOT NULL,
    sealed bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, connection_id, field),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connection (tenant_id, id) ON DELETE CASCADE
);
-- One row per object that a connection moves.
CREATE TABLE object_sync (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    object smallint NOT NULL,
    pull boolean NOT NULL,
    -- none, update_only, create_and_update, feed
    push text NOT NULL,
    -- Where the next pull of changes starts; NULL: a full pull is due.
    resume jsonb,
    full_at timestamptz,
    succeeded_at timestamptz,
    overrides jsonb NOT NULL DEFAULT '[]',
    mapping_version integer NOT NULL DEFAULT 0,
    -- Names in payloads that the mapping does not know, first seen when.
    drift jsonb NOT NULL DEFAULT '{{}}',
    -- For feeds: raised with each change of what the feed shows, and what was published last.
    feed_desired bigint NOT NULL DEFAULT 0,
    feed_published bigint NOT NULL DEFAULT 0,
    feed_published_at timestamptz,
    PRIMARY KEY (tenant_id, connection_id, object),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connection (tenant_id, id) ON DELETE CASCADE
);
CREATE TABLE run (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    object smallint NOT NULL,
    -- full, changes
    mode text NOT NULL,
    -- schedule, person, initial, replay
    trigger text NOT NULL,
    -- queued, running, waiting, succeeded, attention, failed, held, cancelled
    state text NOT NULL,
    -- Where this run goes on; commits with the page before it.
    cursor jsonb,
    pages integer NOT NULL DEFAULT 0,
    expected bigint,
    received bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    added bigint NOT NULL DEFAULT 0,
    matched bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    to_review bigint NOT NULL DEFAULT 0,
    flagged bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    removed bigint NOT NULL DEFAULT 0,
    planned bigint NOT NULL DEFAULT 0,
    message text NOT NULL DEFAULT '',
    requested_by uuid,
    queued_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    progress_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connection (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX run_recent ON run (tenant_id, connection_id, object, queued_at DESC);
CREATE UNIQUE INDEX run_open ON run (tenant_id, connection_id, object)
    WHERE state IN ('queued', 'running', 'waiting');

CREATE TABLE source_record (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    object smallint NOT NULL,
    external_id text NOT NULL,
    raw_hash bytea NOT NULL,
    content_hash bytea NOT NULL,
    -- What the system said, sealed.
    payload bytea NOT NULL,
    -- The canonical record, its issues and the age of its fields, sealed. NULL until it is mapped.
    doc bytea,
    golden_id uuid,
    -- 0 landed, 1 identified, 2 flagged, 3 gone
    state smallint NOT NULL,
    lookup_keys bigint[] NOT NULL DEFAULT '{{}}',
    issue_codes text[] NOT NULL DEFAULT '{{}}',
    version integer NOT NULL DEFAULT 1,
    mapping_version integer NOT NULL DEFAULT 0,
    seen_in uuid,
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, connection_id, object, external_id)
) PARTITION BY HASH (tenant_id);
CREATE INDEX source_record_golden ON source_record (tenant_id, golden_id);
CREATE INDEX source_record_waiting ON source_record (tenant_id, connection_id, object) WHERE state IN (0, 2);

-- Keyed hashes of what a record can be found by: e-mail, phone, name and ZIP, VIN, stock, deal, RO number.
CREATE TABLE lookup_key (
    tenant_id uuid NOT NULL,
    key bigint NOT NULL,
    record_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, key, record_id)
) PARTITION BY HASH (tenant_id);

-- What a record points to, by the key in its own system; resolved when read, so that it is right after every merge.
CREATE TABLE reference (
    tenant_id uuid NOT NULL,
    record_id uuid NOT NULL,
    field text NOT NULL,
    connection_id uuid NOT NULL,
    object smallint NOT NULL,
    external_id text NOT NULL,
    PRIMARY KEY (tenant_id, record_id, field)
);
CREATE INDEX reference_to ON reference (tenant_id, connection_id, object, external_id);

CREATE TABLE golden (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    object smallint NOT NULL,
    version bigint NOT NULL,
    content_hash bytea NOT NULL,
    -- Each field with value, winner, losers and rule, sealed.
    doc bytea NOT NULL,
    members integer NOT NULL,
    conflicts integer NOT NULL DEFAULT 0,
    -- 1 live, 2 merged into another, 3 gone from every system
    state smallint NOT NULL,
    merged_into uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
) PARTITION BY HASH (tenant_id);
CREATE INDEX golden_list ON golden (tenant_id, object, id) WHERE state = 1;

-- What a system should hold and what it does hold. The engine works until they agree.
CREATE TABLE target (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    golden_id uuid NOT NULL,
    object smallint NOT NULL,
    desired_version bigint NOT NULL,
    delivered_version bigint NOT NULL DEFAULT 0,
    delivered_hash bytea,
    external_id text,
    -- 0 settled, 1 due, 2 waits for a person, 3 not wanted there
    state smallint NOT NULL,
    withdraw boolean NOT NULL DEFAULT false,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    -- When the change that it carries was known to us; for the clock that proves speed.
    desired_at timestamptz NOT NULL,
    delivered_at timestamptz,
    last_error text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, connection_id, golden_id)
) PARTITION BY HASH (tenant_id);
CREATE INDEX target_due ON target (tenant_id, connection_id, object, due_at) WHERE state = 1;
CREATE INDEX target_golden ON target (tenant_id, golden_id);

CREATE TABLE candidate (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    object smallint NOT NULL,
    -- The smaller id is on the left, so that a pair is one row.
    left_golden uuid NOT NULL,
    right_golden uuid NOT NULL,
    score real NOT NULL,
    reason text NOT NULL,
    -- open, merged, not_a_match
    state text NOT NULL,
    decided_by uuid,
    decided_at timestamptz,
    -- The source records that a merge moved, so that it can be undone to the letter.
    moved uuid[] NOT NULL DEFAULT '{{}}',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, left_golden, right_golden),
    CHECK (left_golden < right_golden)
);
CREATE INDEX candidate_open ON candidate (tenant_id, score DESC, id) WHERE state = 'open';
-- A person said that two source records are not the same: no engine may join them.
CREATE TABLE cannot_link (
    tenant_id uuid NOT NULL,
    left_record uuid NOT NULL,
    right_record uuid NOT NULL,
    decided_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, left_record, right_record),
    CHECK (left_record < right_record)
);

CREATE TABLE failure (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    object smallint,
    run_id uuid,
    -- What failed: record:ID, golden:ID, place:WHERE, connection
    subject text NOT NULL,
    code text NOT NULL,
    doing text NOT NULL,
    said text NOT NULL,
    fault text NOT NULL,
    -- retrying, needs_you
    next text NOT NULL,
    fix text NOT NULL,
    evidence text,
    -- The piece itself where nothing else holds it (a ragged row), sealed.
    raw bytea,
    -- open, resolved
    state text NOT NULL DEFAULT 'open',
    times integer NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    next_try_at timestamptz,
    resolved_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX failure_open ON failure (tenant_id, connection_id, object, subject) NULLS NOT DISTINCT WHERE state = 'open';
CREATE INDEX failure_recent ON failure (tenant_id, last_at DESC, id);

-- Webhooks and documents as they came, stored before they are answered.
CREATE TABLE inbox (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    -- webhook, document
    kind text NOT NULL,
    delivery_id text NOT NULL,
    content_type text NOT NULL DEFAULT '',
    body bytea NOT NULL,
    received_at timestamptz NOT NULL,
    -- waiting, done, failed
    state text NOT NULL DEFAULT 'waiting',
    done_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, connection_id, delivery_id)
);
CREATE INDEX inbox_waiting ON inbox (tenant_id, connection_id, received_at) WHERE state = 'waiting';

CREATE TABLE upload (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    name text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    complete_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, connection_id, name)
);
CREATE TABLE upload_chunk (
    tenant_id uuid NOT NULL,
    upload_id uuid NOT NULL,
    number integer NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (tenant_id, upload_id, number),
    FOREIGN KEY (tenant_id, upload_id) REFERENCES upload (tenant_id, id) ON DELETE CASCADE
);

-- Addresses for webhooks and documents: the token in the path says which connection is meant.
CREATE TABLE ingress (
    tenant_id uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    connection_id uuid NOT NULL,
    -- The token itself, sealed, so that the portal can show the address again.
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, connection_id),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connection (tenant_id, id) ON DELETE CASCADE
);
{plain}
{hot}
{ingress_platform}
",
            ingress_platform = open_to_platform("ingress", "SELECT"),
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
