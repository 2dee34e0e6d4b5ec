// The least that a container takes: namespaces, overlayfs, Docker's mounts, a filter, exec, and clean-up. What is measured beside it does this and more.
//
// usage: floor LOWER SCRATCH PROGRAM
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int result, const char *what) {
    if (result < 0) {
        perror(what);
        _exit(125);
    }
}

// A tree of 64 ranges of system calls, as a real profile has them; all are allowed.
static unsigned short tree(struct sock_filter *out, unsigned short at, unsigned low, unsigned high) {
    if (high - low == 1) {
        out[at] = (struct sock_filter){BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
        return at + 1;
    }
    unsigned middle = (low + high) / 2;
    unsigned short left = tree(out, at + 1, low, middle);
    out[at] = (struct sock_filter){BPF_JMP | BPF_JGE | BPF_K, (unsigned char)(left - at - 1), 0, middle * 7};
    return tree(out, left, middle, high);
}

static void filter(void) {
    static struct sock_filter out[256];
    out[0] = (struct sock_filter){BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)};
    unsigned short len = tree(out, 1, 0, 64);
    struct sock_fprog program = {len, out};
    must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp");
}

static void device(const char *path, unsigned minor) { must(mknod(path, S_IFCHR | 0666, makedev(1, minor)), path); }

static void child(const char *lower, const char *scratch, char *program) {
    char options[4096], root[4096];
    must(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL), "slave");
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work,volatile", lower, scratch, scratch);
    snprintf(root, sizeof root, "%s/root", scratch);
    must(mount("overlay", root, "overlay", 0, options), "overlay");
    must(chdir(root), "chdir");
    const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    must(mount("proc", "proc", "proc", safe, NULL), "proc");
    must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k"), "dev");
    device("dev/null", 3), device("dev/zero", 5), device("dev/full", 7), device("dev/random", 8), device("dev/urandom", 9);
    must(mknod("dev/tty", S_IFCHR | 0666, makedev(5, 0)), "tty");
    must(symlink("/proc/self/fd", "dev/fd"), "fd");
    must(symlink("pts/ptmx", "dev/ptmx"), "ptmx");
    must(mkdir("dev/pts", 0755) | mkdir("dev/shm", 0755) | mkdir("dev/mqueue", 0755), "mkdir");
    must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"), "pts");
    must(mount("shm", "dev/shm", "tmpfs", safe, "mode=1777,size=65536k"), "shm");
    must(mount("mqueue", "dev/mqueue", "mqueue", safe, NULL), "mqueue");
    must(mount("sysfs", "sys", "sysfs", safe | MS_RDONLY, NULL), "sys");
    static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
    for (size_t i = 0; i < 5; i++) {
        if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) == 0)
            mount(NULL, read_only[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | safe, NULL);
    }
    static const char *const masked[] = {"proc/kcore", "proc/keys", "proc/timer_list"};
    for (size_t i = 0; i < 3; i++) mount("/dev/null", masked[i], NULL, MS_BIND, NULL);
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount");
    must(chdir("/"), "chdir /");
    must(sethostname("floor", 5), "hostname");
    for (int capability = 0; capability < 41; capability++) {
        if (!(0xa80425fbUL >> capability & 1)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    }
    filter();
    execv(program, (char *[]){program, NULL});
    perror(program);
    _exit(127);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    char path[4096];
    static const char *const folders[] = {"", "/upper", "/work", "/root"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", argv[2], folders[i]);
        must(mkdir(path, 0755), path);
    }
    struct clone_args args = {
        .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP,
        .exit_signal = SIGCHLD,
    };
    long pid = syscall(SYS_clone3, &args, sizeof args);
    must((int)pid, "clone3");
    if (pid == 0) child(argv[1], argv[2], argv[3]);
    int status;
    must(waitpid((pid_t)pid, &status, 0), "waitpid");
    static const char *const left[] = {"/work/work/incompat/volatile", "/work/work/incompat", "/work/work"};
    snprintf(path, sizeof path, "%s%s/dirty", argv[2], left[0]);
    unlink(path);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", argv[2], left[i]);
        rmdir(path);
    }
    for (int i = 3; i >= 0; i--) {
        snprintf(path, sizeof path, "%s%s", argv[2], folders[i]);
        must(rmdir(path), path);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
