//! Endpoints that have failed for long.

use std::sync::Arc;

use rusqlite::{Row, params};

use super::{failure::Failure, session::Session};
use crate::{
    store::{Disabled, Endpoint, Failing, codec},
    task::PlatformName,
};

impl Session<'_> {
    /// All of them.
    pub fn endpoints(&self) -> Result<Vec<Failing>, Failure> {
        let mut select = self.db.prepare_cached("SELECT platform, recipient, since, disabled, why FROM endpoint")?;
        let rows = select.query_map([], failing)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes one down, as it is now.
    pub fn keep_endpoint(&mut self, failing: &Failing) -> Result<(), Failure> {
        let Failing { endpoint, since, disabled } = failing;
        self.db.prepare_cached("INSERT OR REPLACE INTO endpoint VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
            endpoint.platform.as_str(),
            endpoint.recipient.as_deref().unwrap_or_default(),
            codec::nanos(*since),
            disabled.as_ref().map(|disabled| codec::nanos(disabled.at)),
            disabled.as_ref().map(|disabled| &*disabled.why),
        ])?;
        Ok(())
    }

    /// Forgets one. Whether it was there.
    pub fn forget_endpoint(&mut self, endpoint: &Endpoint) -> Result<bool, Failure> {
        let mut delete = self.db.prepare_cached("DELETE FROM endpoint WHERE platform = ?1 AND recipient = ?2")?;
        let gone = delete.execute(params![endpoint.platform.as_str(), endpoint.recipient.as_deref().unwrap_or_default()])?;
        Ok(gone > 0)
    }
}

fn failing(row: &Row<'_>) -> rusqlite::Result<Failing> {
    let (recipient, at, why): (String, Option<i64>, Option<String>) = (row.get(1)?, row.get(3)?, row.get(4)?);
    Ok(Failing {
        endpoint: Endpoint {
            platform: PlatformName::internal(row.get::<_, String>(0)?),
            recipient: Some(recipient).filter(|recipient| !recipient.is_empty()).map(Arc::from),
        },
        since: codec::moment(row.get(2)?),
        disabled: at.map(|at| Disabled { at: codec::moment(at), why: why.unwrap_or_default().into() }),
    })
}
