#ifndef COWBOX_SYS_IOCTL_H
#define COWBOX_SYS_IOCTL_H

#include <__header_sys_ioctl.h>
#include_next <sys/ioctl.h>

#endif
