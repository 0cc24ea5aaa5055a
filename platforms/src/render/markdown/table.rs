//! Rows to aligned columns.

use unicode_segmentation::UnicodeSegmentation;

/// Columns are padded up to this width; longer cells push what follows them aside.
const WIDTH_MAX: usize = 40;

/// The rows as lines, columns aligned, a line under the first row.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let widths = widths(rows);
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    if lines.len() > 1 {
        lines.insert(1, widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("-+-"));
    }
    lines.join("\n")
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| self::width(cell)).max().unwrap_or_default();
    (0..count).map(|column| width(column).min(WIDTH_MAX)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (index, (cell, wanted)) in row.iter().zip(widths).enumerate() {
        if index > 0 {
            line.push_str(" | ");
        }
        line.push_str(cell);
        line.push_str(&" ".repeat(wanted.saturating_sub(width(cell))));
    }
    line.truncate(line.trim_end().len());
    line
}

fn width(cell: &str) -> usize {
    cell.graphemes(true).count()
}
