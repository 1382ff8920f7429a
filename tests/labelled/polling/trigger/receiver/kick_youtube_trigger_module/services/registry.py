"""Which channel belongs to which community."""

_YOUTUBE = 'channel_id, community_id, title, live_chat_id, lease_expires'


class ChannelRegistry:
    """Reads and writes of youtube_channels and kick_channels."""

    def __init__(self, dal):
        """Keep the database."""
        self._dal = dal

    async def _rows(self, sql, *values):
        """Run a statement and return dicts."""
        return await self._dal.executesql(sql, list(values), as_dict=True)

    async def youtube_channels(self, community_id, limit, offset):
        """List a community's YouTube channels."""
        return await self._rows(
            f'SELECT {_YOUTUBE} FROM youtube_channels WHERE community_id = %s AND is_active'
            ' ORDER BY channel_id LIMIT %s OFFSET %s',
            community_id,
            limit,
            offset,
        )

    async def youtube_owners(self, channel_id):
        """Return every community that follows a YouTube channel."""
        rows = await self._rows(
            'SELECT community_id FROM youtube_channels WHERE channel_id = %s AND is_active',
            channel_id,
        )
        return [row['community_id'] for row in rows]

    async def live_youtube(self):
        """Return the channels that are live, once for each community."""
        return await self._rows(
            f'SELECT {_YOUTUBE} FROM youtube_channels'
            ' WHERE live_chat_id IS NOT NULL AND is_active ORDER BY live_chat_id'
        )

    async def leases_ending(self, seconds):
        """Return the channels whose subscription ends soon."""
        rows = await self._rows(
            'SELECT DISTINCT channel_id FROM youtube_channels WHERE is_active'
            ' AND (lease_expires IS NULL OR lease_expires < now() + make_interval(secs => %s))',
            seconds,
        )
        return [row['channel_id'] for row in rows]

    async def add_youtube(self, community_id, channel_id, title):
        """Register a channel for a community."""
        await self._dal.executesql(
            'INSERT INTO youtube_channels (community_id, channel_id, title, is_active)'
            ' VALUES (%s, %s, %s, TRUE) ON CONFLICT (community_id, channel_id)'
            ' DO UPDATE SET title = EXCLUDED.title, is_active = TRUE',
            [community_id, channel_id, title],
        )

    async def drop_youtube(self, community_id, channel_id):
        """Unregister a channel; tells whether it was there."""
        rows = await self._rows(
            'UPDATE youtube_channels SET is_active = FALSE, live_chat_id = NULL'
            ' WHERE community_id = %s AND channel_id = %s AND is_active RETURNING channel_id',
            community_id,
            channel_id,
        )
        return bool(rows)

    async def set_live(self, channel_id, live_chat_id):
        """Note that a channel went live, or (None) off."""
        await self._dal.executesql(
            'UPDATE youtube_channels SET live_chat_id = %s WHERE channel_id = %s AND is_active',
            [live_chat_id, channel_id],
        )

    async def set_lease(self, channel_id, seconds):
        """Note how long the hub will keep sending."""
        await self._dal.executesql(
            'UPDATE youtube_channels SET lease_expires = now() + make_interval(secs => %s)'
            ' WHERE channel_id = %s',
            [seconds, channel_id],
        )

    async def add_kick(self, community_id, channel_id, chatroom_id):
        """Link a Kick channel; tells whether it was free or already the community's own."""
        rows = await self._rows(
            'INSERT INTO kick_channels (channel_id, chatroom_id, community_id)'
            ' VALUES (%s, %s, %s) ON CONFLICT (channel_id) DO UPDATE'
            ' SET chatroom_id = EXCLUDED.chatroom_id'
            ' WHERE kick_channels.community_id = EXCLUDED.community_id RETURNING channel_id',
            channel_id,
            chatroom_id,
            community_id,
        )
        return bool(rows)

    async def kick_owner(self, channel_id):
        """Return the community of a Kick channel, or None."""
        rows = await self._rows(
            'SELECT community_id FROM kick_channels WHERE channel_id = %s', channel_id
        )
        return rows[0]['community_id'] if rows else None
