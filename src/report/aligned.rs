//! Columns of text below each other, for tables that are narrow enough for any screen.

use std::fmt::Write as _;

use crate::report::plain;

/// The rows in columns: the first and the last to the left, those between to the right.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let of_column = |place: usize| rows.iter().filter_map(move |row| row.get(place));
    let widths: Vec<usize> = (0..columns)
        .map(|place| of_column(place).map(|cell| plain::width(cell)).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (place, cell) in row.iter().enumerate() {
            let gap = " ".repeat(widths[place] - plain::width(cell));
            let is_left = place == 0 || place + 1 == columns;
            let (before, after) = if is_left { ("", gap.as_str()) } else { (gap.as_str(), "") };
            let _ = write!(line, "  {before}{cell}{after}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["run", "ms", "note"]), row(["注文", "1.25", ""])];
        assert_eq!(aligned(&rows), "  run     ms  note\n  注文  1.25\n");
    }
}
