/*
 * setjmp is made of wasm exceptions: compile and link with the flags that cowbox-cc passes. sigsetjmp keeps the mask of signals where it is asked to.
 */
#ifndef COWBOX_SETJMP_H
#define COWBOX_SETJMP_H

#include_next <setjmp.h>

#if defined(_POSIX_SOURCE) || defined(_POSIX_C_SOURCE) || defined(_XOPEN_SOURCE) || defined(_GNU_SOURCE) || defined(_BSD_SOURCE)

#ifdef __cplusplus
extern "C" {
#endif

int __cowbox_save_mask(sigjmp_buf, int);
_Noreturn void siglongjmp(sigjmp_buf, int);
#define sigsetjmp(buf, save) (__cowbox_save_mask((buf), (save)), setjmp(buf))
#define _setjmp(buf) setjmp(buf)
#define _longjmp(buf, value) longjmp((buf), (value))

#ifdef __cplusplus
}
#endif

#endif

#endif
