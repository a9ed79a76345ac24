-- Appends a group of writes: the advisory lock is held to commit, so positions are handed out
-- in the order of commit and without a gap. Every statement of the function takes a fresh
-- snapshot (READ COMMITTED), so what is read after the lock is what the last holder committed.
CREATE OR REPLACE FUNCTION append_events(
    members int[], accounts text[], streams text[], versions int[], names text[], ats bigint[],
    bys text[], causes text[], befores text[], statuses text[], domains text[], moved bigint[],
    bodies bytea[], personals bytea[], digests bytea[],
    key_members int[], key_accounts text[], key_names text[], key_values bytea[],
    data_members int[], data_streams text[], data_wrapped bytea[]
) RETURNS TABLE (
    member int, last_position bigint, taken_account text, taken_key text, taken_value bytea
) LANGUAGE plpgsql AS $$
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
        JOIN unique_keys t ON t.account = k.a AND t.key = k.n
        -- hosted
        UNION ALL
        SELECT w.m FROM unnest(members, accounts) AS w (m, a)
        JOIN hosted h ON h.account = w.a AND h.state <> 'live'
        -- end
    ) c;
    refused := coalesce(refused, '{}');
    SELECT coalesce(max(e.position), 0) INTO head FROM events e;
    INSERT INTO events (position, account, stream, version, name, at, actor, cause, status_before,
                        status, domain, moved_before_at, body, personal, digest
                        -- hosted: what ids are made of, where it is not the position
                        , origin_position
                        -- end
                        )
    SELECT head + row_number() OVER (ORDER BY r.ord), r.a, r.s, r.v, r.n, r.t, r.b, r.c, r.sb,
           r.st, r.d, r.mb, r.body, r.personal, r.digest
           -- hosted
           , ((h.epoch - 1)::bigint << 48) + head + row_number() OVER (ORDER BY r.ord)
           -- end
    FROM unnest(members, accounts, streams, versions, names, ats, bys, causes, befores, statuses,
                domains, moved, bodies, personals, digests) WITH ORDINALITY
         AS r (m, a, s, v, n, t, b, c, sb, st, d, mb, body, personal, digest, ord)
    -- hosted
    LEFT JOIN hosted h ON h.account = r.a AND h.epoch > 1
    -- end
    WHERE NOT r.m = ANY (refused)
    ORDER BY r.ord;
    GET DIAGNOSTICS added = ROW_COUNT;
    IF added > 0 THEN
        INSERT INTO unique_keys (account, key, value)
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
            -- hosted: an account without a key
            SELECT h.account, NULL::text AS key, NULL::bytea AS value
            FROM unnest(members, accounts) AS o (m, a)
            JOIN hosted h ON h.account = o.a AND h.state <> 'live'
            WHERE o.m = w.m AND w.m = ANY (refused)
            UNION ALL
            -- end
            SELECT q.account, q.key, q.value
            FROM unnest(key_members, key_accounts, key_names) AS k (m, a, n)
            JOIN unique_keys q ON q.account = k.a AND q.key = k.n
            WHERE k.m = w.m AND w.m = ANY (refused)
            ORDER BY 2 NULLS FIRST LIMIT 1
        ) t ON true;
END
$$
