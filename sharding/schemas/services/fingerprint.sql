-- The structure of one schema as rows (kind, identity, definition), whatever the schema is called.
-- Everything starts from pg_depend: pg_class and pg_type have no index by namespace, and a shard
-- has tens of thousands of relations. `= ANY (ARRAY(…))` keeps the planner on the indexes.
WITH home AS (
    SELECT to_regnamespace(quote_ident({name}))::oid AS oid
),
member AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend, home
    WHERE refclassid = 'pg_namespace'::regclass AND refobjid = home.oid
),
typ AS MATERIALIZED (
    SELECT t.* FROM pg_type t
    WHERE t.oid = ANY (ARRAY(SELECT objid FROM member WHERE classid = 'pg_type'::regclass))
      AND t.typtype IN ('e', 'd', 'r', 'c', 'b')
),
rel AS MATERIALIZED (
    SELECT c.* FROM pg_class c
    WHERE c.oid = ANY (ARRAY(
              SELECT objid FROM member WHERE classid = 'pg_class'::regclass
              UNION ALL SELECT typrelid FROM typ WHERE typtype = 'c'
          ))
      AND c.relname NOT IN ({permit}, {heartbeat})
),
col AS MATERIALIZED (
    SELECT rel.relname, a.*
    FROM rel JOIN pg_attribute a ON a.attrelid = rel.oid
    WHERE rel.relkind <> 'S' AND a.attnum > 0 AND NOT a.attisdropped
)
SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                    WHEN 'c' THEN 'composite type' ELSE 'table' END,
       relname::text,
       concat_ws(' ',
           CASE relkind WHEN 'p' THEN 'partitioned by ' || pg_get_partkeydef(oid)
                        WHEN 'f' THEN 'foreign' END,
           CASE relpersistence WHEN 'u' THEN 'unlogged' END,
           CASE WHEN relrowsecurity THEN 'row security' END,
           CASE WHEN relforcerowsecurity THEN 'forced row security' END,
           CASE WHEN relkind IN ('r', 'p') AND relreplident <> 'd'
                THEN 'replica identity ' || relreplident::text END,
           (SELECT 'using ' || amname FROM pg_am WHERE pg_am.oid = relam AND amname <> 'heap'),
           (SELECT 'with ' || string_agg(o, ', ' ORDER BY o) FROM unnest(reloptions) o),
           (SELECT 'toast with ' || t.reloptions::text FROM pg_class t
            WHERE t.oid = rel.reltoastrelid AND t.reloptions IS NOT NULL),
           (SELECT 'of ' || string_agg(p.relname, ', ' ORDER BY inhseqno)
            FROM pg_inherits JOIN pg_class p ON p.oid = inhparent WHERE inhrelid = rel.oid),
           pg_get_expr(relpartbound, oid),
           CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid, true) END,
           (SELECT concat_ws(' ',
                    format_type(seqtypid, NULL), 'start', seqstart, 'by', seqincrement,
                    'from', seqmin, 'to', seqmax, 'cache', seqcache,
                    CASE WHEN seqcycle THEN 'cycle' END)
            FROM pg_sequence WHERE seqrelid = rel.oid),
           (SELECT 'owned by ' || o.relname || '.' || a.attname || ' (' || d.deptype::text || ')'
            FROM pg_depend d
            JOIN pg_class o ON o.oid = d.refobjid
            JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
            WHERE rel.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = rel.oid
              AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')),
           'comment ' || obj_description(oid, 'pg_class'))
FROM rel
UNION ALL
SELECT 'column', relname || '.' || attname,
       concat_ws(' ',
           format_type(atttypid, atttypmod),
           CASE WHEN attnotnull THEN 'not null' END,
           CASE attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity by default' END,
           CASE attgenerated WHEN 's' THEN 'generated stored' WHEN 'v' THEN 'generated virtual' END,
           (SELECT 'default ' || pg_get_expr(adbin, adrelid, true) FROM pg_attrdef
            WHERE adrelid = attrelid AND adnum = attnum),
           (SELECT concat_ws(' ',
                    CASE WHEN attcollation <> typcollation
                         THEN 'collate ' || attcollation::regcollation::text END,
                    CASE WHEN attstorage <> typstorage THEN 'storage ' || attstorage::text END)
            FROM pg_type WHERE pg_type.oid = atttypid),
           'compression ' || nullif(attcompression::text, ''),
           'statistics ' || nullif(coalesce(attstattarget::int, -1), -1),
           -- Newer servers number each state of a column there, for themselves (15.20).
           'options ' || (SELECT array_agg(o ORDER BY n)::text
                          FROM unnest(attoptions) WITH ORDINALITY AS option (o, n)
                          WHERE NOT starts_with(o, 'pg_attver=')),
           CASE WHEN NOT attislocal THEN 'inherited' END,
           'comment ' || col_description(attrelid, attnum))
FROM col
UNION ALL
SELECT 'order of columns', relname::text, string_agg(attname, ', ' ORDER BY attnum)
FROM col GROUP BY relname
UNION ALL
SELECT 'constraint', rel.relname || '.' || conname,
       concat_ws(' ', pg_get_constraintdef(k.oid, true),
           CASE WHEN NOT convalidated THEN 'not validated' END,
           'comment ' || obj_description(k.oid, 'pg_constraint'))
FROM rel JOIN pg_constraint k ON k.conrelid = rel.oid
-- From 18 on NOT NULL is a constraint as well, with a name that means nothing.
WHERE contype IN ('c', 'f', 'p', 'u', 'x') OR contype = 'n' AND (connoinherit OR NOT convalidated)
UNION ALL
SELECT 'constraint', typname || '.' || conname,
       concat_ws(' ', pg_get_constraintdef(k.oid, true),
           CASE WHEN NOT convalidated THEN 'not validated' END)
FROM typ JOIN pg_constraint k ON k.contypid = typ.oid WHERE contype = 'c'
UNION ALL
SELECT 'index', i.relname::text,
       concat_ws(' ', pg_get_indexdef(indexrelid, 0, true),
           CASE WHEN NOT indisvalid THEN 'invalid' END,
           CASE WHEN indisclustered THEN 'clustered' END,
           CASE WHEN indisreplident THEN 'replica identity' END,
           'comment ' || obj_description(indexrelid, 'pg_class'))
FROM rel JOIN pg_index ON indrelid = rel.oid JOIN pg_class i ON i.oid = indexrelid
UNION ALL
SELECT 'trigger', rel.relname || '.' || tgname,
       pg_get_triggerdef(t.oid, true)
           || CASE tgenabled WHEN 'O' THEN '' ELSE ' enabled ' || tgenabled::text END
FROM rel JOIN pg_trigger t ON t.tgrelid = rel.oid WHERE NOT tgisinternal AND tgname <> {guard}
UNION ALL
SELECT 'rule', rel.relname || '.' || rulename, pg_get_ruledef(w.oid, true) || ' ' || ev_enabled::text
FROM rel JOIN pg_rewrite w ON w.ev_class = rel.oid WHERE rulename <> '_RETURN'
UNION ALL
SELECT 'policy', rel.relname || '.' || polname,
       concat_ws(' ', CASE WHEN polpermissive THEN 'permissive' ELSE 'restrictive' END, polcmd,
           'using ' || pg_get_expr(polqual, polrelid, true),
           'check ' || pg_get_expr(polwithcheck, polrelid, true))
FROM rel JOIN pg_policy ON polrelid = rel.oid
UNION ALL
SELECT 'statistics', stxname::text,
       concat_ws(' ', rel.relname, stxkind::text,
           pg_get_statisticsobjdef_columns(s.oid), nullif(coalesce(stxstattarget::int, -1), -1))
FROM rel JOIN pg_statistic_ext s ON s.stxrelid = rel.oid
UNION ALL
SELECT 'function', proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
       concat_ws(' ', prokind, pg_get_function_arguments(p.oid),
           'returns ' || pg_get_function_result(p.oid), lanname, provolatile, proparallel,
           CASE WHEN proisstrict THEN 'strict' END,
           CASE WHEN prosecdef THEN 'security definer' END,
           CASE WHEN proleakproof THEN 'leakproof' END,
           'cost', procost, 'rows', prorows, proconfig::text,
           coalesce(pg_get_function_sqlbody(p.oid), prosrc),
           (SELECT concat_ws(' ', aggtransfn::regproc, aggfinalfn::regproc,
                             aggtranstype::regtype, agginitval)
            FROM pg_aggregate WHERE aggfnoid = p.oid),
           'comment ' || obj_description(p.oid, 'pg_proc'))
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.oid = ANY (ARRAY(SELECT objid FROM member WHERE classid = 'pg_proc'::regclass))
UNION ALL
SELECT CASE typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range'
                    ELSE 'type' END,
       typname::text,
       concat_ws(' ',
           (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
            FROM pg_enum WHERE enumtypid = typ.oid),
           CASE typtype WHEN 'd' THEN format_type(typbasetype, typtypmod) END,
           (SELECT format_type(rngsubtype, NULL) FROM pg_range WHERE rngtypid = typ.oid),
           CASE WHEN typnotnull THEN 'not null' END,
           'default ' || typdefault,
           CASE WHEN typcollation <> 0 THEN 'collate ' || typcollation::regcollation::text END)
FROM typ WHERE typtype <> 'c'
UNION ALL
SELECT named.type, replace(named.identity, quote_ident({name}) || '.', ''),
       (SELECT concat_ws(' ', collprovider, collcollate, collctype,
                         CASE WHEN NOT collisdeterministic THEN 'nondeterministic' END)
        FROM pg_collation WHERE member.classid = 'pg_collation'::regclass
                            AND oid = member.objid)
FROM member CROSS JOIN LATERAL pg_identify_object(classid, objid, 0) named
WHERE classid NOT IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass,
                      'pg_constraint'::regclass, 'pg_statistic_ext'::regclass,
                      'pg_default_acl'::regclass, 'pg_publication_namespace'::regclass)
