/* <sys/mman.h> of wasi-libc, which looks for the settings of <features.h> before it includes that. */
#ifndef COWBOX_SYS_MMAN_H
#define COWBOX_SYS_MMAN_H

#include <features.h>
#include_next <sys/mman.h>

#endif
