"""Playlists and the local track library."""

from services import store


def _matches(column, term):
    return f"{column} ILIKE '%{term}%'"


async def search(community, query):
    """Find tracks the community has played before."""
    where = "community_id = $1 AND " + _matches("title", query.q)
    return await store.db().fetch(
        f"SELECT track_id, title, artist FROM music_tracks WHERE {where} LIMIT $2",
        community,
        query.limit,
    )


async def history(community, user=None, artist=None, limit=50):
    """Return the last plays, narrowed down when asked."""
    clauses, args = ["community_id = $1"], [community]
    for column, value in (("user_id", user), ("artist", artist)):
        if value:
            args.append(value)
            clauses.append(f"{column} = ${len(args)}")
    args.append(limit)
    return await store.db().fetch(
        f"SELECT * FROM music_plays WHERE {' AND '.join(clauses)}"
        f" ORDER BY played_at DESC LIMIT ${len(args)}",
        *args,
    )


async def create_playlist(community, name, public):
    """Create a playlist and return its id."""
    return await store.db().fetchval(
        "INSERT INTO music_playlists (community_id, name, public)"
        " VALUES ($1, $2, $3) RETURNING id",
        community,
        name,
        public,
    )


async def drop_playlist(playlist):
    """Delete a playlist and its tracks."""
    async with store.db().acquire() as conn, conn.transaction():
        await conn.execute(
            "DELETE FROM music_playlist_tracks WHERE playlist_id = $1", playlist
        )
        return await conn.execute("DELETE FROM music_playlists WHERE id = $1", playlist)


async def linked_communities():
    """Return the communities with an account and their settings."""
    return await store.db().fetch(
        "SELECT a.community_id, s.announce FROM music_accounts a"
        " LEFT JOIN music_settings s USING (community_id)"
    )
