/* <unistd.h> of wasi-libc with what it leaves out for want of processes. */
#ifndef COWBOX_UNISTD_H
#define COWBOX_UNISTD_H

#include_next <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

int pipe(int[2]);
int dup(int);
int dup2(int, int);

int chown(const char *, uid_t, gid_t);
int fchown(int, uid_t, gid_t);
int lchown(const char *, uid_t, gid_t);
int fchownat(int, const char *, uid_t, gid_t, int);

int fchdir(int);
unsigned alarm(unsigned);
int pause(void);

/*
 * There is no fork: a copy of a running module cannot be made. Both fail with ENOSYS. posix_spawn (<spawn.h>) does what fork and exec are for.
 */
#ifndef COWBOX_NO_FORK_WARNING
#define __COWBOX_NO_FORK __attribute__((__deprecated__("there is no fork in a wasm container, it fails with ENOSYS; use posix_spawn (docs/porting.md)")))
#else
#define __COWBOX_NO_FORK
#endif
pid_t fork(void) __COWBOX_NO_FORK;
pid_t _Fork(void) __COWBOX_NO_FORK;
pid_t vfork(void) __COWBOX_NO_FORK;

int execve(const char *, char *const[], char *const[]);
int execv(const char *, char *const[]);
int execle(const char *, const char *, ...);
int execl(const char *, const char *, ...);
int execvp(const char *, char *const[]);
int execlp(const char *, const char *, ...);
int execvpe(const char *, char *const[], char *const[]);
int fexecve(int, char *const[], char *const[]);

pid_t getppid(void);
pid_t getpgrp(void);
pid_t getpgid(pid_t);
int setpgid(pid_t, pid_t);
pid_t setsid(void);
pid_t getsid(pid_t);
pid_t tcgetpgrp(int);
int tcsetpgrp(int, pid_t);
char *ttyname(int);
int ttyname_r(int, char *, size_t);

uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
int getgroups(int, gid_t[]);
int setuid(uid_t);
int seteuid(uid_t);
int setgid(gid_t);
int setegid(gid_t);

#if defined(_XOPEN_SOURCE) || defined(_GNU_SOURCE) || defined(_BSD_SOURCE)
int setreuid(uid_t, uid_t);
int setregid(gid_t, gid_t);
int nice(int);
void sync(void);
pid_t setpgrp(void);
#endif

#if defined(_GNU_SOURCE) || defined(_BSD_SOURCE)
int getdtablesize(void);
int setgroups(size_t, const gid_t *);
char *getpass(const char *);
int issetugid(void);
int closefrom(int);
#endif

/* Not only for _GNU_SOURCE: POSIX has them since 2024. */
int pipe2(int[2], int);
int dup3(int, int, int);
int setresuid(uid_t, uid_t, uid_t);
int setresgid(gid_t, gid_t, gid_t);
int getresuid(uid_t *, uid_t *, uid_t *);
int getresgid(gid_t *, gid_t *, gid_t *);

#ifdef _GNU_SOURCE
char *get_current_dir_name(void);
int euidaccess(const char *, int);
int eaccess(const char *, int);
pid_t gettid(void);
#endif

#define _POSIX_JOB_CONTROL 1
#define _POSIX_SAVED_IDS 1
#define _POSIX_SHELL 1
#define _POSIX_SPAWN _POSIX_VERSION

#ifdef __cplusplus
}
#endif

#endif
