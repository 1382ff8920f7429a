CREATE TABLE IF NOT EXISTS loyalty_balances (
    community_id    bigint NOT NULL,
    user_id         text NOT NULL,
    points          bigint NOT NULL DEFAULT 0,
    lifetime_points bigint NOT NULL DEFAULT 0,
    last_seen       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (community_id, user_id)
);
CREATE TABLE IF NOT EXISTS loyalty_ledger (
    id bigserial PRIMARY KEY,
    community_id bigint NOT NULL,
    user_id text NOT NULL,
    delta bigint NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS loyalty_rewards (
    id bigserial PRIMARY KEY,
    community_id bigint NOT NULL,
    name text NOT NULL,
    cost bigint NOT NULL CHECK (cost > 0),
    stock integer,
    endpoint text,
    sku text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS loyalty_orders (
    id bigserial PRIMARY KEY,
    community_id bigint NOT NULL,
    reward_id bigint NOT NULL REFERENCES loyalty_rewards,
    user_id text NOT NULL,
    cost bigint NOT NULL,
    refunded_at timestamptz
);
CREATE TABLE IF NOT EXISTS loyalty_team_members (
    community_id bigint NOT NULL,
    team_id bigint NOT NULL,
    user_id text NOT NULL,
    joined_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (community_id, team_id, user_id)
);
