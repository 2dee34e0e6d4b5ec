#ifndef _SYS_WAIT_H
#define _SYS_WAIT_H

#include <features.h>
#include <stdlib.h>

#define __NEED_pid_t
#define __NEED_id_t
#include <bits/alltypes.h>

#include <signal.h>
#include <sys/resource.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WCONTINUED 8

pid_t wait(int *);
pid_t waitpid(pid_t, int *, int);
#if defined(_GNU_SOURCE) || defined(_BSD_SOURCE)
pid_t wait3(int *, int, struct rusage *);
pid_t wait4(pid_t, int *, int, struct rusage *);
#endif

#ifdef __cplusplus
}
#endif

#endif
