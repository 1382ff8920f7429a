"""Where each blueprint is mounted."""

from handlers import admin, hooks, points, rewards

MOUNTS = (
    (points.bp, "/api/v1/points"),
    (rewards.bp, "/api/v1/rewards"),
    (hooks.bp, "/webhook"),
    (admin.bp, "/api/v1/admin/loyalty"),
)
