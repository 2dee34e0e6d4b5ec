//! AppArmor profiles of native containers: the one that was asked for, or cowbox's own, which is loaded where the kernel has it not yet.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::{Error, Result};
use crate::runtime::Check;
use crate::runtime::native::{caller, is_in_user_namespace};
use crate::store::IsolationRecord;

/// The profile of containers that ask for none. Its number grows with its rules: what is loaded stays as it is until the next boot.
const NAME: &str = "cowbox-default-1";

/// The profiles that are loaded: a line each, with their mode.
const LOADED: &str = "/sys/kernel/security/apparmor/profiles";

/// Where the program that loads profiles may be.
const PARSERS: [&str; 2] = ["/sbin/apparmor_parser", "/usr/sbin/apparmor_parser"];

/// Refuses a profile that this host cannot apply.
pub(super) fn check(isolation: &IsolationRecord) -> Result<()> {
    match isolation.security.apparmor.as_deref() {
        None | Some("unconfined") => Ok(()),
        Some(profile) if !is_enabled() => Err(Error::invalid(format!(
            "--security-opt apparmor={profile}: AppArmor is not enabled in this host's kernel"
        ))
        .hint("leave it away, or start the kernel with apparmor=1 security=apparmor")),
        Some(NAME) if parser().is_some() => Ok(()),
        // Another namespace's and stacks of several are the kernel's to judge.
        Some(profile) if profile.starts_with(':') || profile.contains("//&") => Ok(()),
        Some(profile) => match loaded() {
            Some(list) if !has(&list, profile) => {
                Err(Error::invalid(format!("--security-opt apparmor={profile}: no such AppArmor profile is loaded"))
                    .hint(format!("load it with `apparmor_parser -r FILE`; {LOADED} lists those that are")))
            }
            // Who may not see the list is told by the kernel.
            _ => Ok(()),
        },
    }
}

/// The profile for the processes of a container, which is loaded; empty for none.
pub(super) fn profile(isolation: &IsolationRecord) -> Result<String> {
    check(isolation)?;
    match (isolation.security.apparmor.as_deref(), is_enabled()) {
        (_, false) => Ok(String::new()),
        (Some(profile), true) if profile != NAME => Ok(profile.to_owned()),
        (None, true) if !is_confined(isolation) => Ok(String::new()),
        (asked, true) => {
            // Without the list it would be loaded at each start.
            let Some(list) = loaded() else { return Ok(asked.unwrap_or_default().to_owned()) };
            if !has(&list, NAME) {
                let Some(parser) = parser() else { return Ok(String::new()) };
                load(parser, &rules())?;
            }
            Ok(NAME.to_owned())
        }
    }
}

/// The profile that a container has when it runs, in the words of `inspect`; empty where the kernel has none.
pub(super) fn word(isolation: &IsolationRecord) -> &str {
    match &isolation.security.apparmor {
        _ if !is_enabled() => "",
        Some(profile) => profile,
        None if is_confined(isolation) && has_own() => NAME,
        None => "unconfined",
    }
}

/// Whether profiles are kept, and containers have one.
pub(super) fn doctor() -> Option<Check> {
    let name = "AppArmor";
    is_enabled().then(|| match is_confined(&IsolationRecord::default()) {
        false => {
            Check::ok(name, "containers have no profile but with --security-opt: it takes the host's root to load one")
        }
        true if has_own() => Check::ok(name, format!("containers have the profile {NAME}")),
        true if loaded().is_none() => Check::warn(
            name,
            format!("containers have no profile: {LOADED} is not there"),
            "`mount -t securityfs securityfs /sys/kernel/security`",
        ),
        true => Check::warn(
            name,
            format!("containers have no profile: {} is not there", PARSERS[0]),
            "install the package apparmor",
        ),
    })
}

/// Whether processes have AppArmor profiles.
fn is_enabled() -> bool {
    fs::read("/sys/module/apparmor/parameters/enabled").is_ok_and(|text| text.first() == Some(&b'Y'))
}

/// Whether a container that asks for nothing is to have cowbox's profile: only the host's root can load it.
fn is_confined(isolation: &IsolationRecord) -> bool {
    !isolation.privileged && caller().0 == 0 && !is_in_user_namespace()
}

/// Whether cowbox's profile is loaded or can be.
fn has_own() -> bool {
    loaded().is_some_and(|list| has(&list, NAME) || parser().is_some())
}

fn loaded() -> Option<String> {
    fs::read_to_string(LOADED).ok()
}

fn has(list: &str, profile: &str) -> bool {
    list.lines().any(|line| line.rsplit_once(" (").is_some_and(|(name, _)| name == profile))
}

fn parser() -> Option<&'static Path> {
    PARSERS.into_iter().map(Path::new).find(|path| path.exists())
}

/// Loads profiles, in place of those with the same names.
fn load(parser: &Path, rules: &str) -> Result<()> {
    let failed = |why: &str| {
        Error::invalid(format!("load the AppArmor profile {NAME}: {}: {why}", parser.display()))
            .hint("`--security-opt apparmor=unconfined` does without, apparmor=PROFILE takes one that is loaded")
    };
    let run = || {
        let command = &mut Command::new(parser);
        let streams = command.args(["-K", "-r"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = streams.spawn()?;
        let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(rules.as_bytes()));
        // One that ended before it has read all says why.
        child
            .wait_with_output()
            .and_then(|output| if output.status.success() { written.map(|()| output) } else { Ok(output) })
    };
    match run() {
        Err(error) => Err(failed(&error.to_string())),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(failed(String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// The rules of cowbox's profile, which keep what Docker's default profile does: no mounts, nothing of `/proc` and `/sys` that is
/// the host's, signals and traces among the processes of containers alone. They name no other file but the version of the language.
fn rules() -> String {
    let version = if Path::new("/etc/apparmor.d/abi/3.0").exists() { "abi <abi/3.0>,\n" } else { "" };
    // Who ends containers may have a profile, too.
    let own = fs::read_to_string("/proc/self/attr/apparmor/current")
        .or_else(|_| fs::read_to_string("/proc/self/attr/current"));
    let own = own.unwrap_or_default();
    let own = own.trim_end_matches(['\n', '\0']).rsplit_once(" (").map_or("", |(name, _)| name);
    let ender = if own.is_empty() { String::new() } else { format!("  signal receive peer=\"{own}\",\n") };
    format!(
        "{version}profile {NAME} flags=(attach_disconnected, mediate_deleted) {{
  capability,
  file,
  network,
  umount,
  deny mount,

  signal receive peer=unconfined,
{ender}  signal (send, receive) peer={NAME},
  ptrace (read, readby, trace, tracedby) peer={NAME},

  # Of /proc: processes, and parameters of shared memory.
  deny /proc/* w,
  deny /proc/{{[^1-9s],s[^y],sy[^s],sys[^/]}}*/** w,
  deny /proc/sys/[^k]** w,
  deny /proc/sys/kernel/{{[^s]*,s[^h]*,sh[^m]*}} w,
  deny /proc/sys/kernel/{{[^s]*,s[^h]*,sh[^m]*}}/** w,
  deny /proc/{{kcore,sysrq-trigger}} rwklx,

  # Of /sys: cgroups.
  deny /sys/{{[^f],f[^s],fs/[^c],fs/c[^g],fs/cg[^r]}}*/** wklx,
  deny /sys/{{devices/virtual/powercap,firmware,kernel/security}}/** rwklx,
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_known_by_its_whole_name() {
        let list = "a b (enforce)\ncowbox-default-1 (complain)\nx (y) (unconfined)\n";
        for (name, is_there) in
            [("a b", true), ("a", false), (NAME, true), ("cowbox-default", false), ("x (y)", true), ("", false)]
        {
            assert_eq!(has(list, name), is_there, "{name}");
        }
    }
}
