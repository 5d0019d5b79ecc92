-- When a profile was made and last changed. A profile is made with its account.
ALTER TABLE user_profiles
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

UPDATE user_profiles SET created_at = users.created_at, updated_at = users.updated_at
    FROM users WHERE users.id = user_profiles.user_id;

CREATE TRIGGER user_profiles_updated_at BEFORE UPDATE ON user_profiles
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
