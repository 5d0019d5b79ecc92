-- A person's sessions are listed newest first; their ids rise with time.

CREATE INDEX user_sessions_user_id_id ON user_sessions (user_id, id);
DROP INDEX user_sessions_user_id;
