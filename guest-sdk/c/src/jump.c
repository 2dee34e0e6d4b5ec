/* The mask of signals kept across sigsetjmp and siglongjmp. */
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

int __cowbox_save_mask(sigjmp_buf buf, int save) {
	_Static_assert(sizeof(sigset_t) <= sizeof buf->__ss, "the buffer has room for a mask");
	buf->__fl = save && !sigprocmask(SIG_BLOCK, NULL, (sigset_t *)(void *)buf->__ss);
	return 0;
}

_Noreturn void siglongjmp(sigjmp_buf buf, int value) {
	if (buf->__fl) sigprocmask(SIG_SETMASK, (sigset_t *)(void *)buf->__ss, NULL);
	longjmp(buf, value);
}
