//! The standard streams of a process, as its creator gives them.

use std::io::{Read, Write};

/// Where standard input comes from.
pub enum Input {
    /// Nothing: reading gives the end of the file at once.
    Null,
    /// This process's own standard input, read only when the guest asks.
    Host,
    /// Any reader. It is read ahead on a thread of its own, which ends with the reader.
    Reader(Box<dyn Read + Send>),
}

/// Where standard output or standard error goes.
pub enum Output {
    /// Nowhere.
    Null,
    /// This process's own standard output.
    HostStdout,
    /// This process's own standard error.
    HostStderr,
    /// Any writer. Each write of the guest is one call of `write` and one of `flush`.
    Writer(Box<dyn Write + Send>),
}

/// The three standard streams.
pub struct Stdio {
    /// Descriptor 0.
    pub stdin: Input,
    /// Descriptor 1.
    pub stdout: Output,
    /// Descriptor 2.
    pub stderr: Output,
}

impl Stdio {
    /// Reads nothing, writes nowhere.
    pub fn null() -> Stdio {
        Stdio { stdin: Input::Null, stdout: Output::Null, stderr: Output::Null }
    }

    /// The streams of this process.
    pub fn inherit() -> Stdio {
        Stdio { stdin: Input::Host, stdout: Output::HostStdout, stderr: Output::HostStderr }
    }
}
