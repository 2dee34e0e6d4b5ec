/* Numbers of devices: the major one in the upper half. */
#ifndef _SYS_SYSMACROS_H
#define _SYS_SYSMACROS_H

#define major(d) ((unsigned)((unsigned long long)(d) >> 32))
#define minor(d) ((unsigned)(d))
#define makedev(major, minor) ((unsigned long long)(major) << 32 | (unsigned)(minor))

#endif
