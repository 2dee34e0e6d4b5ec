/* Calling main, also one that takes the environment as its third argument, which wasi-libc's own code does not know of. */
#define _GNU_SOURCE
#include "call.h"
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>
#include <wasi/api.h>

/* The compiler's name for a main of two arguments; one of three keeps its name. One without is __main_void, and this file is not linked. */
__attribute__((__weak__)) int __main_argc_argv(int, char **);
__attribute__((__weak__)) int main_with_environment(int, char **, char **) __asm__("main");

int __main_void(void) {
	__wasi_size_t count, size;
	if (__wasi_args_sizes_get(&count, &size)) _Exit(EX_OSERR);
	char *text = malloc(size ? size : 1), **argv = calloc(count + 1, sizeof *argv);
	if (!text || !argv) _Exit(EX_SOFTWARE);
	if (__wasi_args_get((uint8_t **)argv, (uint8_t *)text)) _Exit(EX_OSERR);
	return __main_argc_argv ? __main_argc_argv((int)count, argv) : main_with_environment((int)count, argv, environ);
}
