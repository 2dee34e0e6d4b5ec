#ifndef COWBOX_STDIO_H
#define COWBOX_STDIO_H

/* wasi-libc declares these as deprecated, having no /tmp. */
#define tmpnam __cowbox_no_tmpnam
#define tmpfile __cowbox_no_tmpfile
#include_next <stdio.h>
#undef tmpnam
#undef tmpfile

#ifdef __cplusplus
extern "C" {
#endif

#define TMP_MAX 10000
#define L_tmpnam 20

char *tmpnam(char *);
FILE *tmpfile(void);

#if defined(_POSIX_SOURCE) || defined(_POSIX_C_SOURCE) || defined(_XOPEN_SOURCE) || defined(_GNU_SOURCE) || defined(_BSD_SOURCE)
FILE *popen(const char *, const char *);
int pclose(FILE *);
/* One thread a process: nothing to lock. */
static __inline void flockfile(FILE *__f) { (void)__f; }
static __inline int ftrylockfile(FILE *__f) { (void)__f; return 0; }
static __inline void funlockfile(FILE *__f) { (void)__f; }
#endif
#if defined(_XOPEN_SOURCE) || defined(_GNU_SOURCE) || defined(_BSD_SOURCE)
#define P_tmpdir "/tmp"
char *tempnam(const char *, const char *);
#endif
#if defined(_LARGEFILE64_SOURCE) || defined(_GNU_SOURCE)
#define tmpfile64 tmpfile
#endif

#ifdef __cplusplus
}
#endif

#endif
