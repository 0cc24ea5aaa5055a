//! The rows of a bench: printed as a table, written to `target/figures/<bench>.json`.

use std::{fs, io, path::PathBuf};

use serde::Serialize;

/// Metrics that fit beside each other; of more, each gets a row of its own.
const COLUMNS_MAX: usize = 6;

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What was measured, e.g. `engine-memory/64`.
    pub case: String,
    /// Which aspect of it, e.g. `per_second`.
    pub metric: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
}

/// The middle of some values; of an even number, the lower of the two in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Prints the figures, one row per case or per figure, and writes them for others to read.
pub fn report(bench: &str, figures: &[Figure]) -> io::Result<()> {
    let mut metrics: Vec<_> = figures.iter().map(|figure| figure.metric).collect();
    metrics.dedup();
    metrics.sort_unstable();
    metrics.dedup();
    if metrics.len() > COLUMNS_MAX {
        for Figure { case, metric, value, unit } in figures {
            println!("{case:<24}{metric:<26}{value:>14.3} {unit}");
        }
        return write(bench, figures);
    }
    let mut cases: Vec<_> = figures.iter().map(|figure| &figure.case).collect();
    cases.dedup();
    let first = cases.iter().map(|case| case.len()).max().unwrap_or(0).max(24) + 2;
    let wide = metrics.iter().map(|metric| metric.len()).max().unwrap_or(0).max(18) + 2;
    println!("{:<first$}{}", "case", metrics.iter().map(|metric| format!("{metric:>wide$}")).collect::<String>());
    for case in cases {
        let value = |metric| figures.iter().find(|figure| figure.case == *case && figure.metric == metric);
        let cells = metrics.iter().map(|metric| match value(*metric) {
            Some(figure) if figure.value >= 1000.0 => format!("{:>wide$.0}", figure.value),
            Some(figure) => format!("{:>wide$.3}", figure.value),
            None => format!("{:>wide$}", "-"),
        });
        println!("{case:<first$}{}", cells.collect::<String>());
    }
    write(bench, figures)
}

fn write(bench: &str, figures: &[Figure]) -> io::Result<()> {
    let folder = PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())).join("figures");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{bench}.json"));
    fs::write(&path, serde_json::to_vec_pretty(figures)?)?;
    println!("written to {}", path.display());
    Ok(())
}
