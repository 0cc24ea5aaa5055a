//! `[store]` with `[delivery]`: whether a shared store can be reached, and whether leases outlast what they are held for.

use std::{collections::BTreeMap, time::Duration};

use super::{DeliveryConfig, PlatformConfig, StoreConfig, StoreKind, duration, load::Draft};
use crate::task::PlatformName;

/// How much longer than any attempt a lease must be: it covers writing the outcome, and clocks that do not run alike.
const MARGIN: Duration = Duration::from_secs(10);

/// Reports what does not fit.
pub(super) fn check(
    draft: &mut Draft<'_>,
    store: &StoreConfig,
    delivery: &DeliveryConfig,
    platforms: &BTreeMap<PlatformName, PlatformConfig>,
) {
    let path = |section: &str, key: &str| [section.to_owned(), key.to_owned()];
    if store.kind != StoreKind::Postgres {
        if store.url.is_some() {
            let message = "`store.url` is for `type = \"postgres\"` alone; set that, or remove the key";
            draft.report_at(&path("store", "url"), message.to_owned());
        }
        return;
    }
    if store.url.is_none() {
        let message = "`store.url` is missing, which `type = \"postgres\"` needs; write `url = { env = \"DATABASE_URL\" }`";
        draft.report_at(&path("store", "type"), message.to_owned());
    }
    let of_platforms = platforms.iter().map(|(name, platform)| (format!("platforms.{name}.timeout"), platform.delivery.timeout));
    let timeouts = [("delivery.timeout".to_owned(), delivery.timeout)].into_iter().chain(of_platforms);
    if let Some((key, timeout)) = timeouts.max_by_key(|(_, timeout)| *timeout)
        && delivery.lease < timeout + MARGIN
    {
        let shown = duration::written;
        let message = format!(
            "`delivery.lease` is {}, expected at least {}: an attempt may take {} (`{key}`), and 10s are needed beyond that",
            shown(delivery.lease),
            shown(timeout + MARGIN),
            shown(timeout)
        );
        draft.report_at(&path("delivery", "lease"), message);
    }
}
