//! PostgreSQL without a store around it: a queue as most are.

use std::time::{Duration, Instant};

use super::{AnyError, Measured, POSTGRES, cases::runtime, postgres};

const SPAN: Duration = Duration::from_secs(2);

/// Each job inserted, claimed with SKIP LOCKED and deleted in a transaction of its own.
pub fn row_by_row() -> Result<Measured, AnyError> {
    runtime()?.block_on(async {
        let client = postgres::connect(&postgres::database(&std::env::var(POSTGRES)?).await?).await?;
        client
            .batch_execute(
                "CREATE TABLE job (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state int NOT NULL DEFAULT 0, \
                 lane int NOT NULL, body text NOT NULL); CREATE INDEX job_ready ON job (lane, id) WHERE state = 0",
            )
            .await?;
        let insert = client.prepare("INSERT INTO job (lane, body) VALUES (1, $1)").await?;
        let claim = "UPDATE job SET state = 1 WHERE id = (SELECT id FROM job WHERE state = 0 AND lane = 1 ORDER BY id LIMIT 1 \
                     FOR UPDATE SKIP LOCKED) RETURNING id";
        let claim = client.prepare(claim).await?;
        let complete = client.prepare("DELETE FROM job WHERE id = $1").await?;
        let (began, mut done, body) = (Instant::now(), 0, "x".repeat(305));
        while began.elapsed() < SPAN {
            client.execute(&insert, &[&body]).await?;
            let id: i64 = client.query_one(&claim, &[]).await?.get(0);
            client.execute(&complete, &[&id]).await?;
            done += 1;
        }
        Ok(vec![("per_second".to_owned(), f64::from(done) / began.elapsed().as_secs_f64())])
    })
}
