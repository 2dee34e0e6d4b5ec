#ifndef COWBOX_STRING_H
#define COWBOX_STRING_H

#include_next <string.h>

#ifdef __cplusplus
extern "C" {
#endif

char *strsignal(int);

#ifdef __cplusplus
}
#endif

#endif
