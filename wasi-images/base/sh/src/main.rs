//! `sh`: the POSIX shell of cowbox's base image, with what users of dash and bash expect beside it.

mod builtins;
mod edit;
mod exec;
mod expand;
mod run;
mod shell;
mod start;
mod syntax;
mod text;
mod time;
mod variables;

fn main() -> std::process::ExitCode {
    let status = start::run();
    std::process::ExitCode::from((status & 0xff) as u8)
}
