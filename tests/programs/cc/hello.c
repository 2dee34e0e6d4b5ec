#include <sys/wait.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv) {
	char *child[] = { argv[0], "child", NULL };
	int status;
	pid_t pid;
	if (argc > 1) return 42;
	if (posix_spawn(&pid, argv[0], NULL, NULL, child, environ) || waitpid(pid, &status, 0) != pid) return 1;
	printf("hello, child: %d, shell: %d\n", WEXITSTATUS(status), WEXITSTATUS(system("exit 7")));
	return 0;
}
