//! What a template consists of.

use std::ops::Range;

use serde_json::Value;

/// The bytes of the source a node was read from.
pub type Span = Range<usize>;

/// One piece of a template.
#[derive(Clone, Debug)]
pub enum Node {
    /// Text that is written as it is.
    Text(String),
    /// `{{pipeline}}`.
    Action(Pipeline),
    /// `{{if}}`.
    If(Branch),
    /// `{{with}}`.
    With(Branch),
    /// `{{range}}`.
    Range(Branch),
    /// `{{break}}`.
    Break,
    /// `{{continue}}`.
    Continue,
    /// `{{template "name" pipeline}}`.
    Call {
        /// The template.
        name: String,
        /// Its dot.
        argument: Option<Pipeline>,
        /// Where its name stands.
        at: usize,
        /// The whole action.
        span: Span,
    },
}

/// A pipeline and what it decides on.
#[derive(Clone, Debug)]
pub struct Branch {
    pub condition: Pipeline,
    pub then: Vec<Node>,
    pub otherwise: Vec<Node>,
}

/// Commands, each taking the value of the one before as its last argument.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The variables that get the value; two in a range.
    pub variables: Vec<String>,
    /// Whether the variables are there already (`=`).
    pub assigns: bool,
    pub commands: Vec<Command>,
    pub span: Span,
}

/// An operand and its arguments.
#[derive(Clone, Debug)]
pub struct Command {
    pub operands: Vec<Operand>,
    pub span: Span,
}

/// One word of a command.
#[derive(Clone, Debug)]
pub struct Operand {
    pub kind: Kind,
    pub span: Span,
    /// Where Go's errors point to: the second field of a chain.
    pub at: usize,
}

/// What an operand is.
#[derive(Clone, Debug)]
pub enum Kind {
    Dot,
    Nil,
    /// A string, a number, a truth value.
    Literal(Value),
    /// `.A.B`.
    Field(Vec<String>),
    /// `$x.A.B`; the name is without its `$`.
    Variable(String, Vec<String>),
    Function(String),
    Pipeline(Box<Pipeline>),
    /// `(pipeline).A.B`.
    Chain(Box<Operand>, Vec<String>),
}

impl Node {
    /// Whether a field of this name is asked for.
    pub fn uses(&self, field: &str) -> bool {
        match self {
            Node::Text(_) | Node::Break | Node::Continue => false,
            Node::Action(pipeline) => pipeline.uses(field),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                branch.condition.uses(field) || branch.then.iter().chain(&branch.otherwise).any(|node| node.uses(field))
            }
            Node::Call { argument, .. } => argument.as_ref().is_some_and(|argument| argument.uses(field)),
        }
    }
}

impl Pipeline {
    fn uses(&self, field: &str) -> bool {
        self.commands.iter().flat_map(|command| &command.operands).any(|operand| operand.uses(field))
    }
}

impl Operand {
    fn uses(&self, field: &str) -> bool {
        let has = |fields: &[String]| fields.iter().any(|own| own == field);
        match &self.kind {
            Kind::Dot | Kind::Nil | Kind::Literal(_) | Kind::Function(_) => false,
            Kind::Field(fields) | Kind::Variable(_, fields) => has(fields),
            Kind::Pipeline(pipeline) => pipeline.uses(field),
            Kind::Chain(operand, fields) => has(fields) || operand.uses(field),
        }
    }
}
