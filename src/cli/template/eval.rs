//! Runs a template over data (Go `text/template/exec.go`).

use std::rc::Rc;

use serde_json::Value;

use super::docker_types::{is_list, is_map, is_optional};
use super::error::TemplateError;
use super::functions::{self, CallError};
use super::node::{Branch, Command, Kind, Node, Operand, Pipeline, Span};
use super::value::{is_true, print, sorted, type_name};
use super::{Data, MAX_OUTPUT, Missing, Template};

/// Nodes that may be run, repeated ones included.
const MAX_STEPS: usize = 2_000_000;

/// The largest number a range walks to.
const MAX_RANGE: i64 = 100_000;

/// Templates that may be running inside each other.
const MAX_CALLS: usize = 100;

type Result<T> = std::result::Result<T, TemplateError>;

/// Runs `template`.
pub fn execute(template: &Template, data: &Data<'_>) -> Result<String> {
    let root = Item::Root(data.root);
    let variables = vec![(String::new(), root.clone())];
    let mut run = Run { template, data, out: String::new(), variables, steps: 0, made: 0, calls: 0 };
    run.nodes(&template.main, &root)?;
    Ok(run.out)
}

/// A value: of the data, or made by a function.
#[derive(Clone)]
enum Item<'d> {
    Root(&'d Value),
    Data(&'d Value),
    Made(Rc<Value>),
}

impl Item<'_> {
    fn value(&self) -> &Value {
        match self {
            Item::Root(value) | Item::Data(value) => value,
            Item::Made(value) => value,
        }
    }

    fn made(value: impl Into<Value>) -> Self {
        Item::Made(Rc::new(value.into()))
    }
}

/// How a list of nodes ended.
#[derive(PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

struct Run<'t, 'd> {
    template: &'t Template,
    data: &'t Data<'d>,
    out: String,
    variables: Vec<(String, Item<'d>)>,
    steps: usize,
    /// Bytes that functions made.
    made: usize,
    calls: usize,
}

impl<'t, 'd> Run<'t, 'd> {
    fn fail<T>(&self, at: usize, span: &Span, why: impl AsRef<str>) -> Result<T> {
        let text = self.template.source.get(span.clone()).unwrap_or_default();
        Err(TemplateError::run(&self.template.source, at, text, why.as_ref()))
    }

    /// Counts one more step.
    fn step(&mut self, span: &Span) -> Result<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return self.fail(span.start, span, format!("more than {MAX_STEPS} steps"));
        }
        if self.out.len() > MAX_OUTPUT || self.made > MAX_OUTPUT {
            return self.fail(span.start, span, format!("more than {MAX_OUTPUT} bytes of text"));
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &'t [Node], dot: &Item<'d>) -> Result<Flow> {
        for node in nodes {
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Action(pipeline) => {
                    let item = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        self.write(item.value(), last_field(pipeline));
                    }
                }
                Node::If(branch) | Node::With(branch) => {
                    let flow = self.branch(branch, matches!(node, Node::With(_)), dot)?;
                    if flow != Flow::Next {
                        return Ok(flow);
                    }
                }
                Node::Range(branch) => {
                    let flow = self.range(branch, dot)?;
                    if flow != Flow::Next {
                        return Ok(flow);
                    }
                }
                Node::Break => return Ok(Flow::Break),
                Node::Continue => return Ok(Flow::Continue),
                Node::Call { name, argument, at, span } => self.call(name, argument.as_ref(), (*at, span), dot)?,
            }
        }
        Ok(Flow::Next)
    }

    /// Writes what an action gives; `field` is the field it was read from.
    fn write(&mut self, value: &Value, field: &str) {
        match value {
            Value::Null if self.data.missing == Missing::NoKey && is_list(field) => self.out.push_str("[]"),
            Value::Null if self.data.missing == Missing::NoKey && is_map(field) => self.out.push_str("map[]"),
            Value::Null => self.out.push_str("<no value>"),
            value => print(&mut self.out, value),
        }
    }

    fn branch(&mut self, branch: &'t Branch, moves_dot: bool, dot: &Item<'d>) -> Result<Flow> {
        let scope = self.variables.len();
        let item = self.pipeline(&branch.condition, dot)?;
        let flow = if is_true(item.value()) {
            self.nodes(&branch.then, if moves_dot { &item } else { dot })
        } else {
            self.nodes(&branch.otherwise, dot)
        };
        self.variables.truncate(scope);
        flow
    }

    fn range(&mut self, branch: &'t Branch, dot: &Item<'d>) -> Result<Flow> {
        let scope = self.variables.len();
        let item = self.pipeline(&branch.condition, dot)?;
        if item.value().is_number() && branch.condition.variables.len() > 1 {
            let span = branch.condition.commands.last().map_or(&branch.condition.span, |command| &command.span);
            let why = format!("can't use {} to iterate over more than one variable", item.value());
            return self.fail(span.start, span, why);
        }
        let entries = self.entries(&item, &branch.condition.span)?;
        let mut empty = true;
        for (key, value) in entries {
            empty = false;
            self.step(&branch.condition.span)?;
            let inner = self.variables.len();
            let variables = &branch.condition.variables;
            match variables.as_slice() {
                [] => {}
                [element] => self.set(branch.condition.assigns, element, value.clone()),
                [index, element, ..] => {
                    self.set(branch.condition.assigns, index, Item::made(key));
                    self.set(branch.condition.assigns, element, value.clone());
                }
            }
            let flow = self.nodes(&branch.then, &value)?;
            self.variables.truncate(inner);
            if flow == Flow::Break {
                break;
            }
        }
        let flow = if empty { self.nodes(&branch.otherwise, dot)? } else { Flow::Next };
        self.variables.truncate(scope);
        Ok(flow)
    }

    /// What a range walks over: keys and values.
    fn entries(&self, item: &Item<'d>, span: &Span) -> Result<Vec<(Value, Item<'d>)>> {
        fn pairs(value: &Value) -> Option<Vec<(Value, &Value)>> {
            match value {
                Value::Null => Some(Vec::new()),
                Value::Array(list) => Some(list.iter().enumerate().map(|(at, item)| (Value::from(at), item)).collect()),
                Value::Object(map) => {
                    Some(sorted(map).into_iter().map(|(key, item)| (Value::from(key.as_str()), item)).collect())
                }
                _ => None,
            }
        }
        if let Value::Number(number) = item.value()
            && let Some(count) = number.as_i64()
        {
            if count > MAX_RANGE {
                return self.fail(span.start, span, format!("range over {count} is longer than {MAX_RANGE}"));
            }
            return Ok((0..count).map(|at| (Value::from(at), Item::made(at))).collect());
        }
        let entries = match item {
            Item::Root(value) | Item::Data(value) => {
                pairs(value).map(|pairs| pairs.into_iter().map(|(key, item)| (key, Item::Data(item))).collect())
            }
            Item::Made(value) => {
                pairs(value).map(|pairs| pairs.into_iter().map(|(key, item)| (key, Item::made(item.clone()))).collect())
            }
        };
        match entries {
            Some(entries) => Ok(entries),
            None => {
                let mut text = String::new();
                print(&mut text, item.value());
                self.fail(span.start, span, format!("range can't iterate over {text}"))
            }
        }
    }

    fn call(
        &mut self,
        name: &str,
        argument: Option<&'t Pipeline>,
        place: (usize, &Span),
        dot: &Item<'d>,
    ) -> Result<()> {
        let (at, span) = place;
        let template = self.template;
        let Some(nodes) = template.named.get(name) else {
            return self.fail(at, span, format!("template {name:?} not defined"));
        };
        if self.calls == MAX_CALLS {
            return self.fail(at, span, format!("exceeded maximum template depth ({MAX_CALLS})"));
        }
        self.step(span)?;
        let dot = match argument {
            Some(argument) => self.pipeline(argument, dot)?,
            None => Item::made(Value::Null),
        };
        let variables = std::mem::replace(&mut self.variables, vec![(String::new(), dot.clone())]);
        self.calls += 1;
        self.nodes(nodes, &dot)?;
        self.calls -= 1;
        self.variables = variables;
        Ok(())
    }

    fn set(&mut self, assigns: bool, name: &str, item: Item<'d>) {
        match self.variables.iter_mut().rev().find(|(own, _)| assigns && own == name) {
            Some(variable) => variable.1 = item,
            None => self.variables.push((name.to_owned(), item)),
        }
    }

    /// The value of a pipeline. Its variables are set, but for those of a range, which sets them itself.
    fn pipeline(&mut self, pipeline: &'t Pipeline, dot: &Item<'d>) -> Result<Item<'d>> {
        self.step(&pipeline.span)?;
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, dot, last)?);
        }
        let item = last.unwrap_or_else(|| Item::made(Value::Null));
        if let [name] = pipeline.variables.as_slice() {
            self.set(pipeline.assigns, name, item.clone());
        }
        Ok(item)
    }

    fn command(&mut self, command: &'t Command, dot: &Item<'d>, last: Option<Item<'d>>) -> Result<Item<'d>> {
        let Some((first, operands)) = command.operands.split_first() else { return Ok(Item::made(Value::Null)) };
        if let Kind::Function(name) = &first.kind {
            return self.function(name, command, operands, dot, last);
        }
        if operands.is_empty() && last.is_none() {
            if matches!(first.kind, Kind::Nil) {
                return self.fail(first.at, &first.span, "nil is not a command");
            }
            return self.operand(first, dot, &[]);
        }
        match &first.kind {
            Kind::Field(_) | Kind::Variable(..) | Kind::Chain(..) => {
                let arguments = self.arguments(operands, dot, last)?;
                self.operand(first, dot, &arguments)
            }
            _ => {
                let (span, whole) = match &first.kind {
                    Kind::Pipeline(inner) => (&inner.span, &command.span),
                    _ => (&first.span, &first.span),
                };
                let text = self.template.source.get(span.clone()).unwrap_or_default();
                self.fail(first.at, whole, format!("can't give argument to non-function {text}"))
            }
        }
    }

    fn arguments(&mut self, operands: &'t [Operand], dot: &Item<'d>, last: Option<Item<'d>>) -> Result<Vec<Item<'d>>> {
        let mut arguments = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            arguments.push(self.operand(operand, dot, &[])?);
        }
        arguments.extend(last);
        Ok(arguments)
    }

    fn function(
        &mut self,
        name: &str,
        command: &'t Command,
        operands: &'t [Operand],
        dot: &Item<'d>,
        last: Option<Item<'d>>,
    ) -> Result<Item<'d>> {
        if matches!(name, "and" | "or") {
            return self.and_or(name == "or", command, operands, dot, last);
        }
        let word = command.operands.first().map_or(&command.span, |operand| &operand.span);
        let arguments = self.arguments(operands, dot, last)?;
        if self.data.header
            && functions::is_silent_in_header(name)
            && let Some(first) = arguments.first()
        {
            return Ok(first.clone());
        }
        let values: Vec<&Value> = arguments.iter().map(Item::value).collect();
        match functions::call(name, &values) {
            Ok(value) => {
                self.made += size(&value);
                Ok(Item::made(value))
            }
            Err(CallError::Count(why)) => self.fail(word.start, word, why),
            Err(CallError::Failed(why)) => {
                self.fail(command.span.start, &command.span, format!("error calling {name}: {why}"))
            }
            Err(CallError::Type { at, wanted }) => {
                let found = arguments.get(at).map_or(&Value::Null, Item::value);
                self.wrong_type(operands.get(at), command, wanted, found)
            }
        }
    }

    /// What Go says of an argument of another type depends on how it is written.
    fn wrong_type<T>(&self, operand: Option<&Operand>, command: &Command, wanted: &str, found: &Value) -> Result<T> {
        let why = match (operand.map(|operand| &operand.kind), found) {
            (Some(Kind::Literal(_)), _) => {
                let wanted = if wanted == "int" { "integer" } else { wanted };
                let text = operand.and_then(|operand| self.template.source.get(operand.span.clone()));
                format!("expected {wanted}; found {}", text.unwrap_or_default())
            }
            (Some(Kind::Nil), _) => format!("cannot assign nil to {wanted}"),
            (_, Value::Null) => format!("invalid value; expected {wanted}"),
            (_, found) => format!("wrong type for value; expected {wanted}; got {}", type_name(found)),
        };
        match operand {
            Some(operand) => self.fail(operand.at, &operand.span, why),
            None => self.fail(command.span.start, &command.span, why),
        }
    }

    /// The first operand that decides, and none behind it is looked at.
    fn and_or(
        &mut self,
        is_or: bool,
        command: &'t Command,
        operands: &'t [Operand],
        dot: &Item<'d>,
        last: Option<Item<'d>>,
    ) -> Result<Item<'d>> {
        let mut result = None;
        for operand in operands {
            let item = self.operand(operand, dot, &[])?;
            if is_true(item.value()) == is_or {
                return Ok(item);
            }
            result = Some(item);
        }
        match last.or(result) {
            Some(item) => Ok(item),
            None => {
                let name = if is_or { "or" } else { "and" };
                let why = format!("wrong number of args for {name}: want at least 1 got 0");
                self.fail(command.span.start, &command.span, why)
            }
        }
    }

    fn operand(&mut self, operand: &'t Operand, dot: &Item<'d>, arguments: &[Item<'d>]) -> Result<Item<'d>> {
        self.step(&operand.span)?;
        match &operand.kind {
            Kind::Dot => Ok(dot.clone()),
            Kind::Nil => Ok(Item::made(Value::Null)),
            Kind::Literal(value) => Ok(Item::made(value.clone())),
            Kind::Function(name) => match functions::call(name, &[]) {
                Ok(value) => Ok(Item::made(value)),
                Err(CallError::Count(why) | CallError::Failed(why)) => self.fail(operand.at, &operand.span, why),
                Err(CallError::Type { wanted, .. }) => {
                    self.fail(operand.at, &operand.span, format!("invalid value; expected {wanted}"))
                }
            },
            Kind::Pipeline(pipeline) => self.pipeline(pipeline, dot),
            Kind::Field(fields) => self.fields(dot.clone(), fields, operand, arguments),
            Kind::Variable(name, fields) => {
                let variable = self.variables.iter().rev().find(|(own, _)| own == name).map(|(_, item)| item.clone());
                match variable {
                    Some(item) => self.fields(item, fields, operand, arguments),
                    None => self.fail(operand.at, &operand.span, format!("undefined variable: ${name}")),
                }
            }
            Kind::Chain(inner, fields) => {
                let item = self.operand(inner, dot, &[])?;
                self.fields(item, fields, operand, arguments)
            }
        }
    }

    /// Fields of fields; the arguments are for the last.
    fn fields(
        &mut self,
        mut item: Item<'d>,
        fields: &'t [String],
        operand: &Operand,
        arguments: &[Item<'d>],
    ) -> Result<Item<'d>> {
        if fields.is_empty() && !arguments.is_empty() {
            let text = self.template.source.get(operand.span.clone()).unwrap_or_default();
            return self.fail(operand.at, &operand.span, format!("{text} is not a method but has arguments"));
        }
        let mut parent = "";
        for (at, name) in fields.iter().enumerate() {
            let arguments = if at + 1 == fields.len() { arguments } else { &[] };
            item = match self.field(&item, name, parent, arguments) {
                Ok(item) => item,
                Err(why) => return self.fail(operand.at, &operand.span, why),
            };
            parent = name;
        }
        Ok(item)
    }

    fn field(
        &mut self,
        item: &Item<'d>,
        name: &str,
        parent: &str,
        arguments: &[Item<'d>],
    ) -> std::result::Result<Item<'d>, String> {
        if let (Item::Root(_), Some(methods)) = (item, self.data.methods) {
            let values: Vec<&Value> = arguments.iter().map(Item::value).collect();
            if let Some(result) = methods.call(name, &values) {
                let value = result.map_err(|why| format!("error calling {name}: {why}"))?;
                self.made += size(&value);
                return Ok(Item::made(value));
            }
        }
        let found = match item {
            Item::Root(value) | Item::Data(value) => self.member(value, name, parent)?.map(Item::Data),
            Item::Made(value) => self.member(value, name, parent)?.cloned().map(Item::made),
        };
        if found.is_some() && !arguments.is_empty() {
            return Err(format!("{name} is not a method but has arguments"));
        }
        match (found, self.data.missing) {
            (Some(found), _) => Ok(found),
            (None, Missing::NoField(type_name)) if matches!(item, Item::Root(_)) => {
                Err(format!("can't evaluate field {name} in type {type_name}"))
            }
            (None, Missing::NoKey | Missing::NoField(_)) if !is_map(parent) && !is_nothing(item, name) => {
                Err(match item.value() {
                    Value::Null => format!("nil pointer evaluating interface {{}}.{name}"),
                    _ => format!("map has no entry for key {name:?}"),
                })
            }
            (None, _) => Ok(Item::made(Value::Null)),
        }
    }

    fn member<'v>(&self, value: &'v Value, name: &str, parent: &str) -> std::result::Result<Option<&'v Value>, String> {
        match value {
            Value::Null => Ok(None),
            Value::Object(map) => Ok(map.get(name).or_else(|| {
                let is_struct = self.data.missing == Missing::NoKey && !is_map(parent);
                let folded = || map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
                if is_struct { folded() } else { None }
            })),
            other => Err(format!("can't evaluate field {name} in type {}", type_name(other))),
        }
    }
}

/// Whether a field that is not there is one that Docker leaves out where it is empty.
fn is_nothing(item: &Item<'_>, name: &str) -> bool {
    item.value().is_object() && is_optional(name)
}

/// The field that a pipeline of nothing else reads.
fn last_field(pipeline: &Pipeline) -> &str {
    let operand = match pipeline.commands.as_slice() {
        [command] => command.operands.first(),
        _ => None,
    };
    match operand.map(|operand| &operand.kind) {
        Some(Kind::Field(fields) | Kind::Variable(_, fields) | Kind::Chain(_, fields)) => {
            fields.last().map_or("", String::as_str)
        }
        _ => "",
    }
}

/// About the bytes a made value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(|item| size(item) + 32).sum(),
        Value::Object(map) => map.iter().map(|(key, item)| key.len() + size(item) + 64).sum(),
        _ => 0,
    }
}
