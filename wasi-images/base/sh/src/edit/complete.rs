//! What Tab completes: commands, files, variables.

use crate::builtins;
use crate::expand::glob_names;
use crate::shell::Shell;

/// What a word may become.
pub struct Completion {
    /// Where the part that is replaced begins.
    pub from: usize,
    /// What may stand there, as it is written.
    pub choices: Vec<Choice>,
}

pub struct Choice {
    /// With its quotes.
    pub text: String,
    /// As it is listed.
    pub shown: String,
    /// What follows if it is the only one.
    pub ending: &'static str,
}

const KEYWORDS: &[&str] =
    &["case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "select", "then", "until", "while"];

impl Shell {
    /// What could stand at the cursor.
    pub fn complete(&mut self, line: &[char], cursor: usize) -> Completion {
        let word = Word::at(line, cursor);
        if let Some(name) = word
            .text
            .rsplit_once('$')
            .map(|(_, name)| name)
            .filter(|name| name.chars().all(|c| c == '_' || c == '{' || c.is_ascii_alphanumeric()))
        {
            return self.variables(name, cursor);
        }
        if word.command && !word.text.contains('/') {
            return self.commands(&word);
        }
        self.files(&word)
    }

    fn variables(&mut self, name: &str, cursor: usize) -> Completion {
        let (braced, name) = name.strip_prefix('{').map_or((false, name), |name| (true, name));
        let mut names: Vec<String> =
            self.variables.all.keys().filter(|known| known.starts_with(name)).map(ToString::to_string).collect();
        names.sort();
        let choices = names
            .into_iter()
            .map(|name| Choice { text: name.clone(), shown: name, ending: if braced { "}" } else { "" } })
            .collect();
        Completion { from: cursor - name.chars().count(), choices }
    }

    fn commands(&mut self, word: &Word) -> Completion {
        let mut names: Vec<String> = Vec::new();
        names.extend(KEYWORDS.iter().chain(builtins::NAMES).map(ToString::to_string));
        names.extend(self.functions.keys().map(ToString::to_string));
        names.extend(self.aliases.keys().map(ToString::to_string));
        names.retain(|name| name.starts_with(&word.text));
        let search = self.get("PATH").unwrap_or_default();
        for directory in search.split(':') {
            let directory = if directory.is_empty() { "." } else { directory };
            names.extend(
                glob_names(directory)
                    .into_iter()
                    .filter(|(name, is_directory)| name.starts_with(&word.text) && !is_directory)
                    .map(|(name, _)| name),
            );
        }
        names.sort();
        names.dedup();
        let mut choices: Vec<Choice> =
            names.into_iter().map(|name| Choice { text: word.quoted(&name), shown: name, ending: " " }).collect();
        if choices.is_empty() {
            // Directories, on the way to a program.
            choices = self.files(word).choices;
        }
        Completion { from: word.start, choices }
    }

    fn files(&mut self, word: &Word) -> Completion {
        let (directory, prefix) = match word.text.rfind('/') {
            Some(at) => word.text.split_at(at + 1),
            None => ("", word.text.as_str()),
        };
        let looked_in = match directory.strip_prefix("~/") {
            Some(rest) if !word.quoted_at_start => format!("{}/{rest}", self.get("HOME").unwrap_or_default()),
            _ => directory.to_owned(),
        };
        let looked_in = if looked_in.is_empty() { "." } else { &looked_in };
        let mut choices = Vec::new();
        for (name, mut is_directory) in glob_names(looked_in) {
            if !name.starts_with(prefix) || (name.starts_with('.') && !prefix.starts_with('.')) {
                continue;
            }
            if !is_directory {
                let path = format!("{looked_in}/{name}");
                is_directory = cowbox_guest::sys::stat(crate::text::to_bytes(&path)).is_ok_and(|stat| stat.is_dir());
            }
            let directory_part = if directory.starts_with('~') { directory.to_owned() } else { word.quoted(directory) };
            let text = format!("{directory_part}{}{}", word.quoted(&name), if is_directory { "/" } else { "" });
            let shown = format!("{name}{}", if is_directory { "/" } else { "" });
            choices.push(Choice { text, shown, ending: if is_directory { "" } else { word.ending() } });
        }
        Completion { from: word.start, choices }
    }
}

/// The word that the cursor is behind.
struct Word {
    /// Where it begins, behind an opening quote.
    start: usize,
    /// Without its quotes.
    text: String,
    /// Where a command's name is expected.
    command: bool,
    /// The quote it is within.
    quote: Option<char>,
    quoted_at_start: bool,
}

impl Word {
    fn at(line: &[char], cursor: usize) -> Word {
        let mut word = Word { start: 0, text: String::new(), command: true, quote: None, quoted_at_start: false };
        // Whether a command's name is expected, and whether this is the value of an assignment before it.
        let (mut expected, mut value) = (true, false);
        let mut at = 0;
        while at < cursor {
            let c = line[at];
            at += 1;
            match (word.quote, c) {
                (Some(quote), _) if c == quote => word.quote = None,
                (Some('\''), _) => word.text.push(c),
                (_, '\\') => {
                    if at < cursor {
                        word.text.push(line[at]);
                        at += 1;
                    }
                }
                (Some(_), _) => word.text.push(c),
                (None, '\'' | '"') => {
                    if word.text.is_empty() && word.start == at - 1 {
                        word.start = at;
                        word.quoted_at_start = true;
                    }
                    word.quote = Some(c);
                }
                (None, ' ' | '\t' | '\n' | ';' | '|' | '&' | '(' | ')' | '<' | '>' | '`' | '=') => {
                    let keyword = matches!(
                        word.text.as_str(),
                        "if" | "then"
                            | "else"
                            | "elif"
                            | "while"
                            | "until"
                            | "do"
                            | "!"
                            | "{"
                            | "time"
                            | "exec"
                            | "command"
                    );
                    match c {
                        ';' | '|' | '&' | '(' | '`' | '\n' => (expected, value) = (true, false),
                        '<' | '>' | ')' => (expected, value) = (false, false),
                        // An assignment may come before the name.
                        '=' => value = true,
                        _ if word.text.is_empty() && !value => {}
                        _ => (expected, value) = (expected && (value || keyword), false),
                    }
                    word = Word {
                        start: at,
                        text: String::new(),
                        command: expected && !value,
                        quote: None,
                        quoted_at_start: false,
                    };
                }
                (None, _) => word.text.push(c),
            }
        }
        word
    }

    /// The text so that it means itself in the word.
    fn quoted(&self, text: &str) -> String {
        match self.quote {
            Some('\'') => text.replace('\'', "'\\''"),
            Some(_) => {
                let mut out = String::new();
                for c in text.chars() {
                    if matches!(c, '"' | '\\' | '$' | '`') {
                        out.push('\\');
                    }
                    out.push(c);
                }
                out
            }
            None => {
                let mut out = String::new();
                for (at, c) in text.chars().enumerate() {
                    if matches!(
                        c,
                        ' ' | '\t'
                            | '"'
                            | '\''
                            | '\\'
                            | '$'
                            | '`'
                            | ';'
                            | '|'
                            | '&'
                            | '('
                            | ')'
                            | '<'
                            | '>'
                            | '*'
                            | '?'
                            | '['
                            | ']'
                            | '!'
                            | '{'
                            | '}'
                    ) || (at == 0 && matches!(c, '~' | '#'))
                    {
                        out.push('\\');
                    }
                    out.push(c);
                }
                out
            }
        }
    }

    fn ending(&self) -> &'static str {
        match self.quote {
            Some('\'') => "' ",
            Some(_) => "\" ",
            None => " ",
        }
    }
}

/// The beginning that all choices share.
pub fn common(choices: &[Choice]) -> String {
    let Some(first) = choices.first() else { return String::new() };
    let mut common: Vec<char> = first.text.chars().collect();
    for choice in choices {
        let same = common.iter().zip(choice.text.chars()).take_while(|(a, b)| **a == *b).count();
        common.truncate(same);
    }
    common.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_at_the_cursor_is_found() {
        let table = [
            ("ec", "ec", true, 0),
            ("echo fo", "fo", false, 5),
            ("echo a; ca", "ca", true, 8),
            ("a | gr", "gr", true, 4),
            ("cat <fi", "fi", false, 5),
            ("echo 'a b", "a b", false, 6),
            ("echo a\\ b", "a b", false, 5),
            ("x=va", "va", false, 2),
            ("if tr", "tr", true, 3),
            ("X=1 ma", "ma", true, 4),
            ("echo a=b", "b", false, 7),
        ];
        for (line, text, command, start) in table {
            let chars: Vec<char> = line.chars().collect();
            let word = Word::at(&chars, chars.len());
            assert_eq!((word.text.as_str(), word.command, word.start), (text, command, start), "{line}");
        }
    }
}
