-- Role and schema of a tenant have one name. The catalogue is asked, not a table: so the answer is
-- current in old snapshots too. Without a write_permit table the question itself fails.
BEGIN
    IF NOT pg_catalog.has_table_privilege(
        tg_table_schema, pg_catalog.format('%I.write_permit', tg_table_schema), 'REFERENCES'
    ) THEN
        RAISE EXCEPTION 'tenant % is moving', tg_table_schema USING
            ERRCODE = 'AT001',
            HINT = 'The tenant opens elsewhere in a moment; ask the directory again.';
    END IF;
    RETURN NULL;
END
