-- Runs once, on an empty volume, as the image's superuser. Makes the application's role and its database.
-- The application's role is no superuser: a superuser may run programs in the database's container.
\getenv password POSTGRES_PASSWORD
CREATE ROLE taskward LOGIN PASSWORD :'password';
CREATE DATABASE taskward OWNER taskward;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
-- The superuser has no password any more, so it cannot sign in over the network with the application's.
-- An administrator uses the socket: docker compose exec db psql -U postgres taskward
ALTER ROLE postgres PASSWORD NULL;
