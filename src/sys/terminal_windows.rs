//! The terminal, on Windows: a console that speaks the sequences of a VT100.
//!
//! Keys are read as input records: what `std` and `ReadConsoleW` make of them has an end of input at ctrl-Z.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Console::{
    CONSOLE_MODE, CONSOLE_SCREEN_BUFFER_INFO, DISABLE_NEWLINE_AUTO_RETURN, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT,
    ENABLE_MOUSE_INPUT, ENABLE_PROCESSED_INPUT, ENABLE_PROCESSED_OUTPUT, ENABLE_VIRTUAL_TERMINAL_INPUT,
    ENABLE_VIRTUAL_TERMINAL_PROCESSING, ENABLE_WINDOW_INPUT, ENABLE_WRAP_AT_EOL_OUTPUT, GetConsoleCP, GetConsoleMode,
    GetConsoleOutputCP, GetConsoleScreenBufferInfo, GetStdHandle, INPUT_RECORD, KEY_EVENT, ReadConsoleInputW,
    STD_ERROR_HANDLE, STD_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetConsoleCP, SetConsoleMode,
    SetConsoleOutputCP,
};

use super::terminal::Size;

/// UTF-8.
const CODE_PAGE: u32 = 65001;
/// The virtual keys that type something though no character is told, or the key is let go.
const SPACE: u16 = 0x20;
const ALT: u16 = 0x12;
/// How often the window is looked at: a console tells of its size only whoever reads its input.
const LOOK: Duration = Duration::from_millis(250);

static IS_RAW: AtomicBool = AtomicBool::new(false);

pub(super) fn is_raw() -> bool {
    IS_RAW.load(Ordering::SeqCst)
}

#[allow(unsafe_code)]
fn handle(which: STD_HANDLE) -> io::Result<HANDLE> {
    // SAFETY: it takes a number, and gives a handle that this process does not have to close.
    let handle = unsafe { GetStdHandle(which) };
    match handle == INVALID_HANDLE_VALUE || handle.is_null() {
        true => Err(io::Error::other("there is no such standard stream")),
        false => Ok(handle),
    }
}

fn check(result: windows_sys::core::BOOL) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[allow(unsafe_code)]
pub(super) fn size() -> Option<Size> {
    let of = |which| {
        let mut info = CONSOLE_SCREEN_BUFFER_INFO::default();
        // SAFETY: the structure lives on this stack and is filled where the call succeeds.
        check(unsafe { GetConsoleScreenBufferInfo(handle(which)?, &raw mut info) })?;
        let window = info.srWindow;
        let side = |from: i16, to: i16| u16::try_from(i32::from(to) - i32::from(from) + 1).unwrap_or(0);
        io::Result::Ok(Size { rows: side(window.Top, window.Bottom), columns: side(window.Left, window.Right) })
    };
    of(STD_OUTPUT_HANDLE).or_else(|_| of(STD_ERROR_HANDLE)).ok()
}

pub(super) fn on_resize(mut handler: Box<dyn FnMut() + Send>) {
    std::thread::spawn(move || {
        let mut last = None;
        loop {
            let now = size();
            if now != last {
                last = now;
                handler();
            }
            std::thread::sleep(LOOK);
        }
    });
}

/// How the console was, and is to be again.
pub(super) struct RawMode {
    input: CONSOLE_MODE,
    /// None where standard output is no console.
    output: Option<CONSOLE_MODE>,
    code_pages: (u32, u32),
}

impl RawMode {
    #[allow(unsafe_code)]
    pub(super) fn prepare() -> io::Result<RawMode> {
        // SAFETY: both calls take nothing.
        let code_pages = unsafe { (GetConsoleCP(), GetConsoleOutputCP()) };
        Ok(RawMode { input: mode(STD_INPUT_HANDLE)?, output: mode(STD_OUTPUT_HANDLE).ok(), code_pages })
    }

    pub(super) fn enter(&self) -> io::Result<()> {
        const COOKED: CONSOLE_MODE =
            ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT | ENABLE_MOUSE_INPUT | ENABLE_WINDOW_INPUT;
        const SHOWN: CONSOLE_MODE = ENABLE_PROCESSED_OUTPUT
            | ENABLE_WRAP_AT_EOL_OUTPUT
            | ENABLE_VIRTUAL_TERMINAL_PROCESSING
            | DISABLE_NEWLINE_AUTO_RETURN;
        let no_sequences =
            |error: io::Error| io::Error::new(error.kind(), format!("this console has no virtual terminal: {error}"));
        set_mode(STD_INPUT_HANDLE, self.input & !COOKED | ENABLE_VIRTUAL_TERMINAL_INPUT).map_err(no_sequences)?;
        IS_RAW.store(true, Ordering::SeqCst);
        if let Some(output) = self.output {
            set_mode(STD_OUTPUT_HANDLE, output | SHOWN).map_err(no_sequences)?;
        }
        set_code_pages((CODE_PAGE, CODE_PAGE));
        Ok(())
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        if IS_RAW.swap(false, Ordering::SeqCst) {
            // A console that is gone needs nothing.
            let _ = set_mode(STD_INPUT_HANDLE, self.input);
            if let Some(output) = self.output {
                let _ = set_mode(STD_OUTPUT_HANDLE, output);
            }
            set_code_pages(self.code_pages);
        }
    }
}

#[allow(unsafe_code)]
fn mode(of: STD_HANDLE) -> io::Result<CONSOLE_MODE> {
    let mut mode = 0;
    // SAFETY: the number lives on this stack.
    check(unsafe { GetConsoleMode(handle(of)?, &raw mut mode) })?;
    Ok(mode)
}

#[allow(unsafe_code)]
fn set_mode(of: STD_HANDLE, mode: CONSOLE_MODE) -> io::Result<()> {
    // SAFETY: it takes numbers.
    check(unsafe { SetConsoleMode(handle(of)?, mode) })
}

#[allow(unsafe_code)]
fn set_code_pages((input, output): (u32, u32)) {
    // SAFETY: both calls take a number. `std` writes UTF-16 to consoles, so that nothing depends on their success.
    unsafe {
        SetConsoleCP(input);
        SetConsoleOutputCP(output);
    }
}

/// What was typed of a character that is not whole yet: the first half of a pair of UTF-16.
static HALF: Mutex<Option<u16>> = Mutex::new(None);

/// Reads keys of a raw console as UTF-8; waits for the first.
#[allow(unsafe_code)]
pub(super) fn read_keys() -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    while text.is_empty() {
        let mut records = [INPUT_RECORD::default(); 128];
        let mut len = 0;
        let input = handle(STD_INPUT_HANDLE)?;
        // SAFETY: the records live on this stack, and their number is told.
        check(unsafe { ReadConsoleInputW(input, records.as_mut_ptr(), records.len() as u32, &raw mut len) })?;
        let mut half = HALF.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records.iter().take(len as usize).filter(|record| u32::from(record.EventType) == KEY_EVENT) {
            // SAFETY: the type of the record says which member of the union was filled, and all of a character's are numbers.
            let (key, unit) = unsafe { (record.Event.KeyEvent, record.Event.KeyEvent.uChar.UnicodeChar) };
            // What is typed as a number with the alt key held is there when that key is let go.
            let is_typed = if key.bKeyDown != 0 {
                unit != 0 || key.wVirtualKeyCode == SPACE
            } else {
                unit != 0 && key.wVirtualKeyCode == ALT
            };
            if is_typed {
                for _ in 0..key.wRepeatCount.max(1) {
                    push(&mut text, &mut half, unit);
                }
            }
        }
    }
    Ok(text)
}

/// Adds a unit of UTF-16 to `text`.
fn push(text: &mut Vec<u8>, half: &mut Option<u16>, unit: u16) {
    if (0xd800..0xdc00).contains(&unit) {
        *half = Some(unit);
        return;
    }
    for letter in char::decode_utf16(half.take().into_iter().chain([unit])) {
        let letter = letter.unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_characters() {
        let (mut text, mut half) = (Vec::new(), None);
        for unit in "aü€\u{1f600}\u{1a}".encode_utf16().chain([0xd83d, 0x62]) {
            push(&mut text, &mut half, unit);
        }
        assert_eq!(String::from_utf8(text).unwrap(), "aü€\u{1f600}\u{1a}\u{fffd}b");
    }
}
