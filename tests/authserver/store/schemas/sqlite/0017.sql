BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0017');
CREATE TABLE clients (
	client_id VARCHAR(200) NOT NULL, 
	origin VARCHAR(16) NOT NULL, 
	document JSON NOT NULL, 
	secret_hash BLOB, 
	introspects TEXT, 
	created_at FLOAT NOT NULL, 
	used_at FLOAT, 
	expires_at FLOAT, digest BLOB, 
	PRIMARY KEY (client_id)
);
CREATE TABLE codes (
	code_hash BLOB NOT NULL, 
	grant_id VARCHAR(64) NOT NULL, 
	client_id VARCHAR(2048) NOT NULL, 
	redirect_uri VARCHAR(2048) NOT NULL, 
	resource VARCHAR(2048) NOT NULL, 
	challenge VARCHAR(43) NOT NULL, 
	issued_at FLOAT NOT NULL, 
	expires_at FLOAT NOT NULL, 
	claimed_at FLOAT, 
	attempts INTEGER NOT NULL, 
	PRIMARY KEY (code_hash), 
	FOREIGN KEY(grant_id) REFERENCES grants (id) ON DELETE CASCADE
);
CREATE TABLE connect_links (
	handle_hash BLOB NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	resource VARCHAR(2048) NOT NULL, 
	provider VARCHAR(64) NOT NULL, 
	created_at FLOAT NOT NULL, 
	expires_at FLOAT NOT NULL, 
	claimed_at FLOAT, 
	PRIMARY KEY (handle_hash), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE consents (
	digest BLOB NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	client_id VARCHAR(2048) NOT NULL, 
	redirect_uri VARCHAR(2048) NOT NULL, 
	resource VARCHAR(2048) NOT NULL, 
	scopes JSON NOT NULL, 
	shown BLOB NOT NULL, 
	given_at FLOAT NOT NULL, 
	PRIMARY KEY (digest), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE ended_provider_tokens (
	id VARCHAR(64) NOT NULL, 
	provider VARCHAR(64) NOT NULL, 
	issuer TEXT NOT NULL, 
	client_id TEXT NOT NULL, 
	sealed_tokens BLOB NOT NULL, 
	sealing_key_id VARCHAR(64) NOT NULL, 
	retry_at FLOAT NOT NULL, 
	expires_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE grants (
	id VARCHAR(64) NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	client_id VARCHAR(2048) NOT NULL, 
	redirect_uri VARCHAR(2048) NOT NULL, 
	resource VARCHAR(2048) NOT NULL, 
	scopes JSON NOT NULL, 
	created_at FLOAT NOT NULL, 
	expires_at FLOAT NOT NULL, 
	revoked_at FLOAT, 
	revoked_for VARCHAR(64), tokens_until FLOAT, provider_session_id VARCHAR(64), client_name TEXT, browser VARCHAR(40), last_used_at FLOAT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE known_browsers (
	id_hash BLOB NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	signed_in_at FLOAT NOT NULL, 
	expires_at FLOAT NOT NULL, 
	PRIMARY KEY (id_hash, user_id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE provider_accounts (
	digest BLOB NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	issuer TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	email TEXT, 
	signed_in_at FLOAT NOT NULL, 
	PRIMARY KEY (digest), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE provider_connections (
	id VARCHAR(64) NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	resource VARCHAR(2048) NOT NULL, 
	provider VARCHAR(64) NOT NULL, 
	issuer TEXT NOT NULL, 
	client_id TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	account TEXT NOT NULL, 
	sealed_tokens BLOB NOT NULL, 
	sealing_key_id VARCHAR(64) NOT NULL, 
	created_at FLOAT NOT NULL, 
	last_used_at FLOAT, 
	check_due_at FLOAT NOT NULL, 
	refreshing_until FLOAT, sid TEXT, acr TEXT, amr JSON, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE provider_logins (
	state_hash BLOB NOT NULL, 
	provider VARCHAR(64) NOT NULL, 
	browser_hash BLOB NOT NULL, 
	sealed_leg BLOB NOT NULL, 
	created_at FLOAT NOT NULL, 
	expires_at FLOAT NOT NULL, 
	claimed_at FLOAT, 
	PRIMARY KEY (state_hash)
);
CREATE TABLE provider_sessions (
	id VARCHAR(64) NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	provider VARCHAR(64) NOT NULL, 
	issuer TEXT NOT NULL, 
	client_id TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	sid TEXT, 
	sealed_tokens BLOB NOT NULL, 
	created_at FLOAT NOT NULL, 
	checked_at FLOAT NOT NULL, 
	check_due_at FLOAT NOT NULL, 
	refreshing_until FLOAT, 
	expires_at FLOAT NOT NULL, 
	ended_at FLOAT, 
	ended_for VARCHAR(64), sealing_key_id VARCHAR(64) DEFAULT '' NOT NULL, acr TEXT, amr JSON, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE rate_counters (
	digest BLOB NOT NULL, 
	count INTEGER NOT NULL, 
	expires_at FLOAT NOT NULL, 
	PRIMARY KEY (digest)
);
CREATE TABLE refresh_tokens (
	token_hash BLOB NOT NULL, 
	grant_id VARCHAR(64) NOT NULL, 
	issued_at FLOAT NOT NULL, 
	expires_at FLOAT NOT NULL, 
	rotated_at FLOAT, 
	successor_hash BLOB, 
	sealed_answer BLOB, 
	PRIMARY KEY (token_hash), 
	FOREIGN KEY(grant_id) REFERENCES grants (id) ON DELETE CASCADE
);
CREATE TABLE revoked_tokens (
	token_id VARCHAR(200) NOT NULL, 
	expires_at FLOAT NOT NULL, 
	PRIMARY KEY (token_id)
);
CREATE TABLE sealing_keys (
	id VARCHAR(64) NOT NULL, 
	sealed_key BLOB NOT NULL, 
	created_at FLOAT NOT NULL, 
	retired_at FLOAT, 
	PRIMARY KEY (id)
);
CREATE TABLE sessions (
	id_hash BLOB NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	started_at FLOAT NOT NULL, 
	seen_at FLOAT NOT NULL, 
	expires_at FLOAT NOT NULL, provider_session_id VARCHAR(64), 
	PRIMARY KEY (id_hash), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE signing_keys (
	kid VARCHAR(64) NOT NULL, 
	algorithm VARCHAR(16) NOT NULL, 
	sealed_key BLOB NOT NULL, 
	created_at FLOAT NOT NULL, 
	retired_at FLOAT, 
	needed_until FLOAT, 
	PRIMARY KEY (kid)
);
CREATE TABLE spent_assertions (
	digest BLOB NOT NULL, 
	expires_at FLOAT NOT NULL, 
	PRIMARY KEY (digest)
);
CREATE TABLE transactions (
	handle_hash BLOB NOT NULL, 
	browser_hash BLOB NOT NULL, 
	request JSON NOT NULL, 
	user_id VARCHAR(64), 
	created_at FLOAT NOT NULL, 
	expires_at FLOAT NOT NULL, 
	finished_at FLOAT, consent JSON, 
	PRIMARY KEY (handle_hash), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE users (
	id VARCHAR(64) NOT NULL, 
	username VARCHAR(200) NOT NULL, 
	display_name TEXT, 
	scopes JSON NOT NULL, 
	roles JSON NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	created_at FLOAT NOT NULL, password_hash TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (username)
);
CREATE INDEX clients_expiry ON clients (expires_at);
CREATE INDEX grants_expiry ON grants (expires_at);
CREATE INDEX grants_party ON grants (user_id, client_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX transactions_expiry ON transactions (expires_at);
CREATE INDEX codes_challenge ON codes (client_id, challenge);
CREATE INDEX codes_expiry ON codes (expires_at);
CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);
CREATE INDEX consents_party ON consents (user_id, client_id);
CREATE INDEX known_browsers_expiry ON known_browsers (expires_at);
CREATE INDEX known_browsers_user ON known_browsers (user_id);
CREATE INDEX grants_provider_session ON grants (provider_session_id);
CREATE INDEX provider_accounts_user ON provider_accounts (user_id);
CREATE INDEX provider_logins_expiry ON provider_logins (expires_at);
CREATE INDEX provider_sessions_user ON provider_sessions (user_id);
CREATE INDEX provider_sessions_expiry ON provider_sessions (expires_at);
CREATE INDEX spent_assertions_expiry ON spent_assertions (expires_at);
CREATE UNIQUE INDEX clients_digest ON clients (digest);
CREATE INDEX provider_sessions_subject ON provider_sessions (subject);
CREATE INDEX provider_sessions_sid ON provider_sessions (sid);
CREATE INDEX provider_sessions_sealing_key ON provider_sessions (sealing_key_id);
CREATE INDEX provider_connections_user ON provider_connections (user_id);
CREATE INDEX provider_connections_sealing_key ON provider_connections (sealing_key_id);
CREATE INDEX connect_links_user ON connect_links (user_id);
CREATE INDEX connect_links_expiry ON connect_links (expires_at);
CREATE INDEX rate_counters_expiry ON rate_counters (expires_at);
CREATE INDEX ended_provider_tokens_retry ON ended_provider_tokens (retry_at);
CREATE INDEX ended_provider_tokens_expiry ON ended_provider_tokens (expires_at);
CREATE INDEX ended_provider_tokens_sealing_key ON ended_provider_tokens (sealing_key_id);
CREATE INDEX provider_connections_subject ON provider_connections (subject);
CREATE INDEX refresh_tokens_rotated ON refresh_tokens (rotated_at) WHERE rotated_at IS NOT NULL;
COMMIT;
