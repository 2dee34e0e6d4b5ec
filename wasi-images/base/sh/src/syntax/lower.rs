//! From tokens to what is run: the grammar of `brush-parser`, and its syntax tree turned into ours with the words that the lexer has taken apart.

use std::rc::Rc;

use brush_parser::ast::{self as tree, SourceLocation};
use brush_parser::{ParseError, ParserOptions, Token};

use super::SyntaxError;
use super::arith;
use super::ast::{
    Argument, Arithmetic, Assignment, CaseAfter, CaseItem, Command, Compound, Connector, FileMode, Function, Item,
    List, Pipeline, Redirect, RedirectKind, Simple, Test, TestOperator, Timed, Word,
};
use super::lexer::{PLACEHOLDER, SELECT, Tokens};
use super::word::arithmetic;

/// The commands that these tokens are. `keeps_texts`: pipelines remember how they were written.
pub fn program(tokens: Tokens, source: &str, keeps_texts: bool, line: u32) -> Result<List, SyntaxError> {
    if tokens.list.is_empty() {
        return Ok(Rc::new([]));
    }
    let parsed = brush_parser::parse_tokens(&tokens.list, &ParserOptions::default())
        .map_err(|error| unexpected(&error, &tokens, line))?;
    let mut lowering = Lowering { tokens, source, keeps_texts, line };
    let mut items = Vec::new();
    for list in &parsed.complete_commands {
        lowering.items(list, &mut items)?;
    }
    Ok(items.into())
}

fn unexpected(error: &ParseError, tokens: &Tokens, line: u32) -> SyntaxError {
    let ParseError::ParsingNear(position) = error else {
        return SyntaxError { line, message: "end of file unexpected".to_owned() };
    };
    let message = match tokens.list.get(position.index) {
        Some(Token::Operator(text, _)) if text == "\n" => "newline unexpected".to_owned(),
        Some(Token::Operator(text, _)) => format!("\"{text}\" unexpected"),
        Some(Token::Word(text, _)) if text.starts_with(PLACEHOLDER) || text.ends_with('=') => {
            "word unexpected".to_owned()
        }
        Some(Token::Word(text, _)) => format!("\"{text}\" unexpected"),
        None => "end of file unexpected".to_owned(),
    };
    SyntaxError { line: position.line as u32, message }
}

struct Lowering<'a> {
    tokens: Tokens,
    source: &'a str,
    keeps_texts: bool,
    /// Of the command last seen: not everything in the tree knows its own.
    line: u32,
}

type Lowered<T> = Result<T, SyntaxError>;

impl Lowering<'_> {
    fn error<T>(&self, message: &str) -> Lowered<T> {
        Err(SyntaxError { line: self.line, message: message.to_owned() })
    }

    fn list(&mut self, list: &tree::CompoundList) -> Lowered<List> {
        let mut items = Vec::with_capacity(list.0.len());
        self.items(list, &mut items)?;
        Ok(items.into())
    }

    fn items(&mut self, list: &tree::CompoundList, items: &mut Vec<Item>) -> Lowered<()> {
        for tree::CompoundListItem(and_or, separator) in &list.0 {
            let background = matches!(separator, tree::SeparatorOperator::Async);
            let first = self.pipeline(&and_or.first, background)?;
            let mut rest = Vec::with_capacity(and_or.additional.len());
            for more in &and_or.additional {
                rest.push(match more {
                    tree::AndOr::And(pipeline) => (Connector::And, self.pipeline(pipeline, background)?),
                    tree::AndOr::Or(pipeline) => (Connector::Or, self.pipeline(pipeline, background)?),
                });
            }
            items.push(Item { first, rest, background });
        }
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &tree::Pipeline, keep: bool) -> Lowered<Pipeline> {
        let timed =
            pipeline.timed.as_ref().map(|timed| if timed.is_posix_output() { Timed::Posix } else { Timed::Long });
        let text = if keep || self.keeps_texts { self.text(pipeline.location()) } else { "" };
        let text = text.into();
        let commands = pipeline.seq.iter().map(|command| self.command(command)).collect::<Lowered<Vec<_>>>()?;
        Ok(Pipeline { negated: pipeline.bang, timed, commands, text })
    }

    /// How the pipeline that begins there was written.
    fn text(&self, location: Option<brush_parser::SourceSpan>) -> &str {
        let Some(location) = location else { return "" };
        let start = location.start.index;
        let Some(&(_, end)) = self.tokens.ends.iter().find(|(first, _)| *first == start) else { return "" };
        let (Some(first), Some(last)) =
            (self.tokens.spans.get(start), end.checked_sub(1).and_then(|end| self.tokens.spans.get(end)))
        else {
            return "";
        };
        self.source.get(first.0..last.1).unwrap_or("").trim_end()
    }

    fn see(&mut self, location: Option<brush_parser::SourceSpan>) -> u32 {
        if let Some(location) = location {
            self.line = location.start.line as u32;
        }
        self.line
    }

    fn command(&mut self, command: &tree::Command) -> Lowered<Command> {
        Ok(match command {
            tree::Command::Simple(simple) => Command::Simple(self.simple(simple)?),
            tree::Command::Compound(compound, redirects) => {
                let compound = self.compound(compound)?;
                Command::Compound(Rc::new(compound), self.redirects(redirects.as_ref())?)
            }
            tree::Command::ExtendedTest(test, redirects) => {
                let line = self.see(Some(test.loc.clone()));
                let expression = self.test(&test.expr)?;
                Command::Compound(Rc::new(Compound::Test { line, expression }), self.redirects(redirects.as_ref())?)
            }
            tree::Command::Function(function) => {
                let text = self.text(function.fname.loc.clone()).into();
                let line = self.see(function.fname.loc.clone());
                let word = self.word(&function.fname);
                // A special builtin would be found before it.
                let name = word
                    .as_literal()
                    .filter(|name| !crate::builtins::find(name).is_some_and(|builtin| builtin.special));
                let Some(name) = name.map(Rc::from) else { return self.error("Bad function name") };
                let body = self.compound(&function.body.0)?;
                let redirects = self.redirects(function.body.1.as_ref())?;
                Command::Function(name, Rc::new(Function { body, redirects, text, line }))
            }
        })
    }

    /// What this text stands for.
    fn word(&self, word: &tree::Word) -> Word {
        self.word_of(&word.value)
    }

    fn word_of(&self, text: &str) -> Word {
        if let Some(number) = text.strip_prefix(PLACEHOLDER) {
            return number
                .parse()
                .ok()
                .and_then(|number: usize| self.tokens.words.get(number))
                .cloned()
                .unwrap_or_default();
        }
        if let Some(assignment) = self.assignment(text) {
            return assignment.word.clone();
        }
        Word::literal(text)
    }

    fn assignment(&self, text: &str) -> Option<&Assignment> {
        let number: usize = text.strip_prefix('A')?.strip_suffix('=')?.parse().ok()?;
        self.tokens.assignments.get(number)
    }

    fn simple(&mut self, simple: &tree::SimpleCommand) -> Lowered<Simple> {
        let line = self.see(simple.location());
        let mut lowered = Simple { line, ..Simple::default() };
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            match item {
                tree::CommandPrefixOrSuffixItem::AssignmentWord(_, word) => {
                    if let Some(assignment) = self.assignment(&word.value) {
                        lowered.assignments.push(assignment.clone());
                    }
                }
                tree::CommandPrefixOrSuffixItem::IoRedirect(redirect) => {
                    lowered.redirects.push(self.redirect(redirect)?)
                }
                tree::CommandPrefixOrSuffixItem::Word(_) | tree::CommandPrefixOrSuffixItem::ProcessSubstitution(..) => {
                    return self.error("word unexpected");
                }
            }
        }
        if let Some(word) = &simple.word_or_name {
            lowered.words.push(Argument::Word(self.word(word)));
        }
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            match item {
                tree::CommandPrefixOrSuffixItem::AssignmentWord(_, word) => {
                    if let Some(assignment) = self.assignment(&word.value) {
                        lowered.words.push(Argument::Assignment(Box::new(assignment.clone())));
                    }
                }
                tree::CommandPrefixOrSuffixItem::IoRedirect(redirect) => {
                    lowered.redirects.push(self.redirect(redirect)?)
                }
                tree::CommandPrefixOrSuffixItem::Word(word) => lowered.words.push(Argument::Word(self.word(word))),
                tree::CommandPrefixOrSuffixItem::ProcessSubstitution(..) => return self.error("word unexpected"),
            }
        }
        Ok(lowered)
    }

    fn redirects(&mut self, redirects: Option<&tree::RedirectList>) -> Lowered<Vec<Redirect>> {
        redirects.iter().flat_map(|list| &list.0).map(|redirect| self.redirect(redirect)).collect()
    }

    fn redirect(&mut self, redirect: &tree::IoRedirect) -> Lowered<Redirect> {
        Ok(match redirect {
            tree::IoRedirect::File(fd, kind, target) => {
                let word = match target {
                    tree::IoFileRedirectTarget::Filename(word) | tree::IoFileRedirectTarget::Duplicate(word) => {
                        self.word(word)
                    }
                    tree::IoFileRedirectTarget::Fd(fd) => Word::literal(&fd.to_string()),
                    tree::IoFileRedirectTarget::ProcessSubstitution(..) => return self.error("word unexpected"),
                };
                let kind = match kind {
                    tree::IoFileRedirectKind::Read => RedirectKind::File(FileMode::Read, word),
                    tree::IoFileRedirectKind::Write => RedirectKind::File(FileMode::Write, word),
                    tree::IoFileRedirectKind::Append => RedirectKind::File(FileMode::Append, word),
                    tree::IoFileRedirectKind::ReadAndWrite => RedirectKind::File(FileMode::ReadWrite, word),
                    tree::IoFileRedirectKind::Clobber => RedirectKind::File(FileMode::Clobber, word),
                    tree::IoFileRedirectKind::DuplicateInput => RedirectKind::Duplicate { output: false, target: word },
                    tree::IoFileRedirectKind::DuplicateOutput => RedirectKind::Duplicate { output: true, target: word },
                };
                Redirect { fd: *fd, kind }
            }
            tree::IoRedirect::HereDocument(fd, document) => {
                Redirect { fd: *fd, kind: RedirectKind::Here { body: self.word(&document.doc) } }
            }
            tree::IoRedirect::HereString(fd, word) => {
                Redirect { fd: *fd, kind: RedirectKind::HereString(self.word(word)) }
            }
            tree::IoRedirect::OutputAndError(word, append) => {
                Redirect { fd: None, kind: RedirectKind::Both { append: *append, target: self.word(word) } }
            }
        })
    }

    fn compound(&mut self, compound: &tree::CompoundCommand) -> Lowered<Compound> {
        let line = self.see(compound.location());
        Ok(match compound {
            tree::CompoundCommand::BraceGroup(group) => Compound::Brace(self.list(&group.list)?),
            tree::CompoundCommand::Subshell(subshell) => Compound::Subshell(self.list(&subshell.list)?),
            tree::CompoundCommand::Arithmetic(command) => {
                Compound::Arithmetic { line, expression: self.arithmetic(&command.expr) }
            }
            tree::CompoundCommand::ArithmeticForClause(clause) => Compound::ArithmeticFor {
                line,
                start: self.optional(clause.initializer.as_ref()),
                condition: self.optional(clause.condition.as_ref()),
                step: self.optional(clause.updater.as_ref()),
                body: self.list(&clause.body.list)?,
            },
            tree::CompoundCommand::ForClause(clause) => {
                let words = clause.values.as_ref().map(|values| values.iter().map(|word| self.word(word)).collect());
                // `for x in; do` has a list, an empty one; the tree does not tell it from none.
                let words = words.or_else(|| self.has_in(clause).then(Vec::new));
                let body = self.list(&clause.body.list)?;
                match clause.variable_name.strip_prefix(SELECT) {
                    Some(name) => Compound::Select { line, name: name.into(), words, body },
                    None => Compound::For { line, name: clause.variable_name.as_str().into(), words, body },
                }
            }
            tree::CompoundCommand::CaseClause(clause) => {
                let word = self.word(&clause.value);
                let mut items = Vec::with_capacity(clause.cases.len());
                for item in &clause.cases {
                    items.push(CaseItem {
                        patterns: item.patterns.iter().map(|word| self.word(word)).collect(),
                        body: match &item.cmd {
                            Some(list) => self.list(list)?,
                            None => Rc::new([]),
                        },
                        after: match item.post_action {
                            tree::CaseItemPostAction::ExitCase => CaseAfter::Leave,
                            tree::CaseItemPostAction::UnconditionallyExecuteNextCaseItem => CaseAfter::FallThrough,
                            tree::CaseItemPostAction::ContinueEvaluatingCases => CaseAfter::GoOn,
                        },
                    });
                }
                Compound::Case { line, word, items }
            }
            tree::CompoundCommand::IfClause(clause) => {
                let mut branches = vec![(self.list(&clause.condition)?, self.list(&clause.then)?)];
                let mut otherwise = None;
                for part in clause.elses.iter().flatten() {
                    let body = self.list(&part.body)?;
                    match &part.condition {
                        Some(condition) => branches.push((self.list(condition)?, body)),
                        None => otherwise = Some(body),
                    }
                }
                Compound::If { branches, otherwise }
            }
            tree::CompoundCommand::WhileClause(clause) => {
                Compound::While { until: false, condition: self.list(&clause.0)?, body: self.list(&clause.1.list)? }
            }
            tree::CompoundCommand::UntilClause(clause) => {
                Compound::While { until: true, condition: self.list(&clause.0)?, body: self.list(&clause.1.list)? }
            }
            tree::CompoundCommand::Coprocess(_) => return self.error("coproc is not supported"),
        })
    }

    fn has_in(&self, clause: &tree::ForClauseCommand) -> bool {
        let behind = self.tokens.list.iter().skip(clause.loc.start.index + 2);
        let next = behind.into_iter().find(|token| !matches!(token, Token::Operator(text, _) if text == "\n"));
        matches!(next, Some(Token::Word(text, _)) if text == "in")
    }

    fn optional(&self, expression: Option<&tree::UnexpandedArithmeticExpr>) -> Option<Arithmetic> {
        expression
            .filter(|expression| !expression.value.trim().is_empty())
            .map(|expression| self.arithmetic(expression))
    }

    fn arithmetic(&self, expression: &tree::UnexpandedArithmeticExpr) -> Arithmetic {
        let text = expression.value.trim();
        if text.is_empty() { Arithmetic::Static(arith::Expression::Number(0)) } else { arithmetic(self.word_of(text)) }
    }

    fn test(&mut self, test: &tree::ExtendedTestExpr) -> Lowered<Test> {
        use tree::BinaryPredicate as Two;
        use tree::UnaryPredicate as One;
        Ok(match test {
            tree::ExtendedTestExpr::And(left, right) => {
                Test::And(Box::new(self.test(left)?), Box::new(self.test(right)?))
            }
            tree::ExtendedTestExpr::Or(left, right) => {
                Test::Or(Box::new(self.test(left)?), Box::new(self.test(right)?))
            }
            tree::ExtendedTestExpr::Not(inner) => Test::Not(Box::new(self.test(inner)?)),
            tree::ExtendedTestExpr::Parenthesized(inner) => self.test(inner)?,
            tree::ExtendedTestExpr::UnaryTest(predicate, word) => {
                let operator = match predicate {
                    One::FileExists => 'e',
                    One::FileExistsAndIsBlockSpecialFile => 'b',
                    One::FileExistsAndIsCharSpecialFile => 'c',
                    One::FileExistsAndIsDir => 'd',
                    One::FileExistsAndIsRegularFile => 'f',
                    One::FileExistsAndIsSetgid => 'g',
                    One::FileExistsAndIsSymlink => 'L',
                    One::FileExistsAndHasStickyBit => 'k',
                    One::FileExistsAndIsFifo => 'p',
                    One::FileExistsAndIsReadable => 'r',
                    One::FileExistsAndIsNotZeroLength => 's',
                    One::FdIsOpenTerminal => 't',
                    One::FileExistsAndIsSetuid => 'u',
                    One::FileExistsAndIsWritable => 'w',
                    One::FileExistsAndIsExecutable => 'x',
                    One::FileExistsAndOwnedByEffectiveGroupId => 'G',
                    One::FileExistsAndModifiedSinceLastRead => 'N',
                    One::FileExistsAndOwnedByEffectiveUserId => 'O',
                    One::FileExistsAndIsSocket => 'S',
                    One::ShellOptionEnabled => 'o',
                    One::ShellVariableIsSetAndAssigned => 'v',
                    One::ShellVariableIsSetAndNameRef => 'R',
                    One::StringHasZeroLength => 'z',
                    One::StringHasNonZeroLength => 'n',
                };
                Test::Unary(operator, self.word(word))
            }
            tree::ExtendedTestExpr::BinaryTest(predicate, left, right) => {
                let operator = match predicate {
                    Two::FilesReferToSameDeviceAndInodeNumbers => TestOperator::SameFile,
                    Two::LeftFileIsNewerOrExistsWhenRightDoesNot => TestOperator::Newer,
                    Two::LeftFileIsOlderOrDoesNotExistWhenRightDoes => TestOperator::Older,
                    Two::StringExactlyMatchesPattern | Two::StringExactlyMatchesString => TestOperator::Matches,
                    Two::StringDoesNotExactlyMatchPattern | Two::StringDoesNotExactlyMatchString => {
                        TestOperator::Differs
                    }
                    Two::StringMatchesRegex | Two::StringContainsSubstring => TestOperator::Regex,
                    Two::LeftSortsBeforeRight => TestOperator::Before,
                    Two::LeftSortsAfterRight => TestOperator::After,
                    Two::ArithmeticEqualTo => TestOperator::Equal,
                    Two::ArithmeticNotEqualTo => TestOperator::NotEqual,
                    Two::ArithmeticLessThan => TestOperator::Less,
                    Two::ArithmeticLessThanOrEqualTo => TestOperator::LessOrEqual,
                    Two::ArithmeticGreaterThan => TestOperator::Greater,
                    Two::ArithmeticGreaterThanOrEqualTo => TestOperator::GreaterOrEqual,
                };
                Test::Binary(operator, self.word(left), self.word(right))
            }
        })
    }
}
