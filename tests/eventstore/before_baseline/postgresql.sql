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
CREATE FUNCTION public.append_entries(members integer[], accounts text[], streams text[], versions integer[], names text[], ats bigint[], bys text[], causes text[], befores text[], statuses text[], domains text[], moved bigint[], bodies bytea[], personals bytea[], digests bytea[], key_members integer[], key_accounts text[], key_names text[], key_values bytea[], data_members integer[], data_streams text[], data_wrapped bytea[]) RETURNS TABLE(member integer, last_position bigint, taken_account text, taken_key text, taken_value bytea)
    LANGUAGE plpgsql
    AS $$
DECLARE
    refused int[];
    head bigint;
    last_seal bytea;
    sealed bytea;
    added bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(7305000);
    SELECT array_agg(DISTINCT c.m) INTO refused FROM (
        SELECT f.m FROM (
            SELECT r.m, r.s, min(r.v) AS v FROM unnest(members, streams, versions) AS r (m, s, v)
            GROUP BY r.m, r.s
        ) f
        WHERE f.v - 1 <> coalesce((SELECT max(e.version) FROM events e WHERE e.stream = f.s), 0)
        UNION ALL
        SELECT k.m FROM unnest(key_members, key_accounts, key_names) AS k (m, a, n)
        JOIN request_keys t ON t.account = k.a AND t.key = k.n
    ) c;
    refused := coalesce(refused, '{}');
    SELECT coalesce(max(e.position), 0) INTO head FROM events e;
    INSERT INTO events (position, account, stream, version, name, at, by, cause, status_before,
                        status, domain, moved_before_at, body, personal, digest)
    SELECT head + row_number() OVER (ORDER BY r.ord), r.a, r.s, r.v, r.n, r.t, r.b, r.c, r.sb,
           r.st, r.d, r.mb, r.body, r.personal, r.digest
    FROM unnest(members, accounts, streams, versions, names, ats, bys, causes, befores, statuses,
                domains, moved, bodies, personals, digests) WITH ORDINALITY
         AS r (m, a, s, v, n, t, b, c, sb, st, d, mb, body, personal, digest, ord)
    WHERE NOT r.m = ANY (refused)
    ORDER BY r.ord;
    GET DIAGNOSTICS added = ROW_COUNT;
    IF added > 0 THEN
        INSERT INTO request_keys (account, key, value)
        SELECT k.a, k.n, k.v FROM unnest(key_members, key_accounts, key_names, key_values)
            AS k (m, a, n, v) WHERE NOT k.m = ANY (refused);
        INSERT INTO data_keys (stream, wrapped)
        SELECT k.s, k.w FROM unnest(data_members, data_streams, data_wrapped) AS k (m, s, w)
        WHERE NOT k.m = ANY (refused);
        SELECT s.seal INTO last_seal FROM seals s ORDER BY s.position_to DESC LIMIT 1;
        SELECT string_agg(r.digest, ''::bytea ORDER BY r.ord) INTO sealed
        FROM unnest(members, digests) WITH ORDINALITY AS r (m, digest, ord)
        WHERE NOT r.m = ANY (refused);
        INSERT INTO seals (position_to, position_from, seal)
        VALUES (head + added, head + 1, sha256(coalesce(last_seal, ''::bytea) || sealed));
        PERFORM pg_notify('ledger', (head + added)::text);
    END IF;
    RETURN QUERY
        SELECT w.m, CASE WHEN w.m = ANY (refused) THEN NULL ELSE w.last END,
               t.account, t.key, t.value
        FROM (
            SELECT r.m, head + max(r.rank) AS last FROM (
                SELECT u.m, sum(CASE WHEN u.m = ANY (refused) THEN 0 ELSE 1 END)
                       OVER (ORDER BY u.ord)::bigint AS rank
                FROM unnest(members) WITH ORDINALITY AS u (m, ord)
            ) r GROUP BY r.m
        ) w
        LEFT JOIN LATERAL (
            SELECT q.account, q.key, q.value
            FROM unnest(key_members, key_accounts, key_names) AS k (m, a, n)
            JOIN request_keys q ON q.account = k.a AND q.key = k.n
            WHERE k.m = w.m AND w.m = ANY (refused) LIMIT 1
        ) t ON true;
END
$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.app_keys (
    app_key text NOT NULL,
    account text NOT NULL,
    role text NOT NULL,
    token_hash bytea NOT NULL,
    created_at bigint NOT NULL,
    revoked_at bigint,
    former_hash bytea,
    former_until bigint
);
CREATE TABLE public.attempts (
    app_key text NOT NULL,
    "position" bigint NOT NULL,
    attempt integer NOT NULL,
    at bigint NOT NULL,
    duration bigint NOT NULL,
    outcome text NOT NULL,
    order_id text,
    next_at bigint
);
CREATE TABLE public.calls (
    id text NOT NULL,
    account text NOT NULL,
    order_id text NOT NULL,
    version integer NOT NULL,
    "position" bigint NOT NULL,
    number integer NOT NULL,
    party text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    body bytea NOT NULL,
    state text NOT NULL,
    produced_at bigint NOT NULL,
    since bigint NOT NULL,
    due_at bigint NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    last_error text,
    skip_reason text,
    settled_at bigint,
    claim text,
    claimed_until bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.cursors (
    id text NOT NULL,
    "position" bigint NOT NULL,
    token bigint DEFAULT '0'::bigint NOT NULL,
    leased_until bigint DEFAULT '0'::bigint NOT NULL,
    holder text,
    shape integer DEFAULT 0 NOT NULL,
    replaying_until bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.data_keys (
    stream text NOT NULL,
    wrapped bytea NOT NULL
);
CREATE TABLE public.dead_letters (
    cursor text NOT NULL,
    "position" bigint NOT NULL,
    order_id text NOT NULL,
    why text NOT NULL,
    at bigint NOT NULL,
    content text NOT NULL
);
CREATE TABLE public.deliveries (
    app_key text NOT NULL,
    "position" bigint NOT NULL,
    event_id text NOT NULL,
    order_id text NOT NULL,
    notice text NOT NULL,
    produced_at bigint NOT NULL,
    due_at bigint NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    replayed boolean DEFAULT false NOT NULL
);
CREATE TABLE public.due_times (
    account text NOT NULL,
    order_id text NOT NULL,
    what text NOT NULL,
    due_at bigint NOT NULL
);
CREATE TABLE public.events (
    "position" bigint NOT NULL,
    account text NOT NULL,
    stream text NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    at bigint NOT NULL,
    by text NOT NULL,
    cause text,
    status_before text,
    status text,
    domain text,
    moved_before_at bigint,
    body bytea NOT NULL,
    personal bytea,
    digest bytea NOT NULL
);
ALTER TABLE ONLY public.events ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE public.export_pieces (
    id text NOT NULL,
    piece integer NOT NULL,
    content bytea NOT NULL
);
CREATE TABLE public.exports (
    id text NOT NULL,
    account text NOT NULL,
    by text NOT NULL,
    format text NOT NULL,
    question text NOT NULL,
    manner text NOT NULL,
    state text NOT NULL,
    total bigint NOT NULL,
    orders bigint NOT NULL,
    missing text NOT NULL,
    after_created bigint,
    after_id text,
    pieces integer NOT NULL,
    created_at bigint NOT NULL,
    finished_at bigint
);
CREATE TABLE public.external_sellers (
    account text NOT NULL,
    seller text NOT NULL,
    url text NOT NULL,
    credentials bytea NOT NULL,
    configured_at bigint NOT NULL
);
CREATE TABLE public.feed_items (
    app_key text NOT NULL,
    "position" bigint NOT NULL,
    event_id text NOT NULL,
    order_id text NOT NULL,
    domain text,
    state text,
    last_state text,
    last_change bigint,
    current_change bigint NOT NULL,
    produced_at bigint NOT NULL,
    visible_at bigint NOT NULL,
    retrievals integer DEFAULT 0 NOT NULL,
    replayed boolean DEFAULT false NOT NULL
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.02');
CREATE TABLE public.feeds (
    app_key text NOT NULL,
    account text NOT NULL,
    filter text NOT NULL,
    visibility integer NOT NULL,
    retention integer NOT NULL,
    generation text NOT NULL,
    created_at bigint NOT NULL,
    last_item_at bigint NOT NULL
);
CREATE TABLE public.fired (
    cursor text NOT NULL,
    order_id text NOT NULL,
    "position" bigint NOT NULL
);
CREATE TABLE public.gateways (
    account text NOT NULL,
    url text NOT NULL,
    credentials bytea NOT NULL,
    configured_at bigint NOT NULL
);
CREATE TABLE public.hooks (
    app_key text NOT NULL,
    account text NOT NULL,
    filter text NOT NULL,
    url text NOT NULL,
    headers bytea NOT NULL,
    secret bytea NOT NULL,
    generation text NOT NULL,
    created_at bigint NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    opens_at bigint DEFAULT '0'::bigint NOT NULL,
    last_notice_at bigint NOT NULL,
    former_secret bytea,
    former_until bigint DEFAULT '0'::bigint NOT NULL,
    paused_at bigint,
    resumed_at bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.judgings (
    cursor text NOT NULL,
    judged bigint NOT NULL,
    passed bigint NOT NULL,
    failed bigint NOT NULL,
    micros bigint NOT NULL,
    last_failure text,
    last_failure_position bigint,
    last_failure_at bigint
);
CREATE TABLE public.order_figures (
    account text NOT NULL,
    kind text NOT NULL,
    span text NOT NULL,
    term text NOT NULL COLLATE pg_catalog."C",
    bucket integer NOT NULL,
    status text NOT NULL,
    origin text NOT NULL,
    currency text NOT NULL,
    count bigint NOT NULL,
    value_sum bigint NOT NULL,
    value_squares_high bigint NOT NULL,
    value_squares_low bigint NOT NULL,
    value_min bigint NOT NULL,
    value_min_count bigint NOT NULL,
    value_max bigint NOT NULL,
    value_max_count bigint NOT NULL,
    items_sum bigint NOT NULL,
    items_squares_high bigint NOT NULL,
    items_squares_low bigint NOT NULL,
    items_min bigint NOT NULL,
    items_min_count bigint NOT NULL,
    items_max bigint NOT NULL,
    items_max_count bigint NOT NULL
);
CREATE TABLE public.order_terms (
    account text NOT NULL,
    order_id text NOT NULL,
    kind text NOT NULL,
    term text NOT NULL COLLATE pg_catalog."C",
    shown text NOT NULL
);
CREATE TABLE public.order_views (
    account text NOT NULL,
    order_id text NOT NULL,
    version integer NOT NULL,
    order_group text NOT NULL,
    sequence bigint NOT NULL,
    complete boolean NOT NULL,
    status text,
    created_at bigint NOT NULL,
    authorized_at bigint,
    approved_at bigint,
    ready_at bigint,
    invoiced_at bigint,
    estimate_at bigint,
    delivered boolean NOT NULL,
    value bigint NOT NULL,
    items bigint NOT NULL,
    origin text NOT NULL,
    currency text NOT NULL,
    terms text NOT NULL,
    "row" bytea NOT NULL,
    document bytea NOT NULL
);
CREATE TABLE public.people (
    account text NOT NULL,
    order_id text NOT NULL,
    name text NOT NULL
);
CREATE TABLE public.process_figures (
    process text NOT NULL,
    kind text NOT NULL,
    at bigint NOT NULL,
    body text NOT NULL
);
CREATE TABLE public.request_keys (
    account text NOT NULL,
    key text NOT NULL,
    value bytea NOT NULL,
    at bigint DEFAULT ((EXTRACT(epoch FROM clock_timestamp()) * (1000000)::numeric))::bigint
);
CREATE TABLE public.seals (
    position_to bigint NOT NULL,
    position_from bigint NOT NULL,
    seal bytea NOT NULL
);
CREATE TABLE public.sequences (
    account text NOT NULL,
    next bigint NOT NULL
);
CREATE TABLE public.struck (
    cursor text NOT NULL,
    "position" bigint NOT NULL
);
CREATE TABLE public.task_history (
    task text NOT NULL,
    id text NOT NULL,
    at bigint NOT NULL,
    by text NOT NULL,
    kind text NOT NULL,
    text text NOT NULL
);
CREATE TABLE public.task_targets (
    account text NOT NULL,
    target text NOT NULL,
    task text NOT NULL
);
CREATE TABLE public.tasks (
    id text NOT NULL,
    account text NOT NULL,
    surrogate_key text NOT NULL,
    context text NOT NULL,
    assignee text,
    status text NOT NULL,
    body text NOT NULL,
    created_at bigint NOT NULL,
    created_by text NOT NULL,
    changed_at bigint NOT NULL,
    flow_position bigint DEFAULT '0'::bigint NOT NULL
);
INSERT INTO public.alembic_version VALUES ('0014_external_sellers');
INSERT INTO public.app_keys VALUES ('vtexappkey-acme-000001', 'acme', 'Owner', '\x61321d132b84d61aeccb3a8a1ca1d9139b280d2dc8814eebe2f9caa6627e8cb0', 1795764263631358, NULL, NULL, NULL);
INSERT INTO public.calls VALUES ('c1', 'acme', 'v1acme-01', 2, 26, 0, 'seller:warehouse', 'x', 'x', '\x7b7d', 'waiting', 1, 1, 1, 0, NULL, NULL, NULL, NULL, 0);
INSERT INTO public.calls VALUES ('c2', 'acme', 'v2acme-01', 2, 26, 0, 'gateway', 'x', 'x', '\x7b7d', 'done', 1, 1, 1, 0, NULL, NULL, 2, NULL, 0);
INSERT INTO public.cursors VALUES ('calls', 0, 0, 0, NULL, 0, 0);
INSERT INTO public.cursors VALUES ('courier:vtexappkey-acme-000001', 9223372036854775807, 0, 0, NULL, 0, 0);
INSERT INTO public.cursors VALUES ('order-views', 26, 2, 0, NULL, 4, 0);
INSERT INTO public.cursors VALUES ('due-times', 26, 2, 0, NULL, 1, 0);
INSERT INTO public.cursors VALUES ('people', 26, 1, 0, NULL, 0, 0);
INSERT INTO public.cursors VALUES ('tasks', 26, 1, 0, NULL, 0, 0);
INSERT INTO public.cursors VALUES ('feed:vtexappkey-acme-000001', 26, 1, 0, NULL, 0, 0);
INSERT INTO public.cursors VALUES ('hook:vtexappkey-acme-000001', 26, 1, 0, NULL, 0, 0);
INSERT INTO public.cursors VALUES ('clock', 9223372036854775807, 0, 0, NULL, 0, 0);
INSERT INTO public.data_keys VALUES ('acme/v1acme-01', '\xb5609f960b2be10a8675c2c9468b24af432018b23be4a43fc2f0b8a37b1449f90eb4fbf180802a16d82bac89bb08aabd5799e12cb228bc94427594a2');
INSERT INTO public.data_keys VALUES ('acme/v2acme-01', '\x4541426d0c6e7cd8ae2c87e10bfff18a772bfa381484863700782ee04941db70dcacc636e51e6d0fff3599968c49e89663f542b2d5dfa5a84ac3c63a');
INSERT INTO public.data_keys VALUES ('acme/v3acme-01', '\x443396efaab860adbef20b74d64f4f348f6568c08b199be6f49dd1fbe06adacaa7d7ba2d0e9395df79d22e652135d9d7e91831f06a97aa910d9e9f02');
INSERT INTO public.deliveries VALUES ('vtexappkey-acme-000001', 15, '5FD7BCAC0E8929649101ED74D714D006', 'v1acme-01', '{"Domain": "Fulfillment", "OrderId": "v1acme-01", "State": "ready-for-handling", "LastState": "window-to-cancel", "LastChange": "2026-11-27T07:24:23.6597850Z", "CurrentChange": "2026-11-27T07:24:23.6597850Z", "Origin": {"Account": "acme", "Key": "vtexappkey-acme-000001"}}', 1795764263743643, 1795764263743643, 0, false);
INSERT INTO public.deliveries VALUES ('vtexappkey-acme-000001', 25, 'FE2527861FE78A80A81B0C8207408AA1', 'v2acme-01', '{"Domain": "Fulfillment", "OrderId": "v2acme-01", "State": "ready-for-handling", "LastState": "window-to-cancel", "LastChange": "2026-11-27T07:24:23.6620830Z", "CurrentChange": "2026-11-27T07:24:23.6620830Z", "Origin": {"Account": "acme", "Key": "vtexappkey-acme-000001"}}', 1795764263743643, 1795764263743643, 0, false);
INSERT INTO public.due_times VALUES ('acme', 'v3acme-01', 'placement', 1795764563657061);
INSERT INTO public.events VALUES (1, 'acme', 'acme/', 1, 'account-created', 1795764263606004, 'test', NULL, NULL, NULL, NULL, NULL, '\x7b226e616d65223a2261636d65222c22737566666978223a2261636d65227d', NULL, '\xfda76b97d5e44ba0fe9e7ca05a0b34354c1b31920144ac4155e723e9f417ea33');
INSERT INTO public.events VALUES (2, 'acme', 'acme/', 2, 'account-settings-changed', 1795764263606004, 'test', NULL, NULL, NULL, NULL, NULL, '\x7b2273657474696e6773223a7b2267726163655f706572696f645f6d696e75746573223a307d7d', NULL, '\x9493a56e890769e3e8fe366e8b69fcd4d72919207fe8be2bf751d89b07fe788f');
INSERT INTO public.events VALUES (3, 'acme', 'acme/v1acme-01', 1, 'order-placed', 1795764263645664, 'test', NULL, NULL, NULL, 'Marketplace', NULL, '\x7b22666c6f77223a22636f6d706c657465222c226f726465725f67726f7570223a22763161636d65222c2273657175656e6365223a312c2273656c6c6572223a2231222c2273656c6c65725f6e616d65223a2241636d65222c226974656d73223a5b7b22756e697175655f6964223a225531222c226964223a2237222c2273656c6c6572223a2231222c227175616e74697479223a312c227072696365223a323030302c22756e69745f6d756c7469706c696572223a2231222c2270726963655f74616773223a5b5d2c22746178223a302c2264657461696c73223a7b7d7d5d2c22746f74616c73223a5b7b226964223a224974656d73222c2276616c7565223a323030307d5d2c226c6f67697374696373223a5b5d2c227061796d656e7473223a5b7b226964223a22504159222c227061796d656e745f73797374656d223a2232222c227061796d656e745f73797374656d5f6e616d65223a2256697361222c2267726f7570223a2263726564697443617264222c2276616c7565223a323030302c227265666572656e63655f76616c7565223a323030302c22696e7374616c6c6d656e7473223a312c2264657461696c73223a7b7d7d5d2c227472616e73616374696f6e5f6964223a2254222c226d65726368616e745f6e616d65223a2241434d45222c2273616c65735f6368616e6e656c223a2231222c226d61726b6574706c6163655f6f726465725f6964223a6e756c6c2c2273656c6c65725f6f726465725f6964223a6e756c6c2c22616666696c696174655f6964223a22222c22736f6c645f6279223a6e756c6c2c226f726465725f666f726d5f6964223a6e756c6c2c22676966745f6361726473223a5b5d2c226d61726b6574696e67223a6e756c6c2c22707265666572656e636573223a6e756c6c2c2273746f72655f707265666572656e636573223a7b7d2c2264657461696c73223a7b7d7d', '\xb3307f3b94e0d7723c9cebd2c361c5f2c5a10d6762f05a15b64347607e7a19cfa4d6eb3e63e8eb37f69b98888de1c9ceaf5707b606d05d11ff05d88f6633a23a754c08d75997539a591a01b8cf4e963c5ba2309e741ba6aea801fb101b895a935a656f7114500029495a52be21e999', '\x4871467e731341057ef34ed379bb3627d7b477908a581885a07b282f45622269');
INSERT INTO public.events VALUES (4, 'acme', 'acme/v2acme-01', 1, 'order-placed', 1795764263653728, 'test', NULL, NULL, NULL, 'Marketplace', NULL, '\x7b22666c6f77223a22636f6d706c657465222c226f726465725f67726f7570223a22763261636d65222c2273657175656e6365223a322c2273656c6c6572223a2231222c2273656c6c65725f6e616d65223a2241636d65222c226974656d73223a5b7b22756e697175655f6964223a225531222c226964223a2237222c2273656c6c6572223a2231222c227175616e74697479223a312c227072696365223a323030302c22756e69745f6d756c7469706c696572223a2231222c2270726963655f74616773223a5b5d2c22746178223a302c2264657461696c73223a7b7d7d5d2c22746f74616c73223a5b7b226964223a224974656d73222c2276616c7565223a323030307d5d2c226c6f67697374696373223a5b5d2c227061796d656e7473223a5b7b226964223a22504159222c227061796d656e745f73797374656d223a2232222c227061796d656e745f73797374656d5f6e616d65223a2256697361222c2267726f7570223a2263726564697443617264222c2276616c7565223a323030302c227265666572656e63655f76616c7565223a323030302c22696e7374616c6c6d656e7473223a312c2264657461696c73223a7b7d7d5d2c227472616e73616374696f6e5f6964223a2254222c226d65726368616e745f6e616d65223a2241434d45222c2273616c65735f6368616e6e656c223a2231222c226d61726b6574706c6163655f6f726465725f6964223a6e756c6c2c2273656c6c65725f6f726465725f6964223a6e756c6c2c22616666696c696174655f6964223a22222c22736f6c645f6279223a6e756c6c2c226f726465725f666f726d5f6964223a6e756c6c2c22676966745f6361726473223a5b5d2c226d61726b6574696e67223a6e756c6c2c22707265666572656e636573223a6e756c6c2c2273746f72655f707265666572656e636573223a7b7d2c2264657461696c73223a7b7d7d', '\x387d1430c79f67b736cbce6e75aaa7c656003ca7bf4b3a5e7e0c683163bb265b827bdb76cc3472b7b7f353b91ef2163844d76b93ed120e4fdfd9c86871437a79e4ec0a76e0b104175834fa8fa76581db49840233c3b94178c2eecf87f48925030a424ddec49e6b0c2bc0aa797a1224', '\x47fbacf46790e7376e80854d3465c232622ad3ce40225bca9f366ccc4ea8c69f');
INSERT INTO public.events VALUES (5, 'acme', 'acme/v3acme-01', 1, 'order-placed', 1795764263657061, 'test', NULL, NULL, NULL, 'Marketplace', NULL, '\x7b22666c6f77223a22636f6d706c657465222c226f726465725f67726f7570223a22763361636d65222c2273657175656e6365223a332c2273656c6c6572223a2231222c2273656c6c65725f6e616d65223a2241636d65222c226974656d73223a5b7b22756e697175655f6964223a225531222c226964223a2237222c2273656c6c6572223a2231222c227175616e74697479223a312c227072696365223a323030302c22756e69745f6d756c7469706c696572223a2231222c2270726963655f74616773223a5b5d2c22746178223a302c2264657461696c73223a7b7d7d5d2c22746f74616c73223a5b7b226964223a224974656d73222c2276616c7565223a323030307d5d2c226c6f67697374696373223a5b5d2c227061796d656e7473223a5b7b226964223a22504159222c227061796d656e745f73797374656d223a2232222c227061796d656e745f73797374656d5f6e616d65223a2256697361222c2267726f7570223a2263726564697443617264222c2276616c7565223a323030302c227265666572656e63655f76616c7565223a323030302c22696e7374616c6c6d656e7473223a312c2264657461696c73223a7b7d7d5d2c227472616e73616374696f6e5f6964223a2254222c226d65726368616e745f6e616d65223a2241434d45222c2273616c65735f6368616e6e656c223a2231222c226d61726b6574706c6163655f6f726465725f6964223a6e756c6c2c2273656c6c65725f6f726465725f6964223a6e756c6c2c22616666696c696174655f6964223a22222c22736f6c645f6279223a6e756c6c2c226f726465725f666f726d5f6964223a6e756c6c2c22676966745f6361726473223a5b5d2c226d61726b6574696e67223a6e756c6c2c22707265666572656e636573223a6e756c6c2c2273746f72655f707265666572656e636573223a7b7d2c2264657461696c73223a7b7d7d', '\x0b7f2672fbf5a92c9444aed27c379d323a4236522304c99c1a1336a1fa55e6497fa15347a3bb79fa05bd47c23c3d196eb3cc2d50622c14023f22924dafa0f7ee4ac31bc4938e1812cb38229afa7c5db0fb558aa44dfebb5795b6dcb7bbaad575402ae41da227295df86e63ddb8b6ae', '\x403da4d0b86127098e52eff96d1ec7bb26edd2abb5ce06c25b7d618649fd7cb0');
INSERT INTO public.events VALUES (6, 'acme', 'acme/v1acme-01', 2, 'workflow-created', 1795764263659785, 'test', NULL, NULL, 'order-created', 'Marketplace', NULL, '\x7b7d', NULL, '\x115935a8e4e726fa1a64412fac9cea8c6dbaeacc010de1c164da4084390383ae');
INSERT INTO public.events VALUES (7, 'acme', 'acme/v1acme-01', 3, 'purchase-completed', 1795764263659785, 'test', NULL, 'order-created', 'on-order-completed', 'Marketplace', 1795764263659785, '\x7b7d', NULL, '\x937372e9c310bccbe321ce3753bb81939f7e9d8ea38174839fe62fa2407ad16d');
INSERT INTO public.events VALUES (8, 'acme', 'acme/v1acme-01', 4, 'seller-confirmation-awaited', 1795764263659785, 'test', NULL, 'on-order-completed', 'waiting-for-authorization', 'Marketplace', 1795764263659785, '\x7b7d', NULL, '\x9cfdd64711a1568eac520253c4d0dac2e8c04f424b2c4b4a8f957ac8ae960066');
INSERT INTO public.events VALUES (9, 'acme', 'acme/v1acme-01', 5, 'seller-confirmed', 1795764263659785, 'test', NULL, 'waiting-for-authorization', 'payment-pending', 'Marketplace', 1795764263659785, '\x7b2273656c6c65725f6f726465725f6964223a6e756c6c7d', NULL, '\x17cf3fe0e5a9017572f202ab5716b59d98aeba526d4737a15c9086e0674e8c4f');
INSERT INTO public.events VALUES (10, 'acme', 'acme/v1acme-01', 6, 'payment-authorized', 1795764263659785, 'test', NULL, 'payment-pending', 'payment-pending', 'Marketplace', 1795764263659785, '\x7b227061796d656e745f6964223a22504159222c2272656365697074223a223134393438383164616637343736333835303235656330613931623130396163222c2276616c7565223a6e756c6c2c22726571756573745f6964223a6e756c6c2c22636f6e6e6563746f72223a7b7d7d', NULL, '\x6ba4c0dfc4537704d4a474f9cde34e2e0e8df503eb0524ebc121455564aec9d6');
INSERT INTO public.events VALUES (11, 'acme', 'acme/v1acme-01', 7, 'payment-approval-recorded', 1795764263659785, 'test', NULL, 'payment-pending', 'approve-payment', 'Marketplace', 1795764263659785, '\x7b7d', NULL, '\x63cb2d4fec9dc52ec8872e479496ad90269f935b92ec643db9d8e2d270871703');
INSERT INTO public.events VALUES (12, 'acme', 'acme/v1acme-01', 8, 'payment-approved', 1795764263659785, 'test', NULL, 'approve-payment', 'payment-approved', 'Marketplace', 1795764263659785, '\x7b7d', NULL, '\xf5179f8842cee27e97d03b1dc4450721767b3921fe728fb3c526ce3c5cbb8a59');
INSERT INTO public.events VALUES (13, 'acme', 'acme/v1acme-01', 9, 'fulfillment-authorized', 1795764263659785, 'test', NULL, 'payment-approved', 'authorize-fulfillment', 'Fulfillment', 1795764263659785, '\x7b7d', NULL, '\xe064122bde69d16d84cb6bd13befd2953cf5374f731e791ccf59183009054ce8');
INSERT INTO public.events VALUES (14, 'acme', 'acme/v1acme-01', 10, 'cancellation-window-opened', 1795764263659785, 'test', NULL, 'authorize-fulfillment', 'window-to-cancel', 'Fulfillment', 1795764263659785, '\x7b22636c6f7365735f6174223a22323032362d31312d32375430373a32343a32332e3635393738355a227d', NULL, '\x63b5cb15b43134453f93d9c7823c32b194deda61ca0d9aaefe2cb0fc3c550df4');
INSERT INTO public.events VALUES (15, 'acme', 'acme/v1acme-01', 11, 'cancellation-window-closed', 1795764263659785, 'test', NULL, 'window-to-cancel', 'ready-for-handling', 'Fulfillment', 1795764263659785, '\x7b7d', NULL, '\x8ff36cebdbbdaf9cf0ba33b5106105c254368cf9559c77b9664ec2957c19459d');
INSERT INTO public.events VALUES (16, 'acme', 'acme/v2acme-01', 2, 'workflow-created', 1795764263662083, 'test', NULL, NULL, 'order-created', 'Marketplace', NULL, '\x7b7d', NULL, '\xa9bccdbe65ab3176b4976586561ba2b67b433427123102019beb98dc8a9e9c13');
INSERT INTO public.events VALUES (17, 'acme', 'acme/v2acme-01', 3, 'purchase-completed', 1795764263662083, 'test', NULL, 'order-created', 'on-order-completed', 'Marketplace', 1795764263662083, '\x7b7d', NULL, '\x8a3b82f8d3bca533aaa7a4bbc4f069d81d23d8a24a863ec7b6c58d8b5456e257');
INSERT INTO public.events VALUES (18, 'acme', 'acme/v2acme-01', 4, 'seller-confirmation-awaited', 1795764263662083, 'test', NULL, 'on-order-completed', 'waiting-for-authorization', 'Marketplace', 1795764263662083, '\x7b7d', NULL, '\x95ce574d39a0b484eeea6f56e2e4d7656ebe5d695f92dd21d13bc77bef421426');
INSERT INTO public.events VALUES (19, 'acme', 'acme/v2acme-01', 5, 'seller-confirmed', 1795764263662083, 'test', NULL, 'waiting-for-authorization', 'payment-pending', 'Marketplace', 1795764263662083, '\x7b2273656c6c65725f6f726465725f6964223a6e756c6c7d', NULL, '\x0c39f59405140afdc1c9008604ac73bfbce1c773e407a473844ba185bd7ff6d0');
INSERT INTO public.events VALUES (20, 'acme', 'acme/v2acme-01', 6, 'payment-authorized', 1795764263662083, 'test', NULL, 'payment-pending', 'payment-pending', 'Marketplace', 1795764263662083, '\x7b227061796d656e745f6964223a22504159222c2272656365697074223a223866346462653535623631623938656135343537626235366234613564636438222c2276616c7565223a6e756c6c2c22726571756573745f6964223a6e756c6c2c22636f6e6e6563746f72223a7b7d7d', NULL, '\x21207a347fd9bbba173080b33f10e4bb7f430d78bab5cb2959064e0f79e72877');
INSERT INTO public.events VALUES (21, 'acme', 'acme/v2acme-01', 7, 'payment-approval-recorded', 1795764263662083, 'test', NULL, 'payment-pending', 'approve-payment', 'Marketplace', 1795764263662083, '\x7b7d', NULL, '\x37e6b7bb031d1b3f8d2125407b82369f635391186e52ec2bce8f281ca60cc8d5');
INSERT INTO public.events VALUES (22, 'acme', 'acme/v2acme-01', 8, 'payment-approved', 1795764263662083, 'test', NULL, 'approve-payment', 'payment-approved', 'Marketplace', 1795764263662083, '\x7b7d', NULL, '\xc4311ed6ad74ba644d31d0cb901802106473769267b2c26b9be2c79a71135374');
INSERT INTO public.events VALUES (23, 'acme', 'acme/v2acme-01', 9, 'fulfillment-authorized', 1795764263662083, 'test', NULL, 'payment-approved', 'authorize-fulfillment', 'Fulfillment', 1795764263662083, '\x7b7d', NULL, '\x6ee067cd8584923399b70bc36bc9a1f0d634f1118c405475216847a13389a230');
INSERT INTO public.events VALUES (24, 'acme', 'acme/v2acme-01', 10, 'cancellation-window-opened', 1795764263662083, 'test', NULL, 'authorize-fulfillment', 'window-to-cancel', 'Fulfillment', 1795764263662083, '\x7b22636c6f7365735f6174223a22323032362d31312d32375430373a32343a32332e3636323038335a227d', NULL, '\x9fb97e06f6c82e1dff3657e93d59252c3b139ac9228b11fe459772aa7e3df05a');
INSERT INTO public.events VALUES (25, 'acme', 'acme/v2acme-01', 11, 'cancellation-window-closed', 1795764263662083, 'test', NULL, 'window-to-cancel', 'ready-for-handling', 'Fulfillment', 1795764263662083, '\x7b7d', NULL, '\x9227aa7ec63fac6244f5b240a0df15d2fa94766645ea0c7fd2d4cd89b8493acb');
INSERT INTO public.events VALUES (26, 'acme', 'acme/v1acme-01', 12, 'call-failed', 1795764263664218, 'system', NULL, 'ready-for-handling', 'ready-for-handling', 'Fulfillment', 1795764263659785, '\x7b2263616c6c5f6964223a2278222c227061727479223a2278222c226b696e64223a2278222c22776879223a2278227d', NULL, '\xa09be5f58bbd8d20a2810e39416e80d285b5c382a9404cc36b0c917e1d774a13');
INSERT INTO public.external_sellers VALUES ('acme', 'warehouse', 'https://wh.example', '\xfa20e0fd458c03518d260ae952758e6f01094f24b5c9efc08f7e3b689ee9de9537f6baa81dc5', 1795764263644550);
INSERT INTO public.feed_items VALUES ('vtexappkey-acme-000001', 15, 'F260CFC69C4C1E9AA97850D7281CD1E2', 'v1acme-01', 'Fulfillment', 'ready-for-handling', 'window-to-cancel', 1795764263659785, 1795764263659785, 1795764263732677, 1795764263732677, 0, false);
INSERT INTO public.feed_items VALUES ('vtexappkey-acme-000001', 25, '17CB57659E2B27B752235EB73337885A', 'v2acme-01', 'Fulfillment', 'ready-for-handling', 'window-to-cancel', 1795764263662083, 1795764263662083, 1795764263732677, 1795764263732677, 0, false);
INSERT INTO public.feeds VALUES ('vtexappkey-acme-000001', 'acme', '{"type": "FromWorkflow", "status": ["ready-for-handling"], "disableSingleFire": false}', 250, 345600, 'bf5fadb8', 1795764263635042, 1795764263732677);
INSERT INTO public.gateways VALUES ('acme', 'https://pay.example', '\xbd96a0658becb2943d941a1d56a5c7d0a029951f7668a87c97bcc5a5df633c271639c17b115a', 1795764263640033);
INSERT INTO public.hooks VALUES ('vtexappkey-acme-000001', 'acme', '{"type": "FromWorkflow", "status": ["ready-for-handling"], "disableSingleFire": false}', 'https://erp.example/hook', '\x75c2e91c3fd6a529defd0a0230f8718090978b008f39e9aaac00ec09714b1fe7fdb2feb35d26fd6b5782864b9f', '\x5d7af1ffbbaf7737789cd1b9d85937a949d48e5d1ecf34a52b9c627c07f3ca8bce325f09ee7203b4b3a16f8bd342f11e59658b72c8b80e20b609c8b58f7fd92a4e54', '6b3b4b51', 1795764263637919, 0, 0, 1795764263743643, NULL, 0, NULL, 0);
INSERT INTO public.order_figures VALUES ('acme', '', 'day', '', 20784, '', 'Marketplace', 'BRL', 1, 2000, 0, 4000000, 2000, 1, 2000, 1, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO public.order_figures VALUES ('acme', '', 'day', '', 20784, 'ready-for-handling', 'Marketplace', 'BRL', 2, 4000, 0, 8000000, 2000, 2, 2000, 2, 2, 0, 2, 1, 2, 1, 2);
INSERT INTO public.order_figures VALUES ('acme', 'channel', 'day', '1', 20784, '', 'Marketplace', 'BRL', 1, 2000, 0, 4000000, 2000, 1, 2000, 1, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO public.order_figures VALUES ('acme', 'channel', 'day', '1', 20784, 'ready-for-handling', 'Marketplace', 'BRL', 2, 4000, 0, 8000000, 2000, 2, 2000, 2, 2, 0, 2, 1, 2, 1, 2);
INSERT INTO public.order_figures VALUES ('acme', 'channel_name', 'day', '1', 20784, '', 'Marketplace', 'BRL', 1, 2000, 0, 4000000, 2000, 1, 2000, 1, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO public.order_figures VALUES ('acme', 'channel_name', 'day', '1', 20784, 'ready-for-handling', 'Marketplace', 'BRL', 2, 4000, 0, 8000000, 2000, 2, 2000, 2, 2, 0, 2, 1, 2, 1, 2);
INSERT INTO public.order_figures VALUES ('acme', 'flag', 'day', 'error:perm', 20784, 'ready-for-handling', 'Marketplace', 'BRL', 1, 2000, 0, 4000000, 2000, 1, 2000, 1, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO public.order_figures VALUES ('acme', 'payment', 'day', 'visa', 20784, '', 'Marketplace', 'BRL', 1, 2000, 0, 4000000, 2000, 1, 2000, 1, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO public.order_figures VALUES ('acme', 'payment', 'day', 'visa', 20784, 'ready-for-handling', 'Marketplace', 'BRL', 2, 4000, 0, 8000000, 2000, 2, 2000, 2, 2, 0, 2, 1, 2, 1, 2);
INSERT INTO public.order_figures VALUES ('acme', 'seller', 'day', 'acme', 20784, '', 'Marketplace', 'BRL', 1, 2000, 0, 4000000, 2000, 1, 2000, 1, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO public.order_figures VALUES ('acme', 'seller', 'day', 'acme', 20784, 'ready-for-handling', 'Marketplace', 'BRL', 2, 4000, 0, 8000000, 2000, 2, 2000, 2, 2, 0, 2, 1, 2, 1, 2);
INSERT INTO public.order_figures VALUES ('acme', '', 'month', '', 24322, '', 'Marketplace', 'BRL', 1, 2000, 0, 4000000, 2000, 1, 2000, 1, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO public.order_figures VALUES ('acme', '', 'month', '', 24322, 'ready-for-handling', 'Marketplace', 'BRL', 2, 4000, 0, 8000000, 2000, 2, 2000, 2, 2, 0, 2, 1, 2, 1, 2);
INSERT INTO public.order_figures VALUES ('acme', 'channel', 'month', '1', 24322, '', 'Marketplace', 'BRL', 1, 2000, 0, 4000000, 2000, 1, 2000, 1, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO public.order_figures VALUES ('acme', 'channel', 'month', '1', 24322, 'ready-for-handling', 'Marketplace', 'BRL', 2, 4000, 0, 8000000, 2000, 2, 2000, 2, 2, 0, 2, 1, 2, 1, 2);
INSERT INTO public.order_figures VALUES ('acme', 'channel_name', 'month', '1', 24322, '', 'Marketplace', 'BRL', 1, 2000, 0, 4000000, 2000, 1, 2000, 1, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO public.order_figures VALUES ('acme', 'channel_name', 'month', '1', 24322, 'ready-for-handling', 'Marketplace', 'BRL', 2, 4000, 0, 8000000, 2000, 2, 2000, 2, 2, 0, 2, 1, 2, 1, 2);
INSERT INTO public.order_figures VALUES ('acme', 'flag', 'month', 'error:perm', 24322, 'ready-for-handling', 'Marketplace', 'BRL', 1, 2000, 0, 4000000, 2000, 1, 2000, 1, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO public.order_figures VALUES ('acme', 'payment', 'month', 'visa', 24322, '', 'Marketplace', 'BRL', 1, 2000, 0, 4000000, 2000, 1, 2000, 1, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO public.order_figures VALUES ('acme', 'payment', 'month', 'visa', 24322, 'ready-for-handling', 'Marketplace', 'BRL', 2, 4000, 0, 8000000, 2000, 2, 2000, 2, 2, 0, 2, 1, 2, 1, 2);
INSERT INTO public.order_figures VALUES ('acme', 'seller', 'month', 'acme', 24322, '', 'Marketplace', 'BRL', 1, 2000, 0, 4000000, 2000, 1, 2000, 1, 1, 0, 1, 1, 1, 1, 1);
INSERT INTO public.order_figures VALUES ('acme', 'seller', 'month', 'acme', 24322, 'ready-for-handling', 'Marketplace', 'BRL', 2, 4000, 0, 8000000, 2000, 2, 2000, 2, 2, 0, 2, 1, 2, 1, 2);
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'sequence', '1', '1');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'email', 'ana@example.com', 'ana@example.com');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'seller', 'acme', 'Acme');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'payment_id', 'pay', 'PAY');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'flag', 'error:perm', 'error:perm');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'channel_name', '1', '1');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'id', 'v1acme-01', 'v1acme-01');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'name', 'ana', '');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'channel', '1', '1');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'pci_tid', 't', 'T');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'name', 'souza', '');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'sku', '7', '7');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'full_name', 'ana souza', '');
INSERT INTO public.order_terms VALUES ('acme', 'v1acme-01', 'payment', 'visa', 'Visa');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'id', 'v2acme-01', 'v2acme-01');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'email', 'ana@example.com', 'ana@example.com');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'seller', 'acme', 'Acme');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'payment_id', 'pay', 'PAY');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'channel_name', '1', '1');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'name', 'ana', '');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'sequence', '2', '2');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'channel', '1', '1');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'pci_tid', 't', 'T');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'name', 'souza', '');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'sku', '7', '7');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'full_name', 'ana souza', '');
INSERT INTO public.order_terms VALUES ('acme', 'v2acme-01', 'payment', 'visa', 'Visa');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'email', 'ana@example.com', 'ana@example.com');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'seller', 'acme', 'Acme');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'payment_id', 'pay', 'PAY');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'channel_name', '1', '1');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'name', 'ana', '');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'id', 'v3acme-01', 'v3acme-01');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'channel', '1', '1');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'pci_tid', 't', 'T');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'name', 'souza', '');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'sku', '7', '7');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'sequence', '3', '3');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'full_name', 'ana souza', '');
INSERT INTO public.order_terms VALUES ('acme', 'v3acme-01', 'payment', 'visa', 'Visa');
INSERT INTO public.order_views VALUES ('acme', 'v1acme-01', 12, 'v1acme', 1, true, 'ready-for-handling', 1795764263645664, 1795764263659785, 1795764263659785, 1795764263659785, NULL, NULL, false, 2000, 1, 'Marketplace', 'BRL', '[["channel","1","1"],["channel_name","1","1"],["email","ana@example.com","ana@example.com"],["flag","error:perm","error:perm"],["full_name","ana souza",""],["id","v1acme-01","v1acme-01"],["name","ana",""],["name","souza",""],["payment","visa","Visa"],["payment_id","pay","PAY"],["pci_tid","t","T"],["seller","acme","Acme"],["sequence","1","1"],["sku","7","7"]]', '\x7b226f726465724964223a22763161636d652d3031222c226372656174696f6e44617465223a22323032362d31312d32375430373a32343a32332b30303a3030222c22636c69656e744e616d65223a22416e6120536f757a61222c226974656d73223a6e756c6c2c22746f74616c56616c7565223a323030302c227061796d656e744e616d6573223a2256697361222c22737461747573223a2272656164792d666f722d68616e646c696e67222c227374617475734465736372697074696f6e223a22526561647920666f722068616e646c696e67222c226d61726b6574506c6163654f726465724964223a6e756c6c2c2273657175656e6365223a2231222c2273616c65734368616e6e656c223a2231222c22616666696c696174654964223a22222c226f726967696e223a224d61726b6574706c616365222c22776f726b666c6f77496e4572726f725374617465223a747275652c22776f726b666c6f77496e5265747279223a66616c73652c226c6173744d657373616765556e72656164223a22416e612c20746865207061796d656e74206f66206f7264657220763161636d652d303120697320617070726f7665642e222c225368697070696e67457374696d6174656444617465223a6e756c6c2c225368697070696e67457374696d61746564446174654d6178223a6e756c6c2c225368697070696e67457374696d61746564446174654d696e223a6e756c6c2c226f726465724973436f6d706c657465223a747275652c226c6973744964223a6e756c6c2c226c69737454797065223a6e756c6c2c22617574686f72697a656444617465223a22323032362d31312d32375430373a32343a32332b30303a3030222c2263616c6c43656e7465724f70657261746f724e616d65223a6e756c6c2c22746f74616c4974656d73223a312c2263757272656e6379436f6465223a2242524c227d', '\x7b226f726465724964223a22763161636d652d3031222c2273657175656e6365223a2231222c226d61726b6574706c6163654f726465724964223a22222c226d61726b6574706c6163655365727669636573456e64706f696e74223a22687474703a2f2f6f6d732e76746578696e7465726e616c2e636f6d2e62722f6170692f6f6d733f616e3d61636d65222c2273656c6c65724f726465724964223a2230302d763161636d652d3031222c226f726967696e223a224d61726b6574706c616365222c22616666696c696174654964223a22222c2273616c65734368616e6e656c223a2231222c226d65726368616e744e616d65223a2241434d45222c22737461747573223a2272656164792d666f722d68616e646c696e67222c22776f726b666c6f774973496e4572726f72223a747275652c227374617475734465736372697074696f6e223a22526561647920666f722068616e646c696e67222c2276616c7565223a323030302c226372656174696f6e44617465223a22323032362d31312d32375430373a32343a32332e363435363634302b30303a3030222c226c6173744368616e6765223a22323032362d31312d32375430373a32343a32332e363634323138302b30303a3030222c226f7264657247726f7570223a22763161636d65222c22666f6c6c6f775570456d61696c223a2262343935623163306337346637643061626235376132323165613733613063364063742e61636d652e636f6d222c226c6173744d657373616765223a22416e612c20746865207061796d656e74206f66206f7264657220763161636d652d303120697320617070726f7665642e222c22686f73746e616d65223a2261636d65222c226973436f6d706c65746564223a747275652c22726f756e64696e674572726f72223a302c226f72646572466f726d4964223a22222c22616c6c6f7743616e63656c6c6174696f6e223a747275652c22616c6c6f7745646974696f6e223a66616c73652c226973436865636b6564496e223a66616c73652c22617574686f72697a656444617465223a22323032362d31312d32375430373a32343a32332e363539373835302b30303a3030222c22696e766f6963656444617465223a6e756c6c2c2263616e63656c526561736f6e223a6e756c6c2c22636865636b6564496e5069636b7570506f696e744964223a6e756c6c2c22746f74616c73223a5b7b226964223a224974656d73222c226e616d65223a22546f74616c204974656d73222c2276616c7565223a323030302c22616c7465726e6174697665546f74616c73223a6e756c6c7d5d2c2273656c6c657273223a5b7b226964223a2231222c226e616d65223a2241636d65222c226c6f676f223a22222c2266756c66696c6c6d656e74456e64706f696e74223a22687474703a2f2f66756c66696c6c6d656e742e76746578636f6d6d657263652e636f6d2e62722f6170692f66756c66696c6c6d656e743f616e3d61636d65227d5d2c22636c69656e74507265666572656e63657344617461223a7b226c6f63616c65223a22222c226f7074696e4e6577734c6574746572223a66616c73657d2c2263616e63656c6c6174696f6e44617461223a6e756c6c2c2263616e63656c6c6174696f6e5265717565737473223a5b5d2c2274617844617461223a6e756c6c2c22737562736372697074696f6e44617461223a6e756c6c2c226974656d4d65746164617461223a7b224974656d73223a5b7b224964223a2237222c2253656c6c6572223a2231222c224e616d65223a2237222c22536b754e616d65223a2237222c2250726f647563744964223a22222c225265664964223a22222c2245616e223a22222c22496d61676555726c223a22222c2244657461696c55726c223a22222c22417373656d626c794f7074696f6e73223a5b5d7d5d7d2c226d61726b6574706c616365223a7b226261736555524c223a22687474703a2f2f6f6d732e76746578696e7465726e616c2e636f6d2e62722f6170692f6f6d733f616e3d61636d65222c226973436572746966696564223a6e756c6c2c226e616d65223a2261636d65227d2c2273746f7265507265666572656e63657344617461223a7b22636f756e747279436f6465223a22425241222c2263757272656e6379436f6465223a2242524c222c2263757272656e6379466f726d6174496e666f223a7b2243757272656e6379446563696d616c446967697473223a322c2243757272656e6379446563696d616c536570617261746f72223a222c222c2243757272656e637947726f7570536570617261746f72223a222e222c2243757272656e637947726f757053697a65223a332c225374617274735769746843757272656e637953796d626f6c223a747275657d2c2263757272656e63794c6f63616c65223a313034362c2263757272656e637953796d626f6c223a225224222c2274696d655a6f6e65223a22452e20536f75746820416d6572696361205374616e646172642054696d65227d2c22637573746f6d44617461223a6e756c6c2c22636f6d6d65726369616c436f6e646974696f6e44617461223a6e756c6c2c226f70656e546578744669656c64223a6e756c6c2c22696e766f69636544617461223a6e756c6c2c226368616e6765734174746163686d656e74223a6e756c6c2c2263616c6c43656e7465724f70657261746f7244617461223a6e756c6c2c227061636b6167654174746163686d656e74223a7b227061636b61676573223a5b5d7d2c227061796d656e7444617461223a7b22676966744361726473223a5b5d2c227472616e73616374696f6e73223a5b7b226973416374697665223a747275652c227472616e73616374696f6e4964223a2254222c226d65726368616e744e616d65223a2241434d45222c227061796d656e7473223a5b7b226964223a22504159222c227061796d656e7453797374656d223a2232222c227061796d656e7453797374656d4e616d65223a2256697361222c2276616c7565223a323030302c22696e7374616c6c6d656e7473223a312c227265666572656e636556616c7565223a323030302c2263617264486f6c646572223a6e756c6c2c22636172644e756d626572223a6e756c6c2c226669727374446967697473223a6e756c6c2c226c617374446967697473223a6e756c6c2c2263767632223a6e756c6c2c226578706972654d6f6e7468223a6e756c6c2c2265787069726559656172223a6e756c6c2c2275726c223a6e756c6c2c2267696674436172644964223a6e756c6c2c2267696674436172644e616d65223a6e756c6c2c22676966744361726443617074696f6e223a6e756c6c2c22726564656d7074696f6e436f6465223a6e756c6c2c2267726f7570223a2263726564697443617264222c22746964223a22222c2264756544617465223a6e756c6c2c22636f6e6e6563746f72526573706f6e736573223a7b7d2c22676966744361726450726f7669646572223a6e756c6c2c2267696674436172644173446973636f756e74223a6e756c6c2c226b6f696e55726c223a6e756c6c2c226163636f756e744964223a6e756c6c2c22706172656e744163636f756e744964223a6e756c6c2c2262616e6b497373756564496e766f6963654964656e74696669636174696f6e4e756d626572223a6e756c6c2c2262616e6b497373756564496e766f6963654964656e74696669636174696f6e4e756d626572466f726d6174746564223a6e756c6c2c2262616e6b497373756564496e766f696365426172436f64654e756d626572223a6e756c6c2c2262616e6b497373756564496e766f696365426172436f646554797065223a6e756c6c2c2262696c6c696e6741646472657373223a6e756c6c2c227061796d656e744f726967696e223a6e756c6c7d5d7d5d7d2c227368697070696e6744617461223a7b226964223a227368697070696e6744617461222c2261646472657373223a7b226164647265737354797065223a22222c2272656365697665724e616d65223a22222c22616464726573734964223a22222c2276657273696f6e4964223a6e756c6c2c22656e746974794964223a6e756c6c2c22706f7374616c436f6465223a22222c2263697479223a22222c227374617465223a22222c22636f756e747279223a22222c22737472656574223a22222c226e756d626572223a22222c226e65696768626f72686f6f64223a22222c22636f6d706c656d656e74223a22222c227265666572656e6365223a6e756c6c2c2267656f436f6f7264696e61746573223a5b5d7d2c226c6f67697374696373496e666f223a5b5d2c22747261636b696e6748696e7473223a5b5d2c2273656c6563746564416464726573736573223a5b5d2c22636f6e74616374496e666f726d6174696f6e223a5b5d7d2c227261746573416e6442656e656669747344617461223a7b226964223a227261746573416e6442656e656669747344617461222c2272617465416e6442656e65666974734964656e74696669657273223a5b5d7d2c226d61726b6574696e6744617461223a6e756c6c2c2267696674526567697374727944617461223a6e756c6c2c22636c69656e7450726f66696c6544617461223a7b226964223a22636c69656e7450726f66696c6544617461222c22656d61696c223a22616e61406578616d706c652e636f6d222c2266697273744e616d65223a22416e61222c226c6173744e616d65223a22536f757a61222c22646f63756d656e7454797065223a22222c22646f63756d656e74223a22222c2270686f6e65223a22222c22636f72706f726174654e616d65223a6e756c6c2c2274726164654e616d65223a6e756c6c2c22636f72706f72617465446f63756d656e74223a6e756c6c2c227374617465496e736372697074696f6e223a6e756c6c2c22636f72706f7261746550686f6e65223a6e756c6c2c226973436f72706f72617465223a66616c73652c227573657250726f66696c654964223a22222c227573657250726f66696c6556657273696f6e223a6e756c6c2c22637573746f6d6572436c617373223a6e756c6c2c22637573746f6d6572436f6465223a6e756c6c7d2c226974656d73223a5b7b22756e697175654964223a225531222c226964223a2237222c2270726f647563744964223a22222c2265616e223a6e756c6c2c226c6f636b4964223a2230302d763161636d652d3031222c226974656d4174746163686d656e74223a7b22636f6e74656e74223a7b7d2c226e616d65223a6e756c6c7d2c226174746163686d656e7473223a5b5d2c227175616e74697479223a312c2273656c6c6572223a2231222c226e616d65223a2237222c227265664964223a22222c227072696365223a323030302c226c6973745072696365223a323030302c226d616e75616c5072696365223a6e756c6c2c22707269636554616773223a5b5d2c22696d61676555726c223a22222c2264657461696c55726c223a22222c22636f6d706f6e656e7473223a5b5d2c2262756e646c654974656d73223a5b5d2c22706172616d73223a5b5d2c226f66666572696e6773223a5b5d2c226174746163686d656e744f66666572696e6773223a5b5d2c2273656c6c6572536b75223a2237222c22707269636556616c6964556e74696c223a6e756c6c2c22636f6d6d697373696f6e223a302c22746178223a302c2270726553616c6544617465223a6e756c6c2c226164646974696f6e616c496e666f223a7b226272616e644e616d65223a22222c226272616e644964223a22222c2263617465676f72696573496473223a22222c2263617465676f72696573223a5b5d2c2270726f64756374436c75737465724964223a22222c22636f6d6d65726369616c436f6e646974696f6e4964223a22222c2264696d656e73696f6e223a7b226375626963776569676874223a302c22686569676874223a302c226c656e677468223a302c22776569676874223a302c227769647468223a307d2c226f66666572696e67496e666f223a6e756c6c2c226f66666572696e6754797065223a6e756c6c2c226f66666572696e67547970654964223a6e756c6c7d2c226d6561737572656d656e74556e6974223a22756e222c22756e69744d756c7469706c696572223a312e302c2273656c6c696e675072696365223a323030302c22697347696674223a66616c73652c227368697070696e675072696365223a6e756c6c2c2272657761726456616c7565223a302c2266726569676874436f6d6d697373696f6e223a302c227072696365446566696e6974696f6e223a7b2273656c6c696e67507269636573223a5b7b2276616c7565223a323030302c227175616e74697479223a317d5d2c2263616c63756c6174656453656c6c696e675072696365223a323030302c22746f74616c223a323030302c22726561736f6e223a6e756c6c7d2c22746178436f6465223a6e756c6c2c22706172656e744974656d496e646578223a6e756c6c2c22706172656e74417373656d626c7942696e64696e67223a6e756c6c2c2263616c6c43656e7465724f70657261746f72223a6e756c6c2c2273657269616c4e756d62657273223a6e756c6c2c22617373656d626c696573223a5b5d2c22636f73745072696365223a307d5d2c226d61726b6574706c6163654974656d73223a5b5d2c22617574686f72697a6174696f6e506f6c69637944617461223a5b5d7d');
INSERT INTO public.order_views VALUES ('acme', 'v2acme-01', 11, 'v2acme', 2, true, 'ready-for-handling', 1795764263653728, 1795764263662083, 1795764263662083, 1795764263662083, NULL, NULL, false, 2000, 1, 'Marketplace', 'BRL', '[["channel","1","1"],["channel_name","1","1"],["email","ana@example.com","ana@example.com"],["full_name","ana souza",""],["id","v2acme-01","v2acme-01"],["name","ana",""],["name","souza",""],["payment","visa","Visa"],["payment_id","pay","PAY"],["pci_tid","t","T"],["seller","acme","Acme"],["sequence","2","2"],["sku","7","7"]]', '\x7b226f726465724964223a22763261636d652d3031222c226372656174696f6e44617465223a22323032362d31312d32375430373a32343a32332b30303a3030222c22636c69656e744e616d65223a22416e6120536f757a61222c226974656d73223a6e756c6c2c22746f74616c56616c7565223a323030302c227061796d656e744e616d6573223a2256697361222c22737461747573223a2272656164792d666f722d68616e646c696e67222c227374617475734465736372697074696f6e223a22526561647920666f722068616e646c696e67222c226d61726b6574506c6163654f726465724964223a6e756c6c2c2273657175656e6365223a2232222c2273616c65734368616e6e656c223a2231222c22616666696c696174654964223a22222c226f726967696e223a224d61726b6574706c616365222c22776f726b666c6f77496e4572726f725374617465223a66616c73652c22776f726b666c6f77496e5265747279223a66616c73652c226c6173744d657373616765556e72656164223a22416e612c20746865207061796d656e74206f66206f7264657220763261636d652d303120697320617070726f7665642e222c225368697070696e67457374696d6174656444617465223a6e756c6c2c225368697070696e67457374696d61746564446174654d6178223a6e756c6c2c225368697070696e67457374696d61746564446174654d696e223a6e756c6c2c226f726465724973436f6d706c657465223a747275652c226c6973744964223a6e756c6c2c226c69737454797065223a6e756c6c2c22617574686f72697a656444617465223a22323032362d31312d32375430373a32343a32332b30303a3030222c2263616c6c43656e7465724f70657261746f724e616d65223a6e756c6c2c22746f74616c4974656d73223a312c2263757272656e6379436f6465223a2242524c227d', '\x7b226f726465724964223a22763261636d652d3031222c2273657175656e6365223a2232222c226d61726b6574706c6163654f726465724964223a22222c226d61726b6574706c6163655365727669636573456e64706f696e74223a22687474703a2f2f6f6d732e76746578696e7465726e616c2e636f6d2e62722f6170692f6f6d733f616e3d61636d65222c2273656c6c65724f726465724964223a2230302d763261636d652d3031222c226f726967696e223a224d61726b6574706c616365222c22616666696c696174654964223a22222c2273616c65734368616e6e656c223a2231222c226d65726368616e744e616d65223a2241434d45222c22737461747573223a2272656164792d666f722d68616e646c696e67222c22776f726b666c6f774973496e4572726f72223a66616c73652c227374617475734465736372697074696f6e223a22526561647920666f722068616e646c696e67222c2276616c7565223a323030302c226372656174696f6e44617465223a22323032362d31312d32375430373a32343a32332e363533373238302b30303a3030222c226c6173744368616e6765223a22323032362d31312d32375430373a32343a32332e363632303833302b30303a3030222c226f7264657247726f7570223a22763261636d65222c22666f6c6c6f775570456d61696c223a2237643938343538636664306131306635373430626632333430373530353961664063742e61636d652e636f6d222c226c6173744d657373616765223a22416e612c20746865207061796d656e74206f66206f7264657220763261636d652d303120697320617070726f7665642e222c22686f73746e616d65223a2261636d65222c226973436f6d706c65746564223a747275652c22726f756e64696e674572726f72223a302c226f72646572466f726d4964223a22222c22616c6c6f7743616e63656c6c6174696f6e223a747275652c22616c6c6f7745646974696f6e223a66616c73652c226973436865636b6564496e223a66616c73652c22617574686f72697a656444617465223a22323032362d31312d32375430373a32343a32332e363632303833302b30303a3030222c22696e766f6963656444617465223a6e756c6c2c2263616e63656c526561736f6e223a6e756c6c2c22636865636b6564496e5069636b7570506f696e744964223a6e756c6c2c22746f74616c73223a5b7b226964223a224974656d73222c226e616d65223a22546f74616c204974656d73222c2276616c7565223a323030302c22616c7465726e6174697665546f74616c73223a6e756c6c7d5d2c2273656c6c657273223a5b7b226964223a2231222c226e616d65223a2241636d65222c226c6f676f223a22222c2266756c66696c6c6d656e74456e64706f696e74223a22687474703a2f2f66756c66696c6c6d656e742e76746578636f6d6d657263652e636f6d2e62722f6170692f66756c66696c6c6d656e743f616e3d61636d65227d5d2c22636c69656e74507265666572656e63657344617461223a7b226c6f63616c65223a22222c226f7074696e4e6577734c6574746572223a66616c73657d2c2263616e63656c6c6174696f6e44617461223a6e756c6c2c2263616e63656c6c6174696f6e5265717565737473223a5b5d2c2274617844617461223a6e756c6c2c22737562736372697074696f6e44617461223a6e756c6c2c226974656d4d65746164617461223a7b224974656d73223a5b7b224964223a2237222c2253656c6c6572223a2231222c224e616d65223a2237222c22536b754e616d65223a2237222c2250726f647563744964223a22222c225265664964223a22222c2245616e223a22222c22496d61676555726c223a22222c2244657461696c55726c223a22222c22417373656d626c794f7074696f6e73223a5b5d7d5d7d2c226d61726b6574706c616365223a7b226261736555524c223a22687474703a2f2f6f6d732e76746578696e7465726e616c2e636f6d2e62722f6170692f6f6d733f616e3d61636d65222c226973436572746966696564223a6e756c6c2c226e616d65223a2261636d65227d2c2273746f7265507265666572656e63657344617461223a7b22636f756e747279436f6465223a22425241222c2263757272656e6379436f6465223a2242524c222c2263757272656e6379466f726d6174496e666f223a7b2243757272656e6379446563696d616c446967697473223a322c2243757272656e6379446563696d616c536570617261746f72223a222c222c2243757272656e637947726f7570536570617261746f72223a222e222c2243757272656e637947726f757053697a65223a332c225374617274735769746843757272656e637953796d626f6c223a747275657d2c2263757272656e63794c6f63616c65223a313034362c2263757272656e637953796d626f6c223a225224222c2274696d655a6f6e65223a22452e20536f75746820416d6572696361205374616e646172642054696d65227d2c22637573746f6d44617461223a6e756c6c2c22636f6d6d65726369616c436f6e646974696f6e44617461223a6e756c6c2c226f70656e546578744669656c64223a6e756c6c2c22696e766f69636544617461223a6e756c6c2c226368616e6765734174746163686d656e74223a6e756c6c2c2263616c6c43656e7465724f70657261746f7244617461223a6e756c6c2c227061636b6167654174746163686d656e74223a7b227061636b61676573223a5b5d7d2c227061796d656e7444617461223a7b22676966744361726473223a5b5d2c227472616e73616374696f6e73223a5b7b226973416374697665223a747275652c227472616e73616374696f6e4964223a2254222c226d65726368616e744e616d65223a2241434d45222c227061796d656e7473223a5b7b226964223a22504159222c227061796d656e7453797374656d223a2232222c227061796d656e7453797374656d4e616d65223a2256697361222c2276616c7565223a323030302c22696e7374616c6c6d656e7473223a312c227265666572656e636556616c7565223a323030302c2263617264486f6c646572223a6e756c6c2c22636172644e756d626572223a6e756c6c2c226669727374446967697473223a6e756c6c2c226c617374446967697473223a6e756c6c2c2263767632223a6e756c6c2c226578706972654d6f6e7468223a6e756c6c2c2265787069726559656172223a6e756c6c2c2275726c223a6e756c6c2c2267696674436172644964223a6e756c6c2c2267696674436172644e616d65223a6e756c6c2c22676966744361726443617074696f6e223a6e756c6c2c22726564656d7074696f6e436f6465223a6e756c6c2c2267726f7570223a2263726564697443617264222c22746964223a22222c2264756544617465223a6e756c6c2c22636f6e6e6563746f72526573706f6e736573223a7b7d2c22676966744361726450726f7669646572223a6e756c6c2c2267696674436172644173446973636f756e74223a6e756c6c2c226b6f696e55726c223a6e756c6c2c226163636f756e744964223a6e756c6c2c22706172656e744163636f756e744964223a6e756c6c2c2262616e6b497373756564496e766f6963654964656e74696669636174696f6e4e756d626572223a6e756c6c2c2262616e6b497373756564496e766f6963654964656e74696669636174696f6e4e756d626572466f726d6174746564223a6e756c6c2c2262616e6b497373756564496e766f696365426172436f64654e756d626572223a6e756c6c2c2262616e6b497373756564496e766f696365426172436f646554797065223a6e756c6c2c2262696c6c696e6741646472657373223a6e756c6c2c227061796d656e744f726967696e223a6e756c6c7d5d7d5d7d2c227368697070696e6744617461223a7b226964223a227368697070696e6744617461222c2261646472657373223a7b226164647265737354797065223a22222c2272656365697665724e616d65223a22222c22616464726573734964223a22222c2276657273696f6e4964223a6e756c6c2c22656e746974794964223a6e756c6c2c22706f7374616c436f6465223a22222c2263697479223a22222c227374617465223a22222c22636f756e747279223a22222c22737472656574223a22222c226e756d626572223a22222c226e65696768626f72686f6f64223a22222c22636f6d706c656d656e74223a22222c227265666572656e6365223a6e756c6c2c2267656f436f6f7264696e61746573223a5b5d7d2c226c6f67697374696373496e666f223a5b5d2c22747261636b696e6748696e7473223a5b5d2c2273656c6563746564416464726573736573223a5b5d2c22636f6e74616374496e666f726d6174696f6e223a5b5d7d2c227261746573416e6442656e656669747344617461223a7b226964223a227261746573416e6442656e656669747344617461222c2272617465416e6442656e65666974734964656e74696669657273223a5b5d7d2c226d61726b6574696e6744617461223a6e756c6c2c2267696674526567697374727944617461223a6e756c6c2c22636c69656e7450726f66696c6544617461223a7b226964223a22636c69656e7450726f66696c6544617461222c22656d61696c223a22616e61406578616d706c652e636f6d222c2266697273744e616d65223a22416e61222c226c6173744e616d65223a22536f757a61222c22646f63756d656e7454797065223a22222c22646f63756d656e74223a22222c2270686f6e65223a22222c22636f72706f726174654e616d65223a6e756c6c2c2274726164654e616d65223a6e756c6c2c22636f72706f72617465446f63756d656e74223a6e756c6c2c227374617465496e736372697074696f6e223a6e756c6c2c22636f72706f7261746550686f6e65223a6e756c6c2c226973436f72706f72617465223a66616c73652c227573657250726f66696c654964223a22222c227573657250726f66696c6556657273696f6e223a6e756c6c2c22637573746f6d6572436c617373223a6e756c6c2c22637573746f6d6572436f6465223a6e756c6c7d2c226974656d73223a5b7b22756e697175654964223a225531222c226964223a2237222c2270726f647563744964223a22222c2265616e223a6e756c6c2c226c6f636b4964223a2230302d763261636d652d3031222c226974656d4174746163686d656e74223a7b22636f6e74656e74223a7b7d2c226e616d65223a6e756c6c7d2c226174746163686d656e7473223a5b5d2c227175616e74697479223a312c2273656c6c6572223a2231222c226e616d65223a2237222c227265664964223a22222c227072696365223a323030302c226c6973745072696365223a323030302c226d616e75616c5072696365223a6e756c6c2c22707269636554616773223a5b5d2c22696d61676555726c223a22222c2264657461696c55726c223a22222c22636f6d706f6e656e7473223a5b5d2c2262756e646c654974656d73223a5b5d2c22706172616d73223a5b5d2c226f66666572696e6773223a5b5d2c226174746163686d656e744f66666572696e6773223a5b5d2c2273656c6c6572536b75223a2237222c22707269636556616c6964556e74696c223a6e756c6c2c22636f6d6d697373696f6e223a302c22746178223a302c2270726553616c6544617465223a6e756c6c2c226164646974696f6e616c496e666f223a7b226272616e644e616d65223a22222c226272616e644964223a22222c2263617465676f72696573496473223a22222c2263617465676f72696573223a5b5d2c2270726f64756374436c75737465724964223a22222c22636f6d6d65726369616c436f6e646974696f6e4964223a22222c2264696d656e73696f6e223a7b226375626963776569676874223a302c22686569676874223a302c226c656e677468223a302c22776569676874223a302c227769647468223a307d2c226f66666572696e67496e666f223a6e756c6c2c226f66666572696e6754797065223a6e756c6c2c226f66666572696e67547970654964223a6e756c6c7d2c226d6561737572656d656e74556e6974223a22756e222c22756e69744d756c7469706c696572223a312e302c2273656c6c696e675072696365223a323030302c22697347696674223a66616c73652c227368697070696e675072696365223a6e756c6c2c2272657761726456616c7565223a302c2266726569676874436f6d6d697373696f6e223a302c227072696365446566696e6974696f6e223a7b2273656c6c696e67507269636573223a5b7b2276616c7565223a323030302c227175616e74697479223a317d5d2c2263616c63756c6174656453656c6c696e675072696365223a323030302c22746f74616c223a323030302c22726561736f6e223a6e756c6c7d2c22746178436f6465223a6e756c6c2c22706172656e744974656d496e646578223a6e756c6c2c22706172656e74417373656d626c7942696e64696e67223a6e756c6c2c2263616c6c43656e7465724f70657261746f72223a6e756c6c2c2273657269616c4e756d62657273223a6e756c6c2c22617373656d626c696573223a5b5d2c22636f73745072696365223a307d5d2c226d61726b6574706c6163654974656d73223a5b5d2c22617574686f72697a6174696f6e506f6c69637944617461223a5b5d7d');
INSERT INTO public.order_views VALUES ('acme', 'v3acme-01', 1, 'v3acme', 3, false, NULL, 1795764263657061, NULL, NULL, NULL, NULL, NULL, false, 2000, 1, 'Marketplace', 'BRL', '[["channel","1","1"],["channel_name","1","1"],["email","ana@example.com","ana@example.com"],["full_name","ana souza",""],["id","v3acme-01","v3acme-01"],["name","ana",""],["name","souza",""],["payment","visa","Visa"],["payment_id","pay","PAY"],["pci_tid","t","T"],["seller","acme","Acme"],["sequence","3","3"],["sku","7","7"]]', '\x7b226f726465724964223a22763361636d652d3031222c226372656174696f6e44617465223a22323032362d31312d32375430373a32343a32332b30303a3030222c22636c69656e744e616d65223a22416e6120536f757a61222c226974656d73223a6e756c6c2c22746f74616c56616c7565223a323030302c227061796d656e744e616d6573223a2256697361222c22737461747573223a6e756c6c2c227374617475734465736372697074696f6e223a6e756c6c2c226d61726b6574506c6163654f726465724964223a6e756c6c2c2273657175656e6365223a2233222c2273616c65734368616e6e656c223a2231222c22616666696c696174654964223a22222c226f726967696e223a224d61726b6574706c616365222c22776f726b666c6f77496e4572726f725374617465223a66616c73652c22776f726b666c6f77496e5265747279223a66616c73652c226c6173744d657373616765556e72656164223a6e756c6c2c225368697070696e67457374696d6174656444617465223a6e756c6c2c225368697070696e67457374696d61746564446174654d6178223a6e756c6c2c225368697070696e67457374696d61746564446174654d696e223a6e756c6c2c226f726465724973436f6d706c657465223a66616c73652c226c6973744964223a6e756c6c2c226c69737454797065223a6e756c6c2c22617574686f72697a656444617465223a6e756c6c2c2263616c6c43656e7465724f70657261746f724e616d65223a6e756c6c2c22746f74616c4974656d73223a312c2263757272656e6379436f6465223a2242524c227d', '\x7b226f726465724964223a22763361636d652d3031222c2273657175656e6365223a2233222c226d61726b6574706c6163654f726465724964223a22222c226d61726b6574706c6163655365727669636573456e64706f696e74223a22687474703a2f2f6f6d732e76746578696e7465726e616c2e636f6d2e62722f6170692f6f6d733f616e3d61636d65222c2273656c6c65724f726465724964223a2230302d763361636d652d3031222c226f726967696e223a224d61726b6574706c616365222c22616666696c696174654964223a22222c2273616c65734368616e6e656c223a2231222c226d65726368616e744e616d65223a2241434d45222c22737461747573223a6e756c6c2c22776f726b666c6f774973496e4572726f72223a66616c73652c227374617475734465736372697074696f6e223a6e756c6c2c2276616c7565223a323030302c226372656174696f6e44617465223a22323032362d31312d32375430373a32343a32332e363537303631302b30303a3030222c226c6173744368616e6765223a22323032362d31312d32375430373a32343a32332e363537303631302b30303a3030222c226f7264657247726f7570223a22763361636d65222c22666f6c6c6f775570456d61696c223a2238313562343963386637383137656534663638373862336462326234313464384063742e61636d652e636f6d222c226c6173744d657373616765223a6e756c6c2c22686f73746e616d65223a2261636d65222c226973436f6d706c65746564223a66616c73652c22726f756e64696e674572726f72223a302c226f72646572466f726d4964223a22222c22616c6c6f7743616e63656c6c6174696f6e223a66616c73652c22616c6c6f7745646974696f6e223a66616c73652c226973436865636b6564496e223a66616c73652c22617574686f72697a656444617465223a6e756c6c2c22696e766f6963656444617465223a6e756c6c2c2263616e63656c526561736f6e223a6e756c6c2c22636865636b6564496e5069636b7570506f696e744964223a6e756c6c2c22746f74616c73223a5b7b226964223a224974656d73222c226e616d65223a22546f74616c204974656d73222c2276616c7565223a323030302c22616c7465726e6174697665546f74616c73223a6e756c6c7d5d2c2273656c6c657273223a5b7b226964223a2231222c226e616d65223a2241636d65222c226c6f676f223a22222c2266756c66696c6c6d656e74456e64706f696e74223a22687474703a2f2f66756c66696c6c6d656e742e76746578636f6d6d657263652e636f6d2e62722f6170692f66756c66696c6c6d656e743f616e3d61636d65227d5d2c22636c69656e74507265666572656e63657344617461223a7b226c6f63616c65223a22222c226f7074696e4e6577734c6574746572223a66616c73657d2c2263616e63656c6c6174696f6e44617461223a6e756c6c2c2263616e63656c6c6174696f6e5265717565737473223a5b5d2c2274617844617461223a6e756c6c2c22737562736372697074696f6e44617461223a6e756c6c2c226974656d4d65746164617461223a7b224974656d73223a5b7b224964223a2237222c2253656c6c6572223a2231222c224e616d65223a2237222c22536b754e616d65223a2237222c2250726f647563744964223a22222c225265664964223a22222c2245616e223a22222c22496d61676555726c223a22222c2244657461696c55726c223a22222c22417373656d626c794f7074696f6e73223a5b5d7d5d7d2c226d61726b6574706c616365223a7b226261736555524c223a22687474703a2f2f6f6d732e76746578696e7465726e616c2e636f6d2e62722f6170692f6f6d733f616e3d61636d65222c226973436572746966696564223a6e756c6c2c226e616d65223a2261636d65227d2c2273746f7265507265666572656e63657344617461223a7b22636f756e747279436f6465223a22425241222c2263757272656e6379436f6465223a2242524c222c2263757272656e6379466f726d6174496e666f223a7b2243757272656e6379446563696d616c446967697473223a322c2243757272656e6379446563696d616c536570617261746f72223a222c222c2243757272656e637947726f7570536570617261746f72223a222e222c2243757272656e637947726f757053697a65223a332c225374617274735769746843757272656e637953796d626f6c223a747275657d2c2263757272656e63794c6f63616c65223a313034362c2263757272656e637953796d626f6c223a225224222c2274696d655a6f6e65223a22452e20536f75746820416d6572696361205374616e646172642054696d65227d2c22637573746f6d44617461223a6e756c6c2c22636f6d6d65726369616c436f6e646974696f6e44617461223a6e756c6c2c226f70656e546578744669656c64223a6e756c6c2c22696e766f69636544617461223a6e756c6c2c226368616e6765734174746163686d656e74223a6e756c6c2c2263616c6c43656e7465724f70657261746f7244617461223a6e756c6c2c227061636b6167654174746163686d656e74223a7b227061636b61676573223a5b5d7d2c227061796d656e7444617461223a7b22676966744361726473223a5b5d2c227472616e73616374696f6e73223a5b7b226973416374697665223a747275652c227472616e73616374696f6e4964223a2254222c226d65726368616e744e616d65223a2241434d45222c227061796d656e7473223a5b7b226964223a22504159222c227061796d656e7453797374656d223a2232222c227061796d656e7453797374656d4e616d65223a2256697361222c2276616c7565223a323030302c22696e7374616c6c6d656e7473223a312c227265666572656e636556616c7565223a323030302c2263617264486f6c646572223a6e756c6c2c22636172644e756d626572223a6e756c6c2c226669727374446967697473223a6e756c6c2c226c617374446967697473223a6e756c6c2c2263767632223a6e756c6c2c226578706972654d6f6e7468223a6e756c6c2c2265787069726559656172223a6e756c6c2c2275726c223a6e756c6c2c2267696674436172644964223a6e756c6c2c2267696674436172644e616d65223a6e756c6c2c22676966744361726443617074696f6e223a6e756c6c2c22726564656d7074696f6e436f6465223a6e756c6c2c2267726f7570223a2263726564697443617264222c22746964223a22222c2264756544617465223a6e756c6c2c22636f6e6e6563746f72526573706f6e736573223a7b7d2c22676966744361726450726f7669646572223a6e756c6c2c2267696674436172644173446973636f756e74223a6e756c6c2c226b6f696e55726c223a6e756c6c2c226163636f756e744964223a6e756c6c2c22706172656e744163636f756e744964223a6e756c6c2c2262616e6b497373756564496e766f6963654964656e74696669636174696f6e4e756d626572223a6e756c6c2c2262616e6b497373756564496e766f6963654964656e74696669636174696f6e4e756d626572466f726d6174746564223a6e756c6c2c2262616e6b497373756564496e766f696365426172436f64654e756d626572223a6e756c6c2c2262616e6b497373756564496e766f696365426172436f646554797065223a6e756c6c2c2262696c6c696e6741646472657373223a6e756c6c2c227061796d656e744f726967696e223a6e756c6c7d5d7d5d7d2c227368697070696e6744617461223a7b226964223a227368697070696e6744617461222c2261646472657373223a7b226164647265737354797065223a22222c2272656365697665724e616d65223a22222c22616464726573734964223a22222c2276657273696f6e4964223a6e756c6c2c22656e746974794964223a6e756c6c2c22706f7374616c436f6465223a22222c2263697479223a22222c227374617465223a22222c22636f756e747279223a22222c22737472656574223a22222c226e756d626572223a22222c226e65696768626f72686f6f64223a22222c22636f6d706c656d656e74223a22222c227265666572656e6365223a6e756c6c2c2267656f436f6f7264696e61746573223a5b5d7d2c226c6f67697374696373496e666f223a5b5d2c22747261636b696e6748696e7473223a5b5d2c2273656c6563746564416464726573736573223a5b5d2c22636f6e74616374496e666f726d6174696f6e223a5b5d7d2c227261746573416e6442656e656669747344617461223a7b226964223a227261746573416e6442656e656669747344617461222c2272617465416e6442656e65666974734964656e74696669657273223a5b5d7d2c226d61726b6574696e6744617461223a6e756c6c2c2267696674526567697374727944617461223a6e756c6c2c22636c69656e7450726f66696c6544617461223a7b226964223a22636c69656e7450726f66696c6544617461222c22656d61696c223a22616e61406578616d706c652e636f6d222c2266697273744e616d65223a22416e61222c226c6173744e616d65223a22536f757a61222c22646f63756d656e7454797065223a22222c22646f63756d656e74223a22222c2270686f6e65223a22222c22636f72706f726174654e616d65223a6e756c6c2c2274726164654e616d65223a6e756c6c2c22636f72706f72617465446f63756d656e74223a6e756c6c2c227374617465496e736372697074696f6e223a6e756c6c2c22636f72706f7261746550686f6e65223a6e756c6c2c226973436f72706f72617465223a66616c73652c227573657250726f66696c654964223a22222c227573657250726f66696c6556657273696f6e223a6e756c6c2c22637573746f6d6572436c617373223a6e756c6c2c22637573746f6d6572436f6465223a6e756c6c7d2c226974656d73223a5b7b22756e697175654964223a225531222c226964223a2237222c2270726f647563744964223a22222c2265616e223a6e756c6c2c226c6f636b4964223a22222c226974656d4174746163686d656e74223a7b22636f6e74656e74223a7b7d2c226e616d65223a6e756c6c7d2c226174746163686d656e7473223a5b5d2c227175616e74697479223a312c2273656c6c6572223a2231222c226e616d65223a2237222c227265664964223a22222c227072696365223a323030302c226c6973745072696365223a323030302c226d616e75616c5072696365223a6e756c6c2c22707269636554616773223a5b5d2c22696d61676555726c223a22222c2264657461696c55726c223a22222c22636f6d706f6e656e7473223a5b5d2c2262756e646c654974656d73223a5b5d2c22706172616d73223a5b5d2c226f66666572696e6773223a5b5d2c226174746163686d656e744f66666572696e6773223a5b5d2c2273656c6c6572536b75223a2237222c22707269636556616c6964556e74696c223a6e756c6c2c22636f6d6d697373696f6e223a302c22746178223a302c2270726553616c6544617465223a6e756c6c2c226164646974696f6e616c496e666f223a7b226272616e644e616d65223a22222c226272616e644964223a22222c2263617465676f72696573496473223a22222c2263617465676f72696573223a5b5d2c2270726f64756374436c75737465724964223a22222c22636f6d6d65726369616c436f6e646974696f6e4964223a22222c2264696d656e73696f6e223a7b226375626963776569676874223a302c22686569676874223a302c226c656e677468223a302c22776569676874223a302c227769647468223a307d2c226f66666572696e67496e666f223a6e756c6c2c226f66666572696e6754797065223a6e756c6c2c226f66666572696e67547970654964223a6e756c6c7d2c226d6561737572656d656e74556e6974223a22756e222c22756e69744d756c7469706c696572223a312e302c2273656c6c696e675072696365223a323030302c22697347696674223a66616c73652c227368697070696e675072696365223a6e756c6c2c2272657761726456616c7565223a302c2266726569676874436f6d6d697373696f6e223a302c227072696365446566696e6974696f6e223a7b2273656c6c696e67507269636573223a5b7b2276616c7565223a323030302c227175616e74697479223a317d5d2c2263616c63756c6174656453656c6c696e675072696365223a323030302c22746f74616c223a323030302c22726561736f6e223a6e756c6c7d2c22746178436f6465223a6e756c6c2c22706172656e744974656d496e646578223a6e756c6c2c22706172656e74417373656d626c7942696e64696e67223a6e756c6c2c2263616c6c43656e7465724f70657261746f72223a6e756c6c2c2273657269616c4e756d62657273223a6e756c6c2c22617373656d626c696573223a5b5d2c22636f73745072696365223a307d5d2c226d61726b6574706c6163654974656d73223a5b5d2c22617574686f72697a6174696f6e506f6c69637944617461223a5b5d7d');
INSERT INTO public.people VALUES ('acme', 'v1acme-01', '8c5fa6f3f5d6f449ca5dac7a55f23118');
INSERT INTO public.people VALUES ('acme', 'v2acme-01', '8c5fa6f3f5d6f449ca5dac7a55f23118');
INSERT INTO public.people VALUES ('acme', 'v3acme-01', '8c5fa6f3f5d6f449ca5dac7a55f23118');
INSERT INTO public.request_keys VALUES ('acme', 'group:v1acme', '\x5b22763161636d652d3031225d', 1795764263652707);
INSERT INTO public.request_keys VALUES ('acme', 'group:v2acme', '\x5b22763261636d652d3031225d', 1795764263656517);
INSERT INTO public.request_keys VALUES ('acme', 'group:v3acme', '\x5b22763361636d652d3031225d', 1795764263659283);
INSERT INTO public.seals VALUES (2, 1, '\x88e1217d020d37f95e7858b6f3bc00ef1869afc9de44017a766844400e73dfdf');
INSERT INTO public.seals VALUES (3, 3, '\x4a802a6229d00107bef60d5d0501cd7c0c15be7bda18409977c2a985883beb45');
INSERT INTO public.seals VALUES (4, 4, '\xd9b856f02e8d03db27c63f42ec691abfbe4711ca9aa78768d2f9bce046662d15');
INSERT INTO public.seals VALUES (5, 5, '\x9d67f2bca4f1a07f456fb83c4472ef24159179eb24c1da6f184263979a791fa9');
INSERT INTO public.seals VALUES (15, 6, '\xe50b09a8ab38175d3b37b18b1c0b80cdc8c134f7e346f4ec4a9123b8e6ffc3b8');
INSERT INTO public.seals VALUES (25, 16, '\x9aad1df4148f174c98c2a83f63f286244ca583f57a07df4a4baf517c3054e05b');
INSERT INTO public.seals VALUES (26, 26, '\xb0414cb1e3604458e0ef997a25648e14503ebc8a419c9765371b27c21543a77d');
INSERT INTO public.task_history VALUES ('4914CA596B18513226938F6EB48DE0D7', '00000000000000000026', 1795764263664218, 'system', 'status', 'Open');
INSERT INTO public.task_targets VALUES ('acme', 'v1acme-01', '4914CA596B18513226938F6EB48DE0D7');
INSERT INTO public.tasks VALUES ('4914CA596B18513226938F6EB48DE0D7', 'acme', 'v1acme-01/oms.partnerCallFailed/x', 'Fulfillment', NULL, 'Open', '{"target": [{"id": "v1acme-01", "type": "order", "url": "/admin/checkout/#/orders/v1acme-01"}], "domain": "oms", "context": "Fulfillment", "name": "oms.partnerCallFailed", "translateMapping": {"en": "Resume or skip a message that the partner did not take", "es": "Reenviar u omitir un mensaje que el socio no acept\u00f3", "pt": "Reenviar ou pular uma mensagem que o parceiro n\u00e3o aceitou"}, "priority": "Critical", "surrogateKey": "v1acme-01/oms.partnerCallFailed/x", "description": "Call x (x to x) failed for good", "dueDate": null, "assignee": null, "followers": [], "parentTaskId": null, "orderId": "v1acme-01"}', 1795764263664218, 'system', 1795764263664218, 26);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.app_keys
    ADD CONSTRAINT app_keys_pkey PRIMARY KEY (app_key);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (app_key, "position", attempt);
ALTER TABLE ONLY public.calls
    ADD CONSTRAINT calls_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.cursors
    ADD CONSTRAINT cursors_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.data_keys
    ADD CONSTRAINT data_keys_pkey PRIMARY KEY (stream);
ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (cursor, "position");
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (app_key, "position");
ALTER TABLE ONLY public.due_times
    ADD CONSTRAINT due_times_pkey PRIMARY KEY (account, order_id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.export_pieces
    ADD CONSTRAINT export_pieces_pkey PRIMARY KEY (id, piece);
ALTER TABLE ONLY public.exports
    ADD CONSTRAINT exports_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.external_sellers
    ADD CONSTRAINT external_sellers_pkey PRIMARY KEY (account, seller);
ALTER TABLE ONLY public.feed_items
    ADD CONSTRAINT feed_items_pkey PRIMARY KEY (app_key, "position");
ALTER TABLE ONLY public.feeds
    ADD CONSTRAINT feeds_pkey PRIMARY KEY (app_key);
ALTER TABLE ONLY public.fired
    ADD CONSTRAINT fired_pkey PRIMARY KEY (cursor, order_id);
ALTER TABLE ONLY public.gateways
    ADD CONSTRAINT gateways_pkey PRIMARY KEY (account);
ALTER TABLE ONLY public.hooks
    ADD CONSTRAINT hooks_pkey PRIMARY KEY (app_key);
ALTER TABLE ONLY public.judgings
    ADD CONSTRAINT judgings_pkey PRIMARY KEY (cursor);
ALTER TABLE ONLY public.order_figures
    ADD CONSTRAINT order_figures_pkey PRIMARY KEY (account, kind, span, term, bucket, status, origin, currency);
ALTER TABLE ONLY public.order_terms
    ADD CONSTRAINT order_terms_pkey PRIMARY KEY (account, order_id, kind, term);
ALTER TABLE ONLY public.order_views
    ADD CONSTRAINT order_views_pkey PRIMARY KEY (account, order_id);
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_pkey PRIMARY KEY (account, order_id, name);
ALTER TABLE ONLY public.process_figures
    ADD CONSTRAINT process_figures_pkey PRIMARY KEY (process);
ALTER TABLE ONLY public.request_keys
    ADD CONSTRAINT request_keys_pkey PRIMARY KEY (account, key);
ALTER TABLE ONLY public.seals
    ADD CONSTRAINT seals_pkey PRIMARY KEY (position_to);
ALTER TABLE ONLY public.sequences
    ADD CONSTRAINT sequences_pkey PRIMARY KEY (account);
ALTER TABLE ONLY public.struck
    ADD CONSTRAINT struck_pkey PRIMARY KEY (cursor, "position");
ALTER TABLE ONLY public.task_history
    ADD CONSTRAINT task_history_pkey PRIMARY KEY (task, id);
ALTER TABLE ONLY public.task_targets
    ADD CONSTRAINT task_targets_pkey PRIMARY KEY (account, target, task);
ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (id);
CREATE INDEX attempts_at ON public.attempts USING btree (at);
CREATE INDEX attempts_latest ON public.attempts USING btree (app_key, at);
CREATE INDEX calls_due ON public.calls USING btree (state, due_at);
CREATE INDEX calls_order ON public.calls USING btree (account, order_id, party, "position", number);
CREATE INDEX deliveries_due ON public.deliveries USING btree (app_key, due_at);
CREATE INDEX deliveries_order ON public.deliveries USING btree (app_key, order_id, "position");
CREATE INDEX due_times_due ON public.due_times USING btree (due_at);
CREATE INDEX events_account_position ON public.events USING btree (account, "position");
CREATE UNIQUE INDEX events_stream_version ON public.events USING btree (stream, version);
CREATE INDEX exports_account ON public.exports USING btree (account, created_at);
CREATE INDEX exports_state ON public.exports USING btree (state);
CREATE INDEX feed_items_age ON public.feed_items USING btree (produced_at);
CREATE INDEX order_terms_term ON public.order_terms USING btree (account, kind, term, order_id);
CREATE INDEX order_views_authorized ON public.order_views USING btree (account, authorized_at);
CREATE INDEX order_views_created ON public.order_views USING btree (account, complete, created_at, order_id);
CREATE INDEX order_views_estimate ON public.order_views USING btree (account, estimate_at);
CREATE INDEX order_views_group ON public.order_views USING btree (account, order_group);
CREATE INDEX order_views_invoiced ON public.order_views USING btree (account, invoiced_at);
CREATE INDEX order_views_items ON public.order_views USING btree (account, complete, items, order_id);
CREATE INDEX order_views_origin ON public.order_views USING btree (account, complete, origin, order_id);
CREATE INDEX order_views_sequence ON public.order_views USING btree (account, sequence);
CREATE INDEX order_views_status ON public.order_views USING btree (account, status, created_at, order_id);
CREATE INDEX order_views_value ON public.order_views USING btree (account, complete, value, order_id);
CREATE INDEX people_name ON public.people USING btree (account, name);
CREATE INDEX request_keys_at ON public.request_keys USING btree (at) WHERE (key ~~ 'idempotency:%'::text);
CREATE INDEX tasks_created ON public.tasks USING btree (account, created_at, id);
CREATE UNIQUE INDEX tasks_key ON public.tasks USING btree (account, surrogate_key);
