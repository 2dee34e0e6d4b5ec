//! Interactive use.

mod prompt;

use crate::run::Source;
use crate::shell::{Run, Shell, Stop};
use crate::syntax::lexer::Text;

struct Plain;
impl Source for Plain {
    fn line(&mut self, shell: &mut Shell, continued: bool) -> Option<String> {
        let prompt = shell.prompt(if continued { "PS2" } else { "PS1" });
        shell.flush();
        shell.write_error(&prompt);
        crate::builtins::read::line(shell, 0)
    }
}

pub fn run(shell: &mut Shell) -> Run {
    let mut text = Text::new(String::new(), 1);
    let mut source = Plain;
    loop {
        shell.tell_jobs();
        let result = match shell.next_command(&mut text, &mut source) {
            Ok(Some(list)) => shell.list(&list),
            Ok(None) => return Ok(()),
            Err(stop) => Err(stop),
        };
        shell.flush();
        match result {
            Err(Stop::Exit) => return Err(Stop::Exit),
            _ => {}
        }
    }
}
