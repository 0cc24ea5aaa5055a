//! Opening the database: whether it keeps what it answers, and its schema.

use tokio_postgres::{Client, types::Type};

use super::{connect, failure::Failure, routines};
use crate::{
    failpoint::failpoint,
    store::{Durability, OpenError},
};

/// What each version of the schema adds to the one before.
const MIGRATIONS: [&str; 5] = [
    include_str!("schema.sql"),
    include_str!("steps.sql"),
    include_str!("limits.sql"),
    include_str!("endpoints.sql"),
    include_str!("spent.sql"),
];

/// Whoever changes the schema holds this lock: the letters `nhub`.
const SCHEMA_LOCK: i64 = 0x6e68_7562;

/// Versions of PostgreSQL before this one are not tested.
const SERVER_VERSION_MIN: i32 = 150_000;

/// Looks whether the server can be used as it is meant to.
pub async fn check(client: &Client, server: &str, durability: Durability) -> Result<(), OpenError> {
    let refused = |reason: String| OpenError::Server { server: server.to_owned(), reason };
    let sql = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery()";
    let row = client.query_typed_one(sql, &[]).await.map_err(|error| refused(Failure::from(error).to_string()))?;
    let (number, version, standby): (i32, &str, bool) = (row.get(0), row.get(1), row.get(2));
    if number < SERVER_VERSION_MIN {
        return Err(refused(format!("it is PostgreSQL {version}, expected 15 or later")));
    }
    if standby {
        return Err(refused("it is a standby, which takes no writes; name the primary".to_owned()));
    }
    let setting = connect::unsafe_setting(client, durability).await.map_err(|error| refused(Failure::from(error).to_string()))?;
    match setting {
        Some(setting) => Err(OpenError::Unsafe { server: server.to_owned(), setting }),
        None => Ok(()),
    }
}

/// Takes the schema to our version, each step whole or not at all; processes that start together take turns.
pub async fn migrate(client: &mut Client, server: &str) -> Result<(), OpenError> {
    let refused = |error: tokio_postgres::Error| OpenError::Server {
        server: server.to_owned(),
        reason: format!("its schema: {}", Failure::from(error)),
    };
    let known = MIGRATIONS.len() as i32;
    loop {
        let step = client.transaction().await.map_err(refused)?;
        let lock = "SELECT pg_advisory_xact_lock($1)";
        step.query_typed(lock, &[(&SCHEMA_LOCK, Type::INT8)]).await.map_err(refused)?;
        let version = version(step.client()).await.map_err(refused)?;
        if version > known {
            return Err(OpenError::NewerSchema { server: server.to_owned(), version, known });
        }
        let Some(sql) = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version)) else {
            if !routines::are_there(step.client()).await.map_err(refused)? {
                routines::make(&step).await.map_err(refused)?;
                step.commit().await.map_err(refused)?;
            }
            return Ok(());
        };
        if version == 0 {
            let first = "CREATE SCHEMA IF NOT EXISTS notifyhub; CREATE TABLE notifyhub.schema_version (version int NOT NULL); \
                         INSERT INTO notifyhub.schema_version VALUES (0)";
            step.batch_execute(first).await.map_err(refused)?;
        }
        step.batch_execute(sql).await.map_err(refused)?;
        failpoint!("migrate.step");
        let write = "UPDATE notifyhub.schema_version SET version = $1";
        step.execute_typed(write, &[(&(version + 1), Type::INT4)]).await.map_err(refused)?;
        step.commit().await.map_err(refused)?;
    }
}

/// The version of the schema; 0 where there is none.
async fn version(client: &Client) -> Result<i32, tokio_postgres::Error> {
    let there = "SELECT to_regclass('notifyhub.schema_version') IS NOT NULL";
    if !client.query_typed_one(there, &[]).await?.get::<_, bool>(0) {
        return Ok(0);
    }
    Ok(client.query_typed_one("SELECT version FROM notifyhub.schema_version", &[]).await?.get(0))
}
