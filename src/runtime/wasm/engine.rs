//! The engine: how modules are compiled, and what their code may do.

use wasmtime::{Collector, Config, Engine, WasmBacktraceDetails};

use crate::runtime::{Error, ErrorKind, Result};
use crate::sys;

/// How much stack a guest has, beside the stack that its compiler keeps in linear memory. CPython recurses deeply.
pub(super) const WASM_STACK: usize = 16 << 20;

/// Below this much address space (`ulimit -v`) memories are not reserved in full.
const ROOMY: u64 = 64 << 30;

/// The engine for all guests.
pub(super) fn engine() -> Result<Engine> {
    Engine::new(&config()).map_err(|error| Error::new(ErrorKind::Runtime, format!("wasm engine: {error:#}")))
}

fn config() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.max_wasm_stack(WASM_STACK);
    // No guest runs on such a stack; the engine merely wants it to be larger than the one above.
    config.async_stack_size(WASM_STACK + (1 << 20));
    config.concurrency_support(false);
    config.memory_init_cow(true);
    config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config.wasm_exceptions(true);
    config.wasm_tail_call(true);
    config.wasm_multi_memory(true);
    config.collector(Collector::DeferredReferenceCounting);
    if sys::cpu::address_space().is_some_and(|limit| limit < ROOMY) {
        config.memory_reservation(0);
        config.memory_guard_size(64 << 10);
        config.memory_reservation_for_growth(1 << 20);
        config.gc_heap_reservation(0);
        config.gc_heap_guard_size(64 << 10);
    }
    config
}
