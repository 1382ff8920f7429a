CREATE TABLE IF NOT EXISTS discord_guilds (
    guild_id varchar(32) NOT NULL,
    community_id integer NOT NULL,
    name varchar(255),
    PRIMARY KEY (guild_id, community_id)
);
CREATE TABLE IF NOT EXISTS discord_channels (
    channel_id varchar(32) PRIMARY KEY,
    guild_id varchar(32) NOT NULL
);
CREATE TABLE IF NOT EXISTS discord_actions (
    id bigserial PRIMARY KEY,
    community_id integer NOT NULL,
    action_type varchar(50) NOT NULL,
    guild_id varchar(32),
    channel_id varchar(32),
    user_id varchar(64),
    success boolean NOT NULL,
    error_message text,
    request_data jsonb,
    response_data jsonb,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS discord_actions_community
    ON discord_actions (community_id, id DESC);
