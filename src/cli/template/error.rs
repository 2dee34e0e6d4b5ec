//! Errors of templates, in the words of Go and Docker.

/// A template that is wrong, or went wrong on some data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template parsing error: {message}")]
pub struct TemplateError {
    message: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The byte in the line, counted from 0; unknown for faults of form.
    pub column: Option<usize>,
}

impl TemplateError {
    /// A fault of form at a byte of the source.
    pub(super) fn form(source: &str, at: usize, why: impl AsRef<str>) -> TemplateError {
        let (line, _) = place(source, at);
        TemplateError { message: format!("template: :{line}: {}", why.as_ref()), line, column: None }
    }

    /// A fault while `text`, which stands at byte `at` of the source, was run.
    pub(super) fn run(source: &str, at: usize, text: &str, why: &str) -> TemplateError {
        let (line, column) = place(source, at);
        let message = format!("template: :{line}:{column}: executing \"\" at <{text}>: {why}");
        TemplateError { message, line, column: Some(column) }
    }
}

fn place(source: &str, at: usize) -> (usize, usize) {
    let before = &source.as_bytes()[..at.min(source.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count();
    (line, column)
}
