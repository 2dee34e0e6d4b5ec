//! `echo`. Escapes are replaced with `-e` alone, as in bash and busybox; `shopt -s xpg_echo` is dash's way.

use std::rc::Rc;

use super::printf;
use crate::shell::{Run, Shell};

pub fn run(shell: &mut Shell, words: &[Rc<str>]) -> Run<i32> {
    let mut newline = true;
    let mut escapes = shell.options.xpg_echo;
    let mut rest = &words[1..];
    while let Some(word) = rest.first() {
        let Some(options) = word
            .strip_prefix('-')
            .filter(|options| !options.is_empty() && options.chars().all(|c| matches!(c, 'n' | 'e' | 'E')))
        else {
            break;
        };
        for option in options.chars() {
            match option {
                'n' => newline = false,
                'e' => escapes = true,
                _ => escapes = false,
            }
        }
        rest = &rest[1..];
    }
    for (at, word) in rest.iter().enumerate() {
        if at > 0 {
            shell.print(" ");
        }
        if escapes {
            let (text, ends) = printf::escaped(word, true);
            shell.print(&text);
            if ends {
                return Ok(0);
            }
        } else {
            shell.print(word);
        }
    }
    if newline {
        shell.print("\n");
    }
    Ok(0)
}
