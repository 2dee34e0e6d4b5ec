/* Pseudo-terminals. forkpty cannot be had: openpty, then posix_spawn with the terminal as the descriptors of a child with a session of its own. */
#ifndef _PTY_H
#define _PTY_H

#include <sys/ioctl.h>
#include <termios.h>

#ifdef __cplusplus
extern "C" {
#endif

int openpty(int *, int *, char *, const struct termios *, const struct winsize *);

#ifdef __cplusplus
}
#endif

#endif
