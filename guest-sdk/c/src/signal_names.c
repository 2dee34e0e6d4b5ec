/* What signals are called. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

char *strsignal(int signal) {
	static const char *const names[] = {
		"Unknown signal", "Hangup", "Interrupt", "Quit", "Illegal instruction", "Trace/breakpoint trap", "Aborted", "Bus error",
		"Arithmetic exception", "Killed", "User defined signal 1", "Segmentation fault", "User defined signal 2", "Broken pipe",
		"Alarm clock", "Terminated", "Stack fault", "Child process status", "Continued", "Stopped (signal)", "Stopped",
		"Stopped (tty input)", "Stopped (tty output)", "Urgent I/O condition", "CPU time limit exceeded", "File size limit exceeded",
		"Virtual timer expired", "Profiling timer expired", "Window changed", "I/O possible", "Power failure", "Bad system call",
	};
	return (char *)names[signal > 0 && signal < (int)(sizeof names / sizeof *names) ? signal : 0];
}

void psignal(int signal, const char *message) {
	fprintf(stderr, "%s%s%s\n", message ? message : "", message && *message ? ": " : "", strsignal(signal));
}
