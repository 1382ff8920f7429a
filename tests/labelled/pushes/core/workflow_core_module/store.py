"""All SQL of the module."""

import secrets

from psycopg2.extras import Json

COLUMNS = (
    "workflow_id, community_id, name, description, version, status, is_active,"
    " nodes, connections, trigger_type, trigger_config, updated_at"
)
SORTS = {"name": "name", "updated": "updated_at", "runs": "execution_count"}
EDITABLE = ("name", "description", "nodes", "connections", "trigger_config")
JSON_FIELDS = {"nodes", "connections", "trigger_config"}
TOKEN_BYTES = 24


class Store:
    """Tables workflows, workflow_executions, workflow_schedules, _webhooks."""

    def __init__(self, db):
        self.db = db

    # -- workflows

    def workflow(self, workflow_id, community_id=None):
        """One workflow; of any community if none is named (scheduler)."""
        sql = f"SELECT {COLUMNS} FROM workflows WHERE workflow_id = %s"
        params = [workflow_id]
        if community_id is not None:
            sql += " AND community_id = %s"
            params.append(community_id)
        return self.db.query_one(sql, params)

    def listing(self, community_id, sort, direction, limit):
        """Workflows of a community."""
        column = SORTS.get(sort, "updated_at")
        sql = (
            f"SELECT {COLUMNS} FROM workflows WHERE community_id = %s"
            f" ORDER BY {column} {direction} LIMIT %s"
        )
        return self.db.query(sql, (community_id, limit))

    def everything(self, limit=500):
        """For the operators' page."""
        return self.db.query(
            "SELECT w.workflow_id, w.community_id, w.name, w.description, w.status,"
            " count(e.id) AS runs FROM workflows w"
            " LEFT JOIN workflow_executions e USING (workflow_id)"
            " GROUP BY w.id ORDER BY w.id DESC LIMIT %s",
            (limit,),
        )

    def create(self, community_id, user, fields):
        """Insert a draft; returns its id."""
        row = self.db.query_one(
            "INSERT INTO workflows (workflow_id, community_id, name, description,"
            " nodes, connections, trigger_type, trigger_config, status, version,"
            " created_by_name) VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, %s,"
            " 'draft', 1, %s) RETURNING workflow_id",
            (
                community_id,
                fields["name"],
                fields.get("description", ""),
                Json(fields["nodes"]),
                Json(fields["connections"]),
                fields["trigger_type"],
                Json(fields.get("trigger_config", {})),
                user,
            ),
        )
        return str(row["workflow_id"])

    def update(self, workflow_id, community_id, changes):
        """Change the editable columns that are given."""
        names = [n for n in EDITABLE if n in changes]
        if not names:
            return 0
        assignments = ", ".join(f"{n} = %s" for n in names)
        values = [Json(changes[n]) if n in JSON_FIELDS else changes[n] for n in names]
        return self.db.execute(
            f"UPDATE workflows SET {assignments}, version = version + 1,"
            " updated_at = now() WHERE workflow_id = %s AND community_id = %s",
            (*values, workflow_id, community_id),
        )

    def publish(self, workflow_id, community_id):
        """Draft to published."""
        return self.db.execute(
            "UPDATE workflows SET status = 'published', is_active = true"
            " WHERE workflow_id = %s AND community_id = %s",
            (workflow_id, community_id),
        )

    def triggered_by(self, community_id, event_type, key, value):
        """Published workflows whose trigger_config has key = value."""
        return self.db.query(
            "SELECT " + COLUMNS + " FROM workflows WHERE community_id = %s"
            " AND status = 'published' AND trigger_type = %s"
            " AND trigger_config->>'" + key + "' = %s",
            (community_id, event_type, value),
        )

    # -- executions

    def last_run(self, workflow_id):
        """Newest execution or None."""
        return self.db.query_one(
            "SELECT execution_id, status, started_at FROM workflow_executions"
            " WHERE workflow_id = %s ORDER BY id DESC LIMIT 1",
            (workflow_id,),
        )

    def runs(self, workflow_id, limit=50):
        """Newest executions."""
        return self.db.query(
            "SELECT execution_id, status, trigger_source, started_at, duration_ms,"
            " error_message FROM workflow_executions WHERE workflow_id = %s"
            " ORDER BY id DESC LIMIT %s",
            (workflow_id, limit),
        )

    def open_run(self, workflow_id, source, data):
        """Row for a run that starts now."""
        row = self.db.query_one(
            "INSERT INTO workflow_executions (execution_id, workflow_id, status,"
            " trigger_source, trigger_data, started_at) VALUES (gen_random_uuid(), %s,"
            " 'running', %s, %s, now()) RETURNING execution_id",
            (workflow_id, source, Json(data)),
        )
        return str(row["execution_id"])

    def close_run(self, execution_id, status, path, variables, ms, error=None):
        """Outcome of a run; a cancelled one stays cancelled."""
        self.db.execute(
            "UPDATE workflow_executions SET status = %s, execution_path = %s,"
            " variables = %s, duration_ms = %s, error_message = %s,"
            " completed_at = now() WHERE execution_id = %s AND status = 'running'",
            (status, Json(path), Json(variables), ms, error, execution_id),
        )

    def cancel_run(self, workflow_id, execution_id):
        """Running to cancelled."""
        return self.db.execute(
            "UPDATE workflow_executions SET status = 'cancelled', completed_at = now()"
            " WHERE execution_id = %s AND workflow_id = %s AND status = 'running'",
            (execution_id, workflow_id),
        )

    def counters(self, community_id):
        """Runs of the last day for each status."""
        out = {}
        for status in ("completed", "failed", "cancelled"):
            row = self.db.query_one(
                "SELECT count(*) AS n FROM workflow_executions e"
                " JOIN workflows w USING (workflow_id) WHERE w.community_id = %s"
                " AND e.status = %s AND e.started_at > now() - interval '1 day'",
                (community_id, status),
            )
            out[status] = row["n"]
        return out

    # -- webhooks

    def add_webhook(self, workflow_id, require_signature):
        """New webhook with its own token and secret, shown once."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        hmac_secret = secrets.token_hex(32)
        self.db.execute(
            "INSERT INTO workflow_webhooks (webhook_id, workflow_id, webhook_token,"
            " hmac_secret, require_signature, is_active)"
            " VALUES (gen_random_uuid(), %s, %s, %s, %s, true)",
            (workflow_id, token, hmac_secret, require_signature),
        )
        return {"token": token, "secret": hmac_secret}

    def webhook(self, token):
        """Active webhook of a token, with its workflow's community."""
        return self.db.query_one(
            "SELECT h.webhook_id, h.workflow_id, h.webhook_token, h.hmac_secret,"
            " h.require_signature, h.ip_allowlist, w.community_id"
            " FROM workflow_webhooks h JOIN workflows w USING (workflow_id)"
            " WHERE h.webhook_token = %s AND h.is_active AND w.status = 'published'",
            (token,),
        )

    # -- schedules

    def claim_due(self, limit):
        """Take due schedules; other workers skip the rows that we hold."""
        return self.db.query(
            "UPDATE workflow_schedules SET next_execution_at = NULL,"
            " last_execution_at = now(), execution_count = execution_count + 1"
            " WHERE schedule_id IN (SELECT schedule_id FROM workflow_schedules"
            " WHERE is_active AND next_execution_at <= now()"
            " ORDER BY next_execution_at LIMIT %s FOR UPDATE SKIP LOCKED)"
            " RETURNING *",
            (limit,),
        )

    def reschedule(self, schedule_id, when):
        """Set the next time."""
        self.db.execute(
            "UPDATE workflow_schedules SET next_execution_at = %s"
            " WHERE schedule_id = %s",
            (when, schedule_id),
        )
