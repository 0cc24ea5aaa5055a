//! What the machine tells about this process.

use std::{fs, time::Duration};

use super::AnyError;

/// Pins this thread, and all it starts, to one core; a machine without that core is used as it is.
pub fn pin_to(core: usize) -> Result<(), AnyError> {
    let cores = core_affinity::get_core_ids().ok_or("the cores cannot be listed")?;
    if let Some(core) = cores.into_iter().find(|known| known.id == core) {
        core_affinity::set_for_current(core);
    }
    Ok(())
}

/// User and system time of this process so far, in ticks of 10 ms.
pub fn cpu_time() -> Result<Duration, AnyError> {
    const TICKS_PER_SECOND: u64 = 100; // USER_HZ, fixed on Linux
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?.1;
    let fields: Vec<_> = after_name.split_whitespace().collect();
    let ticks: u64 = fields.get(11).ok_or("no utime")?.parse::<u64>()? + fields.get(12).ok_or("no stime")?.parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// One line on where this ran.
pub fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown").trim_start_matches([':', ' ', '\t']);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} cores, {model}")
}
