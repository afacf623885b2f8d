-- An id below the local range is given (by COPY, a restore, an image) and stays. Names that control
-- has no id for keep a local one, and so does one whose id this schema uses for another name.
DECLARE
    wanted integer;
    taken boolean;
BEGIN
    IF NEW.id < 1000000000
        OR pg_catalog.to_regclass('reference.ref_content_type_name') IS NULL
    THEN
        RETURN NEW;
    END IF;
    SELECT known.content_type_id INTO wanted
    FROM reference.ref_content_type_name AS known
    WHERE known.name = pg_catalog.concat(NEW.app_label, '.', NEW.model);
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
