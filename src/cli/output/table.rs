//! Tables as Docker prints them: text with tabs, its columns aligned (Go `text/tabwriter` with a least width of 10 and
//! 3 spaces between columns).

use super::text::width;

const LEAST_WIDTH: usize = 10;
const PADDING: usize = 3;
/// A hostile cell must not be paid for with its length in each row.
const WIDEST: usize = 1 << 16;

/// Aligns the columns of `text`. A tab ends a cell; what stands behind the last tab of a line is never padded. A column is
/// as wide as the widest of its cells in neighbouring lines.
pub fn align(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let widths = widths(&lines);
    let mut out = String::with_capacity(text.len() * 2);
    for (at, (line, widths)) in lines.iter().zip(&widths).enumerate() {
        if at > 0 {
            out.push('\n');
        }
        for (cell, wide) in line.iter().zip(widths) {
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', wide.saturating_sub(width(cell))));
        }
        out.push_str(line.last().copied().unwrap_or_default());
    }
    out
}

/// Rows of cells as a table; every row has a line of its own.
pub fn rows<'a, R>(rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = &'a str>,
{
    let mut text = String::new();
    for row in rows {
        for (at, cell) in row.into_iter().enumerate() {
            if at > 0 {
                text.push('\t');
            }
            // A tab or a line break of the data must not tear the table.
            text.extend(cell.chars().map(|c| if matches!(c, '\t' | '\n' | '\r') { ' ' } else { c }));
        }
        text.push('\n');
    }
    align(&text)
}

/// The width of each tab-ended cell of each line.
fn widths(lines: &[Vec<&str>]) -> Vec<Vec<usize>> {
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|line| vec![0; line.len() - 1]).collect();
    // For each column that reaches to the line above: its first line and its width so far.
    let mut open: Vec<(usize, usize)> = Vec::new();
    for at in 0..=lines.len() {
        let cells: &[&str] = lines.get(at).map_or(&[], |line| &line[..line.len() - 1]);
        while open.len() > cells.len() {
            let Some((first, wide)) = open.pop() else { break };
            for line in &mut widths[first..at] {
                line[open.len()] = wide;
            }
        }
        for (column, cell) in cells.iter().enumerate() {
            let wide = (width(cell) + PADDING).clamp(LEAST_WIDTH, WIDEST);
            match open.get_mut(column) {
                Some(column) => column.1 = column.1.max(wide),
                None => open.push((at, wide)),
            }
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_ten_wide_at_least_and_three_apart() {
        assert_eq!(
            align("CONTAINER ID\tIMAGE\tNAMES\n4be5d5d5a5b5\talpine:3.20\tx\n"),
            "CONTAINER ID   IMAGE         NAMES\n4be5d5d5a5b5   alpine:3.20   x\n"
        );
        assert_eq!(align("A\tB\tC\n1\t2\t3\n"), "A         B         C\n1         2         3\n");
    }

    #[test]
    fn empty_cells_keep_their_column_and_the_last_is_never_padded() {
        assert_eq!(
            align("PORTS\tNAMES\n\tx\n80/tcp, 443/tcp\t\n"),
            "PORTS             NAMES\n                  x\n80/tcp, 443/tcp   \n"
        );
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(align("你好世界\tb\naaaaaaaaa\tb"), "你好世界    b\naaaaaaaaa   b");
    }

    #[test]
    fn a_line_without_the_column_ends_it() {
        assert_eq!(align("aaaaaaaaaaaa\tb\nno tab\na\tb"), "aaaaaaaaaaaa   b\nno tab\na         b");
        assert_eq!((align(""), align("\n\n")), (String::new(), "\n\n".to_owned()));
    }

    #[test]
    fn breaks_in_cells_do_not_tear_rows() {
        assert_eq!(rows([["A", "B"], ["x\ty", "1\n2"]]), "A         B\nx y       1 2\n");
    }
}
