//! What is found out about the system before anything runs.

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Ok,
    /// Something is missing that not everybody needs.
    Warn,
    /// Containers of this runtime cannot run so.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it stands.
    pub status: Health,
    /// What was found.
    pub found: String,
    /// What to do about it; empty where nothing is to be done.
    pub fix: String,
}

impl Check {
    /// Something that is as it should be.
    pub fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check { name, status: Health::Ok, found: found.into(), fix: String::new() }
    }

    /// Something that is missing for some.
    pub fn warn(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Check {
        Check { name, status: Health::Warn, found: found.into(), fix: fix.into() }
    }

    /// Something without which nothing runs.
    pub fn fail(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Check {
        Check { status: Health::Fail, ..Check::warn(name, found, fix) }
    }
}
