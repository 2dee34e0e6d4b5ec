//! What all calls of guests go through: memory, results, and the signals that are attended to on the way back.

use wasmtime::{Caller, Extern};

use super::guest::{Guest, Stopped};
use super::memory::GuestMemory;
use super::preview1::errno;
use crate::kernel::{Action, Order};
use crate::vfs::{Errno, Result};

/// The function of a guest that is called for its signal handlers.
pub(super) const HANDLER: &str = "__cowbox_signal";

/// Defines functions whose arguments behind `guest` and `memory` are those of the interface.
macro_rules! define {
    ($linker:ident, $module:expr; $($name:literal => $function:path: ($($arg:ident: $ty:ty),*);)*) => {
        $($linker.func_wrap($module, $name, move |mut caller: wasmtime::Caller<'_, $crate::runtime::wasm::guest::Guest> $(, $arg: $ty)*| {
            $crate::runtime::wasm::calls::call(&mut caller, |guest, memory| $function(guest, memory $(, $arg)*))
        })?;)*
    };
}
pub(super) use define;

/// Makes one call for a guest: gives it the guest's state and memory, and turns the result into witx `errno`. On the way back
/// the process attends to its signals: it stops, ends, or runs its handlers, after which a call that was broken off is
/// made again if the handlers allow it.
#[inline]
pub(super) fn call(
    caller: &mut Caller<'_, Guest>,
    mut function: impl FnMut(&mut Guest, &mut GuestMemory<'_>) -> Result<()>,
) -> wasmtime::Result<i32> {
    loop {
        let memory = match caller.data().memory {
            Some(memory) => memory,
            None => match caller.get_export("memory").and_then(Extern::into_memory) {
                Some(memory) => memory,
                None => return Ok(errno::number(Errno::Fault)),
            },
        };
        let (bytes, guest) = memory.data_and_store_mut(&mut *caller);
        // What a call before this one has said of itself.
        guest.task.fails_when_interrupted = false;
        let result = function(guest, &mut GuestMemory::new(bytes));
        if result != Err(Errno::Intr) && !guest.task.process.has_attention() {
            return Ok(result.err().map_or(0, errno::number));
        }
        let fails = attend(caller)?;
        match result {
            Err(Errno::Intr) if !fails => {}
            result => return Ok(result.err().map_or(0, errno::number)),
        }
    }
}

/// Follows the orders of a process. Returns whether a call that was broken off has to fail.
#[cold]
fn attend(caller: &mut Caller<'_, Guest>) -> wasmtime::Result<bool> {
    // Handlers make calls themselves: what the one that was broken off has left is taken before the first of them.
    let task = &mut caller.data_mut().task;
    let fails_always = std::mem::take(&mut task.fails_when_interrupted);
    let mut restore_mask = task.restore_mask.take();
    let mut fails = false;
    loop {
        let task = &mut caller.data_mut().task;
        match task.process.next_order() {
            Some(Order::End(end)) => return Err(Stopped(end).into()),
            Some(Order::Handle { signal, flags, restore }) => {
                fails |= fails_always || flags & Action::RESTART == 0;
                if let Some(Extern::Func(handler)) = caller.get_export(HANDLER) {
                    handler.typed::<u32, ()>(&*caller)?.call(&mut *caller, signal.0.into())?;
                }
                caller.data_mut().task.set_mask(restore);
            }
            None => match restore_mask.take() {
                Some(mask) => task.set_mask(mask),
                None => return Ok(fails),
            },
        }
    }
}
