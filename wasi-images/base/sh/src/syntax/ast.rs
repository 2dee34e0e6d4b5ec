//! What a script is once it has been read: commands with words taken apart, ready to be run and cheap to hand to another process.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// Commands one after another.
pub type List = Rc<[Item]>;

/// Pipelines joined by `&&` and `||`, and whether the shell waits for them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item {
    pub first: Pipeline,
    pub rest: Vec<(Connector, Pipeline)>,
    pub background: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connector {
    And,
    Or,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pipeline {
    pub negated: bool,
    pub timed: Option<Timed>,
    pub commands: Vec<Command>,
    /// As it was written, for lists of jobs.
    pub text: Rc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timed {
    Long,
    Posix,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    Simple(Simple),
    Compound(Rc<Compound>, Vec<Redirect>),
    Function(Rc<str>, Rc<Function>),
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Function {
    pub body: Compound,
    pub redirects: Vec<Redirect>,
    /// The definition as it was written.
    pub text: Rc<str>,
    pub line: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Simple {
    pub line: u32,
    pub assignments: Vec<Assignment>,
    pub words: Vec<Argument>,
    pub redirects: Vec<Redirect>,
}

/// A word of a command; one that looks like an assignment is expanded as one for `export` and its like.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Argument {
    Word(Word),
    Assignment(Box<Assignment>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Assignment {
    pub name: Rc<str>,
    /// What stands between brackets: `a[i]=`.
    pub index: Option<Word>,
    pub append: bool,
    pub value: Value,
    /// All of it as one word, for commands that take no assignments.
    pub word: Word,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Value {
    Scalar(Word),
    Array(Vec<(Option<Word>, Word)>),
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Compound {
    Brace(List),
    Subshell(List),
    For {
        line: u32,
        name: Rc<str>,
        words: Option<Vec<Word>>,
        body: List,
    },
    Select {
        line: u32,
        name: Rc<str>,
        words: Option<Vec<Word>>,
        body: List,
    },
    ArithmeticFor {
        line: u32,
        start: Option<Arithmetic>,
        condition: Option<Arithmetic>,
        step: Option<Arithmetic>,
        body: List,
    },
    Case {
        line: u32,
        word: Word,
        items: Vec<CaseItem>,
    },
    If {
        branches: Vec<(List, List)>,
        otherwise: Option<List>,
    },
    While {
        until: bool,
        condition: List,
        body: List,
    },
    Arithmetic {
        line: u32,
        expression: Arithmetic,
    },
    Test {
        line: u32,
        expression: Test,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct CaseItem {
    pub patterns: Vec<Word>,
    pub body: List,
    pub after: CaseAfter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CaseAfter {
    /// `;;`
    Leave,
    /// `;&`
    FallThrough,
    /// `;;&`
    GoOn,
}

/// What stands between `[[` and `]]`.
#[derive(Debug, Serialize, Deserialize)]
pub enum Test {
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
    Not(Box<Test>),
    /// An operator as `test` has it, without its dash.
    Unary(char, Word),
    Binary(TestOperator, Word, Word),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TestOperator {
    Matches,
    Differs,
    Regex,
    Before,
    After,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    SameFile,
    Newer,
    Older,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Redirect {
    /// The descriptor in front of the operator.
    pub fd: Option<i32>,
    pub kind: RedirectKind,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum RedirectKind {
    File(FileMode, Word),
    /// `<&` and `>&`: a descriptor, `-`, or with bash a file.
    Duplicate {
        output: bool,
        target: Word,
    },
    /// `&>` and `&>>`.
    Both {
        append: bool,
        target: Word,
    },
    Here {
        body: Word,
    },
    HereString(Word),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileMode {
    Read,
    Write,
    Append,
    ReadWrite,
    Clobber,
}

/// A word, in pieces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Word(pub Vec<Part>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Part {
    /// Text as it stands: may hold pattern characters.
    Literal(Rc<str>),
    /// Text behind a backslash or between single quotes.
    Quoted(Rc<str>),
    /// What stands between double quotes.
    Double(Vec<Part>),
    Parameter(Box<Parameter>),
    Command(Rc<Substitution>),
    Arithmetic(Box<Arithmetic>),
    /// `~` and the name behind it.
    Tilde(Rc<str>),
    /// `<(list)` and `>(list)`.
    Process {
        output: bool,
        body: Rc<Substitution>,
    },
}

/// The commands of a `$(...)`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Substitution {
    pub list: List,
}

impl PartialEq for Substitution {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.list, &other.list)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Arithmetic {
    /// Without expansions in it.
    Static(super::arith::Expression),
    /// To be expanded, then read.
    Dynamic(Word),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    pub name: Name,
    pub index: Option<Index>,
    /// `${!x}`
    pub indirect: bool,
    pub operation: Operation,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Name {
    Variable(Rc<str>),
    Positional(usize),
    /// `@ * # ? - $ !`
    Special(char),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Index {
    /// `[@]`
    Each,
    /// `[*]`
    All,
    One(Word),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    None,
    Length,
    Default {
        null: bool,
        word: Word,
    },
    Assign {
        null: bool,
        word: Word,
    },
    Error {
        null: bool,
        word: Word,
    },
    Alternative {
        null: bool,
        word: Word,
    },
    RemovePrefix {
        longest: bool,
        pattern: Word,
    },
    RemoveSuffix {
        longest: bool,
        pattern: Word,
    },
    Slice {
        offset: Arithmetic,
        length: Option<Arithmetic>,
    },
    Replace {
        at: ReplaceAt,
        pattern: Word,
        with: Word,
    },
    Case {
        upper: bool,
        all: bool,
        pattern: Word,
    },
    /// `${x@Q}` and so on.
    Transform(char),
    /// `${!a[@]}`
    Keys,
    /// `${!prefix*}`
    Names {
        each: bool,
    },
    /// What is no expansion; the text of it, for the message.
    Bad(Rc<str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplaceAt {
    First,
    Every,
    Start,
    End,
}

impl Word {
    pub fn literal(text: &str) -> Word {
        Word(if text.is_empty() { Vec::new() } else { vec![Part::Literal(text.into())] })
    }

    /// The text, where it is the same however it is expanded: no quotes, no expansions. Patterns are not looked for.
    pub fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }
}
