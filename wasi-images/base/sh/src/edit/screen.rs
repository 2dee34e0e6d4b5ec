//! Shows the line that is edited, over as many rows as it takes.

use cowbox_guest::sys::{self, Fd};
use unicode_width::UnicodeWidthChar;

use crate::text;

/// Where the cursor is, counted from the row the prompt begins on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    row: usize,
    column: usize,
}

pub struct Screen {
    fd: Fd,
    columns: usize,
    cursor: Place,
}

impl Screen {
    pub fn new(fd: Fd) -> Screen {
        let mut screen = Screen { fd, columns: 80, cursor: Place::default() };
        screen.measure();
        screen
    }

    /// Asks the terminal how wide it is.
    pub fn measure(&mut self) {
        self.columns = cowbox_guest::term::size(self.fd).map_or(80, |size| usize::from(size.columns).max(2));
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn write(&self, text: &str) {
        // Where the terminal is gone the next read says so.
        let _ = sys::write_all(self.fd, &text::to_bytes(text));
    }

    /// The next thing is shown from here on.
    pub fn start(&mut self) {
        self.cursor = Place::default();
    }

    /// Shows a prompt and the line, with the cursor in its place.
    pub fn show(&mut self, prompt: &str, line: &[char], cursor: usize) {
        let mut out = String::new();
        if self.cursor.row > 0 {
            out.push_str(&format!("\x1b[{}A", self.cursor.row));
        }
        out.push_str("\r\x1b[J");
        let mut place = Place::default();
        self.lay_prompt(prompt, &mut out, &mut place);
        let mut at_cursor = place;
        for (at, &c) in line.iter().enumerate() {
            if at == cursor {
                at_cursor = place;
            }
            self.lay(c, &mut out, &mut place);
        }
        if place.column == self.columns {
            out.push_str("\r\n");
            place = Place { row: place.row + 1, column: 0 };
        }
        if cursor >= line.len() {
            at_cursor = place;
        } else if at_cursor.column == self.columns {
            at_cursor = Place { row: at_cursor.row + 1, column: 0 };
        }
        if place.row > at_cursor.row {
            out.push_str(&format!("\x1b[{}A", place.row - at_cursor.row));
        }
        out.push('\r');
        if at_cursor.column > 0 {
            out.push_str(&format!("\x1b[{}C", at_cursor.column));
        }
        self.cursor = at_cursor;
        self.write(&out);
    }

    /// Leaves the line: the cursor goes behind it.
    pub fn finish(&mut self, prompt: &str, line: &[char]) {
        self.show(prompt, line, line.len());
        self.write(
            if self.cursor.column == 0 && self.cursor.row > 0 && !line.is_empty() && line.last() != Some(&'\n') {
                ""
            } else {
                "\r\n"
            },
        );
        self.start();
    }

    /// A prompt may hold sequences that colour it, and marks around what takes no columns.
    fn lay_prompt(&self, prompt: &str, out: &mut String, place: &mut Place) {
        let mut chars = prompt.chars().peekable();
        let mut invisible = false;
        while let Some(c) = chars.next() {
            match c {
                '\x01' => invisible = true,
                '\x02' => invisible = false,
                c if invisible => out.push(c),
                '\x1b' => {
                    out.push(c);
                    let title = chars.peek() == Some(&']');
                    for c in chars.by_ref() {
                        out.push(c);
                        let ends = if title { c == '\x07' } else { c.is_ascii_alphabetic() };
                        if ends {
                            break;
                        }
                    }
                }
                '\r' => {}
                c => self.lay(c, out, place),
            }
        }
    }

    fn lay(&self, c: char, out: &mut String, place: &mut Place) {
        if c == '\n' {
            out.push_str("\x1b[K\r\n");
            *place = Place { row: place.row + 1, column: 0 };
            return;
        }
        let shown =
            if c.is_control() { format!("^{}", char::from((c as u32 as u8 & 0x7f) ^ 0x40)) } else { c.to_string() };
        let width = if c.is_control() { 2 } else { c.width().unwrap_or(0) };
        if place.column + width > self.columns {
            // The terminal is told, so that all of them break the line in the same place.
            out.push_str("\r\n");
            *place = Place { row: place.row + 1, column: 0 };
        }
        out.push_str(&shown);
        place.column += width;
    }
}

/// How many columns a text takes.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}
