-- As for content types; a permission of a local content type has no name that others could know.
DECLARE
    wanted integer;
    taken boolean;
BEGIN
    IF NEW.id < 1000000000
        OR pg_catalog.to_regclass('reference.ref_permission_name') IS NULL
    THEN
        RETURN NEW;
    END IF;
    SELECT known.permission_id INTO wanted
    FROM reference.ref_permission_name AS known
    WHERE known.name = pg_catalog.concat(NEW.content_type_id, '.', NEW.codename);
    IF wanted IS NOT NULL THEN
        EXECUTE pg_catalog.format(
            'SELECT EXISTS (SELECT FROM %I.%I WHERE id = $1)', tg_table_schema, tg_table_name
        ) INTO taken USING wanted;
        IF NOT taken THEN
            NEW.id := wanted;
        END IF;
    END IF;
    RETURN NEW;
END
