//! Reading scripts.

pub mod arith;
pub mod ast;
mod heredoc;
pub mod lexer;
mod lower;
pub mod quote;
mod word;

/// What is wrong with a script, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub line: u32,
    pub message: String,
}
