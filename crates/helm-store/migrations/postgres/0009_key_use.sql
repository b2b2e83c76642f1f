-- The day on which a key was used last, as its first moment (UTC); NULL for never since this column is there.
ALTER TABLE helm_api_key ADD COLUMN used TIMESTAMPTZ;
