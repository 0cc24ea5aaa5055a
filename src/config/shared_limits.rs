//! `[accounts.NAME]`: limits that several platforms share.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DeliveryConfig, PlatformConfig, RateWindow, load::Draft, rate, references::names, suggest::way_out, tree::dotted};
use crate::task::PlatformName;

/// One account: all platforms that say `account = "NAME"` keep its limit together, and rest together when one of them is asked
/// to on behalf of all.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccountConfig {
    /// Rate limits of all its platforms together, all of which hold: `"1/s"`, `["5/2s", "30/min"]` or
    /// `{ rate = "30/min", burst = 10 }`. Default: none.
    #[serde(with = "rate")]
    #[schemars(schema_with = "rate::schema")]
    pub rate_limit: Vec<RateWindow>,
}

/// Reads all accounts; reports platforms that name one that is not there.
pub(super) fn read(
    draft: &mut Draft<'_>,
    delivery: Option<&DeliveryConfig>,
    platforms: &BTreeMap<PlatformName, PlatformConfig>,
) -> BTreeMap<Box<str>, AccountConfig> {
    let known = names(draft, "accounts");
    let named = platforms.iter().map(|(name, platform)| (vec!["platforms", name.as_str()], &*platform.delivery.account));
    let general = delivery.map(|delivery| (vec!["delivery"], &*delivery.account));
    let unknown =
        general.into_iter().chain(named).filter(|(_, account)| !account.is_empty() && !known.iter().any(|one| one == account));
    for (section, account) in unknown {
        let path: Vec<String> = section.into_iter().chain(["account"]).map(str::to_owned).collect();
        // What a platform has from `[delivery]` is told there.
        if path.len() > 2 && delivery.is_some_and(|delivery| *delivery.account == *account) {
            continue;
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let none = if known.is_empty() { ", no account is configured: write a table [accounts.NAME]" } else { "" };
        draft.report_at(&path, format!("`{}`: unknown account `{account}`{}{none}", dotted(&path), way_out(account, &known)));
    }
    let sound: Vec<String> = known.into_iter().filter(|name| draft.is_sound(&["accounts", name])).collect();
    sound.into_iter().filter_map(|name| Some((name.as_str().into(), draft.value(&["accounts", &name])?))).collect()
}
