"""The calls we make to YouTube. The key travels in a header, so that no URL holds it."""

from urllib.parse import urlencode

from config import Config


class YouTubeApi:
    """Reads of the Data API."""

    def __init__(self, http):
        """Keep the client."""
        self._http = http

    async def _get(self, resource, **params):
        """Read one resource."""
        reply = await self._http.get(
            f'{Config.YOUTUBE_API}/{resource}?{urlencode(params)}',
            headers={'X-Goog-Api-Key': Config.YOUTUBE_API_KEY},
        )
        reply.raise_for_status()
        return reply.json()

    async def channel_title(self, channel_id):
        """Return a channel's title, or None if there is no such channel."""
        found = (await self._get('channels', part='snippet', id=channel_id)).get('items', [])
        return found[0]['snippet']['title'] if found else None

    async def broadcast(self, video_id):
        """Return what is known of a live broadcast, or None."""
        found = await self._get('videos', part='snippet,liveStreamingDetails', id=video_id)
        if not found.get('items'):
            return None
        item = found['items'][0]
        live = item.get('liveStreamingDetails', {})
        return {
            'video_id': video_id,
            'channel_id': item['snippet']['channelId'],
            'title': item['snippet']['title'],
            'live_chat_id': live.get('activeLiveChatId'),
            'ended': 'actualEndTime' in live,
        }

    async def chat_page(self, live_chat_id, page_token=None):
        """Return one page of a chat, and the mark of the next."""
        params = {'part': 'snippet,authorDetails', 'liveChatId': live_chat_id, 'maxResults': 200}
        if page_token:
            params['pageToken'] = page_token
        page = await self._get('liveChat/messages', **params)
        return page.get('items', []), page.get('nextPageToken')
