SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.clients (
    client_id character varying(200) NOT NULL,
    origin character varying(16) NOT NULL,
    document json NOT NULL,
    secret_hash bytea,
    introspects text,
    created_at double precision NOT NULL,
    used_at double precision,
    expires_at double precision,
    digest bytea
);
CREATE TABLE public.codes (
    code_hash bytea NOT NULL,
    grant_id character varying(64) NOT NULL,
    client_id character varying(2048) NOT NULL,
    redirect_uri character varying(2048) NOT NULL,
    resource character varying(2048) NOT NULL,
    challenge character varying(43) NOT NULL,
    issued_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    claimed_at double precision,
    attempts integer NOT NULL
);
CREATE TABLE public.connect_links (
    handle_hash bytea NOT NULL,
    user_id character varying(64) NOT NULL,
    resource character varying(2048) NOT NULL,
    provider character varying(64) NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    claimed_at double precision
);
CREATE TABLE public.consents (
    digest bytea NOT NULL,
    user_id character varying(64) NOT NULL,
    client_id character varying(2048) NOT NULL,
    redirect_uri character varying(2048) NOT NULL,
    resource character varying(2048) NOT NULL,
    scopes json NOT NULL,
    shown bytea NOT NULL,
    given_at double precision NOT NULL
);
CREATE TABLE public.ended_provider_tokens (
    id character varying(64) NOT NULL,
    provider character varying(64) NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    sealed_tokens bytea NOT NULL,
    sealing_key_id character varying(64) NOT NULL,
    retry_at double precision NOT NULL,
    expires_at double precision NOT NULL
);
CREATE TABLE public.grants (
    id character varying(64) NOT NULL,
    user_id character varying(64) NOT NULL,
    client_id character varying(2048) NOT NULL,
    redirect_uri character varying(2048) NOT NULL,
    resource character varying(2048) NOT NULL,
    scopes json NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    revoked_at double precision,
    revoked_for character varying(64),
    tokens_until double precision,
    provider_session_id character varying(64),
    client_name text,
    browser character varying(40),
    last_used_at double precision
);
CREATE TABLE public.known_browsers (
    id_hash bytea NOT NULL,
    user_id character varying(64) NOT NULL,
    signed_in_at double precision NOT NULL,
    expires_at double precision NOT NULL
);
CREATE TABLE public.provider_accounts (
    digest bytea NOT NULL,
    user_id character varying(64) NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    email text,
    signed_in_at double precision NOT NULL
);
CREATE TABLE public.provider_connections (
    id character varying(64) NOT NULL,
    user_id character varying(64) NOT NULL,
    resource character varying(2048) NOT NULL,
    provider character varying(64) NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    subject text NOT NULL,
    account text NOT NULL,
    sealed_tokens bytea NOT NULL,
    sealing_key_id character varying(64) NOT NULL,
    created_at double precision NOT NULL,
    last_used_at double precision,
    check_due_at double precision NOT NULL,
    refreshing_until double precision,
    sid text,
    acr text,
    amr json
);
CREATE TABLE public.provider_logins (
    state_hash bytea NOT NULL,
    provider character varying(64) NOT NULL,
    browser_hash bytea NOT NULL,
    sealed_leg bytea NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    claimed_at double precision
);
CREATE TABLE public.provider_sessions (
    id character varying(64) NOT NULL,
    user_id character varying(64) NOT NULL,
    provider character varying(64) NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    subject text NOT NULL,
    sid text,
    sealed_tokens bytea NOT NULL,
    created_at double precision NOT NULL,
    checked_at double precision NOT NULL,
    check_due_at double precision NOT NULL,
    refreshing_until double precision,
    expires_at double precision NOT NULL,
    ended_at double precision,
    ended_for character varying(64),
    sealing_key_id character varying(64) DEFAULT ''::character varying NOT NULL,
    acr text,
    amr json
);
CREATE UNLOGGED TABLE public.rate_counters (
    digest bytea NOT NULL,
    count integer NOT NULL,
    expires_at double precision NOT NULL
);
CREATE TABLE public.refresh_tokens (
    token_hash bytea NOT NULL,
    grant_id character varying(64) NOT NULL,
    issued_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    rotated_at double precision,
    successor_hash bytea,
    sealed_answer bytea
);
CREATE TABLE public.revoked_tokens (
    token_id character varying(200) NOT NULL,
    expires_at double precision NOT NULL
);
CREATE TABLE public.sealing_keys (
    id character varying(64) NOT NULL,
    sealed_key bytea NOT NULL,
    created_at double precision NOT NULL,
    retired_at double precision
);
CREATE TABLE public.sessions (
    id_hash bytea NOT NULL,
    user_id character varying(64) NOT NULL,
    started_at double precision NOT NULL,
    seen_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    provider_session_id character varying(64)
);
CREATE TABLE public.signing_keys (
    kid character varying(64) NOT NULL,
    algorithm character varying(16) NOT NULL,
    sealed_key bytea NOT NULL,
    created_at double precision NOT NULL,
    retired_at double precision,
    needed_until double precision
);
CREATE TABLE public.spent_assertions (
    digest bytea NOT NULL,
    expires_at double precision NOT NULL
);
CREATE TABLE public.transactions (
    handle_hash bytea NOT NULL,
    browser_hash bytea NOT NULL,
    request json NOT NULL,
    user_id character varying(64),
    created_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    finished_at double precision,
    consent json
);
CREATE TABLE public.users (
    id character varying(64) NOT NULL,
    username character varying(200) NOT NULL,
    display_name text,
    scopes json NOT NULL,
    roles json NOT NULL,
    disabled boolean NOT NULL,
    created_at double precision NOT NULL,
    password_hash text
);
INSERT INTO public.alembic_version VALUES ('0015');
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.clients
    ADD CONSTRAINT clients_pkey PRIMARY KEY (client_id);
ALTER TABLE ONLY public.codes
    ADD CONSTRAINT codes_pkey PRIMARY KEY (code_hash);
ALTER TABLE ONLY public.connect_links
    ADD CONSTRAINT connect_links_pkey PRIMARY KEY (handle_hash);
ALTER TABLE ONLY public.consents
    ADD CONSTRAINT consents_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.ended_provider_tokens
    ADD CONSTRAINT ended_provider_tokens_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.grants
    ADD CONSTRAINT grants_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.known_browsers
    ADD CONSTRAINT known_browsers_pkey PRIMARY KEY (id_hash, user_id);
ALTER TABLE ONLY public.provider_accounts
    ADD CONSTRAINT provider_accounts_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.provider_connections
    ADD CONSTRAINT provider_connections_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.provider_logins
    ADD CONSTRAINT provider_logins_pkey PRIMARY KEY (state_hash);
ALTER TABLE ONLY public.provider_sessions
    ADD CONSTRAINT provider_sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.rate_counters
    ADD CONSTRAINT rate_counters_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash);
ALTER TABLE ONLY public.revoked_tokens
    ADD CONSTRAINT revoked_tokens_pkey PRIMARY KEY (token_id);
ALTER TABLE ONLY public.sealing_keys
    ADD CONSTRAINT sealing_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id_hash);
ALTER TABLE ONLY public.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (kid);
ALTER TABLE ONLY public.spent_assertions
    ADD CONSTRAINT spent_assertions_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.transactions
    ADD CONSTRAINT transactions_pkey PRIMARY KEY (handle_hash);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_username_key UNIQUE (username);
CREATE UNIQUE INDEX clients_digest ON public.clients USING btree (digest);
CREATE INDEX clients_expiry ON public.clients USING btree (expires_at);
CREATE INDEX codes_challenge ON public.codes USING btree (client_id, challenge);
CREATE INDEX codes_expiry ON public.codes USING btree (expires_at);
CREATE INDEX connect_links_expiry ON public.connect_links USING btree (expires_at);
CREATE INDEX connect_links_user ON public.connect_links USING btree (user_id);
CREATE INDEX consents_party ON public.consents USING btree (user_id, client_id);
CREATE INDEX ended_provider_tokens_expiry ON public.ended_provider_tokens USING btree (expires_at);
CREATE INDEX ended_provider_tokens_retry ON public.ended_provider_tokens USING btree (retry_at);
CREATE INDEX ended_provider_tokens_sealing_key ON public.ended_provider_tokens USING btree (sealing_key_id);
CREATE INDEX grants_expiry ON public.grants USING btree (expires_at);
CREATE INDEX grants_party ON public.grants USING btree (user_id, client_id);
CREATE INDEX grants_provider_session ON public.grants USING btree (provider_session_id);
CREATE INDEX known_browsers_expiry ON public.known_browsers USING btree (expires_at);
CREATE INDEX known_browsers_user ON public.known_browsers USING btree (user_id);
CREATE INDEX provider_accounts_user ON public.provider_accounts USING btree (user_id);
CREATE INDEX provider_connections_sealing_key ON public.provider_connections USING btree (sealing_key_id);
CREATE INDEX provider_connections_subject ON public.provider_connections USING btree (subject);
CREATE INDEX provider_connections_user ON public.provider_connections USING btree (user_id);
CREATE INDEX provider_logins_expiry ON public.provider_logins USING btree (expires_at);
CREATE INDEX provider_sessions_expiry ON public.provider_sessions USING btree (expires_at);
CREATE INDEX provider_sessions_sealing_key ON public.provider_sessions USING btree (sealing_key_id);
CREATE INDEX provider_sessions_sid ON public.provider_sessions USING btree (sid);
CREATE INDEX provider_sessions_subject ON public.provider_sessions USING btree (subject);
CREATE INDEX provider_sessions_user ON public.provider_sessions USING btree (user_id);
CREATE INDEX rate_counters_expiry ON public.rate_counters USING btree (expires_at);
CREATE INDEX refresh_tokens_grant ON public.refresh_tokens USING btree (grant_id);
CREATE INDEX sessions_expiry ON public.sessions USING btree (expires_at);
CREATE INDEX spent_assertions_expiry ON public.spent_assertions USING btree (expires_at);
CREATE INDEX transactions_expiry ON public.transactions USING btree (expires_at);
ALTER TABLE ONLY public.codes
    ADD CONSTRAINT codes_grant_id_fkey FOREIGN KEY (grant_id) REFERENCES public.grants(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.connect_links
    ADD CONSTRAINT connect_links_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.consents
    ADD CONSTRAINT consents_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.grants
    ADD CONSTRAINT grants_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.known_browsers
    ADD CONSTRAINT known_browsers_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.provider_accounts
    ADD CONSTRAINT provider_accounts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.provider_connections
    ADD CONSTRAINT provider_connections_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.provider_sessions
    ADD CONSTRAINT provider_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_grant_id_fkey FOREIGN KEY (grant_id) REFERENCES public.grants(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.transactions
    ADD CONSTRAINT transactions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
