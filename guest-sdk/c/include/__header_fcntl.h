/* wasi-libc's flags, those among them that it defines as nothing, and what fcntl can do here. */
#ifndef COWBOX_HEADER_FCNTL_H
#define COWBOX_HEADER_FCNTL_H

#include_next <__header_fcntl.h>

#undef O_CLOEXEC
#define O_CLOEXEC (0x20000000)
#undef O_NOCTTY
#define O_NOCTTY (0x40000000)

#undef AT_FDCWD
#define AT_FDCWD (-100)
#undef AT_EACCESS
#define AT_EACCESS (0x200)
#define AT_EMPTY_PATH (0x1000)

#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030

#endif
