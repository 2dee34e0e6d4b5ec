//! Evaluates arithmetic: 64 bits that wrap, as in C.

use std::rc::Rc;

use crate::shell::{Run, Shell};
use crate::syntax::arith::{Binary, Expression, Unary, parse};
use crate::syntax::ast::Arithmetic;
use crate::variables::{Value, Variable};

/// How deep variables may hold expressions that hold variables.
const DEPTH: u32 = 100;

impl Shell {
    pub fn arithmetic(&mut self, arithmetic: &Arithmetic) -> Run<i64> {
        match arithmetic {
            Arithmetic::Static(expression) => {
                self.evaluate(expression, 0).or_else(|message| self.abort(&format!("arithmetic expression: {message}")))
            }
            Arithmetic::Dynamic(word) => {
                let text = self.expand_text(word)?;
                self.evaluate_text(&text)
            }
        }
    }

    /// Evaluates an expression that is text: an index, an integer variable's new value.
    pub fn evaluate_text(&mut self, text: &str) -> Run<i64> {
        let result = parse(text).and_then(|expression| self.evaluate(&expression, 0));
        result.or_else(|message| self.abort(&format!("arithmetic expression: {message}: \"{}\"", text.trim())))
    }

    fn evaluate(&mut self, expression: &Expression, depth: u32) -> Result<i64, String> {
        Ok(match expression {
            Expression::Number(number) => *number,
            Expression::Variable(_) | Expression::Element(..) => self.read_target(expression, depth)?,
            Expression::Unary(operator, operand) => {
                let value = self.evaluate(operand, depth)?;
                match operator {
                    Unary::Plus => value,
                    Unary::Minus => value.wrapping_neg(),
                    Unary::Not => i64::from(value == 0),
                    Unary::Complement => !value,
                }
            }
            Expression::Binary(operator, left, right) => {
                let left = self.evaluate(left, depth)?;
                match operator {
                    Binary::LogicalAnd => i64::from(left != 0 && self.evaluate(right, depth)? != 0),
                    Binary::LogicalOr => i64::from(left != 0 || self.evaluate(right, depth)? != 0),
                    _ => {
                        let right = self.evaluate(right, depth)?;
                        calculate(*operator, left, right)?
                    }
                }
            }
            Expression::Conditional(parts) => {
                let (condition, yes, no) = &**parts;
                let chosen = if self.evaluate(condition, depth)? != 0 { yes } else { no };
                self.evaluate(chosen, depth)?
            }
            Expression::Assign(target, operator, value) => {
                let value = match operator {
                    None => self.evaluate(value, depth)?,
                    Some(operator) => {
                        let before = self.read_target(target, depth)?;
                        let value = self.evaluate(value, depth)?;
                        calculate(*operator, before, value)?
                    }
                };
                self.write_target(target, value, depth)?;
                value
            }
            Expression::Step(target, step, after) => {
                let before = self.read_target(target, depth)?;
                let value = before.wrapping_add(*step);
                self.write_target(target, value, depth)?;
                if *after { before } else { value }
            }
        })
    }

    fn read_target(&mut self, target: &Expression, depth: u32) -> Result<i64, String> {
        let (name, value) = match target {
            Expression::Variable(name) => (name, self.get(name)),
            Expression::Element(name, index) => {
                let index = self.index_text(name, index, depth)?;
                (name, self.element_at(name, &index))
            }
            _ => return Err("assignment to something that is no variable".to_owned()),
        };
        let Some(value) = value else {
            if self.options.nounset {
                return Err(format!("{name}: parameter not set"));
            }
            return Ok(0);
        };
        // Mostly it is a number.
        if let Ok(number) = value.parse::<i64>()
            && (number == 0 || !value.trim_start_matches('-').starts_with('0'))
        {
            return Ok(number);
        }
        if depth >= DEPTH {
            return Err("expression recursion level exceeded".to_owned());
        }
        let expression = parse(&value)?;
        self.evaluate(&expression, depth + 1)
    }

    fn write_target(&mut self, target: &Expression, value: i64, depth: u32) -> Result<(), String> {
        let text = value.to_string();
        let done = match target {
            Expression::Variable(name) => self.set(name, &text),
            Expression::Element(name, index) => {
                let index = self.index_text(name, index, depth)?;
                self.set_element(name, &index, &text)
            }
            _ => return Err("assignment to something that is no variable".to_owned()),
        };
        if done { Ok(()) } else { Err("variable cannot be set".to_owned()) }
    }

    /// An index as a key: of an associative array as it is, else evaluated.
    fn index_text(&mut self, name: &str, index: &str, depth: u32) -> Result<Rc<str>, String> {
        if self.is_map(name) {
            return Ok(index.into());
        }
        if depth >= DEPTH {
            return Err("expression recursion level exceeded".to_owned());
        }
        let expression = parse(index)?;
        Ok(self.evaluate(&expression, depth + 1)?.to_string().into())
    }

    pub fn is_map(&self, name: &str) -> bool {
        matches!(self.variables.find(self.variables.resolve(name)), Some(Variable { value: Value::Map(_), .. }))
    }

    /// An element by its key; negative ones count from the end.
    pub fn element_at(&mut self, name: &str, index: &str) -> Option<Rc<str>> {
        let name = self.variables.resolve(name).to_owned();
        if let Some(number) = index.strip_prefix('-')
            && let Some(Variable { value: Value::Array(elements), .. }) = self.variables.find(&name)
        {
            let back: i64 = number.parse().ok()?;
            let at = elements.keys().next_back()?.checked_add(1)?.checked_sub(back)?;
            return elements.get(&at).cloned();
        }
        if matches!(&*name, "PIPESTATUS" | "FUNCNAME" | "DIRSTACK") {
            return self.elements(&name).into_iter().find(|(key, _)| &**key == index).map(|(_, value)| value);
        }
        self.element(&name, index)
    }
}

fn calculate(operator: Binary, left: i64, right: i64) -> Result<i64, String> {
    Ok(match operator {
        Binary::Comma => right,
        Binary::LogicalOr => i64::from(left != 0 || right != 0),
        Binary::LogicalAnd => i64::from(left != 0 && right != 0),
        Binary::Or => left | right,
        Binary::Xor => left ^ right,
        Binary::And => left & right,
        Binary::Equal => i64::from(left == right),
        Binary::NotEqual => i64::from(left != right),
        Binary::Less => i64::from(left < right),
        Binary::LessOrEqual => i64::from(left <= right),
        Binary::Greater => i64::from(left > right),
        Binary::GreaterOrEqual => i64::from(left >= right),
        Binary::ShiftLeft => left.wrapping_shl(right as u32),
        Binary::ShiftRight => left.wrapping_shr(right as u32),
        Binary::Add => left.wrapping_add(right),
        Binary::Subtract => left.wrapping_sub(right),
        Binary::Multiply => left.wrapping_mul(right),
        Binary::Divide | Binary::Remainder if right == 0 => return Err("division by zero".to_owned()),
        Binary::Divide => left.wrapping_div(right),
        Binary::Remainder => left.wrapping_rem(right),
        Binary::Power => {
            if right < 0 {
                return Err("exponent less than 0".to_owned());
            }
            power(left, right)
        }
    })
}

fn power(mut base: i64, mut exponent: i64) -> i64 {
    let mut result = 1_i64;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        exponent >>= 1;
    }
    result
}
