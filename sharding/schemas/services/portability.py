"""What ties a schema to the database where it lies, so that it cannot be served elsewhere."""

from collections.abc import Collection
from typing import Final

from sharding.schemas import names
from sharding.schemas.connections import Connection
from sharding.schemas.services.transfer import in_the_way

# A foreign key that leads to a reference table is the same everywhere.
_TIES: Final = """
    WITH mine AS (
        SELECT objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid = to_regnamespace(quote_ident(%(schema)s))
          AND classid = 'pg_class'::regclass
    ), shared AS (
        SELECT objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid = to_regnamespace(%(reference)s::text)
          AND classid = 'pg_class'::regclass
    )
    SELECT format('the foreign key %%s of %%s leads to %%s', conname, conrelid::regclass,
                  confrelid::regclass)
    FROM pg_constraint
    WHERE contype = 'f' AND conrelid IN (SELECT objid FROM mine)
      AND confrelid NOT IN (SELECT objid FROM mine UNION ALL SELECT objid FROM shared)
    UNION ALL
    SELECT format('the foreign key %%s of %%s leads to %%s', conname, conrelid::regclass,
                  confrelid::regclass)
    FROM pg_constraint
    WHERE contype = 'f' AND confrelid IN (SELECT objid FROM mine)
      AND conrelid NOT IN (SELECT objid FROM mine)
    UNION ALL
    SELECT format('%%s is a part of %%s', inhrelid::regclass, inhparent::regclass)
    FROM pg_inherits
    WHERE (inhrelid IN (SELECT objid FROM mine)) <> (inhparent IN (SELECT objid FROM mine))
    UNION ALL
    SELECT format('the trigger %%s of %%s fires for copied rows too', tgname, tgrelid::regclass)
    FROM pg_trigger
    WHERE tgrelid IN (SELECT objid FROM mine) AND NOT tgisinternal AND tgenabled IN ('A', 'R')
    UNION ALL
    SELECT format('%%s is a materialized view, which arrives empty', c.oid::regclass)
    FROM pg_class c WHERE c.oid IN (SELECT objid FROM mine) AND c.relkind = 'm'
    UNION ALL
    SELECT format('%%s is unlogged: a crash empties it', c.oid::regclass)
    FROM pg_class c WHERE c.oid IN (SELECT objid FROM mine) AND c.relpersistence = 'u'
      AND c.relkind = 'r'
    UNION ALL
    SELECT format('%%s.%%s holds numbers of this server''s transactions', c.oid::regclass, attname)
    FROM pg_class c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
    WHERE c.oid IN (SELECT objid FROM mine) AND c.relkind IN ('r', 'p')
      AND atttypid IN ('xid'::regtype, 'xid8'::regtype, 'cid'::regtype, 'tid'::regtype,
                       'pg_snapshot'::regtype, 'txid_snapshot'::regtype)
    UNION ALL
    SELECT format('the security label of %%s on %%s is kept outside of it', provider,
                  pg_describe_object(classoid, objoid, objsubid))
    FROM pg_seclabel WHERE classoid = 'pg_class'::regclass AND objoid IN (SELECT objid FROM mine)
    UNION ALL
    SELECT format('the index %%s is not valid', indexrelid::regclass)
    FROM pg_index WHERE indrelid IN (SELECT objid FROM mine) AND NOT indisvalid
    UNION ALL
    SELECT format('somebody follows %%s by the publication %%s', prrelid::regclass, pubname)
    FROM pg_publication_rel JOIN pg_publication p ON p.oid = prpubid
    WHERE prrelid IN (SELECT objid FROM mine) AND pubname NOT LIKE 'mv\\_%%'
    UNION ALL
    SELECT format('the publication %%s follows all of it', pubname)
    FROM pg_publication_namespace JOIN pg_publication p ON p.oid = pnpubid
    WHERE pnnspid = to_regnamespace(quote_ident(%(schema)s))
    UNION ALL
    SELECT format('the publication %%s follows all tables', pubname)
    FROM pg_publication WHERE puballtables
    UNION ALL
    SELECT format('%%s is filled by a subscription', srrelid::regclass)
    FROM pg_subscription_rel WHERE srrelid IN (SELECT objid FROM mine)
    UNION ALL
    SELECT format('a prepared transaction holds %%s', relation::regclass)
    FROM pg_locks
    WHERE pid IS NULL AND relation IN (SELECT objid FROM mine)
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY 1
"""

# Whatever hangs on a table, view or function of the schema, and what that hangs on: both by the
# schema that they lie in. What every shard has is the same everywhere.
_LEADS_OUT: Final = """
    WITH RECURSIVE spot AS (
        SELECT to_regnamespace(quote_ident(%(schema)s))::oid AS oid
    ), mine AS (
        SELECT classid, objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass AND refobjid = (SELECT oid FROM spot)
        UNION
        SELECT d.classid, d.objid FROM pg_depend d JOIN mine ON d.refclassid = mine.classid
          AND d.refobjid = mine.objid
        WHERE d.classid IN ('pg_attrdef'::regclass, 'pg_trigger'::regclass, 'pg_rewrite'::regclass,
                            'pg_policy'::regclass, 'pg_constraint'::regclass)
          AND d.deptype IN ('a', 'i')
    ), other AS (
        SELECT DISTINCT d.classid, d.objid, d.refclassid, d.refobjid
        FROM pg_depend d JOIN mine ON d.classid = mine.classid AND d.objid = mine.objid
        WHERE d.deptype = 'n' AND d.refobjid >= 16384
          AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)
          AND NOT EXISTS (
              SELECT FROM mine m WHERE m.classid = d.refclassid AND m.objid = d.refobjid
          )
    ), told AS (
        SELECT o.*, i.schema, i.identity
        FROM other o, pg_identify_object(o.refclassid, o.refobjid, 0) i
    )
    SELECT DISTINCT format('%%s needs %%s, which is not in its schema',
                           pg_describe_object(classid, objid, 0), identity)
    FROM told
    WHERE schema IS DISTINCT FROM %(schema)s AND schema <> ALL (%(shared)s::text[])
      AND classid <> 'pg_constraint'::regclass
    ORDER BY 1
"""
_LEADS_IN: Final = """
    WITH mine AS (
        SELECT classid, objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid = to_regnamespace(quote_ident(%(schema)s))
          AND classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)
    )
    SELECT DISTINCT format('%%s needs %%s, which would be gone',
                           pg_describe_object(d.classid, d.objid, 0),
                           pg_describe_object(d.refclassid, d.refobjid, 0))
    FROM pg_depend d
    JOIN mine ON d.refclassid = mine.classid AND d.refobjid = mine.objid
    LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
    LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
    LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
    LEFT JOIN pg_class wc ON wc.oid = w.ev_class
    LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
    LEFT JOIN pg_class ac ON ac.oid = a.adrelid
    LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
    LEFT JOIN pg_class tc ON tc.oid = t.tgrelid
    WHERE d.deptype = 'n'
      AND coalesce(c.relnamespace, p.pronamespace, wc.relnamespace, ac.relnamespace,
                   CASE WHEN NOT t.tgisinternal THEN tc.relnamespace END)
          <> to_regnamespace(quote_ident(%(schema)s))
    ORDER BY 1
"""
# A cast lies in no schema, so no dump of one has it.
_CASTS: Final = """
    WITH mine AS (
        SELECT classid, objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid = to_regnamespace(quote_ident(%(schema)s))
    )
    SELECT format('the cast from %%s to %%s lies in no schema', castsource::regtype,
                  casttarget::regtype)
    FROM pg_cast
    WHERE EXISTS (SELECT FROM mine WHERE classid = 'pg_type'::regclass
                  AND objid IN (castsource, casttarget))
       OR EXISTS (SELECT FROM mine WHERE classid = 'pg_proc'::regclass AND objid = castfunc)
    ORDER BY 1
"""

# Whose tables they are is said by what a schema lacks (`describe`).
_OWNERS: Final = """
    WITH spot AS (
        SELECT oid, nspowner FROM pg_namespace WHERE nspname = %(schema)s
    ), mine AS (
        SELECT classid, objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass AND refobjid = (SELECT oid FROM spot)
    ), owned (classid, objid, owner) AS (
        SELECT classid, objid, relowner FROM mine
        JOIN pg_class c ON classid = 'pg_class'::regclass AND c.oid = objid
        WHERE relkind NOT IN ('r', 'p')
        UNION ALL
        SELECT classid, objid, proowner FROM mine
        JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid
        UNION ALL
        SELECT classid, objid, typowner FROM mine
        JOIN pg_type t ON classid = 'pg_type'::regclass AND t.oid = objid
    )
    SELECT format('%%s belongs to %%s', pg_describe_object(classid, objid, 0),
                  pg_get_userbyid(owner))
    FROM owned WHERE owner <> (SELECT nspowner FROM spot)
    ORDER BY 1
"""

# A copy belongs to the owner, and its rights are those of the tenant's role.
_STRANGERS: Final = """
    WITH spot AS (
        SELECT oid, nspowner, nspacl, to_regrole(quote_ident(nspname))::oid AS role
        FROM pg_namespace WHERE nspname = %(schema)s
    ), mine AS (
        SELECT c.oid, c.relname, c.relacl FROM pg_class c WHERE c.oid IN (
            SELECT objid FROM pg_depend
            WHERE refclassid = 'pg_namespace'::regclass AND refobjid = (SELECT oid FROM spot)
              AND classid = 'pg_class'::regclass
        )
    ), given (what, acl) AS (
        SELECT 'it', nspacl FROM spot
        UNION ALL SELECT relname, relacl FROM mine
        UNION ALL SELECT relname || '.' || attname, attacl
        FROM mine JOIN pg_attribute ON attrelid = mine.oid AND attacl IS NOT NULL
        UNION ALL SELECT 'tables to come', defaclacl FROM pg_default_acl
        WHERE defaclnamespace = (SELECT oid FROM spot)
    ), stranger AS (
        SELECT DISTINCT what,
               CASE grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(grantee)::text END AS name
        FROM given, aclexplode(acl)
        WHERE grantee NOT IN (SELECT nspowner FROM spot UNION ALL SELECT role FROM spot)
    )
    SELECT format('%%s has a right on %%s%%s', name, min(what),
                  CASE WHEN count(*) > 1 THEN format(' and %%s more', count(*) - 1) END)
    FROM stranger WHERE name <> ALL (%(logins)s::text[]) GROUP BY name
    UNION ALL
    SELECT format('%%s is a member of its role', pg_get_userbyid(member)) FROM pg_auth_members
    WHERE roleid = (SELECT role FROM spot)
      AND pg_get_userbyid(member) <> ALL (%(logins)s::text[])
    ORDER BY 1
"""
_SHARED: Final = ("pg_catalog", "pg_toast", "information_schema", names.REFERENCE, names.EXTENSIONS)


def ties_of(
    connection: Connection, schema: str, *, logins: Collection[str] = ()
) -> tuple[str, ...]:
    """One sentence for each thing in `schema` that a copy elsewhere would not have, or not truly.

    logins: of this server's registry entry; what they may do here they may everywhere.

    Transaction: any, or none.
    """
    facts = {
        "schema": schema,
        "reference": names.REFERENCE,
        "shared": [*_SHARED, names.SUPPORT],
        "logins": list(logins),
    }
    ties = [
        told
        for asked in (_TIES, _LEADS_OUT, _LEADS_IN, _CASTS, _OWNERS, _STRANGERS)
        for (told,) in connection.execute(asked, facts)
    ]
    return (*in_the_way(connection, schema), *ties)
