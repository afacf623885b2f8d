-- What every shard carries once, owned by the login that owns tables.

CREATE TABLE IF NOT EXISTS atoll.server (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    name text NOT NULL,
    incarnation integer NOT NULL
);

CREATE TABLE IF NOT EXISTS atoll.tenant_schema (
    schema text PRIMARY KEY,
    phase text NOT NULL CHECK (phase IN ('incoming', 'active', 'fenced', 'sealed', 'tombstone')),
    epoch bigint NOT NULL,
    move_id bigint,
    token bigint NOT NULL DEFAULT 0,
    digest text,
    fingerprint text,
    major integer,
    unfinished text,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE atoll.tenant_schema IS 'What each tenant schema of this shard is, and who may change it';

CREATE TABLE IF NOT EXISTS atoll.reference_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version bigint NOT NULL DEFAULT 0,
    digest text NOT NULL DEFAULT '',
    applied_at timestamptz
);

INSERT INTO atoll.reference_version DEFAULT VALUES ON CONFLICT DO NOTHING;

COMMENT ON TABLE atoll.reference_version IS 'Which snapshot of the reference tables lies in the schema reference';
