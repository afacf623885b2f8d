-- Makes a database the control database: its logins and their rights. As a superuser, in it, with
-- psql, and ATOLL_WEB_PASSWORD and ATOLL_OWN_PASSWORD in the environment. May be run again.
--
-- (Shards need none of this: manage.py add_shard does it all.)

\set ON_ERROR_STOP on
\getenv web_password ATOLL_WEB_PASSWORD
\getenv own_password ATOLL_OWN_PASSWORD

BEGIN;

SELECT 'CREATE ROLE web' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'web') \gexec
SELECT 'CREATE ROLE own' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'own') \gexec
-- web serves requests and owns nothing; own owns the tables and migrates.
ALTER ROLE web LOGIN NOINHERIT PASSWORD :'web_password';
ALTER ROLE own LOGIN PASSWORD :'own_password';

SELECT current_database() AS database \gset
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO web, own;
GRANT CREATE ON DATABASE :"database" TO own;
ALTER ROLE web IN DATABASE :"database" SET statement_timeout TO '3s';

REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO own;
GRANT USAGE ON SCHEMA public TO web;
ALTER DEFAULT PRIVILEGES FOR ROLE own IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO web;
ALTER DEFAULT PRIVILEGES FOR ROLE own IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO web;

COMMIT;
