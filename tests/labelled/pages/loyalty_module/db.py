"""Thin layer over a psycopg2 connection pool."""

import time
from contextlib import contextmanager

import psycopg2
import psycopg2.extras
import psycopg2.pool

_pool = None


def init_pool(cfg, attempts=5):
    """Open the pool, waiting a little for Postgres when it starts with us."""
    global _pool
    for attempt in range(1, attempts + 1):
        try:
            _pool = psycopg2.pool.ThreadedConnectionPool(
                1,
                10,
                host=cfg["DB_HOST"],
                port=cfg["DB_PORT"],
                dbname=cfg["DB_NAME"],
                user=cfg["DB_USER"],
                password=cfg["DB_PASSWORD"],
                connect_timeout=5,
            )
            return _pool
        except psycopg2.OperationalError:
            if attempt == attempts:
                raise
            time.sleep(attempt)


@contextmanager
def cursor():
    """Borrow a connection; commit on success, roll back on any error."""
    conn = _pool.getconn()
    try:
        with conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cur:
            yield cur
        conn.commit()
    except Exception:
        conn.rollback()
        raise
    finally:
        _pool.putconn(conn)


def fetch_all(sql, params=()):
    """Run a query and return every row as a dict."""
    with cursor() as cur:
        cur.execute(sql, params)
        return cur.fetchall()


def fetch_one(sql, params=()):
    """Run a query and return the first row, or None."""
    with cursor() as cur:
        cur.execute(sql, params)
        return cur.fetchone()


def ping():
    """Tell whether the database answers."""
    try:
        return fetch_one("SELECT 1 AS ok")["ok"] == 1
    except psycopg2.Error:
        return False
