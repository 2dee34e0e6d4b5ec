#ifndef COWBOX_SYS_SOCKET_H
#define COWBOX_SYS_SOCKET_H

#include_next <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef AF_LOCAL
#define AF_LOCAL AF_UNIX
#define PF_UNIX AF_UNIX
#define PF_LOCAL AF_UNIX
#endif

/* AF_UNIX and SOCK_STREAM, with SOCK_CLOEXEC and SOCK_NONBLOCK. */
int socketpair(int, int, int, int[2]);

#ifdef __cplusplus
}
#endif

#endif
