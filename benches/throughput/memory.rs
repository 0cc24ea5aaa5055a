//! What memory this process has.

use std::fs;

use super::AnyError;

/// Peak resident memory.
pub fn peak_rss_mib() -> Result<f64, AnyError> {
    status_mib("VmHWM:")
}

/// Resident memory now.
pub fn rss_mib() -> Result<f64, AnyError> {
    status_mib("VmRSS:")
}

fn status_mib(key: &str) -> Result<f64, AnyError> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such line in /proc/self/status")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
