//! A line while it is edited: the text, the cursor, what was cut.

#[derive(Clone, Debug, Default)]
pub struct Line {
    pub text: Vec<char>,
    pub cursor: usize,
    cut: Vec<char>,
    /// What it was before changes, to go back to.
    before: Vec<(Vec<char>, usize)>,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl Line {
    pub fn contents(&self) -> String {
        self.text.iter().collect()
    }

    /// Replaces everything; the cursor goes to the end.
    pub fn set(&mut self, text: &str) {
        self.note();
        self.text = text.chars().collect();
        self.cursor = self.text.len();
    }

    /// Empties it, and forgets what it was.
    pub fn clear(&mut self) {
        self.text.clear();
        self.cursor = 0;
        self.before.clear();
    }

    fn note(&mut self) {
        if self.before.last().is_none_or(|(text, _)| *text != self.text) {
            self.before.push((self.text.clone(), self.cursor));
        }
        if self.before.len() > 200 {
            self.before.remove(0);
        }
    }

    pub fn undo(&mut self) {
        while let Some((text, cursor)) = self.before.pop() {
            if text != self.text {
                self.cursor = cursor.min(text.len());
                self.text = text;
                return;
            }
        }
    }

    pub fn insert(&mut self, text: &str) {
        self.note();
        let added: Vec<char> = text.chars().collect();
        let count = added.len();
        self.text.splice(self.cursor..self.cursor, added);
        self.cursor += count;
    }

    /// Replaces what stands between there and the cursor.
    pub fn replace(&mut self, from: usize, text: &str) {
        self.note();
        let added: Vec<char> = text.chars().collect();
        let end = from + added.len();
        self.text.splice(from..self.cursor, added);
        self.cursor = end;
    }

    fn cut_range(&mut self, from: usize, to: usize) {
        if from < to {
            self.note();
            self.cut = self.text.drain(from..to).collect();
            self.cursor = from;
        }
    }

    pub fn backspace(&mut self) {
        if self.cursor > 0 {
            self.note();
            self.cursor -= 1;
            self.text.remove(self.cursor);
        }
    }

    pub fn delete(&mut self) {
        if self.cursor < self.text.len() {
            self.note();
            self.text.remove(self.cursor);
        }
    }

    pub fn left(&mut self) {
        self.cursor = self.cursor.saturating_sub(1);
    }

    pub fn right(&mut self) {
        self.cursor = (self.cursor + 1).min(self.text.len());
    }

    pub fn home(&mut self) {
        self.cursor = 0;
    }

    pub fn end(&mut self) {
        self.cursor = self.text.len();
    }

    fn word_start(&self) -> usize {
        let mut at = self.cursor;
        while at > 0 && !is_word(self.text[at - 1]) {
            at -= 1;
        }
        while at > 0 && is_word(self.text[at - 1]) {
            at -= 1;
        }
        at
    }

    fn word_end(&self) -> usize {
        let mut at = self.cursor;
        while at < self.text.len() && !is_word(self.text[at]) {
            at += 1;
        }
        while at < self.text.len() && is_word(self.text[at]) {
            at += 1;
        }
        at
    }

    pub fn word_left(&mut self) {
        self.cursor = self.word_start();
    }

    pub fn word_right(&mut self) {
        self.cursor = self.word_end();
    }

    pub fn cut_to_end(&mut self) {
        self.cut_range(self.cursor, self.text.len());
    }

    pub fn cut_to_start(&mut self) {
        self.cut_range(0, self.cursor);
    }

    pub fn cut_word_right(&mut self) {
        self.cut_range(self.cursor, self.word_end());
    }

    pub fn cut_word_left(&mut self) {
        self.cut_range(self.word_start(), self.cursor);
    }

    /// Cuts back to a blank.
    pub fn cut_blank_left(&mut self) {
        let mut at = self.cursor;
        while at > 0 && self.text[at - 1].is_whitespace() {
            at -= 1;
        }
        while at > 0 && !self.text[at - 1].is_whitespace() {
            at -= 1;
        }
        self.cut_range(at, self.cursor);
    }

    pub fn paste(&mut self) {
        let cut: String = self.cut.iter().collect();
        self.insert(&cut);
    }

    pub fn transpose(&mut self) {
        if self.cursor > 0 && self.text.len() > 1 {
            self.note();
            let at = self.cursor.min(self.text.len() - 1);
            self.text.swap(at - 1, at);
            self.cursor = at + 1;
        }
    }

    /// Changes the letters of the word behind the cursor.
    pub fn change_word(&mut self, change: fn(char, bool) -> char) {
        self.note();
        let end = self.word_end();
        let mut first = true;
        for at in self.cursor..end {
            if is_word(self.text[at]) {
                self.text[at] = change(self.text[at], first);
                first = false;
            }
        }
        self.cursor = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let mut line = Line::default();
        line.insert(text);
        line
    }

    #[test]
    fn words_are_cut_and_pasted() {
        let mut line = line("echo some-words here");
        line.cut_word_left();
        assert_eq!(line.contents(), "echo some-words ");
        line.cut_blank_left();
        assert_eq!(line.contents(), "echo ");
        line.paste();
        assert_eq!(line.contents(), "echo some-words ");
        line.home();
        line.cut_word_right();
        assert_eq!(line.contents(), " some-words ");
        line.undo();
        assert_eq!(line.contents(), "echo some-words ");
    }

    #[test]
    fn the_cursor_stays_within_the_line() {
        let mut line = line("\u{e9}x");
        line.right();
        line.left();
        line.left();
        line.left();
        assert_eq!(line.cursor, 0);
        line.backspace();
        line.delete();
        assert_eq!(line.contents(), "x");
        line.transpose();
        line.word_right();
        line.delete();
        assert_eq!((line.contents().as_str(), line.cursor), ("x", 1));
    }
}
