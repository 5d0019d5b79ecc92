-- Changes of mail addresses: the new address takes over when it is verified; the old one can take it back for some days.

CREATE TABLE address_changes (
    undo_id    uuid PRIMARY KEY REFERENCES mail_requests (id) ON DELETE CASCADE, -- of the mail to the old address
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    old_email  varchar(254) NOT NULL,
    new_email  varchar(254) NOT NULL,
    status     text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'done', 'withdrawn')),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX address_changes_pending ON address_changes (user_id) WHERE status = 'pending';
CREATE INDEX address_changes_user_id ON address_changes (user_id);
-- An address that its account left lately is nobody else's: it may come back.
CREATE INDEX address_changes_left ON address_changes (lower(old_email COLLATE "C")) WHERE status = 'done';

ALTER TABLE mail_requests DROP CONSTRAINT mail_requests_purpose_check;
ALTER TABLE mail_requests ADD CONSTRAINT mail_requests_purpose_check
    CHECK (purpose IN ('password_reset', 'email_verification', 'email_change'));

-- A newer request voids the one before it; but not the way back of an earlier change.
DROP INDEX mail_requests_open;
CREATE UNIQUE INDEX mail_requests_open ON mail_requests (user_id, purpose)
    WHERE NOT settled AND purpose <> 'email_change';
