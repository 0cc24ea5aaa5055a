//! `[platforms.NAME]`: one configured destination account.

use serde_json::Value;

use super::DeliveryConfig;

/// One configured platform.
#[derive(Clone, PartialEq)]
pub struct PlatformConfig {
    /// `type = "…"`: which adapter.
    pub kind: String,
    /// Its default recipient, for targets that name none.
    pub recipient: Option<String>,
    /// How its tasks are delivered: `[delivery]` with this table's own keys over it.
    pub delivery: DeliveryConfig,
    /// The keys of the adapter itself, as [`Registry::build`](notifyhub_platforms::Registry::build) takes them. May hold secrets.
    pub settings: Value,
}

/// Leaves out the settings: they may hold secrets.
impl std::fmt::Debug for PlatformConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlatformConfig")
            .field("kind", &self.kind)
            .field("recipient", &self.recipient)
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}
