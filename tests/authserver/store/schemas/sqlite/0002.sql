BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE clients (
	client_id VARCHAR(200) NOT NULL, 
	origin VARCHAR(16) NOT NULL, 
	document JSON NOT NULL, 
	secret_hash BLOB, 
	introspects TEXT, 
	created_at FLOAT NOT NULL, 
	used_at FLOAT, 
	expires_at FLOAT, 
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
	revoked_for VARCHAR(64), 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
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
CREATE TABLE sessions (
	id_hash BLOB NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	started_at FLOAT NOT NULL, 
	seen_at FLOAT NOT NULL, 
	expires_at FLOAT NOT NULL, 
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
CREATE TABLE transactions (
	handle_hash BLOB NOT NULL, 
	browser_hash BLOB NOT NULL, 
	request JSON NOT NULL, 
	user_id VARCHAR(64), 
	created_at FLOAT NOT NULL, 
	expires_at FLOAT NOT NULL, 
	finished_at FLOAT, 
	PRIMARY KEY (handle_hash), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE users (
	id VARCHAR(64) NOT NULL, 
	username VARCHAR(200) NOT NULL, 
	password_hash TEXT NOT NULL, 
	display_name TEXT, 
	scopes JSON NOT NULL, 
	roles JSON NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	created_at FLOAT NOT NULL, 
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
COMMIT;
