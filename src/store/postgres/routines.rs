//! Statements that run often, as routines of the database. A statement without a name is planned anew each time it comes, which
//! costs several times what it does; a routine's statements are planned once per connection of the server, whoever uses that
//! connection next, so a pooler may stand between.
//!
//! A routine is named after what it does and what it consists of: programs of other versions that use the same database have
//! routines of their own.

use std::{fmt::Write, sync::LazyLock};

use bytes::BytesMut;
use ring::digest::{SHA256, digest};
use tokio_postgres::{
    Client, Row, Transaction,
    types::{IsNull, ToSql, Type, to_sql_checked},
};

use super::{
    begin::BEGIN,
    claim,
    enqueue::ACCEPT,
    failure::Failure,
    finals::END,
    release::RELEASE,
    settle::{KEEP, RETRY},
};

/// All of them.
static ALL: [&LazyLock<Routine>; 8] = [&ACCEPT, &END, &RETRY, &KEEP, &BEGIN, &RELEASE, &claim::LANES, &claim::CLAIM];

/// How they are planned: once, each row found by its key. What is empty when they are planned is not so for long.
const PLANNING: &str = "SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off \
                        SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off";

/// A statement, or several, under a name.
pub struct Routine {
    parameters: &'static [Type],
    create: String,
    call: String,
    /// Its name with its schema.
    name: String,
}

impl Routine {
    /// One that runs a statement and returns its rows.
    pub fn statement(name: &str, parameters: &'static [Type], columns: &[Type], sql: &str) -> Self {
        let columns: Vec<String> = columns.iter().zip(1..).map(|(of, number)| format!("r{number} {}", of.name())).collect();
        let returns = format!("TABLE ({})", columns.join(", "));
        Self::new(name, parameters, &returns, &format!("BEGIN RETURN QUERY {sql}; END"))
    }

    /// One in PL/pgSQL.
    pub fn new(name: &str, parameters: &'static [Type], returns: &str, body: &str) -> Self {
        let types: Vec<&str> = parameters.iter().map(Type::name).collect();
        let rest = format!("({}) RETURNS {returns} LANGUAGE plpgsql {PLANNING} AS $routine$ {body} $routine$", types.join(", "));
        let mut name = format!("notifyhub.{name}_");
        for byte in &digest(&SHA256, rest.as_bytes()).as_ref()[..4] {
            write!(name, "{byte:02x}").expect("a string takes anything");
        }
        let places: Vec<String> = (1..=parameters.len()).map(|number| format!("${number}")).collect();
        let which = if returns.starts_with("TABLE") { "* FROM " } else { "" };
        let call = format!("SELECT {which}{name}({})", places.join(", "));
        Self { parameters, create: format!("CREATE OR REPLACE FUNCTION {name}{rest}"), call, name }
    }

    /// Its rows.
    pub async fn query(&self, client: &Client, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
        debug_assert_eq!(values.len(), self.parameters.len());
        let parameters: Vec<_> = values.iter().copied().zip(self.parameters.iter().cloned()).collect();
        Ok(client.query_typed(&self.call, &parameters).await?)
    }
}

/// A column, sent as NULL where it holds nothing: the arrays of a call cost by their number.
#[derive(Debug)]
pub struct Sparse<T>(pub Vec<Option<T>>);

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: ToSql> ToSql for Sparse<T> {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        if self.0.iter().all(Option::is_none) { Ok(IsNull::Yes) } else { self.0.to_sql(of, out) }
    }

    fn accepts(of: &Type) -> bool {
        <Vec<Option<T>> as ToSql>::accepts(of)
    }

    to_sql_checked!();
}

/// Whether all are there.
pub async fn are_there(client: &Client) -> Result<bool, tokio_postgres::Error> {
    let names: Vec<&str> = ALL.iter().map(|routine| routine.name.as_str()).collect();
    let sql = "SELECT bool_and(to_regproc(name) IS NOT NULL) FROM unnest($1::text[]) AS name";
    Ok(client.query_typed_one(sql, &[(&names, Type::TEXT_ARRAY)]).await?.get(0))
}

/// Makes those that are not there. The schema is locked.
pub async fn make(step: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    let all: Vec<&str> = ALL.iter().map(|routine| routine.create.as_str()).collect();
    step.batch_execute(&all.join("; ")).await
}
