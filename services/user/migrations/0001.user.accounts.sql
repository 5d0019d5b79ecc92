-- Accounts, what people say about themselves, and the sessions that tokens stand for.

CREATE TABLE users (
    id             uuid PRIMARY KEY,
    -- Loose on purpose: what an address must look like is the contract's rule; this keeps out what can be no address.
    email          varchar(254) NOT NULL CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    password_hash  text NOT NULL CHECK (password_hash ~ '^\$2b\$[0-9]{2}\$.{53}$'), -- bcrypt
    first_name     varchar(100) NOT NULL CHECK (btrim(first_name) <> ''),
    last_name      varchar(100) NOT NULL CHECK (btrim(last_name) <> ''),
    phone          varchar(20),
    date_of_birth  date,
    roles          text[] NOT NULL DEFAULT '{}' CHECK (roles <@ ARRAY['staff']),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    last_login     timestamptz,
    email_verified boolean NOT NULL DEFAULT false,
    account_status text NOT NULL DEFAULT 'active' CHECK (account_status IN ('active', 'suspended', 'deleted'))
);

-- One account an address, in any case; a deleted account gives its address back. Also what signing in looks up.
-- Collation "C" folds ASCII alone, as the domain does, whatever the database's locale.
CREATE UNIQUE INDEX users_email ON users (lower(email COLLATE "C")) WHERE account_status <> 'deleted';
CREATE INDEX users_created_at ON users (created_at);
CREATE INDEX users_last_login ON users (last_login);

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

-- Signing in is not a change to the account: an update that sets last_login leaves updated_at alone.
CREATE TRIGGER users_updated_at BEFORE UPDATE ON users
    FOR EACH ROW WHEN (OLD.last_login IS NOT DISTINCT FROM NEW.last_login)
    EXECUTE FUNCTION touch_updated_at();

CREATE TABLE user_profiles (
    user_id     uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    avatar_url  varchar(500),
    bio         text,
    preferences jsonb,
    address     jsonb
);

CREATE TABLE user_sessions (
    id          uuid PRIMARY KEY, -- the token's sid
    user_id     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash  bytea NOT NULL CHECK (octet_length(token_hash) = 32), -- SHA-256 of the token; the token is kept nowhere
    device_info jsonb NOT NULL DEFAULT '{}',
    ip_address  inet,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    revoked     boolean NOT NULL DEFAULT false
);

CREATE INDEX user_sessions_user_id ON user_sessions (user_id);
CREATE INDEX user_sessions_expires_at ON user_sessions (expires_at);
CREATE UNIQUE INDEX user_sessions_token_hash ON user_sessions (token_hash);
