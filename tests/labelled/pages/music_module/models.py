"""Request bodies, checked by pydantic."""

from pydantic import BaseModel, Field


class QueueRequest(BaseModel):
    """Put a track in the queue."""

    user_id: str = Field(pattern=r"^[a-z]+:\d+$")
    track_uri: str = Field(pattern=r"^spotify:track:[A-Za-z0-9]{22}$")


class SkipVote(BaseModel):
    """One vote to skip the current track."""

    user_id: str = Field(pattern=r"^[a-z]+:\d+$")


class PlaylistRequest(BaseModel):
    """Create a playlist."""

    name: str = Field(min_length=1, max_length=80)
    public: bool = False


class SearchQuery(BaseModel):
    """Query string of the library search."""

    q: str = Field(min_length=2, max_length=60)
    limit: int = Field(default=20, ge=1, le=50)
    artist: str | None = Field(default=None, max_length=60)
