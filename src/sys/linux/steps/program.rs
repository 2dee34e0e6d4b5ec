//! The program that a new process becomes, and those that it runs before.

use std::ffi::CStr;

use super::Walk;
use crate::sys::linux::calls::{Outcome, check};
use crate::sys::linux::channel::DETAIL_MAX;
use crate::sys::linux::place::Place;
use crate::sys::linux::script::{Program, Script, Step};
use crate::sys::linux::{find, hook};

impl Walk {
    /// A hook that did not end with 0 is told of with its status, and the beginning of what it said.
    #[allow(unsafe_code)]
    pub(super) fn hook(&mut self, program: &Program, timeout: Option<u32>, has_home: bool) -> Outcome {
        if let Some(home) = self.home.as_ref().filter(|_| has_home) {
            program.add_variable(home.as_ptr());
        }
        let (status, said) = hook::run(program, &self.word[..self.word_len], timeout)?;
        if status == 0 {
            return Ok(());
        }
        let (front, rest) = self.detail.split_at_mut(size_of_val(&status));
        front.copy_from_slice(&status.to_ne_bytes());
        // SAFETY: a buffer as long as it is said to be.
        let len = unsafe { libc::pread(said.fd(), rest.as_mut_ptr().cast(), rest.len(), 0) };
        self.detail_len = front.len() + len.max(0) as usize;
        Err(libc::EPROTO)
    }

    #[allow(unsafe_code)]
    pub(super) unsafe fn working_directory(&mut self, path: &CStr, must: bool) -> Outcome {
        if self.in_directory {
            return Ok(());
        }
        // SAFETY: texts of the script.
        unsafe {
            let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
            let entered = find::open_plain(path, flags)
                .map(Place::of)
                .and_then(|directory| check(libc::fchdir(directory.fd())).map(drop));
            self.in_directory = entered.is_ok();
            if must { entered } else { Ok(()) }
        }
    }

    #[allow(unsafe_code)]
    pub(super) unsafe fn execute(&mut self, program: &Program) -> Outcome {
        // SAFETY: the program's lists end in null, and it lives until the process is another.
        unsafe {
            let found = match self.found.take() {
                Some(found) => found,
                None => self.find(program)?,
            };
            if let Some(home) = &self.home {
                program.add_variable(home.as_ptr());
            }
            let errno = find::execute(&found, program);
            if matches!(errno, libc::ENOEXEC | libc::ENOENT) {
                self.tell_beginning(&found);
            }
            Err(errno)
        }
    }

    pub(super) fn find(&mut self, program: &Program) -> Result<find::Found, i32> {
        let mut found = find::find(program)?;
        match found.check_interpreter(program) {
            Ok(()) => Ok(found),
            Err(errno) => {
                self.tell_beginning(&found);
                Err(errno)
            }
        }
    }

    /// What is wrong with a program that is there is seen from how it begins.
    #[allow(unsafe_code)]
    pub(super) fn tell_beginning(&mut self, found: &find::Found) {
        // SAFETY: a buffer as long as it is said to be.
        let len = unsafe { libc::pread(found.fd_for_reading(), self.detail.as_mut_ptr().cast(), DETAIL_MAX, 0) };
        self.detail_len = len.max(0) as usize;
    }
}

/// The program that the script ends in.
pub(super) fn script_program(script: &Script) -> Result<&Program, i32> {
    match script.steps().last() {
        Some(Step::Execute(program)) => Ok(program),
        _ => Err(libc::EINVAL),
    }
}
