/* <features.h> of wasi-libc, and that process clocks, getpid and signals are there: they are real, not emulated. */
#ifndef COWBOX_FEATURES_H
#define COWBOX_FEATURES_H

#ifndef _WASI_EMULATED_PROCESS_CLOCKS
#define _WASI_EMULATED_PROCESS_CLOCKS
#endif
#ifndef _WASI_EMULATED_GETPID
#define _WASI_EMULATED_GETPID
#endif
/* mmap is wasi-libc's emulation: link -lwasi-emulated-mman where it is called. */
#ifndef _WASI_EMULATED_MMAN
#define _WASI_EMULATED_MMAN
#endif

#include_next <features.h>

#endif
