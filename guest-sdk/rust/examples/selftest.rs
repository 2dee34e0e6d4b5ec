//! Runs the checks of `tests/checks` where it is started, each in a process of its own: in a container they show what the kernel does.

#[path = "../tests/checks/mod.rs"]
mod checks;

use cowbox_guest::process::Command;

fn main() {
    let mut arguments = std::env::args_os();
    let program = arguments.next().expect("a program has a name");
    if let Some(name) = arguments.next() {
        let check = checks::CHECKS.iter().find(|(check, _)| name == *check);
        check.expect("a name of a check").1();
        return;
    }
    let mut failed = 0;
    for (name, _) in checks::CHECKS {
        let status = Command::new(&program).arg(name).status();
        let is_good = status.as_ref().is_ok_and(|status| status.success());
        failed += i32::from(!is_good);
        match status {
            Ok(_) if is_good => println!("ok      {name}"),
            Ok(status) => println!("FAILED  {name}: {status}"),
            Err(error) => println!("FAILED  {name}: {error}"),
        }
    }
    println!("{} of {} passed", checks::CHECKS.len() as i32 - failed, checks::CHECKS.len());
    std::process::exit(i32::from(failed > 0));
}
