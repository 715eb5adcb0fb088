-- The last refresh of every source, and the runs before it.
-- Times are texts like 2025-01-31T12:00:00.000000Z: UTC, always 27 characters, so that they sort.

CREATE TABLE catalog_refresh_status (
    plugin_name          TEXT    NOT NULL,
    source_id            TEXT    NOT NULL,
    last_refresh_time    TEXT    NOT NULL,
    last_refresh_status  TEXT    NOT NULL CHECK (last_refresh_status IN ('success', 'error')),
    last_refresh_summary TEXT    NOT NULL,
    last_error           TEXT,
    entities_loaded      INTEGER NOT NULL CHECK (entities_loaded >= 0),
    entities_removed     INTEGER NOT NULL CHECK (entities_removed >= 0),
    duration_ms          INTEGER NOT NULL CHECK (duration_ms >= 0),
    revision_id          TEXT,
    updated_at           TEXT    NOT NULL,
    PRIMARY KEY (plugin_name, source_id)
) STRICT, WITHOUT ROWID;

-- The same columns; `run` orders the runs, whatever the clocks said. Goes with its source.
CREATE TABLE catalog_refresh_history (
    run                  INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    plugin_name          TEXT    NOT NULL,
    source_id            TEXT    NOT NULL,
    last_refresh_time    TEXT    NOT NULL,
    last_refresh_status  TEXT    NOT NULL CHECK (last_refresh_status IN ('success', 'error')),
    last_refresh_summary TEXT    NOT NULL,
    last_error           TEXT,
    entities_loaded      INTEGER NOT NULL CHECK (entities_loaded >= 0),
    entities_removed     INTEGER NOT NULL CHECK (entities_removed >= 0),
    duration_ms          INTEGER NOT NULL CHECK (duration_ms >= 0),
    revision_id          TEXT,
    updated_at           TEXT    NOT NULL,
    FOREIGN KEY (plugin_name, source_id)
        REFERENCES catalog_refresh_status (plugin_name, source_id) ON DELETE CASCADE
) STRICT;

CREATE INDEX catalog_refresh_history_by_source
    ON catalog_refresh_history (plugin_name, source_id, run);
