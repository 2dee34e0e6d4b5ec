/*
 * The imports of `cowbox_v1`, one to one (docs/guest-abi.md). Programs use the POSIX functions over them; this is for what POSIX has no name for.
 *
 * Every function returns 0 or an errno, which is numbered as in <errno.h>.
 */
#ifndef COWBOX_ABI_H
#define COWBOX_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The working directory, wherever a directory is taken. */
#define COWBOX_CWD (-100)

/* Open flags of the interface (asm-generic); those of <fcntl.h> are numbered as wasi-libc numbers them. */
#define COWBOX_O_WRONLY 01u
#define COWBOX_O_RDWR 02u
#define COWBOX_O_CREAT 0100u
#define COWBOX_O_EXCL 0200u
#define COWBOX_O_NOCTTY 0400u
#define COWBOX_O_TRUNC 01000u
#define COWBOX_O_APPEND 02000u
#define COWBOX_O_NONBLOCK 04000u
#define COWBOX_O_DIRECTORY 0200000u
#define COWBOX_O_NOFOLLOW 0400000u
#define COWBOX_O_CLOEXEC 02000000u

#define COWBOX_AT_NOFOLLOW 0x100u
#define COWBOX_AT_EACCESS 0x200u

struct cowbox_action {
	uint32_t op;
	int32_t fd;
	int32_t arg;
	uint32_t mode;
	const char *path;
	uint32_t path_len;
};
enum { COWBOX_CLOSE = 1, COWBOX_DUP2, COWBOX_OPEN, COWBOX_CHDIR, COWBOX_FCHDIR, COWBOX_CLOSEFROM, COWBOX_TCSETPGRP };

struct cowbox_spawn {
	uint32_t flags;
	int32_t group;
	uint64_t mask;
	uint64_t defaults;
	const char *search;
	uint32_t search_len;
	uint32_t umask;
	uint32_t reserved;
};
enum {
	COWBOX_SET_GROUP = 1,
	COWBOX_SET_SESSION = 2,
	COWBOX_SET_MASK = 4,
	COWBOX_SET_DEFAULTS = 8,
	COWBOX_SEARCH = 16,
	COWBOX_SET_UMASK = 32
};

struct cowbox_wait {
	int32_t pid;
	int32_t status;
	uint64_t user_ns;
	uint64_t system_ns;
	uint64_t max_memory;
};

struct cowbox_info {
	int32_t pid, ppid, pgid, sid;
};

struct cowbox_times {
	uint64_t user_ns, system_ns, children_user_ns, children_system_ns;
};

struct cowbox_alarm {
	uint64_t value_ns, interval_ns;
};

struct cowbox_rlimit {
	uint64_t soft, hard;
};

/* In `cowbox_cred_set`, COWBOX_KEEP leaves an id as it is. */
#define COWBOX_KEEP 0xffffffffu
struct cowbox_cred {
	uint32_t ruid, euid, suid, rgid, egid, sgid;
};

struct cowbox_sigaction {
	uint32_t disposition;
	uint32_t flags;
	uint64_t mask;
};
enum { COWBOX_SIG_DEFAULT, COWBOX_SIG_IGNORE, COWBOX_SIG_HANDLER };

struct cowbox_fd_flags {
	uint32_t cloexec, status;
};

struct cowbox_poll {
	int32_t fd;
	uint16_t events, revents;
};

struct cowbox_time {
	int64_t sec;
	uint32_t nsec, zero;
};

struct cowbox_stat {
	uint64_t dev, ino;
	uint32_t mode, nlink, uid, gid, rdev_major, rdev_minor;
	uint64_t zero;
	uint64_t size, blocks;
	uint32_t block_size, zero_too;
	struct cowbox_time atime, mtime, ctime;
};
#ifndef __cplusplus
_Static_assert(sizeof(struct cowbox_stat) == 120, "as docs/guest-abi.md has it");
#endif

struct cowbox_statfs {
	uint64_t bytes, bytes_free, inodes, inodes_free, name_max;
};

struct cowbox_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[19];
	uint32_t ispeed, ospeed;
};
#ifndef __cplusplus
_Static_assert(sizeof(struct cowbox_termios) == 44, "as docs/guest-abi.md has it");
#endif

struct cowbox_winsize {
	uint16_t rows, columns, width, height;
};

struct cowbox_system {
	uint32_t processors, page_size;
	uint64_t memory_total, memory_free, uptime_ns;
};

#define COWBOX_CALL(name, ...) \
	__attribute__((__import_module__("cowbox_v1"), __import_name__(#name), __warn_unused_result__)) int cowbox_##name(__VA_ARGS__)

COWBOX_CALL(proc_spawn, const char *path, size_t path_len, const char *argv, size_t argv_len, const char *env, size_t env_len,
	const struct cowbox_action *actions, size_t actions_count, const struct cowbox_spawn *attr, int32_t *pid);
COWBOX_CALL(proc_exec, const char *path, size_t path_len, const char *argv, size_t argv_len, const char *env, size_t env_len, const char *search,
	size_t search_len);
COWBOX_CALL(proc_wait, int32_t pid, uint32_t options, struct cowbox_wait *result);
COWBOX_CALL(proc_kill, int32_t pid, uint32_t signal);
COWBOX_CALL(proc_info, int32_t pid, struct cowbox_info *result);
COWBOX_CALL(proc_setpgid, int32_t pid, int32_t pgid);
COWBOX_CALL(proc_setsid, int32_t *sid);
COWBOX_CALL(proc_times, struct cowbox_times *result);
COWBOX_CALL(proc_alarm, uint64_t value_ns, uint64_t interval_ns, struct cowbox_alarm *old);
COWBOX_CALL(proc_umask, uint32_t mask, uint32_t *old);
COWBOX_CALL(proc_rlimit, uint32_t resource, const struct cowbox_rlimit *limit, struct cowbox_rlimit *old);
COWBOX_CALL(cred_get, struct cowbox_cred *result);
COWBOX_CALL(cred_set, const struct cowbox_cred *ids);
COWBOX_CALL(cred_groups, uint32_t *list, uint32_t count, uint32_t *used);
COWBOX_CALL(cred_setgroups, const uint32_t *list, uint32_t count);

COWBOX_CALL(sig_action, uint32_t signal, const struct cowbox_sigaction *action, struct cowbox_sigaction *old);
COWBOX_CALL(sig_mask, uint32_t how, uint64_t set, uint64_t *old);
COWBOX_CALL(sig_pending, uint64_t *set);
COWBOX_CALL(sig_suspend, uint64_t mask);
COWBOX_CALL(sig_wait, uint64_t set, int64_t timeout_ns, uint32_t *signal);

COWBOX_CALL(fd_pipe, uint32_t flags, int32_t pair[2]);
COWBOX_CALL(fd_socketpair, uint32_t type, uint32_t flags, int32_t pair[2]);
COWBOX_CALL(fd_memory, uint32_t flags, int32_t *fd);
COWBOX_CALL(fd_dup, int32_t fd, uint32_t least, uint32_t flags, int32_t *copy);
COWBOX_CALL(fd_dup2, int32_t fd, int32_t to, uint32_t flags);
COWBOX_CALL(fd_flags, int32_t fd, struct cowbox_fd_flags *result);
COWBOX_CALL(fd_set_cloexec, int32_t fd, uint32_t on);
COWBOX_CALL(fd_set_status, int32_t fd, uint32_t flags);
COWBOX_CALL(fd_open, int32_t dir, const char *path, size_t path_len, uint32_t flags, uint32_t mode, int32_t *fd);
COWBOX_CALL(fd_closefrom, int32_t fd);
COWBOX_CALL(fd_lock, int32_t fd, uint32_t operation);
COWBOX_CALL(fd_poll, struct cowbox_poll *list, uint32_t count, int64_t timeout_ns, uint32_t *ready);
COWBOX_CALL(fd_stat, int32_t fd, struct cowbox_stat *result);
COWBOX_CALL(fd_chmod, int32_t fd, uint32_t mode);
COWBOX_CALL(fd_chown, int32_t fd, uint32_t uid, uint32_t gid);
COWBOX_CALL(fd_statfs, int32_t fd, struct cowbox_statfs *result);
COWBOX_CALL(fd_chdir, int32_t fd);

COWBOX_CALL(path_stat, int32_t dir, const char *path, size_t path_len, uint32_t flags, struct cowbox_stat *result);
COWBOX_CALL(path_access, int32_t dir, const char *path, size_t path_len, uint32_t mode, uint32_t flags);
COWBOX_CALL(path_chmod, int32_t dir, const char *path, size_t path_len, uint32_t mode, uint32_t flags);
COWBOX_CALL(path_chown, int32_t dir, const char *path, size_t path_len, uint32_t uid, uint32_t gid, uint32_t flags);
COWBOX_CALL(path_mkdir, int32_t dir, const char *path, size_t path_len, uint32_t mode);
COWBOX_CALL(path_mknod, int32_t dir, const char *path, size_t path_len, uint32_t mode);
COWBOX_CALL(path_rename, int32_t from_dir, const char *from, size_t from_len, int32_t to_dir, const char *to, size_t to_len, uint32_t flags);
COWBOX_CALL(path_statfs, const char *path, size_t path_len, struct cowbox_statfs *result);
COWBOX_CALL(path_getxattr, int32_t dir, const char *path, size_t path_len, const char *name, size_t name_len, void *value, size_t value_len,
	uint32_t flags, uint32_t *used);
COWBOX_CALL(path_setxattr, int32_t dir, const char *path, size_t path_len, const char *name, size_t name_len, const void *value, size_t value_len,
	uint32_t flags);
COWBOX_CALL(path_listxattr, int32_t dir, const char *path, size_t path_len, char *list, size_t list_len, uint32_t flags, uint32_t *used);
COWBOX_CALL(path_removexattr, int32_t dir, const char *path, size_t path_len, const char *name, size_t name_len, uint32_t flags);
COWBOX_CALL(path_chdir, const char *path, size_t path_len);
COWBOX_CALL(path_getcwd, char *buf, size_t buf_len, uint32_t *used);

COWBOX_CALL(tty_getattr, int32_t fd, struct cowbox_termios *result);
COWBOX_CALL(tty_setattr, int32_t fd, uint32_t when, const struct cowbox_termios *attr);
COWBOX_CALL(tty_getsize, int32_t fd, struct cowbox_winsize *result);
COWBOX_CALL(tty_setsize, int32_t fd, const struct cowbox_winsize *size);
COWBOX_CALL(tty_getpgrp, int32_t fd, int32_t *group);
COWBOX_CALL(tty_setpgrp, int32_t fd, int32_t group);
COWBOX_CALL(tty_getsid, int32_t fd, int32_t *session);
COWBOX_CALL(tty_setctty, int32_t fd);
COWBOX_CALL(tty_flush, int32_t fd, uint32_t what);
COWBOX_CALL(tty_name, int32_t fd, char *buf, size_t buf_len, uint32_t *used);
COWBOX_CALL(pty_open, uint32_t flags, int32_t pair[2]);

COWBOX_CALL(sys_info, struct cowbox_system *result);
COWBOX_CALL(sys_hostname, char *buf, size_t buf_len, uint32_t *used);

#ifdef __cplusplus
}
#endif

#endif
