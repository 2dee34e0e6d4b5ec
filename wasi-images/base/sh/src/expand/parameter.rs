//! Parameter expansion: `$x`, `${x:-y}` and all the others.

use std::rc::Rc;

use super::fields::{Fields, Mode};
use super::pattern::Pattern;
use super::{Place, give};
use crate::shell::{Run, Shell, Stop};
use crate::syntax::ast::{Index, Name, Operation, Parameter, ReplaceAt, Word};
use crate::syntax::quote;
use crate::variables::{Case, Value};

/// What a parameter holds.
#[derive(Clone, Debug)]
enum Held {
    Nothing,
    One(Rc<str>),
    /// Several; `each`: as fields of their own also within quotes.
    Many {
        values: Vec<Rc<str>>,
        each: bool,
    },
}

impl Shell {
    /// Expands a parameter into `fields`. True where there was nothing, not even an empty field.
    pub(super) fn parameter(&mut self, parameter: &Parameter, fields: &mut Fields<'_>, place: Place) -> Run<bool> {
        // What is by far most common.
        if let (Name::Variable(name), None, false, Operation::None) =
            (&parameter.name, &parameter.index, parameter.indirect, &parameter.operation)
            && let Some(value) = self.get(name)
        {
            give(fields, &value, place);
            return Ok(false);
        }
        let (name, held) = self.held(parameter)?;
        match &parameter.operation {
            Operation::Default { null, word } => {
                if !is_set(&held, *null) {
                    return self.operand(word, fields, place);
                }
            }
            Operation::Alternative { null, word } => {
                if is_set(&held, *null) {
                    return self.operand(word, fields, place);
                }
                return Ok(!matches!(held, Held::One(_)) && is_each(&held));
            }
            Operation::Assign { null, word } => {
                if !is_set(&held, *null) {
                    let value = self.expand_text(word)?;
                    let value = self.assign_default(parameter, &name, value)?;
                    give(fields, &value, place);
                    return Ok(false);
                }
            }
            Operation::Error { null, word } => {
                if !is_set(&held, *null) {
                    let mut message = self.expand_text(word)?;
                    if message.is_empty() {
                        message = if *null { "parameter not set or null" } else { "parameter not set" }.into();
                    }
                    return self.abort(&format!("{name}: {message}"));
                }
            }
            Operation::Keys => {
                let values = self.elements(&name).into_iter().map(|(key, _)| key).collect();
                let each = matches!(parameter.index, Some(Index::Each));
                return Ok(self.emit(&Held::Many { values, each }, fields, place));
            }
            Operation::Names { each } => {
                let mut values: Vec<Rc<str>> =
                    self.variables.all.keys().filter(|known| known.starts_with(&*name)).cloned().collect();
                values.sort();
                return Ok(self.emit(&Held::Many { values, each: *each }, fields, place));
            }
            Operation::Bad(text) => return self.abort(&format!("${{{text}}}: Bad substitution")),
            _ => {
                if matches!(held, Held::Nothing) && self.options.nounset {
                    return self.abort(&format!("{name}: parameter not set"));
                }
            }
        }
        let result = match &parameter.operation {
            Operation::None | Operation::Default { .. } | Operation::Assign { .. } | Operation::Error { .. } => held,
            Operation::Length => {
                let length = match &held {
                    Held::Nothing => 0,
                    Held::One(text) => text.chars().count(),
                    Held::Many { values, .. } => values.len(),
                };
                Held::One(length.to_string().into())
            }
            Operation::RemovePrefix { longest, pattern } => {
                let pattern = self.expand_pattern(pattern, self.options.extglob)?;
                map(held, |text| remove_prefix(text, &pattern, *longest))
            }
            Operation::RemoveSuffix { longest, pattern } => {
                let pattern = self.expand_pattern(pattern, self.options.extglob)?;
                map(held, |text| remove_suffix(text, &pattern, *longest))
            }
            Operation::Slice { offset, length } => {
                let offset = self.arithmetic(offset)?;
                let length = match length {
                    Some(length) => Some(self.arithmetic(length)?),
                    None => None,
                };
                self.slice(parameter, held, offset, length)?
            }
            Operation::Replace { at, pattern, with } => {
                let pattern = self.expand_pattern(pattern, self.options.extglob)?;
                let with = self.expand_text(with)?;
                map(held, |text| replace(text, &pattern, *at, &with))
            }
            Operation::Case { upper, all, pattern } => {
                let pattern =
                    if pattern.0.is_empty() { None } else { Some(self.expand_pattern(pattern, self.options.extglob)?) };
                map(held, |text| change_case(text, *upper, *all, pattern.as_ref()))
            }
            Operation::Transform(letter) => self.transform(&name, held, *letter)?,
            Operation::Alternative { .. } | Operation::Keys | Operation::Names { .. } | Operation::Bad(_) => held,
        };
        Ok(self.emit(&result, fields, place))
    }

    /// What takes the place of an expansion.
    fn operand(&mut self, word: &Word, fields: &mut Fields<'_>, place: Place) -> Run<bool> {
        match place {
            Place::Quoted => {
                let vanished = self.expand_parts(&word.0, fields, Place::Quoted)?;
                Ok(vanished && !word.0.is_empty())
            }
            _ if fields.mode != Mode::Fields => self.expand_parts(&word.0, fields, Place::Plain),
            _ => self.expand_parts(&word.0, fields, Place::Operand),
        }
    }

    /// The name for messages, and what the parameter holds.
    fn held(&mut self, parameter: &Parameter) -> Run<(Rc<str>, Held)> {
        let (name, held) = self.held_directly(&parameter.name, parameter.index.as_ref())?;
        if !parameter.indirect {
            return Ok((name, held));
        }
        if let Some(variable) = self.variables.find(&name)
            && variable.reference
            && let Value::Text(target) = &variable.value
        {
            return Ok((name.clone(), Held::One(target.clone())));
        }
        let target: Rc<str> = match held {
            Held::One(target) => target,
            Held::Many { values, .. } => values.first().cloned().unwrap_or_default(),
            Held::Nothing => {
                return if matches!(parameter.operation, Operation::Default { .. } | Operation::Alternative { .. }) {
                    Ok((name, Held::Nothing))
                } else {
                    self.abort(&format!("{name}: invalid indirect expansion"))
                };
            }
        };
        let held = self.held_by_text(&target)?;
        Ok((target, held))
    }

    /// What a parameter holds whose name is text.
    fn held_by_text(&mut self, target: &str) -> Run<Held> {
        if let Some((base, index)) = crate::shell::split_element(target) {
            return Ok(match index {
                "@" | "*" => Held::Many {
                    values: self.elements(base).into_iter().map(|(_, value)| value).collect(),
                    each: index == "@",
                },
                index => {
                    let key: Rc<str> =
                        if self.is_map(base) { index.into() } else { self.evaluate_text(index)?.to_string().into() };
                    self.element_at(base, &key).map_or(Held::Nothing, Held::One)
                }
            });
        }
        let name = match target.parse::<usize>() {
            Ok(number) => Name::Positional(number),
            Err(_) if target.len() == 1 && target.contains(['@', '*', '#', '?', '-', '$', '!']) => {
                Name::Special(target.chars().next().unwrap_or('?'))
            }
            Err(_) if crate::syntax::lexer::is_name(target) => Name::Variable(target.into()),
            Err(_) => return self.abort(&format!("{target}: invalid variable name")),
        };
        Ok(self.held_directly(&name, None)?.1)
    }

    fn held_directly(&mut self, name: &Name, index: Option<&Index>) -> Run<(Rc<str>, Held)> {
        Ok(match name {
            Name::Variable(name) => {
                let held = match index {
                    None => self.get(name).map_or(Held::Nothing, Held::One),
                    Some(Index::Each | Index::All) => {
                        let values = self.elements(name).into_iter().map(|(_, value)| value).collect();
                        Held::Many { values, each: matches!(index, Some(Index::Each)) }
                    }
                    Some(Index::One(word)) => {
                        let text = self.expand_text(word)?;
                        let resolved = self.variables.resolve(name).to_owned();
                        let key =
                            if self.is_map(&resolved) { text } else { self.evaluate_text(&text)?.to_string().into() };
                        self.element_at(&resolved, &key).map_or(Held::Nothing, Held::One)
                    }
                };
                (name.clone(), held)
            }
            Name::Positional(0) => ("0".into(), Held::One(self.name.clone())),
            Name::Positional(number) => {
                (number.to_string().into(), self.positional.get(number - 1).cloned().map_or(Held::Nothing, Held::One))
            }
            Name::Special(special) => {
                let held = match special {
                    '@' | '*' => Held::Many { values: self.positional.to_vec(), each: *special == '@' },
                    '#' => Held::One(self.positional.len().to_string().into()),
                    '?' => Held::One(self.status.to_string().into()),
                    '-' => Held::One(self.option_letters().into()),
                    '$' => Held::One(self.pid.to_string().into()),
                    _ => self.last_background.map_or(Held::Nothing, |pid| Held::One(pid.to_string().into())),
                };
                (special.to_string().into(), held)
            }
        })
    }

    fn assign_default(&mut self, parameter: &Parameter, name: &str, value: Rc<str>) -> Run<Rc<str>> {
        let assigned = match (&parameter.name, &parameter.index) {
            (Name::Variable(_), Some(Index::One(word))) => {
                let text = self.expand_text(word)?;
                let key = if self.is_map(name) { text } else { self.evaluate_text(&text)?.to_string().into() };
                self.set_element(name, &key, &value)
            }
            (Name::Variable(_), None) => self.set(name, &value),
            _ => return self.abort(&format!("{name}: bad variable name")),
        };
        if !assigned {
            self.status = 2;
            return Err(Stop::Abort);
        }
        Ok(self.get(name).unwrap_or(value))
    }

    /// Puts what an expansion came to into the fields. True where there was nothing.
    fn emit(&mut self, held: &Held, fields: &mut Fields<'_>, place: Place) -> bool {
        let Held::Many { values, each } = held else {
            if let Held::One(text) = held {
                give(fields, text, place);
            }
            return false;
        };
        if fields.mode == Mode::Fields && (*each || place != Place::Quoted) {
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    fields.finish();
                }
                give(fields, value, place);
            }
            return values.is_empty() && *each;
        }
        let separator = match self.variables.find("IFS") {
            _ if *each => " ".to_owned(),
            None => " ".to_owned(),
            Some(variable) => variable.text().unwrap_or_else(|| " ".into()).chars().take(1).collect(),
        };
        give(fields, &values.join(&separator), place);
        values.is_empty() && *each
    }

    fn slice(&mut self, parameter: &Parameter, held: Held, offset: i64, length: Option<i64>) -> Run<Held> {
        match held {
            Held::Nothing => Ok(Held::Nothing),
            Held::One(text) => {
                let chars: Vec<char> = text.chars().collect();
                match bounds(chars.len(), offset, length) {
                    Some((start, end)) => Ok(Held::One(chars[start..end].iter().collect::<String>().into())),
                    None if length.is_some_and(|length| length < 0)
                        && offset.unsigned_abs() as usize <= chars.len() =>
                    {
                        self.abort(&format!("{}: substring expression < 0", length.unwrap_or(0)))
                    }
                    None => Ok(Held::One("".into())),
                }
            }
            Held::Many { mut values, each } => {
                if matches!(parameter.name, Name::Special(_)) {
                    // Counted from $0.
                    if offset == 0 || offset < 0 {
                        values.insert(0, self.name.clone());
                    }
                    let offset = if offset > 0 { offset - 1 } else { offset };
                    if length.is_some_and(|length| length < 0) {
                        return self.abort(&format!("{}: substring expression < 0", length.unwrap_or(0)));
                    }
                    let values = bounds(values.len(), offset, length)
                        .map_or(Vec::new(), |(start, end)| values[start..end].to_vec());
                    return Ok(Held::Many { values, each });
                }
                if length.is_some_and(|length| length < 0) {
                    return self.abort(&format!("{}: substring expression < 0", length.unwrap_or(0)));
                }
                // Counted by index, which matters where some are missing.
                if let Name::Variable(name) = &parameter.name {
                    let all = self.elements(name);
                    let last = all.last().and_then(|(key, _)| key.parse::<i64>().ok());
                    if let Some(last) = last {
                        let from = if offset < 0 { last + 1 + offset } else { offset };
                        if from < 0 {
                            return Ok(Held::Many { values: Vec::new(), each });
                        }
                        let kept = all
                            .into_iter()
                            .filter(|(key, _)| key.parse::<i64>().is_ok_and(|key| key >= from))
                            .map(|(_, value)| value);
                        let most = length.map_or(usize::MAX, |length| usize::try_from(length).unwrap_or(0));
                        return Ok(Held::Many { values: kept.take(most).collect(), each });
                    }
                }
                let values =
                    bounds(values.len(), offset, length).map_or(Vec::new(), |(start, end)| values[start..end].to_vec());
                Ok(Held::Many { values, each })
            }
        }
    }

    fn transform(&mut self, name: &str, held: Held, letter: char) -> Run<Held> {
        Ok(match letter {
            'Q' => {
                map(
                    held,
                    |text| if text.chars().any(char::is_control) { quote::dollar(text) } else { quote::single(text) },
                )
            }
            'U' => map(held, |text| text.to_uppercase()),
            'L' => map(held, |text| text.to_lowercase()),
            'u' => map(held, |text| change_case(text, true, false, None)),
            'E' => map(held, quote::ansi),
            'P' => {
                let Held::One(text) = held else { return Ok(held) };
                Held::One(self.prompt_text(&text).into())
            }
            'a' => Held::One(self.attributes(name).into()),
            'A' => match held {
                Held::One(text) => {
                    let attributes = self.attributes(name);
                    let assignment = format!("{name}={}", quote::single(&text));
                    Held::One(if attributes.is_empty() {
                        assignment.into()
                    } else {
                        format!("declare -{attributes} {assignment}").into()
                    })
                }
                held => held,
            },
            'k' | 'K' => {
                let mut values = Vec::new();
                for (key, value) in self.elements(name) {
                    if letter == 'k' {
                        values.extend([key, value]);
                    } else {
                        values.push(format!("{key} {}", quote::double(&value)).into());
                    }
                }
                if letter == 'K' { Held::One(values.join(" ").into()) } else { Held::Many { values, each: true } }
            }
            letter => return self.abort(&format!("${{{name}@{letter}}}: Bad substitution")),
        })
    }

    /// The letters of a variable's attributes, as `declare` takes them.
    pub fn attributes(&self, name: &str) -> String {
        let mut letters = String::new();
        if let Some(variable) = self.variables.find(name) {
            match variable.value {
                Value::Array(_) => letters.push('a'),
                Value::Map(_) => letters.push('A'),
                _ => {}
            }
            for (on, letter) in [
                (variable.integer, 'i'),
                (variable.case == Some(Case::Lower), 'l'),
                (variable.reference, 'n'),
                (variable.readonly, 'r'),
                (variable.case == Some(Case::Upper), 'u'),
                (variable.exported, 'x'),
            ] {
                if on {
                    letters.push(letter);
                }
            }
        }
        letters
    }
}

fn is_set(held: &Held, null: bool) -> bool {
    match held {
        Held::Nothing => false,
        Held::One(text) => !null || !text.is_empty(),
        Held::Many { values, .. } => !values.is_empty() && (!null || values.len() > 1 || !values[0].is_empty()),
    }
}

fn is_each(held: &Held) -> bool {
    matches!(held, Held::Many { each: true, .. })
}

fn map(held: Held, change: impl Fn(&str) -> String) -> Held {
    match held {
        Held::Nothing => Held::Nothing,
        Held::One(text) => Held::One(change(&text).into()),
        Held::Many { values, each } => {
            Held::Many { values: values.iter().map(|text| change(text).into()).collect(), each }
        }
    }
}

fn remove_prefix(text: &str, pattern: &Pattern, longest: bool) -> String {
    if let Some(literal) = pattern.literal() {
        return text.strip_prefix(&literal).unwrap_or(text).to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let length = pattern.prefix(&chars, longest).unwrap_or(0);
    chars[length..].iter().collect()
}

fn remove_suffix(text: &str, pattern: &Pattern, longest: bool) -> String {
    if let Some(literal) = pattern.literal() {
        return text.strip_suffix(&literal).unwrap_or(text).to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let start = pattern.suffix(&chars, longest).unwrap_or(chars.len());
    chars[..start].iter().collect()
}

fn replace(text: &str, pattern: &Pattern, at: ReplaceAt, with: &str) -> String {
    match pattern.literal() {
        Some(literal) if literal.is_empty() => {
            return match at {
                ReplaceAt::Start => format!("{with}{text}"),
                ReplaceAt::End => format!("{text}{with}"),
                _ => text.to_owned(),
            };
        }
        Some(literal) if at == ReplaceAt::Every => return text.replace(&literal, with),
        Some(literal) if at == ReplaceAt::First => return text.replacen(&literal, with, 1),
        _ => {}
    }
    let chars: Vec<char> = text.chars().collect();
    match at {
        ReplaceAt::Start => match pattern.prefix(&chars, true) {
            Some(length) => format!("{with}{}", chars[length..].iter().collect::<String>()),
            None => text.to_owned(),
        },
        ReplaceAt::End => match pattern.suffix(&chars, true) {
            Some(start) => format!("{}{with}", chars[..start].iter().collect::<String>()),
            None => text.to_owned(),
        },
        _ => {
            let mut out = String::new();
            let mut from = 0;
            while from < chars.len() {
                match pattern.prefix(&chars[from..], true) {
                    Some(length) if length > 0 => {
                        out.push_str(with);
                        from += length;
                        if at == ReplaceAt::First {
                            break;
                        }
                    }
                    _ => {
                        out.push(chars[from]);
                        from += 1;
                    }
                }
            }
            out.extend(&chars[from..]);
            out
        }
    }
}

fn change_case(text: &str, upper: bool, all: bool, pattern: Option<&Pattern>) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        let changes = (all || at == 0) && pattern.is_none_or(|pattern| pattern.matches_chars(&[c]));
        if !changes {
            out.push(c);
        } else if upper {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}

/// From where to where `offset` and `length` reach among so many. Nothing where that is outside.
fn bounds(count: usize, offset: i64, length: Option<i64>) -> Option<(usize, usize)> {
    let count = count as i64;
    let start = if offset < 0 { count + offset } else { offset };
    if start < 0 || start > count {
        return None;
    }
    let end = match length {
        None => count,
        Some(length) if length < 0 => count + length,
        Some(length) => start.saturating_add(length).min(count),
    };
    (end >= start).then_some((start as usize, end as usize))
}
