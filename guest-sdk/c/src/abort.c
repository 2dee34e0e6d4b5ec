/* abort: dies of SIGABRT, unless its handler does something else. */
#include "call.h"
#include <signal.h>
#include <stdlib.h>

_Noreturn void abort(void) {
	static const struct cowbox_sigaction by_default = { .disposition = COWBOX_SIG_DEFAULT };
	(void)done(cowbox_sig_mask(SIG_UNBLOCK, 1ULL << (SIGABRT - 1), NULL));
	raise(SIGABRT);
	/* A handler returned, or the signal is ignored. */
	(void)done(cowbox_sig_action(SIGABRT, &by_default, NULL));
	raise(SIGABRT);
	__builtin_trap();
}
