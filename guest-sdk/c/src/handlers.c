/* Handlers of signals: which there are, and how the kernel calls them. */
#include "call.h"
#include <signal.h>

static struct {
	void (*handler)(int);
	void (*with_info)(int, siginfo_t *, void *);
} actions[_NSIG];

/* Never called: their addresses say what they are named for. */
void __SIG_IGN(int signal) {
	(void)signal;
}

void __SIG_ERR(int signal) {
	(void)signal;
	__builtin_trap();
}

/* The kernel calls this on the way back from a call, with the mask of the action set. */
__attribute__((__export_name__("__cowbox_signal"))) void __cowbox_signal(int signal) {
	int error = errno;
	if (actions[signal].with_info) {
		siginfo_t info = { .si_signo = signal, .si_code = SI_USER };
		actions[signal].with_info(signal, &info, NULL);
	} else if (actions[signal].handler) {
		actions[signal].handler(signal);
	}
	errno = error;
}

static void tell(int signal, const struct cowbox_sigaction *from, struct sigaction *to) {
	*to = (struct sigaction){ .sa_mask = from->mask, .sa_flags = (int)from->flags };
	if (from->disposition == COWBOX_SIG_DEFAULT) {
		to->sa_handler = SIG_DFL;
	} else if (from->disposition == COWBOX_SIG_IGNORE) {
		to->sa_handler = SIG_IGN;
	} else if (actions[signal].with_info) {
		to->sa_sigaction = actions[signal].with_info;
		to->sa_flags |= SA_SIGINFO;
	} else {
		to->sa_handler = actions[signal].handler;
	}
}

static void set(int signal, const struct sigaction *action) {
	actions[signal].handler = action->sa_flags & SA_SIGINFO ? NULL : action->sa_handler;
	actions[signal].with_info = action->sa_flags & SA_SIGINFO ? action->sa_sigaction : NULL;
}

int sigaction(int signal, const struct sigaction *restrict action, struct sigaction *restrict old) {
	struct cowbox_sigaction wanted, before;
	struct sigaction was, is;
	if (signal <= 0 || signal >= _NSIG) return done(EINVAL);
	if (action) {
		/* A copy, as the two may be the same. */
		is = *action;
		wanted = (struct cowbox_sigaction){
			.disposition = is.sa_handler == SIG_DFL ? COWBOX_SIG_DEFAULT : is.sa_handler == SIG_IGN ? COWBOX_SIG_IGNORE : COWBOX_SIG_HANDLER,
			.flags = (uint32_t)is.sa_flags & ~(uint32_t)SA_SIGINFO,
			.mask = is.sa_mask,
		};
	}
	/* In this order a signal on the way back from the call finds its handler. */
	if (done(cowbox_sig_action((uint32_t)signal, NULL, &before))) return -1;
	tell(signal, &before, &was);
	if (action) {
		set(signal, &is);
		if (done(cowbox_sig_action((uint32_t)signal, &wanted, NULL))) {
			set(signal, &was);
			return -1;
		}
	}
	if (old) *old = was;
	return 0;
}

void (*signal(int number, void (*handler)(int)))(int) {
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART }, old;
	return sigaction(number, &action, &old) ? SIG_ERR : old.sa_handler;
}

int siginterrupt(int signal, int interrupts) {
	struct sigaction action;
	if (sigaction(signal, NULL, &action)) return -1;
	action.sa_flags = interrupts ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
	return sigaction(signal, &action, NULL);
}
