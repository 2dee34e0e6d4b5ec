//! Variables: their values, their attributes, and those that are local to a function.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// A hash for short names (FNV-1a): quick, and the same in every process.
#[derive(Default)]
pub struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}

pub type Names<T> = HashMap<Rc<str>, T, BuildHasherDefault<NameHasher>>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Declared, without a value.
    Unset,
    Text(Rc<str>),
    Array(Rc<BTreeMap<i64, Rc<str>>>),
    Map(Rc<BTreeMap<Rc<str>, Rc<str>>>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variable {
    pub value: Value,
    pub exported: bool,
    pub readonly: bool,
    pub integer: bool,
    /// `declare -l` and `-u`.
    pub case: Option<Case>,
    /// `declare -n`: the value is the name of another variable.
    pub reference: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Case {
    Lower,
    Upper,
}

impl Default for Variable {
    fn default() -> Variable {
        Variable { value: Value::Unset, exported: false, readonly: false, integer: false, case: None, reference: false }
    }
}

impl Variable {
    /// The text a plain `$name` gives: of an array that of element 0.
    pub fn text(&self) -> Option<Rc<str>> {
        match &self.value {
            Value::Unset => None,
            Value::Text(text) => Some(text.clone()),
            Value::Array(elements) => elements.get(&0).cloned(),
            Value::Map(elements) => elements.get("0").cloned(),
        }
    }
}

/// All variables, and what the locals of running functions hide.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Variables {
    pub all: Names<Variable>,
    /// For each running function the variables it made local, with what was there before.
    pub scopes: Vec<Vec<(Rc<str>, Option<Variable>)>>,
    /// Changes whenever an exported variable may have.
    #[serde(skip)]
    pub generation: u64,
}

impl Variables {
    pub fn find(&self, name: &str) -> Option<&Variable> {
        self.all.get(name)
    }

    /// The variable itself, made if there is none.
    pub fn entry(&mut self, name: &str) -> &mut Variable {
        self.generation += 1;
        if !self.all.contains_key(name) {
            self.all.insert(name.into(), Variable::default());
        }
        self.all.entry(name.into()).or_default()
    }

    pub fn remove(&mut self, name: &str) {
        self.generation += 1;
        self.all.remove(name);
    }

    /// Where `declare -n` references lead.
    pub fn resolve<'a>(&'a self, name: &'a str) -> &'a str {
        let mut name = name;
        // A circle of references ends somewhere.
        for _ in 0..16 {
            match self.all.get(name) {
                Some(Variable { reference: true, value: Value::Text(target), .. }) if !target.is_empty() => {
                    name = target
                }
                _ => break,
            }
        }
        name
    }

    /// Makes the variable local to the running function. False outside of one.
    pub fn make_local(&mut self, name: &str) -> bool {
        let Some(scope) = self.scopes.last_mut() else { return false };
        if scope.iter().any(|(known, _)| &**known == name) {
            return true;
        }
        let before = self.all.get(name).cloned();
        scope.push((name.into(), before.clone()));
        self.generation += 1;
        match before {
            // It keeps being exported and read-only, but has no value of its own.
            Some(before) => {
                let local = Variable {
                    value: Value::Unset,
                    exported: before.exported,
                    readonly: before.readonly,
                    ..Variable::default()
                };
                self.all.insert(name.into(), local);
            }
            None => {
                self.all.insert(name.into(), Variable::default());
            }
        }
        true
    }

    pub fn enter(&mut self) {
        self.scopes.push(Vec::new());
    }

    /// Brings back what the locals of the function that ends have hidden. Their names, for those that have effects.
    pub fn leave(&mut self) -> Vec<Rc<str>> {
        let Some(scope) = self.scopes.pop() else { return Vec::new() };
        if !scope.is_empty() {
            self.generation += 1;
        }
        let mut names = Vec::with_capacity(scope.len());
        for (name, before) in scope.into_iter().rev() {
            match before {
                Some(before) => self.all.insert(name.clone(), before),
                None => self.all.remove(&name),
            };
            names.push(name);
        }
        names
    }

    /// What children get, as `NAME=value`.
    pub fn environment(&self) -> Vec<Vec<u8>> {
        let mut list = Vec::new();
        for (name, variable) in &self.all {
            if variable.exported
                && let Value::Text(value) = &variable.value
            {
                let mut entry = Vec::with_capacity(name.len() + value.len() + 1);
                entry.extend_from_slice(name.as_bytes());
                entry.push(b'=');
                entry.extend_from_slice(&crate::text::to_bytes(value));
                list.push(entry);
            }
        }
        list
    }
}
